"""Clearances against brute-force distances to voxel boxes, and capsule and plane geometry."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.placement.clearance import (
    FARTHEST_MM,
    StructureSurface,
    clearances,
    path_clearances,
    shaft_distance_mm,
    zone_distance_mm,
)
from BoneAblationPlannerLib.zones.spheroid import Spheroid, depth_mm, rows_of

CENTRE = np.array([12.0, -34.0, 56.0])


def structure(mask, shaft=5.0, zone=10.0):
    return Structure("nerve", "nerve", mask, shaft, zone, "organ label")


def dense_box_points(grid, mask, parts=9):
    """Points spread over the boxes of a mask's voxels, corners included."""
    steps = np.linspace(-0.5, 0.5, parts)
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    ijk = np.argwhere(mask)[:, ::-1]
    return grid.ras_from_ijk((ijk[:, None] + offsets).reshape(-1, 3))


@pytest.mark.parametrize("seed", range(4))
def test_shaft_distance_is_to_the_voxel_boxes(seed):
    rng = np.random.default_rng(seed)
    grid = oblique_grid((9, 14, 16))
    mask = rng.random(grid.shape) < 0.01
    entry, tip = CENTRE + rng.normal(size=3) * 20, CENTRE + rng.normal(size=3) * 4
    samples = entry + np.linspace(0, 1, 400)[:, None] * (tip - entry)
    points = dense_box_points(grid, mask)
    expected = min(np.linalg.norm(points - s, axis=1).min() for s in samples)
    found = shaft_distance_mm(np.argwhere(mask), grid, entry, tip)
    # The reference lattice is spaced by at most 2.6 / 8 mm, so it lies above the exact value by half of that at most.
    assert expected - 0.3 <= found <= expected + 0.1


def test_shaft_through_a_voxel_is_zero():
    grid = oblique_grid((9, 14, 16))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[4, 7, 8] = True
    point = grid.ras_of_mask(mask)[0]
    assert shaft_distance_mm(np.argwhere(mask), grid, point - [50, 3, 2], point + [50, 3, 2]) == 0


@pytest.mark.parametrize("direction", [[0, 0, 1], [0, 0, -1], [1, 0, 0], [2, -1, 3]])
def test_shaft_past_a_ball(direction):
    """A capsule beside a ball: axis distance minus radius, within a voxel."""
    grid = oblique_grid((30, 40, 50), (0.8, 1.1, 1.3))
    mask = ball(grid, CENTRE, 6.0)
    axis = np.asarray(direction) / np.linalg.norm(direction)
    side = np.cross(axis, [0.3, -0.8, 0.5])
    side /= np.linalg.norm(side)
    needle = CENTRE + 15 * side
    found = shaft_distance_mm(np.argwhere(mask), grid, needle - 60 * axis, needle + 60 * axis)
    assert found == pytest.approx(15 - 6, abs=grid.half_diagonal_mm)
    beyond = shaft_distance_mm(np.argwhere(mask), grid, needle + 30 * axis, needle + 90 * axis)
    assert beyond == pytest.approx(np.hypot(15, 30) - 6, abs=grid.half_diagonal_mm)


@pytest.mark.parametrize("seed", range(3))
def test_zone_distance_is_to_the_voxel_boxes(seed):
    rng = np.random.default_rng(seed)
    grid = oblique_grid((9, 14, 16))
    mask = rng.random(grid.shape) < 0.02
    axis = rng.normal(size=3)
    zone = Spheroid(CENTRE + rng.normal(size=3) * 25, axis / np.linalg.norm(axis), 16, 24)
    expected = (-depth_mm(dense_box_points(grid, mask, 13), rows_of([zone]))).min()
    assert zone_distance_mm(np.argwhere(mask), grid, zone) == pytest.approx(expected, abs=0.35)


def test_zone_that_swallows_a_structure_is_negative():
    grid = oblique_grid((30, 40, 50))
    mask = ball(grid, CENTRE, 3.0)
    rows = clearances([StructureSurface.of(structure(mask))], grid, CENTRE + [0, 90, 0], CENTRE + [0, 30, 0], 1.0,
                      Spheroid(CENTRE, np.array([0.0, 1, 0]), 40, 40))  # fmt: skip
    assert rows[0].zone_mm < -15
    assert not rows[0].ok


def test_required_distances_decide_and_failing_rows_come_first():
    grid = oblique_grid((30, 40, 50))
    near, far = ball(grid, CENTRE, 3.0), ball(grid, CENTRE + [14.0, 0, 0], 3.0)
    zone = Spheroid(CENTRE + [0, 60.0, 0], np.array([0.0, -1, 0]), 10, 10)
    entry, tip = CENTRE + [7.0, 90, 0], CENTRE + [7.0, 20, 0]
    surfaces = [StructureSurface.of(s) for s in (structure(far, 1.0, 1.0), structure(near, 30.0, 1.0))]
    rows = clearances(surfaces, grid, entry, tip, 1.0, zone)
    assert [r.ok for r in rows] == [False, True]
    assert rows[0].required_shaft_mm == 30.0


def test_skin_does_not_limit_the_shaft():
    grid = oblique_grid((30, 40, 50))
    row = clearances([StructureSurface.of(structure(ball(grid, CENTRE, 3.0), 0.0, 1.0))], grid, CENTRE + [0, 90, 0],
                     CENTRE, 1.0, Spheroid(CENTRE + [0, 60.0, 0], np.array([0.0, -1, 0]), 10, 10))[0]  # fmt: skip
    assert row.shaft_mm == 0
    assert row.ok


def test_a_structure_that_is_not_there_is_far():
    grid = oblique_grid((5, 5, 5))
    empty = np.zeros(grid.shape, dtype=bool)
    row = clearances([StructureSurface.of(structure(empty))], grid, CENTRE + [0, 9, 0], CENTRE, 1.0,
                     Spheroid(CENTRE, np.array([0.0, -1, 0]), 10, 10))[0]  # fmt: skip
    assert row.zone_mm == FARTHEST_MM
    assert row.ok


def test_distances_are_rounded_down():
    grid = oblique_grid((9, 14, 16))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[4, 7, 8] = True
    entry, tip = CENTRE + [40.0, 11, 3], CENTRE + [10.0, 11, 3]
    exact = shaft_distance_mm(np.argwhere(mask), grid, entry, tip) - 1.0
    row = clearances([StructureSurface.of(structure(mask))], grid, entry, tip, 1.0,
                     Spheroid(tip, np.array([-1.0, 0, 0]), 6, 6))[0]  # fmt: skip
    assert exact - 0.01 <= row.shaft_mm <= exact


def test_a_path_without_a_zone_is_measured_as_a_probes_shaft():
    grid = oblique_grid((30, 40, 50))
    near, far, skin = ball(grid, CENTRE, 3.0), ball(grid, CENTRE + [14.0, 0, 0], 3.0), ball(grid, CENTRE, 12.0)
    entry, tip = CENTRE + [7.0, 90, 0], CENTRE + [7.0, 20, 0]
    kept = [StructureSurface.of(s) for s in (structure(far, 1.0), structure(near, 30.0), structure(skin, 0.0))]
    rows = path_clearances(kept, grid, entry, tip, 1.5)
    as_probe = clearances(
        kept[:2], grid, entry, tip, 1.5, Spheroid(CENTRE + [0, 60.0, 0], np.array([0.0, -1, 0]), 9, 9)
    )
    assert [(r.distance_mm, r.required_mm, r.ok) for r in rows] == [
        (c.shaft_mm, c.required_shaft_mm, c.ok) for c in as_probe
    ]
    assert [r.ok for r in rows] == [False, True]  # skin, that every path passes, has no row
    deeper = path_clearances(kept, grid, entry, CENTRE + [7.0, 0, 0], 1.5)
    assert all(b.distance_mm <= a.distance_mm for a, b in zip(rows, deeper, strict=True))
