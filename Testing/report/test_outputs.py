"""All files or none: failures in any writer leave the folder as it was."""

import errno
import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from make_result import make_result

from BoneAblationPlannerLib import outputs
from BoneAblationPlannerLib.errors import Cancelled, InputError
from BoneAblationPlannerLib.plan import read_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from BoneAblationPlannerLib.views import gl

FILES = {
    "plan.json", "plan.mrb", "plan.seg.nrrd", "report.html", "report.pdf", "trajectories.csv", "trajectories.mrk.json",
}  # fmt: skip


@pytest.fixture
def without_gl(monkeypatch):
    """No pictures: fast, and the same on every machine."""
    monkeypatch.setattr(outputs, "gl_available", lambda: (False, gl.HOW_TO_MEND))


@pytest.fixture
def foreign(tmp_path):
    """A folder with things of the user and an older plan."""
    folder = tmp_path / "out"
    (folder / "figures").mkdir(parents=True)
    for name, text in {
        "notes.txt": "mine",
        "figures/mine.png": "mine",
        "figures/probe-09-1-along.png": "stale",
        "plan.json": "old plan",
        "report.html": "old report",
    }.items():
        (folder / name).write_text(text)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_all_files_are_written_and_agree(tmp_path, without_gl):
    result = make_result()
    stages = []
    written = outputs.write_outputs(result, tmp_path / "a" / "b", lambda f, s: stages.append(f) or True)
    assert written.keys() == FILES
    assert all(path.is_file() and path == tmp_path / "a" / "b" / name for name, path in written.items())
    assert read_plan(written["plan.json"]).to_json() == result.plan.to_json()
    assert read_plan_nodes(load_bundle(written["plan.mrb"])).plan.to_json() == result.plan.to_json()
    assert "apt-get install" in written["report.html"].read_text()
    assert stages == sorted(stages)
    assert 0 <= stages[0] <= stages[-1] <= 1


@pytest.mark.rendering
@pytest.mark.skipif(not gl.gl_available()[0], reason=gl.HOW_TO_MEND)
def test_pictures_are_written_and_stale_ones_go(foreign):
    written = outputs.write_outputs(make_result(), foreign)
    figures = {name for name in written if name.startswith("figures/")}
    assert len(figures) == 6 + 2 * 4
    found = tree(foreign)
    assert found.keys() == FILES | figures | {"notes.txt", "figures/mine.png"}
    assert found["notes.txt"] == found["figures/mine.png"] == b"mine"
    assert written["report.html"].read_text().count("data:image/png") == len(figures)


WRITERS = [
    (outputs, "write_html"),
    (outputs, "write_pdf"),
    (outputs, "write_plan"),
    ("BoneAblationPlannerLib.scene.bundle", "save_bundle"),
    ("BoneAblationPlannerLib.scene.bundle", "write_segmentation"),
]


@pytest.mark.parametrize(("module", "writer"), WRITERS)
def test_full_disk_leaves_the_folder_as_it_was(foreign, without_gl, monkeypatch, module, writer):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    module = importlib.import_module(module) if isinstance(module, str) else module
    monkeypatch.setattr(module, writer, full)
    before = tree(foreign)
    with pytest.raises(InputError, match="No space left on device") as raised:
        outputs.write_outputs(make_result(), foreign)
    assert "\n" not in str(raised.value)
    assert tree(foreign) == before
    assert not list(foreign.glob(".bone-plan-*"))


@pytest.mark.parametrize("failing_move", range(1, 9))
def test_failure_while_moving_puts_the_old_files_back(foreign, without_gl, monkeypatch, failing_move):
    """Two old files and a stale picture are set aside, five new ones move in: fail at each of the moves."""
    before = tree(foreign)
    staged = outputs._publish
    real = Path.replace
    moves = []

    def replace_or_fail(self, target):
        moves.append(target)
        if len(moves) == failing_move:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    def publish(*args):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace_or_fail)
            return staged(*args)

    monkeypatch.setattr(outputs, "_publish", publish)
    with pytest.raises(InputError, match="Input/output error"):
        outputs.write_outputs(make_result(), foreign)
    assert tree(foreign) == before
    assert not list(foreign.glob(".bone-plan-*"))


def test_read_only_folder_is_one_line(tmp_path, monkeypatch):
    """Simulated, as the tests may run as root, who may write everywhere."""

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(outputs.tempfile, "mkdtemp", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        outputs.write_outputs(make_result(), tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()


def test_file_in_place_of_the_folder_is_one_line(tmp_path):
    blocker = tmp_path / "out"
    blocker.write_text("a file")
    with pytest.raises(InputError, match="out"):
        outputs.write_outputs(make_result(), blocker)
    assert blocker.read_text() == "a file"


def test_folder_in_place_of_a_file_is_left_alone(tmp_path, without_gl):
    (tmp_path / "report.pdf").mkdir()
    (tmp_path / "report.pdf" / "inside.txt").write_text("mine")
    (tmp_path / "plan.json").write_text("old plan")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="is a folder"):
        outputs.write_outputs(make_result(), tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("stop_at", [0.0, 0.5, 0.98])
def test_cancel_leaves_the_folder_as_it_was(foreign, without_gl, stop_at):
    before = tree(foreign)
    with pytest.raises(Cancelled):
        outputs.write_outputs(make_result(), foreign, lambda fraction, stage: fraction < stop_at)
    assert tree(foreign) == before


def test_cancel_before_the_first_file_makes_no_folder(tmp_path, without_gl):
    with pytest.raises(Cancelled):
        outputs.write_outputs(make_result(), tmp_path / "a" / "b", lambda fraction, stage: False)
    assert list(tmp_path.iterdir()) == []


def test_second_plan_replaces_the_first(tmp_path, without_gl):
    result = make_result()
    outputs.write_outputs(result, tmp_path)
    outputs.write_outputs(replace(result, plan=replace(result.plan, warnings=("second",))), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["warnings"] == ["second"]
    assert read_plan_nodes(load_bundle(tmp_path / "plan.mrb")).plan.warnings == ("second",)


@pytest.fixture
def reviewed(foreign):
    """A plan with a decision on it and a second version."""
    for name in ("plan.mrb", "plan-2.json", "plan-2.mrb", "approvals.jsonl"):
        (foreign / name).write_text(f"old {name}")
    return foreign


def test_a_reviewed_plan_is_kept_with_its_decisions(reviewed, without_gl):
    before = tree(reviewed)
    kept = {"plan.json", "plan.mrb", "plan-2.json", "plan-2.mrb", "approvals.jsonl"}
    for number in (1, 2):
        written = outputs.write_outputs(make_result(), reviewed)
        after = tree(reviewed)
        if number == 2:
            assert written.keys() == FILES  # the first new plan was not reviewed
            assert not (reviewed / "earlier-2").exists()
        else:
            assert written["earlier"] == reviewed / "earlier-1"
        assert {name: after[f"earlier-1/{name}"] for name in kept} == {name: before[name] for name in kept}
        assert not list(reviewed.glob("plan-*"))
        assert not (reviewed / "approvals.jsonl").exists()
        assert read_plan(reviewed / "plan.json").to_json() == make_result().plan.to_json()
    (reviewed / "approvals.jsonl").write_text("on the new plan")
    assert outputs.write_outputs(make_result(), reviewed)["earlier"] == reviewed / "earlier-2"


def test_a_reviewed_plan_stays_where_it_is_when_writing_fails(reviewed, without_gl, monkeypatch):
    def failing(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(outputs, "_publish", failing)
    before = tree(reviewed)
    with pytest.raises(InputError, match="Input/output error"):
        outputs.write_outputs(make_result(), reviewed)
    assert tree(reviewed) == before
