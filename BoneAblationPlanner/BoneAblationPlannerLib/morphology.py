"""Morphology of masks in millimetres, on anisotropic grids, through exact distances."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    keep = sizes >= smallest_voxels
    keep[0] = False
    return keep[labels]


def filled_slices(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill holes slice by slice along k."""
    if not mask.any():
        return mask.copy()
    return np.stack([ndimage.binary_fill_holes(layer) if layer.any() else layer for layer in mask])
