"""Body and skin on made scans: table, cropped faces, lung and gas are told apart."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


def scan(shape=(40, 110, 120), spacing=2.0, noise=20.0):
    """An elliptic trunk (semi-axes 80 x 55 mm) on a thin table shell with foam in between, air around."""
    grid = Grid(shape, np.diag([spacing, spacing, spacing, 1.0]))
    x, y, _ = (every_point(grid)[:, n].reshape(shape) - c for n, c in zip(range(3), (119, 119, 0), strict=True))
    trunk = (x / 80) ** 2 + (y / 55) ** 2 <= 1
    hu = np.where(trunk, 40.0, -1000.0)
    hu[(y < -57) & (y > -66) & ~trunk] = -850  # mattress
    hu[(y < -66) & (y > -70)] = 150  # table shell
    hu += np.random.default_rng(0).normal(scale=noise, size=shape)
    return grid, np.round(hu).astype(np.int16), trunk, (x, y)


def ct(grid, hu):
    return CtVolume(grid, hu, "made", "0")


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
