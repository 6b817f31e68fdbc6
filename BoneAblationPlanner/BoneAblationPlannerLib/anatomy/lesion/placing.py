"""What the place of a voxel adds to its evidence: bone or not, compact or not, its surroundings, the user's box."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.shape import Ellipsoid
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred

MOST_OUTSIDE_BONE = 1.0
OUTSIDE_BONE, OUTSIDE_KNOWN_BONE, OUTSIDE_BONE_PER_MM = 0.2, -0.2, -0.1
"""Evidence that is added beyond the bone's surface: for the lesion where that surface is only estimated and a
soft-tissue part looks nearly as muscle, against it where the other side shows how far the bone went."""
UNSURE_BONE = -1.0
POOLED, POOLED_MM, POOLED_GAIN = 0.2, 3.0, 1.3
"""Part of the evidence that a voxel takes from its surroundings: a mixed lesion is a patchwork."""
COMPACT, COMPACT_REACH = 3.0, 1.5
INNER = 1.0
"""Evidence for the middle of the ellipsoid, which falls to 0 on its surface."""
SURE_MM, SURE = 2.0, 1.0
NOWHERE, BARRED = -2.0, -5.0
GAS_BELOW_HU = -250.0


class Placing:
    """What stays the same over the turns, for one part of the neighbourhood.

    Parameters
    ----------
    near : Neighbourhood
    envelope : Envelope
    depth_mm : (k, j, i) float32
        Of the bone as it was before, negative outside.
    barred : (k, j, i) bool
        What the user's box leaves out.
    known_bone : bool
        Whether the other side showed how far the bone went.
    part : three slices
        Of the neighbourhood; scores are given and returned for it.
    """

    def __init__(
        self,
        near: Neighbourhood,
        envelope: Envelope,
        depth_mm: NDArray[np.float32],
        barred: NDArray[np.bool_],
        known_bone: bool,
        part: tuple[slice, slice, slice],
    ) -> None:
        depth, bone, seen = depth_mm[part], near.bone[part], near.seen[part]
        self.first = np.array([s.start for s in part], dtype=np.float64)
        self.belief, self.barred = envelope.belief[part], barred[part]
        self.inside = envelope.inside[part] & seen
        self.beyond = (depth <= 0) & ~bone
        self.rebuilt = self.inside & ~bone
        base = np.float32(OUTSIDE_KNOWN_BONE if known_bone else OUTSIDE_BONE)
        self.outside = base + np.float32(OUTSIDE_BONE_PER_MM) * np.maximum(-depth, 0)
        self.nowhere = ~seen | (near.hu[part] < GAS_BELOW_HU)
        self.at_click = near.radius_mm[part] < SURE_MM

    def placed(self, score: NDArray[np.float32], ellipsoid: Ellipsoid) -> NDArray[np.float32]:
        """Evidence (k, j, i) together with where it lies."""
        score = np.where(self.beyond, np.minimum(score, MOST_OUTSIDE_BONE) + self.outside, score)
        unsure = self.belief * (score - UNSURE_BONE) + UNSURE_BONE
        score = np.where(self.rebuilt, np.minimum(score, unsure), score)
        known = np.where(self.inside, score, np.float32(UNSURE_BONE))
        score = (1 - POOLED) * score + POOLED * POOLED_GAIN * blurred(known, POOLED_MM / VOXEL_MM)
        reach = Ellipsoid(ellipsoid.centre - self.first, ellipsoid.form).reach(score.shape)
        score += INNER * np.clip(1 - reach, 0, 1) - COMPACT * np.clip(reach - 1, 0, COMPACT_REACH)
        score[self.nowhere] = NOWHERE
        score[self.at_click] = np.maximum(score[self.at_click], SURE)
        score[self.barred] = BARRED
        return score
