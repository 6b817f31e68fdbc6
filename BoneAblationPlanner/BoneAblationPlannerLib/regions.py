"""Smallest boxes that hold a mask or each label of a map: what is small in a large scan is worked on in its box."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange

Region = tuple[slice, slice, slice]
"""Slices in k, j, i."""


def bounding_region(mask: NDArray[np.bool_]) -> Region | None:
    """Smallest slices (k, j, i) that hold every true voxel, or None for an empty mask."""
    held = np.flatnonzero(mask.any(axis=(1, 2)))
    if held.size == 0:
        return None
    k = slice(int(held[0]), int(held[-1]) + 1)
    j, i = (np.flatnonzero(mask[k].any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return (k, slice(int(j[0]), int(j[-1]) + 1), slice(int(i[0]), int(i[-1]) + 1))


def label_regions(labels: NDArray[np.integer]) -> dict[int, Region]:
    """The same for every label that occurs in a map (k, j, i) of whole numbers; 0 is background."""
    largest = int(labels.max(initial=0))
    # For each slice and label: lowest and highest j, lowest and highest i.
    found = np.empty((labels.shape[0], largest + 1, 4), dtype=np.int32)
    _slice_boxes(labels, found)
    regions = {}
    for value in np.flatnonzero((found[..., 1] >= 0).any(axis=0)):
        slices = np.flatnonzero(found[:, value, 1] >= 0)
        low, high = found[slices, value, 0::2].min(axis=0), found[slices, value, 1::2].max(axis=0)
        k, j, i = (slice(int(a), int(b) + 1) for a, b in zip((slices[0], *low), (slices[-1], *high), strict=True))
        regions[int(value)] = (k, j, i)
    return regions


@parallel_kernel
def _slice_boxes(labels, found):  # type: ignore[no-untyped-def]
    for k in prange(labels.shape[0]):
        boxes = found[k]
        for value in range(boxes.shape[0]):
            boxes[value, 0], boxes[value, 1], boxes[value, 2], boxes[value, 3] = (
                labels.shape[1],
                -1,
                labels.shape[2],
                -1,
            )
        for j in range(labels.shape[1]):
            row = labels[k, j]
            for i in range(row.shape[0]):
                value = row[i]
                if value > 0:
                    boxes[value, 0] = min(boxes[value, 0], j)
                    boxes[value, 1] = j
                    boxes[value, 2] = min(boxes[value, 2], i)
                    boxes[value, 3] = max(boxes[value, 3], i)
