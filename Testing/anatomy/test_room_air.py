"""The room's air and gas inside the patient, where the edge of the image cuts the gas open."""

import numpy as np
import pytest
from grids import every_point, oblique_grid
from made_scan import ct, scan
from scipy.spatial import Delaunay

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.room_air import enclosed_by, long_axis
from BoneAblationPlannerLib.frames import Grid

# Two voxels (4 mm) inside the trunk's rim the ellipse's norm is at least (1 - 4 / 55)^2 = 0.86.
RIM = 0.86


def cropped(grid, hu, *arrays, region):
    """A CT of a part of a grid, and arrays cut alike."""
    return ct(grid.crop(region), np.ascontiguousarray(hu[region])), *(array[region] for array in arrays)


@pytest.mark.parametrize("front_mm", [15, 25, 35])
def test_bowel_gas_that_the_crop_cuts_open_is_not_the_room(front_mm):
    """Bare gas in a loop that bulges from the front: a crop through it leaves 90 to 160 ml open to the front face."""
    grid, hu, _, (x, y) = scan()
    loop = (x / 45) ** 2 + ((y - 20) / 22) ** 2 <= 1
    hu[loop] = np.round(-990 + np.random.default_rng(1).normal(scale=20, size=loop.sum()))
    region = (slice(None), slice(0, int((front_mm + 119) / 2) + 1), slice(None))
    scanned, loop, norm = cropped(grid, hu, loop, (x / 80) ** 2 + (y / 55) ** 2, region=region)
    assert loop.sum() * scanned.grid.voxel_ml > 60
    assert loop[:, -1].any()
    body = find_body(scanned)
    assert body.inside[loop].all()
    assert body.gas[loop].mean() > 0.99
    assert body.skin.any()
    assert norm[body.skin].min() > RIM


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_an_emphysematous_lung_that_two_faces_cut_open_is_not_the_room(share):
    """Bullae of bare air fill a share of the lung; the image ends in the lung on one side and below."""
    grid, hu, _, (x, y) = scan()
    lung = (x / 60) ** 2 + (y / 38) ** 2 <= 1
    rng = np.random.default_rng(1)
    bullae = lung & np.repeat(np.repeat(np.repeat(rng.random((10, 22, 24)) < share, 4, 0), 5, 1), 5, 2)
    hu[lung] = np.round(np.where(bullae, -985, -850)[lung] + rng.normal(scale=20, size=lung.sum()))
    body_ct, lung, norm = cropped(
        grid, hu, lung, (x / 80) ** 2 + (y / 55) ** 2, region=(slice(10, None), slice(None), slice(55, None))
    )
    body = find_body(body_ct)
    assert body.inside[lung].all()
    assert norm[body.skin].min() > RIM


def test_air_between_limbs_is_the_room_also_in_a_tight_image():
    """Two thighs of 80 mm, 16 mm apart, with 10 mm of air around them: a third of the air lies between them."""
    grid = Grid((30, 50, 98), np.diag([2.0, 2.0, 2.0, 1.0]))
    x, y = (every_point(grid)[:, n].reshape(grid.shape) - c for n, c in ((0, 97), (1, 49)))
    thigh = np.hypot(np.abs(x) - 48, y) <= 40
    noise = np.random.default_rng(2).normal(scale=15, size=grid.shape)
    body = find_body(ct(grid, np.round(np.where(thigh, 30, -1000) + noise).astype(np.int16)))
    assert (body.inside ^ thigh).sum() / thigh.sum() < 0.05
    assert body.outside[15, 25, 48:50].all()


def test_oblique_grid_gives_the_same_room():
    """A sphere of 60 mm with gas of 36 mm, 20 mm off its centre, on an image that ends in the gas."""
    grid = oblique_grid((60, 90, 90), (2.0, 1.8, 2.4))
    middle = grid.ras_from_ijk([45.0, 45.0, 30.0])[0]
    away = every_point(grid) - middle
    towards = grid.ijk_to_ras[:3, 0] / np.linalg.norm(grid.ijk_to_ras[:3, 0])
    gas = (np.linalg.norm(away + 20 * towards, axis=1) < 36).reshape(grid.shape)
    sphere = (np.linalg.norm(away, axis=1) < 60).reshape(grid.shape)
    hu = np.where(gas, -985, np.where(sphere, 40, -1000)) + np.random.default_rng(3).normal(scale=15, size=grid.shape)
    region = (slice(None), slice(None), slice(35, None))
    assert gas[:, :, 35].any()
    scanned, gas, depth = cropped(
        grid, np.round(hu).astype(np.int16), gas, 60 - np.linalg.norm(away, axis=1).reshape(grid.shape), region=region
    )
    body = find_body(scanned)
    assert body.inside[gas].all()
    # Two of the largest voxel edges.
    assert np.abs(depth[body.skin]).max() < 2 * 2.4


def test_enclosed_is_the_convex_outline():
    """Against the triangulated hull of the voxels' centres, on its own and across another axis."""
    patient = np.zeros((5, 17, 23), dtype=bool)  # one piece a section, which no edge cuts
    patient[:, 5:9, 4:18] = True
    patient[:, 8:14, 6:8] = True
    patient[2, 3:12, 9:12] = True
    enclosed = enclosed_by(patient, 0)
    for section, found in zip(patient, enclosed, strict=True):
        rows, columns = np.indices(section.shape)
        hull = Delaunay(np.argwhere(section))
        expected = hull.find_simplex(np.column_stack([rows.ravel(), columns.ravel()]).astype(float), tol=1e-9) >= 0
        np.testing.assert_array_equal(found, expected.reshape(section.shape))
    turned = np.ascontiguousarray(np.moveaxis(patient, 0, 2))
    np.testing.assert_array_equal(np.moveaxis(enclosed_by(turned, 2), 2, 0), enclosed)


def test_pieces_share_an_outline_only_where_one_edge_cuts_both():
    section = np.zeros((1, 30, 40), dtype=bool)
    section[0, 5:10, 10:30] = section[0, 20:25, 10:30] = True
    np.testing.assert_array_equal(enclosed_by(section, 0), section)
    section[0, 5:10, 30:] = section[0, 20:25, 30:] = True
    assert enclosed_by(section, 0)[0, 5:25, 10:].all()


def test_the_long_axis_is_found_whatever_way_the_image_was_cut():
    assert long_axis(ct(oblique_grid((4, 5, 6), (1.0, 1.0, 5.0)), np.zeros((4, 5, 6), np.int16))) == 0
    sagittal = np.array([[0.0, 0, 3, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    assert long_axis(ct(Grid((4, 5, 6), sagittal), np.zeros((4, 5, 6), np.int16))) == 2
