"""Linear samples between voxels: a linear function is met exactly, also on a turned and stretched raster."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from BoneAblationPlannerLib.anatomy.lesion.sampling import over_grid, values_and_slopes

SHAPE = (9, 10, 11)
SLOPE = np.array([3.0, -2.0, 0.5])


def ramp(index):
    """Values of a linear function at fractional indices (3, ...)."""
    return 7.0 + np.tensordot(SLOPE, index, axes=1)


@pytest.fixture
def volume():
    return ramp(np.indices(SHAPE).astype(float)).astype(np.float32)


def test_values_and_slopes_within(volume):
    index = np.random.default_rng(1).uniform(1, 2, (3, 200)) * (np.array(SHAPE)[:, None] - 2) / 2
    values, slopes = values_and_slopes(volume, index)
    np.testing.assert_allclose(values, ramp(index), atol=1e-4)
    np.testing.assert_allclose(slopes, np.tile(SLOPE, (200, 1)), atol=1e-4)


def test_beyond_the_faces_lies_the_nearest_voxel(volume):
    index = np.random.default_rng(2).uniform(-6, 16, (3, 200))
    last = np.array(SHAPE)[:, None] - 1
    values, slopes = values_and_slopes(volume, index)
    np.testing.assert_allclose(values, ramp(np.clip(index, 0, last)), atol=1e-4)
    ahead, behind = (np.clip(index + side, 0, last) for side in (1, -1))
    np.testing.assert_allclose(slopes, (SLOPE[:, None] * (ahead - behind) / 2).T, atol=1e-4)


@pytest.mark.parametrize("outside", [None, -3.0])
def test_a_turned_and_stretched_raster(volume, outside):
    step = Rotation.from_euler("xyz", [15, -30, 40], degrees=True).as_matrix() @ np.diag([0.5, 0.9, 1.3])
    first, shape = np.array([-1.0, 2.0, 1.5]), (8, 7, 6)
    index = first[:, None, None, None] + np.tensordot(step, np.indices(shape).astype(float), axes=1)
    last = (np.array(SHAPE) - 1.0)[:, None, None, None]
    within = ((index >= 0) & (index <= last)).all(axis=0)
    assert within.any()
    assert not within.all()
    expected = ramp(np.clip(index, 0, last))
    if outside is not None:
        expected = np.where(within, expected, outside)
    np.testing.assert_allclose(over_grid(volume, first, step, shape, outside), expected, atol=1e-4)
