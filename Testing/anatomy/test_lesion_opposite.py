"""The other side of the patient: found, laid over the lesion, used for destroyed bone, and not used if not there."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion import segment_lesion
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import neighbourhood, resampled
from BoneAblationPlannerLib.anatomy.lesion.opposite import opposite_side
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError

SIDEWAYS_MM = 48.0
SHIFT_MM = np.array([1.5, -3.0, 2.0])
"""How far the other side is from being the exact mirror image."""


def wing(points, axes):
    """Density of a bone made of two curved plates and a thick rim, around the origin; `axes` point left, back, up."""
    x, y, z = (points @ axes).T
    curved = x - 0.012 * y**2 + 0.15 * z
    plate = (np.abs(curved) < 4.0) & (y**2 + z**2 < 34.0**2)
    core = (np.abs(curved) < 2.0) & (y**2 + z**2 < 32.0**2)
    rim = (np.abs(curved) < 8.0) & (np.abs(np.hypot(y, z + 4) - 30.0) < 5.0)
    spur = (np.abs(curved - 9.0) < 8.0) & (np.abs(y - 14.0) < 5.0) & (np.abs(z + 20.0) < 8.0)
    return np.where(core | (rim & ~plate), 250.0, np.where(plate | spur, 800.0, 50.0))


def pelvis(lesion_radius_mm, both=True):
    """CT of two wings in muscle, the first with a lytic hole of known shape; its bone before and after."""
    grid = oblique_grid((52, 62, 100), (1.8, 1.8, 2.0))
    axes = grid.ijk_to_ras[:3, :3] / grid.spacing_ijk_mm
    centre = grid.ras_from_ijk((np.array(grid.shape)[::-1] - 1) / 2)[0]
    points = every_point(grid) - centre
    right = points + axes[:, 0] * SIDEWAYS_MM
    mirror = axes @ np.diag([-1.0, 1.0, 1.0])
    left = points - axes[:, 0] * SIDEWAYS_MM - SHIFT_MM
    here, there = wing(right, axes), wing(left, mirror)
    hu = np.maximum(here, there) if both else here
    hu = hu.reshape(grid.shape)
    before = hu > 150
    lesion = before & (np.linalg.norm(right, axis=1) < lesion_radius_mm).reshape(grid.shape)
    hu[lesion] = 45.0
    hu = ndimage.gaussian_filter(hu, 0.5) + np.random.default_rng(8).normal(scale=10.0, size=grid.shape)
    ct = CtVolume(grid, np.round(hu).astype(np.int16), "made", "0")
    return ct, before, before & ~lesion, lesion, centre - axes[:, 0] * SIDEWAYS_MM


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_the_other_side_shows_the_bone_that_was_destroyed():
    ct, before, bone, _, click = pelvis(12.0)
    near = neighbourhood(ct, bone, click)
    found = opposite_side(ct, bone, near)
    assert found is not None
    truth = resampled(before, ct.grid, near.grid, outside=0.0) > 0.5
    hole = near.radius_mm < 12.0
    assert (truth & near.bone & hole).sum() < 0.3 * (truth & hole).sum()
    # A plate 8 mm thick that is off by half a voxel of the grid on either side overlaps by 1 - 2 * 0.5 / 8.
    assert dice(found.bone & hole, truth & hole) > 0.85


def test_one_side_alone_has_no_other():
    ct, _, bone, _, click = pelvis(12.0, both=False)
    assert opposite_side(ct, bone, neighbourhood(ct, bone, click)) is None


def test_a_plate_destroyed_further_than_bone_is_looked_for_is_outlined_from_the_other_side():
    ct, _, bone, lesion, click = pelvis(19.0)
    outline = segment_lesion(ct, bone, click)
    assert dice(outline.mask, lesion) > 0.7
    assert any("estimated from the opposite side" in check for check in outline.checks)


def test_without_the_other_side_it_is_refused():
    ct, _, bone, _, click = pelvis(19.0, both=False)
    with pytest.raises(InputError, match="no bone within 15 mm"):
        segment_lesion(ct, bone, click)


def test_another_side_destroyed_in_the_same_place_is_not_used():
    ct, _, bone, _, click = pelvis(12.0)
    near = neighbourhood(ct, bone, click)
    axes = ct.grid.ijk_to_ras[:3, :3] / ct.grid.spacing_ijk_mm
    there = click + axes[:, 0] * 2 * SIDEWAYS_MM + SHIFT_MM
    ct.hu[ball(ct.grid, there, 12.0)] = 45
    assert opposite_side(ct, bone, near) is None
