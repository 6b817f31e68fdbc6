"""A lesion is rather compact: the ellipsoid that a region fills, and the region without what hangs on by a neck."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.morphology import dilate, erode
from BoneAblationPlannerLib.regions import Region, bounding_region

FIRST_RADIUS_MM = 8.0
SMALLEST_RADIUS_MM = 4.0
WIDER, WIDER_MM = 1.1, 0.5
"""The ellipsoid is this much larger than the region it was fitted to, so that the next may grow."""
NECK_MM = 2.5
THINNEST_NECK_MM = 1.2
NECK_STEP_MM = 0.6
MAIN_SHARE = 0.05
"""Of the region, how much must be left after erosion for it to count as its body."""
REGROWN = 1.5


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """Centre (3,) in array order, and the matrix (3, 3) per mm^2 of its quadratic form."""

    centre: NDArray[np.float64]
    form: NDArray[np.float64]

    def reach(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Distance from the centre in radii, (k, j, i): 1 on the surface."""
        a, b, c = (((np.arange(n) - m) * VOXEL_MM).astype(np.float32) for n, m in zip(shape, self.centre, strict=True))
        a, b, c = a[:, None, None], b[None, :, None], c[None, None, :]
        f = self.form.astype(np.float32)
        squared = f[0, 0] * a * a + f[1, 1] * b * b + f[2, 2] * c * c
        squared = squared + 2 * (f[0, 1] * a * b + f[0, 2] * a * c + f[1, 2] * b * c)
        reach: NDArray[np.float32] = np.sqrt(np.maximum(squared, 0))
        return reach


def first_ellipsoid(near: Neighbourhood) -> Ellipsoid:
    """A ball around the click."""
    return Ellipsoid(np.full(3, float(near.middle)), np.eye(3) / FIRST_RADIUS_MM**2)


def fitted_ellipsoid(region: NDArray[np.bool_]) -> Ellipsoid:
    """A little wider than the ellipsoid with the region's moments; an even ellipsoid's variance is radius^2 / 5."""
    index = np.argwhere(region).astype(np.float64)
    variance, axes = np.linalg.eigh(np.cov(index.T) * VOXEL_MM**2)
    radii = np.maximum(np.sqrt(5 * np.maximum(variance, 0)), SMALLEST_RADIUS_MM)
    radii = radii * WIDER + WIDER_MM
    return Ellipsoid(index.mean(axis=0), axes @ np.diag(1 / radii**2) @ axes.T)


def body_at(region: NDArray[np.bool_], place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part of a region that meets a place, cut off at necks; as thin a neck as leaves a body."""
    body = np.zeros_like(region)
    if region.any():
        box = box_around(region, 1)
        body[box] = _main_body(region[box], place[box])
    return body


def box_around(mask: NDArray[np.bool_], more: int) -> Region:
    """The mask's box and this many voxels more on every side, within the grid; all of the grid for an empty mask."""
    box = bounding_region(mask) or tuple(slice(0, n) for n in mask.shape)
    k, j, i = (slice(max(s.start - more, 0), min(s.stop + more, n)) for s, n in zip(box, mask.shape, strict=True))
    return (k, j, i)


def _main_body(region: NDArray[np.bool_], place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    spacing = np.full(3, VOXEL_MM)
    neck = NECK_MM
    while neck >= THINNEST_NECK_MM:
        body = _largest_at(erode(region, neck, spacing), place)
        if body.sum() > MAIN_SHARE * region.sum():
            return region & dilate(body, neck * REGROWN, spacing)
        neck -= NECK_STEP_MM
    return _largest_at(region, place)


def _largest_at(region: NDArray[np.bool_], place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(region)
    sizes = np.bincount(labels[place], minlength=count + 1)
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax()) if sizes.any() else np.zeros_like(region)
