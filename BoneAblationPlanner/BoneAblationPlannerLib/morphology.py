"""Morphology of masks in millimetres, on anisotropic grids, through exact distances."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.compute import inlined, parallel_kernel, prange
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.regions import bounding_region

Spacing = NDArray[np.float64]


def _near(mask: NDArray[np.bool_], distance: float, spacing: Spacing) -> NDArray[np.bool_]:
    """Voxels within a distance of a mask, computed on the mask's padded bounding box."""
    found = np.zeros_like(mask)
    box = bounding_region(mask)
    if box is None:
        return found
    pad = np.ceil(distance / np.asarray(spacing)).astype(int) + 1
    region = tuple(slice(max(s.start - p, 0), min(s.stop + p, n)) for s, p, n in zip(box, pad, mask.shape, strict=True))
    reach = distance + 1e-4
    found[region] = distance_mm(mask[region], spacing, reach) <= reach
    return found


def dilate(mask: NDArray[np.bool_], radius_mm: float, spacing_kji_mm: Spacing) -> NDArray[np.bool_]:
    """Add every voxel whose centre lies within `radius_mm` of a true voxel's centre."""
    return _near(mask, radius_mm, spacing_kji_mm)


def erode(mask: NDArray[np.bool_], radius_mm: float, spacing_kji_mm: Spacing) -> NDArray[np.bool_]:
    """Remove every voxel whose centre lies within `radius_mm` of a false voxel's; the image's edge does not erode."""
    return mask & ~_near(~mask, radius_mm, spacing_kji_mm)


def opened(mask: NDArray[np.bool_], radius_mm: float, spacing_kji_mm: Spacing) -> NDArray[np.bool_]:
    """Remove what is thinner than twice the radius."""
    return dilate(erode(mask, radius_mm, spacing_kji_mm), radius_mm, spacing_kji_mm)


def closed(mask: NDArray[np.bool_], radius_mm: float, spacing_kji_mm: Spacing) -> NDArray[np.bool_]:
    """Fill gaps that are narrower than twice the radius."""
    return erode(dilate(mask, radius_mm, spacing_kji_mm), radius_mm, spacing_kji_mm) | mask


def large_components(mask: NDArray[np.bool_], smallest_voxels: float) -> NDArray[np.bool_]:
    """Drop 6-connected components of fewer voxels."""
    parts = find_components(mask)
    return parts.mask(parts.voxels() >= max(smallest_voxels, 1))


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what no path over faces of false voxels connects with the grid's edge."""
    background = find_components(~mask)
    return mask | background.mask(~(background.at_sides() | background.at_ends()))


def filled_slices(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill holes slice by slice along k."""
    background = find_components(~mask, across_slices=False)
    return mask | background.mask(~background.at_sides())


def with_neighbours(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask (k, j, i) and every voxel that shares a face with one of its voxels."""
    grown = np.empty(mask.shape, dtype=bool)
    _with_neighbours(np.ascontiguousarray(mask).view(np.uint8), grown.view(np.uint8))
    return grown


@parallel_kernel
def _with_neighbours(mask, grown):  # type: ignore[no-untyped-def]
    nk, nj, ni = mask.shape
    for k in prange(nk):
        for j in range(nj):
            row = grown[k, j]
            row[:] = mask[k, j]
            _add(row[1:], mask[k, j, : ni - 1])
            _add(row[: ni - 1], mask[k, j, 1:])
            if j > 0:
                _add(row, mask[k, j - 1])
            if j < nj - 1:
                _add(row, mask[k, j + 1])
            if k > 0:
                _add(row, mask[k - 1, j])
            if k < nk - 1:
                _add(row, mask[k + 1, j])


@inlined
def _add(row, other):  # type: ignore[no-untyped-def]
    for i in range(len(row)):
        row[i] |= other[i]
