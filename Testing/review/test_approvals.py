"""Decisions are added, never changed, and a record that was tampered with shows it."""

import json

import pytest

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.review.approvals import FILE, decide, read_record


def add(folder, decision="approved", name="Dr. A", reason="", needed=False):
    return decide(folder, decision, name, reason, reason_needed=needed, plan="plan.json", plan_sha256="1" * 64,
                  scene_sha256="2" * 64, software="test")  # fmt: skip


def test_decisions_are_read_back_in_order(tmp_path):
    made = [add(tmp_path), add(tmp_path, "rejected", "Dr. Ö", "entry through the\nbladder")]
    record = read_record(tmp_path)
    assert list(record.approvals) == made
    assert record.problems == ()
    assert len((tmp_path / FILE).read_text().splitlines()) == 2


def test_earlier_lines_stay_byte_for_byte(tmp_path):
    add(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    add(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("decision", "name", "reason", "needed", "message"),
    [
        ("approved", "  ", "", False, "name: empty"),
        ("rejected", "Dr. A", " ", False, "reason: empty"),
        ("approved", "Dr. A", "", True, "reason: empty"),
        ("deleted", "Dr. A", "x", False, "expected approved or rejected"),
        ("approved", "x" * 121, "", False, "too long"),
        ("approved", "Dr. A", "x" * 2001, False, "too long"),
    ],
)
def test_what_is_not_a_decision_is_refused_and_not_recorded(tmp_path, decision, name, reason, needed, message):
    with pytest.raises(InputError, match=message):
        add(tmp_path, decision, name, reason, needed)
    assert not (tmp_path / FILE).exists()


def test_a_name_stays_on_one_line(tmp_path):
    made = add(tmp_path, name="Dr. A\n{}")
    assert made.name == "Dr. A {}"
    assert len((tmp_path / FILE).read_bytes().splitlines()) == 1


def test_a_changed_line_shows(tmp_path):
    add(tmp_path, "rejected", reason="no")
    add(tmp_path)
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"rejected"', '"approved"', 1))
    assert read_record(tmp_path).problems == (f"{FILE} line 2: what stands before it was changed after it was written",)


def test_a_line_taken_out_shows(tmp_path):
    add(tmp_path, "rejected", reason="no")
    add(tmp_path)
    path = tmp_path / FILE
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    assert len(read_record(tmp_path).problems) == 1


def test_a_line_that_a_crash_cut_off_stays_alone(tmp_path):
    first = add(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes() + b'{"decision": "appro')
    second = add(tmp_path)
    record = read_record(tmp_path)
    assert record.approvals == (first, second)
    assert record.problems == (f"{FILE} line 2: cannot be read",)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        add(tmp_path)


def test_the_line_is_plain_json_with_its_schema(tmp_path):
    add(tmp_path)
    line = json.loads((tmp_path / FILE).read_text())
    assert line["schema"] == "bone-plan-approval/1"
    assert line["plan_sha256"] == "1" * 64
    assert line["at"].endswith("+00:00")
