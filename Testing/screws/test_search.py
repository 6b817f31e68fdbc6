"""The widest cylinder: against closed forms and brute force on oblique, anisotropic grids."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from grids import every_point, oblique_grid

from CementTrajectoryLib.screws.depth import depth_map, with_joint_space
from CementTrajectoryLib.screws.search import Patch, line_clearance_mm, widest_line

CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.48, -0.6, 0.64])


def rod(grid, radius_mm, length_mm, centre=CENTRE, axis=AXIS):
    """A straight cylinder of bone."""
    away = every_point(grid) - centre
    along = away @ axis
    across = np.linalg.norm(away - np.outer(along, axis), axis=1)
    return ((across <= radius_mm) & (np.abs(along) <= length_mm / 2)).reshape(grid.shape)


def disc(centre, axis, radius_mm, spacing_mm=2.0, trim_mm=6.0):
    """Ends to try on a disc across an axis."""
    u = np.linalg.svd(axis[None])[2][1:]
    steps = np.arange(-radius_mm, radius_mm + 0.1, spacing_mm)
    points = np.array([centre + a * u[0] + b * u[1] for a, b in itertools.product(steps, steps)])
    points = points[np.linalg.norm(points - centre, axis=1) <= radius_mm]
    return Patch(points, centre, radius_mm, trim_mm)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.1, 2.6)])
@pytest.mark.parametrize("radius", [4.0, 7.0])
def test_a_rod_holds_its_own_axis(spacing, radius):
    grid = oblique_grid((46, 80, 90) if spacing[2] > 2 else (80, 80, 80), spacing)
    depth = depth_map(grid, rod(grid, radius, 60.0))
    ends = [disc(CENTRE + sign * 30.0 * AXIS, AXIS, 6.0) for sign in (-1, 1)]
    line = widest_line(depth, *ends)
    # The rod's voxels end up to half a voxel early, the map's depth is understated by up to an edge: never too wide.
    edge = depth.grid.spacing_ijk_mm.max()
    assert radius - max(spacing) / 2 - edge <= line.clearance_mm <= radius + 0.2
    direction = (line.exit_ras_mm - line.entry_ras_mm) / line.length_mm
    assert np.degrees(np.arccos(direction @ AXIS)) < 3.0
    middle = (line.entry_ras_mm + line.exit_ras_mm) / 2 - CENTRE
    assert np.linalg.norm(middle - (middle @ AXIS) * AXIS) < 1.0
    # Ends are on the rod's end faces.
    assert line.length_mm == pytest.approx(60.0, abs=2.5 * max(spacing))


@pytest.mark.parametrize("trim", [4.0, 0.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 1.0, 1.7)])
def test_the_best_of_all_pairs_by_brute_force(trim, spacing):
    """Of blind ends (trim 0) many lie shallower than the best line."""
    rng = np.random.default_rng(4)
    grid = oblique_grid((50, 60, 70), spacing)
    bone = rod(grid, 9.0, 40.0) & (rng.random(grid.shape) > 2e-4)
    depth = depth_map(grid, bone)
    reach = 6.0 if trim else 9.0
    ends = [replace(disc(CENTRE + s * 18.0 * AXIS, AXIS, reach, 3.0, trim), blind=trim == 0) for s in (-1, 1)]
    trims = (trim, trim)
    best = max(line_clearance_mm(depth, a, b, trims) for a in ends[0].points_ras_mm for b in ends[1].points_ras_mm)
    line = widest_line(depth, *ends)
    # Refinement may only improve on the best pair; a coarse screen may not lose it.
    assert line.clearance_mm >= best - 0.05
    assert line_clearance_mm(depth, line.entry_ras_mm, line.exit_ras_mm, trims) <= line.clearance_mm + 0.1


def test_a_line_never_ends_where_another_corridor_does():
    grid = oblique_grid((80, 80, 80), (1.0, 1.0, 1.0))
    depth = depth_map(grid, rod(grid, 12.0, 60.0))
    ends = [disc(CENTRE + sign * 30.0 * AXIS, AXIS, 8.0) for sign in (-1, 1)]
    free = widest_line(depth, *ends)
    kept = widest_line(depth, ends[0].away_from(free.entry_ras_mm, 5.0), ends[1])
    assert np.linalg.norm(kept.entry_ras_mm - free.entry_ras_mm) >= 3.5  # moved along the axis to the surface since
    assert kept.clearance_mm <= free.clearance_mm


def test_no_line_of_the_length_is_none():
    grid = oblique_grid((60, 60, 60), (1.0, 1.0, 1.0))
    depth = depth_map(grid, rod(grid, 6.0, 40.0))
    ends = [disc(CENTRE + sign * 20.0 * AXIS, AXIS, 4.0) for sign in (-1, 1)]
    assert widest_line(depth, *ends, (90.0, 200.0)) is None


def test_a_bent_rod_is_narrower_than_itself():
    grid = oblique_grid((90, 90, 90), (1.0, 1.0, 1.0))
    tilt = np.array([0.48, 0.6, 0.64])
    bend = rod(grid, 6.0, 36.0, CENTRE - 15 * AXIS) | rod(grid, 6.0, 36.0, CENTRE + 15 * tilt, tilt)
    depth = depth_map(grid, bend)
    line = widest_line(depth, disc(CENTRE - 33 * AXIS, AXIS, 6.0), disc(CENTRE + 33 * tilt, tilt, 6.0))
    assert line.clearance_mm < 3.0


def test_a_joint_is_bridged_and_its_rim_is_not_widened():
    grid = oblique_grid((60, 60, 60), (1.0, 1.0, 1.0))
    u = np.linalg.svd(AXIS[None])[2][1]
    away = every_point(grid) - CENTRE
    along = (away @ AXIS).reshape(grid.shape)
    across = np.linalg.norm(away - np.outer(away @ AXIS, AXIS), axis=1).reshape(grid.shape)
    one, two = ((across < 12) & (along * s > 2.5) & (along * s < 20) for s in (-1, 1))
    both = with_joint_space(grid, one, two, 7.0)
    inside = grid.nearest_voxel(CENTRE)
    assert both[inside]
    assert both[grid.nearest_voxel(CENTRE + 9 * u)]
    # Beyond the rim only as far as half the gap, and the outside of either bone stays as it is.
    added = both & ~one & ~two
    assert across[added].max() <= 12 + 5.0 / 2 + 1.8
    assert np.abs(along[added]).max() <= 3.5
    assert not with_joint_space(grid, one, two, 3.0)[inside]
