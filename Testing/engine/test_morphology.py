"""Morphology in mm against brute-force distances on an anisotropic grid."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.morphology import (
    closed,
    dilate,
    erode,
    filled,
    filled_slices,
    large_components,
    opened,
    with_neighbours,
)

SPACING = np.array([2.6, 1.1, 0.8])


def random_mask(seed=1, shape=(9, 12, 14), share=0.03):
    return np.random.default_rng(seed).random(shape) < share


def brute_distance(mask):
    points = np.argwhere(np.ones_like(mask)) * SPACING
    return cdist(points, np.argwhere(mask) * SPACING).min(axis=1).reshape(mask.shape)


def test_distance_is_exact():
    mask = random_mask()
    np.testing.assert_allclose(distance_mm(mask, SPACING), brute_distance(mask), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 40), (1, 40, 1), (40, 1, 1), (3, 33, 17), (20, 20, 47)])
@pytest.mark.parametrize("share", [0.002, 0.5])
def test_distance_is_exact_in_any_shape(shape, share):
    mask = random_mask(4, shape, share)
    mask.flat[mask.size // 3] = True
    np.testing.assert_allclose(distance_mm(mask, SPACING), brute_distance(mask), atol=1e-4)


def test_distance_up_to_a_limit_is_exact_and_infinite_beyond():
    mask = random_mask()
    full = brute_distance(mask)
    limited = distance_mm(mask, SPACING, 3.0)
    np.testing.assert_allclose(limited[full <= 3.0], full[full <= 3.0], atol=1e-4)
    assert np.isinf(limited[full > 3.0]).all()


def test_distance_of_a_view_that_is_not_contiguous():
    mask = random_mask(shape=(18, 24, 28))[::2, ::2, ::-2]
    np.testing.assert_allclose(distance_mm(mask, SPACING), brute_distance(mask), atol=1e-4)


def test_distance_with_a_flat_voxel_is_refused():
    with pytest.raises(ValueError, match="spacing_kji_mm"):
        distance_mm(np.ones((3, 3, 3), dtype=bool), np.array([1.0, 0.0, 1.0]))


def test_distance_of_nothing_is_refused():
    with pytest.raises(ValueError, match="empty"):
        distance_mm(np.zeros((3, 3, 3), dtype=bool), SPACING)


@pytest.mark.parametrize("radius", [0.5, 2.0, 3.7])
def test_dilate_and_erode_are_balls_in_mm(radius):
    mask = random_mask()
    np.testing.assert_array_equal(dilate(mask, radius, SPACING), brute_distance(mask) <= radius + 1e-4)
    thick = ~mask
    np.testing.assert_array_equal(erode(thick, radius, SPACING), thick & (brute_distance(~thick) > radius + 1e-4))


def test_opening_shrinks_and_closing_grows():
    mask = random_mask(share=0.4)
    assert not (opened(mask, 1.5, SPACING) & ~mask).any()
    assert not (mask & ~closed(mask, 1.5, SPACING)).any()


def test_closing_joins_a_gap_of_less_than_twice_the_radius():
    mask = np.zeros((1, 1, 30), dtype=bool)
    mask[..., :10] = mask[..., 14:] = True  # four voxels of 0.8 mm: the centres to bridge lie 4.0 mm apart
    assert closed(mask, 2.1, SPACING)[..., 8:16].all()
    assert not closed(mask, 1.5, SPACING)[..., 11:13].any()


def test_empty_masks_stay_empty():
    empty = np.zeros((4, 4, 4), dtype=bool)
    assert not dilate(empty, 3, SPACING).any()
    assert not opened(empty, 3, SPACING).any()
    assert not large_components(empty, 1).any()


def test_components():
    mask = np.zeros((1, 3, 10), dtype=bool)
    mask[0, 0, :2] = mask[0, 2, 4:9] = True
    np.testing.assert_array_equal(large_components(mask, 3).sum(), 5)


@pytest.mark.parametrize("share", [0.01, 0.4])
def test_face_neighbours_are_one_step_away_along_one_axis(share):
    mask = random_mask(7, share=share)
    steps = cdist(np.argwhere(np.ones_like(mask)), np.argwhere(mask), "cityblock").min(axis=1).reshape(mask.shape)
    np.testing.assert_array_equal(with_neighbours(mask), steps <= 1)


def test_a_hollow_is_filled_unless_it_reaches_the_edge():
    index = np.indices((9, 10, 11))
    away = np.abs(index - np.array([4, 5, 5])[:, None, None, None]).max(axis=0)
    shell = away == 3
    np.testing.assert_array_equal(filled(shell), away <= 3)
    opened_up = shell & ~((index[0] == 4) & (index[1] == 5) & (index[2] > 5))
    np.testing.assert_array_equal(filled(opened_up), opened_up)
    at_edge = away == 5  # its hollow is cut by the faces across k
    np.testing.assert_array_equal(filled(at_edge), at_edge)
    # Slice by slice, the opening matters in its own slice only, and the shell's lids are no holes.
    expected = np.where(index[0] == 4, opened_up, (away <= 3) & (np.abs(index[0] - 4) <= 3))
    np.testing.assert_array_equal(filled_slices(opened_up), expected)
