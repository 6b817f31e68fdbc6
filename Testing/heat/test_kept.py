"""Treatments on disk: the same comes back, what is broken counts as absent, the folder stays within its size."""

import numpy as np
import pytest

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat import kept
from BoneAblationPlannerLib.zones.heat.applicators import Protocol, Strength
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart
from BoneAblationPlannerLib.zones.heat.simulation import treat
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map

HEAT = Protocol("mwa", "muscle", 37.0, "test", "default", watts=20.0, seconds=20.0)
ICE = Protocol("cryo", "gel", 22.0, "test", "default", freeze_thaw_s=(10.0, 10.0, 10.0))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def treated(protocol, level):
    grid = Grid((15, 15, 15), np.diag([2.0, 2.0, 2.0, 1.0]))
    medium = Medium.of(uniform_map(grid, "muscle"))
    part = ActivePart(np.array([14.0, 14.0, 10.0]), np.array([14.0, 14.0, 18.0]), 0.8)
    return treat(medium, [(protocol, Strength(level, 8, 0), part)], None, {"0": (14.0, 17.0, 14.0)}), medium


@pytest.mark.parametrize(("protocol", "level"), [(HEAT, 1.0), (ICE, -140.0)])
def test_what_was_kept_comes_back(folder, protocol, level):
    made, medium = treated(protocol, level)
    kept.keep_treatment("key", made)
    found = kept.read_treatment("key", medium)
    assert found is not None
    for name in ("killed", "frozen", "hottest_celsius", "coldest_celsius", "cem43_min"):
        before, after = getattr(made, name), getattr(found, name)
        assert (before is None) == (after is None)
        assert before is None or np.array_equal(before, after)
    assert all(np.array_equal(a, b) for a, b in zip(made.coldest_by_freeze, found.coldest_by_freeze, strict=True))
    assert np.array_equal(made.recording.curves_celsius["0"], found.recording.curves_celsius["0"])
    assert np.array_equal(made.recording.frames_celsius, found.recording.frames_celsius)
    assert found.recording.frame_grid.matches(made.recording.frame_grid)
    assert [p.name for p in folder.iterdir()] == ["key.npz"]  # no temporary file is left


def test_broken_or_foreign_files_count_as_absent(folder):
    made, medium = treated(HEAT, 1.0)
    kept.keep_treatment("key", made)
    path = folder / "key.npz"
    path.write_bytes(path.read_bytes()[:1000])
    assert kept.read_treatment("key", medium) is None
    kept.keep_treatment("key", made)
    other = Medium.of(uniform_map(Grid((9, 9, 9), np.eye(4)), "muscle"))
    assert kept.read_treatment("key", other) is None
    assert kept.read_treatment("other", medium) is None


def test_the_oldest_go_first(folder, monkeypatch):
    made, medium = treated(HEAT, 1.0)
    kept.keep_treatment("a", made)
    size = (folder / "a.npz").stat().st_size
    monkeypatch.setattr(kept, "LARGEST_BYTES", int(2.5 * size))
    kept.keep_treatment("b", made)
    import os

    os.utime(folder / "a.npz", (1, 1))
    os.utime(folder / "b.npz", (2, 2))
    assert kept.read_treatment("a", medium) is not None  # used now: b is the oldest
    kept.keep_treatment("c", made)
    assert {p.stem for p in folder.iterdir()} == {"a", "c"}


def test_off_keeps_nothing_and_an_unwritable_folder_is_no_error(tmp_path, monkeypatch):
    made, medium = treated(HEAT, 1.0)
    monkeypatch.setenv(kept.VARIABLE, "off")
    kept.keep_treatment("key", made)
    assert kept.read_treatment("key", medium) is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "file" / "folder"))
    kept.keep_treatment("key", made)
    assert kept.read_treatment("key", medium) is None
