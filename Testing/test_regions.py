"""Boxes around masks and labels against every voxel."""

import numpy as np
import pytest

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region, label_regions


def brute_force(mask):
    kji = np.argwhere(mask)
    return tuple(slice(int(a), int(b) + 1) for a, b in zip(kji.min(axis=0), kji.max(axis=0), strict=True))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_boxes_hold_every_voxel_and_no_empty_side(seed, dtype):
    rng = np.random.default_rng(seed)
    labels = np.zeros((9, 12, 15), dtype=dtype)
    for value in (1, 4, 200):
        labels[tuple(rng.integers(0, n, size=3) for n in labels.shape)] = value
    regions = label_regions(labels)
    assert set(regions) == set(np.unique(labels)) - {0}
    for value, region in regions.items():
        assert region == brute_force(labels == value)
        assert bounding_region(labels == value) == region
    # A view that is not contiguous
    part = labels[1:, ::2, 3:]
    assert label_regions(part) == {v: brute_force(part == v) for v in np.unique(part) if v}


def test_nothing_has_no_box():
    empty = np.zeros((3, 4, 5), dtype=bool)
    assert bounding_region(empty) is None
    assert label_regions(empty.view(np.uint8)) == {}


def test_points_of_a_mask_come_in_array_order():
    mask = np.random.default_rng(0).random((6, 7, 8)) < 0.1
    grid = Grid(mask.shape, np.diag([2.0, 3.0, 4.0, 1.0]))
    expected = np.argwhere(mask)[:, ::-1] * [2.0, 3.0, 4.0]
    np.testing.assert_allclose(grid.ras_of_mask(mask), expected)
    assert grid.ras_of_mask(np.zeros_like(mask)).shape == (0, 3)
