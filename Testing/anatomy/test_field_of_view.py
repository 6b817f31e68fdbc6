"""The cut edges of a scan are not skin, whatever value fills the image beyond them."""

import numpy as np
import pytest
from grids import every_point, oblique_grid
from made_scan import ct, scan
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.field_of_view import unscanned
from BoneAblationPlannerLib.ct import UNSCANNED_HU
from BoneAblationPlannerLib.frames import Grid

VALUES = [-1000, -1024, UNSCANNED_HU]
# Two voxels (4 mm) inside the trunk's rim the ellipse's norm is at least (1 - 4 / 55)^2 = 0.86.
RIM = 0.86


def real_skin_only(grid, hu, norm, padding):
    """Find the body; skin and room lie neither at the cut nor in the padding."""
    body = find_body(ct(grid, hu))
    assert body.skin.any()
    assert norm[body.skin].min() > RIM
    assert not (body.inside | body.outside)[padding].any()
    return body


@pytest.mark.parametrize("value", VALUES)
def test_the_wedges_of_a_gantry_tilt_are_not_air(value):
    """Tilted by 15 degrees: a wedge in front and one behind; the front one cuts the trunk and its lung."""
    grid, hu, _, (x, y) = scan()
    z = every_point(grid)[:, 2].reshape(hu.shape)
    lung = (x / 40) ** 2 + (y / 40) ** 2 <= 1
    hu[lung] = np.round(-850 + np.random.default_rng(1).normal(scale=30, size=lung.sum()))
    along = y - z * np.tan(np.radians(15))
    padding = (along > 25) | (along < -105)
    hu[padding] = value
    body = real_skin_only(grid, hu, (x / 80) ** 2 + (y / 55) ** 2, padding)
    assert not body.outside[lung].any()
    assert body.inside[lung & (along < 15)].all()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("centre_mm", "radius_mm"), [((0, 0), 74), ((0, 0), 70), ((12, -9), 68), ((30, 5), 90)])
def test_a_circle_of_any_centre_and_size_is_not_skin(value, centre_mm, radius_mm):
    grid, hu, _, (x, y) = scan()
    padding = np.hypot(x - centre_mm[0], y - centre_mm[1]) > radius_mm
    hu[padding] = value
    real_skin_only(grid, hu, (x / 80) ** 2 + (y / 55) ** 2, padding)


@pytest.mark.parametrize("value", VALUES)
def test_a_volume_that_was_turned_about_the_long_axis(value):
    """Four wedges; the one at the side cuts the trunk."""
    grid, hu, _, (x, y) = scan()
    turn = np.radians(12)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    padding = (np.abs(u + 25) > 90) | (np.abs(v) > 100)
    hu[padding] = value
    real_skin_only(grid, hu, (x / 80) ** 2 + (y / 55) ** 2, padding)


@pytest.mark.parametrize("value", VALUES)
def test_slices_that_were_never_scanned_hold_no_air(value):
    grid, hu, _, (x, y) = scan()
    padding = np.zeros(hu.shape, dtype=bool)
    padding[:4] = padding[-6:] = True
    hu[padding] = value
    real_skin_only(grid, hu, (x / 80) ** 2 + (y / 55) ** 2, padding)


@pytest.mark.parametrize("value", VALUES)
def test_oblique_anisotropic_grid(value):
    """A sphere of 70 mm that a wedge across all three axes of the image cuts 20 mm from its centre."""
    grid = oblique_grid((60, 90, 84), (2.2, 2.0, 3.0))
    away = every_point(grid) - grid.ras_from_ijk([42.0, 45.0, 30.0])[0]
    k, j, i = np.indices(grid.shape)
    across = np.array([1.0, 0.7, 0.3]) / np.linalg.norm([1.0, 0.7, 0.3])
    height = (i - 42) * 2.2 * across[0] + (j - 45) * 2.0 * across[1] + (k - 30) * 3.0 * across[2]
    padding = height > 20
    depth = 70 - np.linalg.norm(away, axis=1).reshape(grid.shape)
    hu = np.where(depth > 0, 40, -1000) + np.random.default_rng(3).normal(scale=15, size=grid.shape)
    hu[padding] = value
    body = find_body(ct(grid, np.round(hu).astype(np.int16)))
    assert body.skin.any()
    # Two of the largest voxel edges.
    assert np.abs(depth[body.skin]).max() < 2 * 3.0
    assert not (body.inside | body.outside)[padding].any()


def test_a_flat_skin_in_air_without_noise_stays_skin():
    """Air that was clipped at one value, and a skin as flat as any cut: its blurred edge shows that it was scanned."""
    grid = Grid((30, 70, 80), np.diag([2.0, 2.0, 2.0, 1.0]))
    x, y = (every_point(grid)[:, n].reshape(grid.shape) - c for n, c in ((0, 79), (1, 69)))
    box = (np.abs(x) < 50) & (np.abs(y) < 40)
    hu = ndimage.gaussian_filter(np.where(box, 40.0, -1000.0), 0.8)
    hu[hu > -990] += np.random.default_rng(5).normal(scale=15, size=(hu > -990).sum())
    scanned = ct(grid, np.round(np.maximum(hu, -1000)).astype(np.int16))
    assert not unscanned(scanned).any()
    body = find_body(scanned)
    assert (body.inside ^ box).sum() / box.sum() < 0.1
    assert all(body.skin[15, :, 40][half].any() for half in (slice(0, 35), slice(35, None)))


def test_an_image_without_padding_is_scanned_everywhere():
    grid, hu, _, _ = scan()
    assert not unscanned(ct(grid, hu)).any()
    assert not unscanned(ct(grid, np.maximum(hu, -1000).astype(np.int16))).any()
