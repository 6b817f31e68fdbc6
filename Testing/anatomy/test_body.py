"""Body and skin on made scans: table, cropped faces, lung and gas are told apart."""

import numpy as np
import pytest
from grids import every_point, oblique_grid
from made_scan import ct, scan

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


def test_table_and_mattress_are_not_patient():
    grid, hu, trunk, _ = scan()
    body = find_body(ct(grid, hu))
    # Opening rounds at most the rim: one voxel.
    assert (body.inside ^ trunk).sum() / trunk.sum() < 0.05
    assert not body.inside[:, :20].any()


def test_skin_is_only_where_air_was_seen():
    """Cropped through the middle of the body, the skin is the rim that meets air; the cut faces are not skin."""
    grid, hu, _, (x, y) = scan()
    region = (slice(None), slice(None), slice(50, 120))
    body = find_body(ct(grid.crop(region), np.ascontiguousarray(hu[region])))
    from_rim = (x / 80) ** 2 + (y / 55) ** 2
    assert body.skin.any()
    # Two voxels (4 mm) inside the rim the ellipse's norm is at least (1 - 4 / 55)^2 = 0.86.
    assert from_rim[region][body.skin].min() > 0.86
    # All around the rim there is skin: seen from the middle, in every direction that the image still holds.
    angles = np.degrees(np.arctan2(y, x))[region][body.skin]
    assert np.histogram(angles, bins=np.arange(-90, 91, 10))[0].min() > 0


def test_lung_and_bowel_gas_belong_to_the_body():
    grid, hu, trunk, (x, y) = scan()
    lung = (x / 30) ** 2 + (y / 25) ** 2 <= 1
    hu[lung] = np.round(-850 + np.random.default_rng(1).normal(scale=40, size=lung.sum()))
    body = find_body(ct(grid, hu))
    assert body.inside[lung].all()
    assert body.gas[lung].mean() > 0.99
    assert not body.gas[~trunk].any()


def test_a_lung_that_the_crop_cuts_open_is_still_inside():
    grid, hu, _, (x, y) = scan()
    lung = (x / 60) ** 2 + (y / 35) ** 2 <= 1
    hu[lung] = np.round(-850 + np.random.default_rng(1).normal(scale=30, size=lung.sum()))
    region = (slice(None), slice(None), slice(60, 120))
    body = find_body(ct(grid.crop(region), np.ascontiguousarray(hu[region])))
    assert body.inside[lung[region]].all()


def test_oblique_grid_gives_the_same_body():
    grid = oblique_grid((50, 90, 100), (2.2, 2.0, 3.0))
    centre = np.array([12.0, -34.0, 56.0])
    trunk = (np.linalg.norm(every_point(grid) - centre, axis=1) < 50).reshape(grid.shape)
    body = find_body(ct(grid, np.where(trunk, 40, -1000).astype(np.int16)))
    assert (body.inside ^ trunk).sum() / trunk.sum() < 0.02


def test_nothing_but_air_is_refused():
    grid = Grid((20, 20, 20), np.eye(4))
    with pytest.raises(InputError, match="no body"):
        find_body(ct(grid, np.full(grid.shape, -1000, dtype=np.int16)))


def field_of_view(shape, spacing):
    """True outside the circle inscribed in a slice, by its definition."""
    y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * spacing for n in shape[1:]), indexing="ij")
    return np.broadcast_to(np.hypot(x, y) > min(shape[1:]) * spacing / 2, shape)


@pytest.mark.parametrize("padding", [-3024, -2000, -1024])
@pytest.mark.parametrize("noise", [20.0, 0.0])
def test_the_edge_of_a_round_field_of_view_is_not_skin(padding, noise):
    """A trunk (160 x 110 mm) in a field of 152 mm: cut left and right, whole in front and behind."""
    grid, hu, _, (x, y) = scan(noise=noise)
    region = (slice(None), slice(22, 98), slice(22, 98))
    grid, hu, x, y = grid.crop(region), np.ascontiguousarray(hu[region]), x[region], y[region]
    outside_field = field_of_view(hu.shape, 2.0)
    hu[outside_field] = padding
    body = find_body(ct(grid, hu))
    assert body.skin.any()
    # Real skin: the ellipse's rim, within two voxels (4 mm), as in the test of the crop.
    assert ((x / 80) ** 2 + (y / 55) ** 2)[body.skin].min() > 0.86
    assert not body.inside[outside_field].any()
    assert not body.outside[outside_field].any()


def test_air_that_the_scanner_clipped_is_not_padding():
    grid, hu, trunk, _ = scan(noise=0.0)
    body = find_body(ct(grid, np.maximum(hu, -1000).astype(np.int16)))
    assert (body.inside ^ trunk).sum() / trunk.sum() < 0.05
    assert body.outside[:, -1, -1].all()


def test_blanket_leads_and_tubes_are_not_skin():
    """A blanket (-700 HU, 10 mm), a lead (5 mm) and a tube full of fluid (7 mm) on the trunk."""
    grid, hu, trunk, (x, y) = scan()
    norm = np.sqrt((x / 80) ** 2 + (y / 55) ** 2)
    hu[(norm > 1.02) & (norm < 1.2) & (y > 0)] = -700
    z = every_point(grid)[:, 2].reshape(hu.shape)
    hu[(np.hypot(x - 20, z - 40) < 2.6) & (y > 50)] = 900
    hu[(np.hypot(x + 30, y - 53) < 3.5)] = 20
    body = find_body(ct(grid, hu))
    assert norm[body.skin].max() < 1.1
    assert (body.inside ^ trunk).sum() / trunk.sum() < 0.05


def test_an_arm_beside_the_trunk_is_patient():
    """A needle must not pass through it, so it may not count as air; 50 mm thick, a tenth of the trunk."""
    grid = Grid((30, 110, 150), np.diag([2.0, 2.0, 2.0, 1.0]))
    x, y = (every_point(grid)[:, n].reshape(grid.shape) - 110 for n in (0, 1))
    trunk = (x / 80) ** 2 + (y / 55) ** 2 <= 1
    arm = np.hypot(x - 120, y + 10) <= 25
    body = find_body(ct(grid, np.where(trunk | arm, 40, -1000).astype(np.int16)))
    assert body.inside[arm].mean() > 0.98


def test_a_fine_scan_gives_the_same_body():
    """Half the voxel size, where table and tubes are found on every second voxel."""
    grid, hu, trunk, _ = scan((16, 220, 240), 1.0)
    body = find_body(ct(grid, hu))
    assert (body.inside ^ trunk).sum() / trunk.sum() < 0.03
    assert not body.inside[:, :40].any()


def test_a_scan_that_is_all_metal_is_refused():
    grid, hu, trunk, _ = scan()
    hu[trunk] = 3000
    with pytest.raises(InputError, match="metal"):
        find_body(ct(grid, hu))


@pytest.mark.parametrize(("hu_of_layer", "noise"), [(-350, 60), (-300, 40)])
@pytest.mark.parametrize("gap_mm", [0, 6])
def test_a_dense_blanket_is_not_skin(hu_of_layer, noise, gap_mm):
    """14 mm of folded blanket on the front of the trunk, denser than the threshold of air, with and without a gap."""
    grid, hu, _, (x, y) = scan()
    # Distance from an ellipse, to first order: (norm - 1) over the norm's gradient.
    norm = np.sqrt((x / 80) ** 2 + (y / 55) ** 2)
    away = (norm - 1) * norm / np.maximum(np.hypot(x / 80**2, y / 55**2), 1e-9)
    layer = (away > gap_mm) & (away < gap_mm + 14) & (y > 0)
    hu[layer] = np.round(hu_of_layer + np.random.default_rng(6).normal(scale=noise, size=layer.sum()))
    body = find_body(ct(grid, hu))
    # Two voxels and what the smoothing may take or leave, one voxel.
    assert away[body.skin & (y > 10)].max() < 6.0 + 1e-6
    assert (body.skin & (y > 10)).any()
