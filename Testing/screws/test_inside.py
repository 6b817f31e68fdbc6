"""Width inside the cortex: a tube of bone with a wall of known thickness, and what the files say of it."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from CementTrajectoryLib.screws.corridor import Corridor
from CementTrajectoryLib.screws.corridor_file import corridor_document
from CementTrajectoryLib.screws.depth import depth_map
from CementTrajectoryLib.screws.inside import inner_depth, inside_diameter_mm, shows_cortex
from CementTrajectoryLib.screws.search import Patch, widest_line

CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.6, -0.64, 0.48])
RADIUS_MM, LENGTH_MM, TRIM_MM = 10.0, 80.0, 12.0


def tube(wall_mm, spacing=(0.8, 0.9, 1.2), filled_hu=200):
    """A closed tube of bone: its grid, mask and CT; cortex of 1200 HU all round."""
    grid = oblique_grid((70, 90, 110), spacing)
    away = every_point(grid) - CENTRE
    along = (away @ AXIS).reshape(grid.shape)
    aside = np.linalg.norm(away - (away @ AXIS)[:, None] * AXIS, axis=1).reshape(grid.shape)
    bone = (aside < RADIUS_MM) & (np.abs(along) < LENGTH_MM / 2)
    inner = (aside < RADIUS_MM - wall_mm) & (np.abs(along) < LENGTH_MM / 2 - wall_mm)
    return grid, bone, np.where(inner, filled_hu, np.where(bone, 1200, 50)).astype(np.int16)


def corridor_in(grid, bone):
    """The tube's own corridor, and the patches that it was looked for in."""
    ends = [CENTRE + sign * (LENGTH_MM / 2 - 1.0) * AXIS for sign in (-1, 1)]
    across = np.linalg.svd(AXIS[None])[2][1:]
    spread = np.array([[a, b] for a in (-4.0, 0.0, 4.0) for b in (-4.0, 0.0, 4.0)]) @ across
    entry, exit_ = (Patch(end + spread, end, 8.0, TRIM_MM) for end in ends)
    line = widest_line(depth_map(grid, bone), entry, exit_)
    found = Corridor(
        "made", "right", line.entry_ras_mm, line.exit_ras_mm, line.clearance_mm, line.trims_mm, ("hip_right",), ()
    )
    return found, entry, exit_


@pytest.mark.parametrize("wall_mm", [1.5, 3.0])
def test_a_tube_is_narrower_inside_by_its_wall_on_either_side(wall_mm):
    grid, bone, hu = tube(wall_mm)
    corridor, entry, exit_ = corridor_in(grid, bone)
    inside_mm = inside_diameter_mm(inner_depth(grid, bone, hu), corridor, entry, exit_)
    # Depths are to voxel boxes, their steps reach in by up to an edge, and half an edge is taken off: alike inside.
    edge = float(grid.spacing_kji_mm.max())
    assert 2 * (RADIUS_MM - 1.5 * edge) <= corridor.diameter_mm <= 2 * RADIUS_MM
    assert corridor.diameter_mm - inside_mm == pytest.approx(2 * wall_mm, abs=edge)
    assert inside_mm <= 2 * (RADIUS_MM - wall_mm)


def test_dense_bone_deep_inside_is_no_cortex():
    """Nothing is taken off for dense bone deeper than the thickest cortex; of solid bone as much as that."""
    grid, bone, hu = tube(1.5)
    corridor, entry, exit_ = corridor_in(grid, bone)
    clear = inside_diameter_mm(inner_depth(grid, bone, hu), corridor, entry, exit_)
    away = every_point(grid) - CENTRE
    core = (np.linalg.norm(away - (away @ AXIS)[:, None] * AXIS, axis=1) < 3.0).reshape(grid.shape)
    with_core = np.where(core, 1100, hu).astype(np.int16)
    assert inside_diameter_mm(inner_depth(grid, bone, with_core), corridor, entry, exit_) == pytest.approx(
        clear, abs=0.01
    )
    solid = np.where(bone, 1200, hu).astype(np.int16)
    thickest = inside_diameter_mm(inner_depth(grid, bone, solid), corridor, entry, exit_)
    assert thickest == pytest.approx(2 * (RADIUS_MM - 5.0), abs=2 * float(grid.spacing_kji_mm.max()))


def test_all_cortex_leaves_nothing():
    grid, bone, hu = tube(1.5)
    corridor, entry, exit_ = corridor_in(grid, bone)
    thin = bone & (np.abs(((every_point(grid) - CENTRE) @ [0.0, 0.6, 0.8]).reshape(grid.shape)) < 2.0)
    dense = np.where(thin, 1200, hu).astype(np.int16)
    assert inner_depth(grid, thin, dense) is None
    assert inside_diameter_mm(None, corridor, entry, exit_) == 0.0
    assert inner_depth(grid, np.zeros_like(bone), hu) is None


def test_thick_slices_do_not_show_the_cortex():
    assert shows_cortex(oblique_grid((5, 5, 5), (0.7, 0.7, 1.25)))
    assert not shows_cortex(oblique_grid((5, 5, 5), (0.7, 0.7, 3.0)))


def test_the_file_says_both_widths_or_that_one_was_not_measured():
    grid, bone, _hu = tube(1.5)
    corridor, *_ = corridor_in(grid, bone)
    rows = corridor_document([corridor], [], "made", [])["corridors"]
    assert rows[0]["inside_cortex_mm"] is None
    assert rows[0]["diameter_mm"] == pytest.approx(corridor.diameter_mm, abs=0.02)
