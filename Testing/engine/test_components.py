"""Parts of a mask: the same parts in the same order as scipy finds them voxel by voxel."""

import numpy as np
import pytest
from scipy import ndimage

from BoneAblationPlannerLib.components import find_components

SHAPES = [(1, 1, 1), (1, 5, 7), (7, 1, 9), (8, 9, 1), (3, 4, 5), (20, 21, 22)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.32, 0.6, 1.0])
def test_parts_sizes_and_faces_are_those_of_scipy(shape, share):
    mask = np.random.default_rng(5).random(shape) < share
    labels, count = ndimage.label(mask)
    parts = find_components(mask)
    assert parts.count == count
    np.testing.assert_array_equal(parts.labels(), labels)
    np.testing.assert_array_equal(parts.voxels()[1:], np.bincount(labels.ravel(), minlength=count + 1)[1:])
    assert parts.voxels()[0] == 0
    for found, axes in ((parts.at_sides(), (1, 2)), (parts.at_ends(), (0,))):
        faces = [labels.take(end, axis) for axis in axes for end in (0, -1)]
        reached = set().union(*(np.unique(face).tolist() for face in faces)) - {0}
        assert set(np.flatnonzero(found)) == reached
    kept = np.arange(count + 1) % 2 == 1
    np.testing.assert_array_equal(parts.mask(kept), kept[labels])


def test_within_slices_only():
    mask = np.random.default_rng(6).random((6, 12, 13)) < 0.5
    structure = ndimage.generate_binary_structure(3, 1)
    structure[[0, 2]] = False
    labels, count = ndimage.label(mask, structure)
    parts = find_components(mask, across_slices=False)
    assert parts.count == count
    np.testing.assert_array_equal(parts.labels(), labels)


def test_a_view_that_is_not_contiguous():
    mask = (np.random.default_rng(7).random((12, 14, 16)) < 0.4)[::2, ::-1, ::3]
    np.testing.assert_array_equal(find_components(mask).labels(), ndimage.label(mask)[0])


def test_a_long_way_round_is_one_part():
    """A snake whose ends meet no earlier run but through all the others."""
    mask = np.zeros((3, 41, 30), dtype=bool)
    mask[1, ::2] = True
    mask[1, 1::4, -1] = True
    mask[1, 3::4, 0] = True
    assert find_components(mask).count == 1
