"""The bone as it was before part of it was destroyed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.bridging import bridged
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.plate import fit_plate

WALLED_IN = 0.27
"""Share of lines that meet bone on both sides, above which a point lies inside a bone."""
SEARCH_MM = 22.0
CLICK_MM = 6.0
PLATE_RADIUS_MM = 26.0
THICKEST_HALF_MM = 7.0


@dataclass(frozen=True, eq=False)
class Envelope:
    """What was bone: `belief` (k, j, i) float32 from 0 to 1, and whether a plate was carried on across a hole."""

    belief: NDArray[np.float32]
    plate: bool

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Voxels that were rather bone than not."""
        return self.belief > 0.5


def original_bone(near: Neighbourhood) -> Envelope:
    """Rebuild the bone around the click: what is walled in by bone, or a plate carried on across its hole."""
    share, _ = bridged(near.bone, near.radius_mm < SEARCH_MM, VOXEL_MM)
    belief = np.clip(share / WALLED_IN, 0, 1)
    click = near.radius_mm < CLICK_MM
    plate = False
    if (belief[click] > 0.7).mean() < 0.7:
        _, tensor = bridged(near.bone, click, VOXEL_MM)
        fitted = fit_plate(near.bone, np.full(3, float(near.middle)), tensor, VOXEL_MM) if tensor.any() else None
        if fitted is not None and fitted.trusted and fitted.half_thickness_mm < THICKEST_HALF_MM:
            carried = np.clip(fitted.depth_mm / VOXEL_MM + 0.5, 0, 1) * (near.radius_mm < PLATE_RADIUS_MM)
            belief = np.maximum(np.where(belief < 1, belief * 0.5, 1), carried)
            plate = True
    belief[near.bone] = 1
    solid = ndimage.binary_fill_holes(belief > 0.5)
    return Envelope(np.where(solid, np.maximum(belief, 0.51), belief).astype(np.float32), plate)
