"""The bone as it was before part of it was destroyed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion.bridging import bridged
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.opposite import Opposite
from BoneAblationPlannerLib.anatomy.lesion.plate import fit_plate
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred
from BoneAblationPlannerLib.morphology import filled

WALLED_IN = 0.27
"""Share of lines that meet bone on both sides, above which a point lies inside a bone."""
SEARCH_MM = 22.0
CLICK_MM = 6.0
PLATE_RADIUS_MM = 26.0
THICKEST_HALF_MM = 7.0
WALLED_SHARE = 0.6
"""Of the belief in bone, what the walls around a point tell; the rest is what lies on the other side."""
OPPOSITE_BLUR_MM, OPPOSITE_SLOPE = 1.0, 1.5
"""How well the other side's surface is known: its bone fades out over this."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """What was bone: `belief` (k, j, i) float32 from 0 to 1, and whether a plate was carried on across a hole."""

    belief: NDArray[np.float32]
    plate: bool

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Voxels that were rather bone than not."""
        return self.belief > 0.5


def original_bone(near: Neighbourhood, opposite: Opposite | None = None) -> Envelope:
    """Rebuild the bone around the click: as on the other side, else a plate carried on across its hole; and what is
    walled in by bone.
    """
    share, _ = bridged(near.bone, near.radius_mm < SEARCH_MM, VOXEL_MM)
    belief = np.clip(share / WALLED_IN, 0, 1)
    plate = False
    if opposite is not None:
        belief = _as_opposite(belief, opposite)
    elif (belief[near.radius_mm < CLICK_MM] > 0.7).mean() < 0.7:
        carried = _plate_belief(near)
        plate = carried is not None
        if carried is not None:
            belief = np.maximum(np.where(belief < 1, belief * 0.5, 1), carried)
    belief[near.bone] = 1
    solid = filled(belief > 0.5)
    return Envelope(np.where(solid, np.maximum(belief, 0.51), belief).astype(np.float32), plate)


def _as_opposite(belief: NDArray[np.float32], opposite: Opposite) -> NDArray[np.float32]:
    """Bone as on the other side; what is only walled in counts less."""
    there = blurred(opposite.bone, OPPOSITE_BLUR_MM / VOXEL_MM)
    there = np.clip((there - 0.5) * OPPOSITE_SLOPE + 0.5, 0, 1)
    return np.where(opposite.known, np.maximum(there, (1 - WALLED_SHARE) * there + WALLED_SHARE * belief), belief)


def _plate_belief(near: Neighbourhood) -> NDArray[np.float32] | None:
    """Belief in a plate across the click's hole, or None where the bone around it is none."""
    _, tensor = bridged(near.bone, near.radius_mm < CLICK_MM, VOXEL_MM)
    fitted = fit_plate(near.bone, np.full(3, float(near.middle)), tensor, VOXEL_MM) if tensor.any() else None
    if fitted is None or not fitted.trusted or fitted.half_thickness_mm >= THICKEST_HALF_MM:
        return None
    return np.clip(fitted.depth_mm / VOXEL_MM + 0.5, 0, 1) * (near.radius_mm < PLATE_RADIUS_MM)
