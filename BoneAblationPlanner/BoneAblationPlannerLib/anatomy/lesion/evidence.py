"""How much a voxel looks like the lesion's tissue and not like the patient's own normal bone.

Tissue is described by its density and by its texture (local mean and local spread), which tells homogeneous tumour
from dark marrow with struts. What is normal is measured in the same bone, near its surface and deeper.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.distance import distance_mm

MEAN_MM = 0.8
TEXTURE_MM = 1.3
HU_RANGE = (-300.0, 1700.0)
HU_BIN = 25.0
SPREAD_RANGE = (1.5, 6.5)
"""Natural logarithm of the local standard deviation in HU."""
SPREAD_BIN = 0.5
BLUR_BINS = (1.6, 1.0)
SHALLOW_MM = 3.0
"""Nearer to the bone's surface, normal bone is cortex."""
UNSEEN_LESION = 0.12
UNSEEN_NORMAL = 0.04
LARGEST = 3.0
EVERYWHERE_MM = 50.0


def calm(hu: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local mean and logarithm of the local spread of `hu`, taken from the calmest neighbour: edges stay sharp."""
    mean = ndimage.gaussian_filter(hu, MEAN_MM / VOXEL_MM)
    wide = ndimage.gaussian_filter(hu, TEXTURE_MM / VOXEL_MM)
    square = ndimage.gaussian_filter(hu * hu, TEXTURE_MM / VOXEL_MM)
    spread = 0.5 * np.log(np.maximum(square - wide * wide, 1.0))
    calmest: tuple[NDArray[np.float32], NDArray[np.float32]] = _calmest(mean, spread)
    return calmest


class Tissue:
    """Density and texture of every voxel as one bin number, and what these bins say."""

    def __init__(self, hu: NDArray[np.float32]) -> None:
        mean, spread = calm(hu)
        self._shape = (round(np.ptp(HU_RANGE) / HU_BIN), round(np.ptp(SPREAD_RANGE) / SPREAD_BIN))
        a = np.clip((mean - HU_RANGE[0]) / HU_BIN, 0, self._shape[0] - 1).astype(np.int32)
        b = np.clip((spread - SPREAD_RANGE[0]) / SPREAD_BIN, 0, self._shape[1] - 1).astype(np.int32)
        self._bin = a * self._shape[1] + b

    def evidence(
        self, lesion: NDArray[np.bool_], normal: NDArray[np.bool_], where: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Log-likelihood ratio at `where`, learned from samples of lesion and of normal tissue."""
        ratio = np.log(self._density(lesion, UNSEEN_LESION) / self._density(normal, UNSEEN_NORMAL))
        return np.clip(ratio, -LARGEST, LARGEST).astype(np.float32)[self._bin[where]]

    def _density(self, where: NDArray[np.bool_], unseen: float) -> NDArray[np.float64]:
        """Smoothed share of each bin among the voxels, mixed with an even share for what was not seen."""
        count = np.bincount(self._bin[where], minlength=self._shape[0] * self._shape[1]).reshape(self._shape)
        smooth = ndimage.gaussian_filter(count.astype(np.float64), BLUR_BINS, mode="constant")
        return (1 - unseen) * smooth.ravel() / max(smooth.sum(), 1e-9) + unseen / count.size


def depth_mm(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance from a mask's surface on the even grid: positive inside, negative outside."""
    spacing = np.full(3, VOXEL_MM)
    if mask.all() or not mask.any():
        return np.full(mask.shape, EVERYWHERE_MM if mask.all() else -EVERYWHERE_MM, dtype=np.float32)
    return distance_mm(~mask, spacing) - distance_mm(mask, spacing)


@parallel_kernel
def _calmest(mean, spread):  # type: ignore[no-untyped-def]
    """Of each voxel and its neighbours, mean and spread where the spread is smallest (Kuwahara)."""
    nk, nj, ni = mean.shape
    best_mean, best_spread = mean.copy(), spread.copy()
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                for a in range(max(k - 1, 0), min(k + 2, nk)):
                    for b in range(max(j - 1, 0), min(j + 2, nj)):
                        for c in range(max(i - 1, 0), min(i + 2, ni)):
                            if spread[a, b, c] < best_spread[k, j, i]:
                                best_spread[k, j, i] = spread[a, b, c]
                                best_mean[k, j, i] = mean[a, b, c]
    return best_mean, best_spread
