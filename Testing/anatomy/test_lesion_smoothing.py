"""Blur and gradient of volumes: beside scipy's, and on ramps and steps."""

import numpy as np
import pytest
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.smoothing import REACH, blurred, gradient_size


@pytest.fixture
def volume():
    return np.random.default_rng(3).normal(50.0, 100.0, (13, 9, 17)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 2.5, (0.3, 1.1, 2.0)])
def test_blur_is_that_of_scipy(volume, sigma):
    expected = ndimage.gaussian_filter(volume, sigma, mode="nearest", truncate=REACH)
    np.testing.assert_allclose(blurred(volume, sigma), expected, atol=1e-3)


def test_a_mask_is_blurred_as_numbers():
    """A half-space: the blurred step is antisymmetric about its face."""
    mask = np.zeros((5, 6, 12), dtype=bool)
    mask[:, :, 6:] = True
    share = blurred(mask, 1.0)
    np.testing.assert_allclose(share + share[:, :, ::-1], 1.0, atol=1e-6)
    assert share.dtype == np.float32


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_gradient_of_a_slanted_ramp_is_its_slope(sigma):
    slope = np.array([3.0, -4.0, 12.0])
    k, j, i = np.indices((21, 21, 21), dtype=np.float64)
    size = gradient_size(slope[0] * k + slope[1] * j + slope[2] * i, sigma)
    inner = (slice(6, -6),) * 3
    np.testing.assert_allclose(size[inner], 13.0, rtol=1e-5)


def test_gradient_beside_scipy(volume):
    """Wide enough that both sample the bell's slope alike."""
    expected = ndimage.gaussian_gradient_magnitude(volume, 2.0, mode="nearest", truncate=REACH)
    got = gradient_size(volume, 2.0)
    assert np.corrcoef(expected.ravel(), got.ravel())[0, 1] > 0.9999
    np.testing.assert_allclose(got.sum() / expected.sum(), 1.0, atol=0.05)
