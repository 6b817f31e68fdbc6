"""The parts by which bones of a chest are told: lungs, directions, tubes, hulls and cuts, against what is known."""

from itertools import product

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid, rotation

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.thorax.frame import chest_frame, outside_hull_mm
from BoneAblationPlannerLib.anatomy.thorax.joint_cut import least_cut, moved_into_joint
from BoneAblationPlannerLib.anatomy.thorax.lungs import find_lungs
from BoneAblationPlannerLib.anatomy.thorax.parting import shared_out
from BoneAblationPlannerLib.anatomy.thorax.tubes import tube_of
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid

GRID = Grid((60, 70, 130), np.diag([2.0, 2.0, 2.0, 1.0]))
WHOLE = tuple(slice(0, n) for n in GRID.shape)
RIGHT_MM, LEFT_MM, RADIUS_MM = np.array([190.0, 70.0, 60.0]), np.array([70.0, 70.0, 60.0]), 36.0


def air(middle_mm, hu, spread=50.0):
    """Soft tissue with a ball of air of a mean HU."""
    values = np.full(GRID.shape, 40.0)
    inside = ball(GRID, middle_mm, RADIUS_MM)
    values[inside] = hu + np.random.default_rng(1).normal(scale=spread, size=int(inside.sum()))
    return values


def lungs_of(values):
    ct = CtVolume(GRID, np.round(values).astype(np.int16), "made", "0")
    work = Work(GRID, values.astype(np.float32), np.ones(GRID.shape, bool), np.zeros(GRID.shape, np.float32))
    return find_lungs(ct, np.ones(GRID.shape, dtype=bool), work, WHOLE)


@pytest.mark.parametrize(("hu", "spread", "is_lung"), [(-850, 50, True), (-700, 60, True), (-985, 15, False)])
def test_lung_is_told_from_gas_by_its_density(hu, spread, is_lung):
    assert (lungs_of(air(LEFT_MM, hu, spread)) is not None) == is_lung


def test_stool_with_gas_is_no_lung():
    """Half of it gas, half nearly water, in lumps: as light as a lung on average, but from one end to the other."""
    values = air(LEFT_MM, -985, 10)
    lumps = np.random.default_rng(0).random((8, 9, 17)).repeat(8, 0).repeat(8, 1).repeat(8, 2)[: GRID.shape[0]]
    lumpy = (lumps[:, : GRID.shape[1], : GRID.shape[2]] < 0.4) & (values < -500)
    values[lumpy] = -560
    assert lungs_of(values) is None


def test_distance_to_a_lung_is_that_to_its_ball():
    found = lungs_of(air(LEFT_MM, -850))
    assert found is not None
    assert not found.by_side, "one lung has no side by itself"
    expected = np.maximum(np.linalg.norm(every_point(GRID) - LEFT_MM, axis=1) - RADIUS_MM, 0).reshape(GRID.shape)
    # Every voxel is sampled here: its centre is off by half a voxel's diagonal at most, the rim by the same.
    assert np.abs(found.away_mm - expected).max() <= 2 * np.sqrt(3.0) + 1e-3


def test_two_lungs_have_their_sides():
    found = lungs_of(np.minimum(air(LEFT_MM, -850), air(RIGHT_MM, -850)))
    assert found is not None
    assert found.frame is not None
    at_right = GRID.nearest_voxel(RIGHT_MM)
    assert found.by_side["right"][at_right] == 0
    assert found.by_side["left"][at_right] == pytest.approx(120 - RADIUS_MM, abs=4.0)
    np.testing.assert_allclose(found.frame.axes, np.eye(3), atol=0.02)
    np.testing.assert_allclose(found.frame.origin_ras_mm, (RIGHT_MM + LEFT_MM) / 2, atol=1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turned_chest_keeps_right_front_and_the_share_of_its_depth(axis):
    """Two ellipsoids of points, turned by 20 degrees: the frame's right turns along, up stays nearest to the head."""
    unit = np.random.default_rng(4).normal(size=(4000, 3))
    lung = unit / np.linalg.norm(unit, axis=1, keepdims=True) * [40.0, 80.0, 120.0]
    turn = rotation(axis, 20.0)
    frame = chest_frame((lung + [70, 0, 0]) @ turn.T, (lung - [70, 0, 0]) @ turn.T)
    np.testing.assert_allclose(frame.axes[:, 0], turn[:, 0], atol=0.02)
    assert frame.axes[:, 1] @ turn[:, 1] > np.cos(np.radians(21.0))
    assert np.linalg.det(frame.axes) == pytest.approx(1.0)
    depth = frame.depth(frame.own(np.array([[0.0, 0, 0], [0, -75, 0], [0, 75, 0]]) @ turn.T))
    assert depth[0] == pytest.approx(0.5, abs=0.05)
    assert depth[1] < 0.15
    assert depth[2] > 0.85


def test_the_hull_of_two_balls_holds_what_lies_between_them():
    unit = np.random.default_rng(3).normal(size=(6000, 3))
    sphere = 30.0 * unit / np.linalg.norm(unit, axis=1, keepdims=True)
    points = np.concatenate([sphere - [60, 0, 0], sphere + [60, 0, 0]])
    away = outside_hull_mm(points, np.array([[0.0, 0, 0], [0, 40, 0], [100, 0, 0], [0, 0, 30]]))
    # Between the balls the hull is a cylinder of their radius around the line between their middles.
    np.testing.assert_allclose(away, [-30, 10, 10, 0], atol=0.6)


def test_length_and_section_of_a_bent_tube():
    """A quarter of a ring: its length is the arc between its flat ends, its section that of the tube."""
    grid = oblique_grid((70, 70, 70), (1.1, 1.1, 1.3))
    middle = grid.ras_from_ijk([[10, 10, 35]])[0]
    axes = grid.ijk_to_ras[:3, :3] / grid.spacing_ijk_mm
    x, y, z = ((every_point(grid) - middle) @ axes).T
    radius, thick = 50.0, 5.0
    ring = (np.hypot(np.hypot(x, y) - radius, z) <= thick) & (x >= 0) & (y >= 0)
    tube = tube_of(grid, ring.reshape(grid.shape))
    arc = radius * np.pi / 2
    # The way may cut the bend along the tube's inner side, and runs from the middles of its end blocks.
    assert (radius - thick) * np.pi / 2 - 6 < tube.length_mm < arc + 12
    assert tube.section_mm2 * tube.length_mm == pytest.approx(np.pi * thick**2 * arc, rel=0.03)
    ends = sorted(((tube.ends_ras_mm - middle) @ axes).tolist())
    np.testing.assert_allclose(ends, [[0, radius, 0], [radius, 0, 0]], atol=7.0)


def test_the_least_cut_is_the_best_of_all():
    """All ways to share out eight free voxels between two seeds, in random HU."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        hu = rng.uniform(20, 900, size=(2, 3, 2)).astype(np.float32)
        bone = np.ones(hu.shape, dtype=bool)
        one, other = np.zeros_like(bone), np.zeros_like(bone)
        one[0, 0, :], other[1, 2, :] = True, True

        def cost(parted, hu=hu):
            total = 0
            for axis in range(3):
                a, b = (np.moveaxis(parted, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
                h, g = (np.moveaxis(hu, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
                total += int(np.where(a != b, ((h + g) / 2).astype(np.int32), 0).sum())
            return total

        free = np.argwhere(bone & ~one & ~other)
        best = np.inf
        for choice in product([False, True], repeat=len(free)):
            parted = other.copy()
            parted[tuple(free.T)] = choice
            best = min(best, cost(parted))
        found = least_cut(hu, bone, one, other)
        assert not found[one].any()
        assert found[other].all()
        assert cost(found) == best


def test_a_cut_moves_into_a_joint_that_is_bridged_and_no_darker_than_marrow():
    """Two bars with fat marrow, end to end, a space of 2 mm bridged at one edge; cut 6 mm beside it at first."""
    grid = Grid((40, 40, 90), np.diag([0.8, 0.8, 0.8, 1.0]))
    x, y, z = (every_point(grid)[:, n].reshape(grid.shape) for n in range(3))
    joint = 36.0
    across = np.maximum(np.abs(y - 16), np.abs(z - 16))
    bone = (across <= 8) & (x > 4) & (x < 68)
    hu = np.where(across > 5.5, 800.0, -20.0)
    hu[(np.abs(x - joint) <= 3) & (across <= 8)] = 800.0
    space = (np.abs(x - joint) <= 1.0) & (y < 22)
    hu[space] = 120.0
    ct = CtVolume(grid, np.round(np.where(bone, hu, 40)).astype(np.int16), "made", "0")
    work = Work(grid, hu.astype(np.float32), bone, np.zeros(grid.shape, dtype=np.float32))
    box = tuple(slice(0, n) for n in grid.shape)
    moved = moved_into_joint(ct, work, box, bone, bone & (x > joint + 6))
    wrong = bone & (np.abs(x - joint) > 2.0) & (moved != (x > joint))
    assert not wrong.any()


def test_seeds_share_out_bone_along_the_darkest_way():
    bone = np.zeros((5, 5, 30), dtype=bool)
    bone[1:4, 1:4, 1:29] = True
    hu = np.where(bone, 600.0, 40.0).astype(np.float32)
    hu[:, :, 12] = 100.0
    seeds = np.zeros(bone.shape, dtype=np.uint8)
    seeds[2, 2, 2], seeds[2, 2, 26] = 1, 2
    parts = shared_out(hu, np.zeros_like(hu), bone, seeds)
    assert (parts[bone] > 0).all()
    assert not parts[~bone].any()
    assert (parts[1:4, 1:4, 1:12] == 1).all()
    assert (parts[1:4, 1:4, 13:29] == 2).all()
