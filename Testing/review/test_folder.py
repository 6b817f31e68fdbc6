"""Versions of a plan: found, added beside the old, never over them, whole or not at all."""

import hashlib

import pytest
from plans import small_plan

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import write_plan
from BoneAblationPlannerLib.review.folder import PlanFolder, sha256_of

SCENE = b"a scene"


@pytest.fixture
def small(tmp_path):
    """A folder with one plan and a file that only looks like its scene."""
    write_plan(small_plan(), tmp_path / "plan.json")
    (tmp_path / "plan.mrb").write_bytes(SCENE)
    return PlanFolder(tmp_path)


def save(path):
    path.write_bytes(b"a newer scene")


def test_a_new_version_leaves_the_old_one_alone(small):
    before = {p.name: p.read_bytes() for p in small.path.iterdir()}
    version = small.add(small_plan(), save)
    assert (version.number, version.name) == (2, "plan-2.json")
    assert version.scene.read_bytes() == b"a newer scene"
    assert small.read(version) == small.read(small.version(1))
    assert {name: (small.path / name).read_bytes() for name in before} == before
    assert {p.name for p in small.path.iterdir()} == {*before, "plan-2.json", "plan-2.mrb"}


def test_the_newest_is_opened_unless_another_is_asked_for(small):
    small.add(small_plan(), save)
    small.add(small_plan(), save)
    assert [v.number for v in small.versions()] == [1, 2, 3]
    assert small.version().number == 3
    assert small.version(2).name == "plan-2.json"
    with pytest.raises(InputError, match="no version 7; expected one of 1, 2, 3"):
        small.version(7)


@pytest.mark.parametrize("taken", ["plan-2.json", "plan-2.mrb"])
def test_a_name_that_is_taken_is_left_alone(small, taken):
    (small.path / taken).write_text("somebody else's")
    assert small.add(small_plan(), save).number == 3
    assert (small.path / taken).read_text() == "somebody else's"


def test_half_a_version_is_no_version(small):
    write_plan(small_plan(), small.path / "plan-5.json")
    assert [v.number for v in small.versions()] == [1]


def test_a_failure_leaves_nothing(small):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    before = {p.name for p in small.path.iterdir()}
    with pytest.raises(InputError, match="No space left"):
        small.add(small_plan(), fail)
    assert {p.name for p in small.path.iterdir()} == before


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_folder_is_refused_in_one_line(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"no such folder; expected the --out folder"):
        PlanFolder(tmp_path / name)


def test_a_folder_without_a_plan_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"holds no plan; expected plan.json and plan.mrb"):
        PlanFolder(tmp_path).version()


def test_names_that_only_look_alike_are_not_versions(small):
    for name in ("plan-0.json", "plan-02.json", "plan-x.json", "myplan-2.json"):
        (small.path / name).write_text("{}")
        (small.path / name).with_suffix(".mrb").write_text("")
    assert [v.number for v in small.versions()] == [1]


def test_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 700_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 700_000).hexdigest()
