"""Density and texture of every voxel, and which of these are seen where.

Voxels on a blurred edge take the density of the side they are nearer to, so that the half-way density separates both
tissues. Texture is the spread among alike neighbours: it tells even tumour from dark marrow with struts.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred, gradient_size
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange

SMOOTH_MM = 0.3
EDGE_MM = 0.8
ALIKE_HU = np.float32(150.0)
HU_FROM, HU_BIN, HU_BINS = -300.0, 20.0, 100
SPREAD_BIN, SPREAD_BINS = 0.45, 12
"""Of the natural logarithm of the spread in HU, from 0."""
BLUR_BINS = (1.6, 1.0)
SOFT_HU = (-30.0, 120.0)
SOFT_WITHIN_MM = 30.0
FEWEST_SOFT = 200
UNKNOWN_NOISE = 20.0
"""Gradient of noise, HU per mm, where no soft tissue shows it."""
EDGE_NOISES = 2.5
EDGE_HU_PER_MM = 10.0
STEP_NOISES = 6.0


class Tissue:
    """Bins of density and texture, and how cheap it is for a region's surface to pass through a voxel.

    Parameters
    ----------
    near : Neighbourhood

    Attributes
    ----------
    hu : (k, j, i) float32
        Density with sharpened edges.
    wall : (k, j, i) float32
        1 in even tissue, towards 0 on edges.
    """

    def __init__(self, near: Neighbourhood) -> None:
        smooth = blurred(near.hu, SMOOTH_MM / VOXEL_MM)
        gradient = gradient_size(near.hu, EDGE_MM / VOXEL_MM) / VOXEL_MM
        soft = (near.radius_mm < SOFT_WITHIN_MM) & near.seen & ~near.bone
        soft &= (near.hu > SOFT_HU[0]) & (near.hu < SOFT_HU[1])
        noise = float(np.median(gradient[soft])) if soft.sum() > FEWEST_SOFT else UNKNOWN_NOISE
        self.hu: NDArray[np.float32] = sharpened(smooth, np.float32(STEP_NOISES * noise))
        edge = gradient / (EDGE_NOISES * noise + EDGE_HU_PER_MM)
        self.wall: NDArray[np.float32] = (1 / (1 + edge**2)).astype(np.float32)
        spread = blurred(_spread(self.hu, ALIKE_HU), 0.8)
        density = np.clip((self.hu - HU_FROM) / HU_BIN, 0, HU_BINS - 1).astype(np.int32)
        texture = np.clip(np.log(np.maximum(spread, 1.0)) / SPREAD_BIN, 0, SPREAD_BINS - 1).astype(np.int32)
        self.bins = density * SPREAD_BINS + texture

    def share(self, where: NDArray[np.bool_], weight: NDArray[np.floating]) -> NDArray[np.float64]:
        """Smoothed share (B,) of each bin among weighted voxels; sums to 1, or is 0 where there are none."""
        return smoothed_share(self.bins, where, weight, (HU_BINS, SPREAD_BINS), BLUR_BINS)


def smoothed_share(
    bins: NDArray[np.int32],
    where: NDArray[np.bool_],
    weight: NDArray[np.floating],
    shape: tuple[int, ...],
    blur: tuple[float, ...],
) -> NDArray[np.float64]:
    """Share (B,) of each bin among weighted voxels, blurred over a table of bins of that shape; sums to 1 or 0."""
    count = np.zeros(int(np.prod(shape)))
    _add_weights(bins.ravel(), where.ravel(), weight.ravel(), count)
    smooth = ndimage.gaussian_filter(count.reshape(shape), blur, mode="constant").ravel()
    shares: NDArray[np.float64] = smooth / max(float(smooth.sum()), 1e-9)
    return shares


@kernel
def _add_weights(bins, where, weight, count):  # type: ignore[no-untyped-def]
    for n in range(len(bins)):
        if where[n]:
            count[bins[n]] += weight[n]


@parallel_kernel
def sharpened(hu, least):  # type: ignore[no-untyped-def]
    """Each voxel takes the smallest or largest of its 26 neighbours, whichever is nearer, if these differ enough.

    Toggle mapping: Kramer and Bruckner, Iterations of a non-linear transformation for enhancement of digital images,
    1975.
    """
    nk, nj, ni = hu.shape
    out = hu.copy()
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                low, high = hu[k, j, i], hu[k, j, i]
                for a in range(max(k - 1, 0), min(k + 2, nk)):
                    for b in range(max(j - 1, 0), min(j + 2, nj)):
                        for c in range(max(i - 1, 0), min(i + 2, ni)):
                            low = min(low, hu[a, b, c])
                            high = max(high, hu[a, b, c])
                if high - low > least:
                    out[k, j, i] = high if high - hu[k, j, i] < hu[k, j, i] - low else low
    return out


@parallel_kernel
def _spread(hu, alike):  # type: ignore[no-untyped-def]
    """Standard deviation among the 26 neighbours that are alike and the voxel itself."""
    nk, nj, ni = hu.shape
    out = np.empty_like(hu)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                total, square, count = 0.0, 0.0, 0
                for a in range(max(k - 1, 0), min(k + 2, nk)):
                    for b in range(max(j - 1, 0), min(j + 2, nj)):
                        for c in range(max(i - 1, 0), min(i + 2, ni)):
                            off = hu[a, b, c] - hu[k, j, i]
                            if abs(off) < alike:
                                total += off
                                square += off * off
                                count += 1
                out[k, j, i] = np.sqrt(max(square / count - (total / count) ** 2, 0.0))
    return out
