"""Voxels that look like what surrounds the click: soft tissue, chunks of dense bone, or both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope
from BoneAblationPlannerLib.anatomy.lesion.evidence import calm
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.morphology import opened

BALL_MM = 7.0
CLICK_MM = 5.0
SMALLEST_SHARE = 0.15
SOFT_HU = (-30.0, 150.0)
DENSE_ABOVE_HU = 350.0
CORTEX_HALF_MM = 2.2
"""Dense bone thicker than twice this is not cortex."""
SOFT_BAND_HU = (35.0, 70.0)
DENSE_BAND_HU = (150.0, 230.0)
SOFT_TEXTURE, DENSE_TEXTURE = 1.2, 1.0
"""How much rougher than at the click a voxel may be, as a difference of logarithms."""
EVEN_SOFT, EVEN_DENSE = 2.3, 3.0
NORMAL_FROM_MM = 20.0
NORMAL_DEPTH_MM = 4.0
NORMAL_UNKNOWN_HU = 220.0
"""Trabecular bone where none is left to measure."""
EDGE_MM = 0.6


@dataclass(frozen=True)
class _Band:
    dense: bool
    centre_hu: float
    half_hu: float


@dataclass(frozen=True, eq=False)
class Likeness:
    """`mask` (k, j, i) bool of voxels like the click's surroundings, `around_click`, and the bands found there."""

    mask: NDArray[np.bool_]
    around_click: NDArray[np.bool_]
    bands: tuple[_Band, ...]

    def rim(self, near: Neighbourhood, depth_mm: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Voxels nearer in density to the lesion than to normal bone: what a lesion's blurred edge is made of."""
        hu = ndimage.gaussian_filter(near.hu, EDGE_MM / VOXEL_MM)
        far = (near.radius_mm > NORMAL_FROM_MM) & near.bone & (depth_mm > NORMAL_DEPTH_MM) & near.seen
        normal = float(np.median(hu[far])) if far.sum() > 50 else NORMAL_UNKNOWN_HU
        rim = np.zeros(hu.shape, dtype=bool)
        for band in self.bands:
            if band.dense:
                rim |= (hu > (normal + band.centre_hu) / 2) & (hu < band.centre_hu + 1.5 * band.half_hu)
            else:
                rim |= np.abs(hu - band.centre_hu) < max(band.half_hu, (normal - band.centre_hu) / 2)
        return rim


def likeness(near: Neighbourhood, envelope: Envelope) -> Likeness:
    """Learn density and texture of soft and dense parts from 7 mm around the click and find them everywhere."""
    hu, spread = calm(near.hu)
    ball = (near.radius_mm < BALL_MM) & near.seen & ((envelope.belief > 0.3) | (near.radius_mm < 2.5))
    soft = (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])
    dense = opened(hu > DENSE_ABOVE_HU, CORTEX_HALF_MM, np.full(3, VOXEL_MM))
    size = max(int(ball.sum()), 1)
    dense_share, soft_share = (dense & ball).sum() / size, (soft & ball).sum() / size
    mask = np.zeros(hu.shape, dtype=bool)
    bands = []
    if (soft_share > SMALLEST_SHARE or dense_share <= SMALLEST_SHARE) and (soft & ball).any():
        band = _band(hu[soft & ball], False, 2.5, SOFT_BAND_HU)
        roughest = max(float(np.median(spread[soft & ball])), EVEN_SOFT) + SOFT_TEXTURE
        mask |= (np.abs(hu - band.centre_hu) < band.half_hu) & (spread < roughest)
        bands.append(band)
    if dense_share > SMALLEST_SHARE:
        band = _band(hu[dense & ball], True, 3.0, DENSE_BAND_HU)
        roughest = max(float(np.median(spread[dense & ball])), EVEN_DENSE) + DENSE_TEXTURE
        mask |= (np.abs(hu - band.centre_hu) < band.half_hu) & dense & (spread < roughest)
        bands.append(band)
    return Likeness(mask, ball & (near.radius_mm < CLICK_MM), tuple(bands))


def _band(values: NDArray[np.float32], dense: bool, widths: float, limits: tuple[float, float]) -> _Band:
    """Median and a half-width from the median absolute deviation, within limits."""
    centre = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - centre)))
    return _Band(dense, centre, float(np.clip(widths * spread, *limits)))
