"""Corridors of humerus and scapula, in bones made of balls and rods, however the arm lies, and in a real shoulder."""

import os
from pathlib import Path

import numpy as np
import pytest
from grids import every_point, oblique_grid, rotation

from BoneAblationPlannerLib.ct import LabelMap
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.depth import depth_map
from CementTrajectoryLib.screws.humerus import FROM_HEAD, FROM_SHAFT, humeral_corridors, humerus_frame
from CementTrajectoryLib.screws.scapula import BORDER, SPINE, scapular_corridors
from CementTrajectoryLib.screws.search import line_clearance_mm
from CementTrajectoryLib.workflow import corridors_of_file

MIDDLE = np.array([12.0, -34.0, 86.0])
HEAD_MM, SHAFT_MM, OFFSET_MM = 22.0, 11.0, 8.0
VAULT_MM, BORDER_MM, SPINE_MM, CORACOID_MM = 11.0, 5.0, 4.0, 6.0
STEP_MM = 1.5
RAISED = rotation(0, 75) @ rotation(1, 20)
DATA = Path(os.environ.get("BONEPLAN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data") / "cases"


def rod(points, start, end, radius):
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - along[:, None] * axis, axis=1) <= radius


def cube(side_mm, centre):
    return oblique_grid((int(side_mm / STEP_MM),) * 3, (STEP_MM,) * 3, centre)


def humerus(turn, length=130.0, side="right"):
    """Head beside the axis of a shaft; returns the map, the way down and the way to medial."""
    down, medial = turn @ np.array([0.0, 0.0, -1.0]), turn @ np.array([-1.0, 0.0, 0.0])
    grid = cube(190.0, MIDDLE + 55 * down)
    points = every_point(grid)
    foot = MIDDLE - OFFSET_MM * medial
    bone = np.linalg.norm(points - MIDDLE, axis=1) <= HEAD_MM
    bone |= rod(points, foot, foot + length * down, SHAFT_MM)
    return LabelMap(grid, bone.reshape(grid.shape).astype(np.uint8), {1: f"humerus_{side}"}), down, medial


@pytest.mark.parametrize(("turn", "side"), [(np.eye(3), "right"), (RAISED, "right"), (RAISED, "left")])
def test_the_humerus_tells_its_own_sides(turn, side):
    bones, down, medial = humerus(turn, side=side)
    frame = humerus_frame(depth_map(bones.grid, bones.labels == 1))
    assert np.degrees(np.arccos(frame.down @ down)) < 3
    assert np.degrees(np.arccos(frame.medial @ medial)) < 15
    assert np.linalg.norm(frame.head_ras_mm - MIDDLE) < 2 * STEP_MM


@pytest.mark.parametrize("turn", [np.eye(3), RAISED])
def test_a_screw_from_the_shaft_ends_under_the_heads_surface(turn):
    bones, down, medial = humerus(turn)
    depth = depth_map(bones.grid, bones.labels == 1)
    corridor = next(c for c in humeral_corridors(bones, "right") if c.name == FROM_SHAFT)
    assert line_clearance_mm(depth, corridor.entry_ras_mm, corridor.exit_ras_mm, corridor.trims_mm) == pytest.approx(
        corridor.clearance_mm
    )
    # The lower one of published lateral pins: 80 mm below the head's top, or up to 20 mm higher, from lateral.
    below_top = (corridor.entry_ras_mm - MIDDLE) @ down + HEAD_MM
    assert 60 - 5 <= below_top <= 80 + 5
    assert (corridor.entry_ras_mm - MIDDLE) @ medial < -OFFSET_MM
    left_under_cartilage = HEAD_MM - np.linalg.norm(corridor.exit_ras_mm - MIDDLE)
    assert 8.0 - 2 * STEP_MM <= left_under_cartilage <= 12.0 + 2 * STEP_MM
    # 38 to 58 mm below the head's centre, at 0 to 30 degrees, and 14 mm beyond it; the centre is known to 4 mm.
    assert 38 + 14 - 4 <= corridor.length_mm <= 58 / np.cos(np.radians(30)) + 14 + 4
    assert 4.0 < corridor.clearance_mm <= SHAFT_MM


def test_no_straight_line_of_a_dense_search_is_wider():
    bones, down, medial = humerus(np.eye(3))
    depth = depth_map(bones.grid, bones.labels == 1)
    corridor = next(c for c in humeral_corridors(bones, "right") if c.name == FROM_SHAFT)
    axis = MIDDLE - OFFSET_MM * medial
    across = np.cross(down, medial)
    direction_of = [np.cos(a) * -medial + np.sin(a) * across for a in np.radians(np.arange(-70, 71, 10))]
    entries = [axis + t * down + (SHAFT_MM - 0.5) * way for t in np.arange(38.0, 58.0, 2.0) for way in direction_of]
    trims = corridor.trims_mm
    tip = HEAD_MM - 8.0
    widest = max(
        line_clearance_mm(depth, entry, MIDDLE + tip * (MIDDLE - entry) / np.linalg.norm(MIDDLE - entry), trims)
        for entry in entries
    )
    assert corridor.clearance_mm >= widest - 0.3


@pytest.mark.parametrize("turn", [np.eye(3), RAISED])
def test_the_corridor_down_the_shaft_is_as_wide_as_the_shaft(turn):
    bones, down, _medial = humerus(turn)
    corridor = next(c for c in humeral_corridors(bones, "right") if c.name == FROM_HEAD)
    way = (corridor.exit_ras_mm - corridor.entry_ras_mm) / corridor.length_mm
    assert way @ down > np.cos(np.radians(8))
    assert SHAFT_MM - 2 * STEP_MM <= corridor.clearance_mm <= SHAFT_MM
    assert (corridor.exit_ras_mm - MIDDLE) @ down == pytest.approx(110.0, abs=6 + STEP_MM)


def test_too_little_of_a_humerus_is_said():
    bones, _down, _medial = humerus(np.eye(3), length=50.0)
    both = humeral_corridors(bones, "right")
    assert [m.name for m in both] == [FROM_SHAFT, FROM_HEAD]
    assert all(isinstance(m, MissingCorridor) and "mm of the humerus are seen" in m.reason for m in both)
    assert humeral_corridors(bones, "left") == ()


def scapula(turn, spine=True):
    """Vault, two pillars and a coracoid process; returns the map and the ways along the pillars."""
    border, own = turn @ np.array([0.1, 0.0, -1.0]) / np.hypot(0.1, 1.0), turn @ np.array([-0.8, -0.3, -0.52])
    own = own / np.linalg.norm(own)
    grid = cube(180.0, MIDDLE + 40 * border + 20 * own)
    points = every_point(grid)
    bone = np.linalg.norm(points - MIDDLE, axis=1) <= VAULT_MM
    bone |= rod(points, MIDDLE, MIDDLE + 85 * border, BORDER_MM)
    bone |= rod(points, MIDDLE, MIDDLE + 42 * turn @ np.array([-0.1, 0.7, 0.7]), CORACOID_MM)
    if spine:
        bone |= rod(points, MIDDLE, MIDDLE + 70 * own, SPINE_MM)
    return LabelMap(grid, bone.reshape(grid.shape).astype(np.uint8), {1: "scapula_left"}), border, own


@pytest.mark.parametrize("turn", [np.eye(3), rotation(2, 40) @ rotation(0, -25)])
def test_both_pillars_of_a_scapula(turn):
    bones, border, spine = scapula(turn)
    found = {c.name: c for c in scapular_corridors(bones, "left")}
    for name, way, radius in ((BORDER, border, BORDER_MM), (SPINE, spine, SPINE_MM)):
        corridor = found[name]
        axis = (corridor.entry_ras_mm - corridor.exit_ras_mm) / corridor.length_mm
        assert np.degrees(np.arccos(axis @ way)) < 6, name
        assert radius - 1.2 * STEP_MM <= corridor.clearance_mm <= radius, name
        assert np.linalg.norm(corridor.exit_ras_mm - MIDDLE) <= 5.0 + 2 * STEP_MM, name


def test_a_scapula_without_a_spine_has_one_pillar():
    bones, _border, _spine = scapula(np.eye(3), spine=False)
    border, spine = scapular_corridors(bones, "left")
    assert isinstance(border, Corridor)
    assert isinstance(spine, MissingCorridor)
    assert spine.reason.startswith("not found")


def test_a_face_of_the_image_is_no_surface():
    bones, down, _medial = humerus(np.eye(3))
    whole = next(c for c in humeral_corridors(bones, "right") if c.name == FROM_SHAFT)
    # The image ends at the head's middle: what is above it is gone, with where the shaft would be entered from.
    cut = LabelMap(bones.grid, bones.labels.copy(), bones.names)
    cut.labels[((every_point(bones.grid) - MIDDLE) @ down < -3.0).reshape(bones.grid.shape)] = 0
    rows = np.flatnonzero(cut.labels.any(axis=(1, 2)))
    cropped = bones.grid.crop((slice(int(rows[0]), int(rows[-1]) + 1), slice(None), slice(None)))
    part = LabelMap(cropped, np.ascontiguousarray(cut.labels[rows[0] : rows[-1] + 1]), bones.names)
    for corridor in humeral_corridors(part, "right"):
        if isinstance(corridor, Corridor):
            ijk = cropped.ijk_from_ras(corridor.entry_ras_mm[None])[0]
            assert ((ijk > 1) & (ijk < np.array(cropped.shape[::-1]) - 2)).all()
    assert isinstance(whole, Corridor)


@pytest.mark.skipif(not (DATA / "humerus-lytic").is_dir(), reason="needs the shoulder scan of the shared data")
def test_a_real_shoulder():
    document = corridors_of_file(DATA / "humerus-lytic" / "ct.nii.gz")
    rows = {(row["name"], row["side"]): row for row in document["corridors"]}
    assert set(rows) == {(name, "right") for name in (FROM_SHAFT, FROM_HEAD, BORDER, SPINE)}
    for row in rows.values():
        for p in row["published"]:
            room = 0.5 if p["quantity"] == "diameter_mm" else 4.0
            assert p["low"] - room <= row[p["quantity"]] <= p["high"] + room, (row["name"], p)


def test_a_shoulder_is_searched_with_all_else():
    bones, _down, _medial = humerus(np.eye(3))
    found, missing = find_corridors(bones)
    assert {c.name for c in found} == {FROM_SHAFT, FROM_HEAD}
    assert missing == ()
