"""From the click to the lesion on the even grid.

What is normal is measured farther away, apart for soft tissue, the bone's surface layer and its inside; what the lesion
is made of, around the click and then inside the last outline. Each turn weighs both against each other in every voxel,
cuts out the region with the most evidence (`cut`), keeps its compact body (`shape`) and measures again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.cut import best_region
from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood, depth_mm
from BoneAblationPlannerLib.anatomy.lesion.opposite import Opposite
from BoneAblationPlannerLib.anatomy.lesion.shape import Ellipsoid, body_at_click, first_ellipsoid, fitted_ellipsoid
from BoneAblationPlannerLib.anatomy.lesion.tissue import HU_BINS, SPREAD_BINS, Tissue, smoothed_share

TURNS = 4
STILL_SHARE = 0.02
SEARCH_MM = 32.0
SOFT, SURFACE, INSIDE = 0, 1, 2
SURFACE_MM = 3.0
"""Nearer to the bone's outer surface, normal bone is cortex."""
SOFT_WITHIN_MM = 12.0
FIRST_MM, FIRST_FALL_MM = 10.0, 7.0
"""The first samples: this far around the click, with weights that fall off."""
CLICK_MM, CLICK_SHARE, LATER_CLICK_SHARE = 2.5, 0.1, 0.3
NORMAL_FROM_MM, NORMAL_RADII, NORMAL_GAP = 14.0, 1.3, 4
NORMAL_FALL_MM = 30.0
FEWEST_NORMAL, FEWEST_OTHER, FEWEST_CORE = 150, 50, 100
LEFT_NORMAL = 0.3
"""Of a layer's largest sample, how much must be left for a new measurement: a thin rest is its edge, not its kind."""
SOFT_PART_WEIGHT = 0.3
ANCHOR = 0.7
"""Share of the first samples in later turns, so that an outline that went wrong does not teach what is lesion."""
UNSEEN_LESION, UNSEEN_NORMAL = 0.12, 0.05
MOST_FOR, MOST_AGAINST = 2.0, 1.5
OUTSIDE_BONE, OUTSIDE_KNOWN_BONE, OUTSIDE_BONE_PER_MM, MOST_OUTSIDE_BONE = 0.2, -0.2, -0.1, 1.0
"""Evidence that is added beyond the bone's surface: for the lesion where that surface is only estimated and a
soft-tissue part looks nearly as muscle, against it where the other side shows how far the bone went."""
UNSURE_BONE = -1.0
POOLED, POOLED_MM, POOLED_GAIN = 0.4, 3.0, 1.3
"""Part of the evidence that a voxel takes from its surroundings: a mixed lesion is a patchwork."""
COMPACT, COMPACT_REACH = 3.0, 1.5
INNER = 1.0
"""Evidence for the middle of the ellipsoid, which falls to 0 on its surface."""
SURE_MM, SURE = 2.0, 1.0
NOWHERE, MARKED = -2.0, 5.0
GAS_BELOW_HU = -250.0
OPPOSITE_WEIGHT = 0.5
"""Of the evidence from the other side: it is partly the same evidence again."""
FEWEST_COMPARED = 30
DIFFERENCE_BLUR_MM, DIFFERENCE_BIN_HU, DIFFERENCE_BINS, DIFFERENCE_BLUR_BINS = 0.6, 25.0, 50, 1.5
EDGE = 0.5


@dataclass(frozen=True, eq=False)
class Grown:
    """The lesion (k, j, i) bool, and how alike it is to normal bone: 0 nothing in common, 1 the same."""

    mask: NDArray[np.bool_]
    alike_normal: float


class _Growth:
    """One click's measurements, kept over the turns."""

    def __init__(
        self, near: Neighbourhood, envelope: Envelope, marks: NDArray[np.float32], opposite: Opposite | None
    ) -> None:
        self.near, self.envelope, self.marks = near, envelope, marks
        self.tissue = Tissue(near)
        self.inside = envelope.inside & near.seen
        self.depth = depth_mm(self.inside)
        self.layer = np.where(self.depth <= 0, SOFT, np.where(self.depth < SURFACE_MM, SURFACE, INSIDE))
        self.first_weight = np.exp(-((near.radius_mm / FIRST_FALL_MM) ** 2) / 2)
        self.normal_weight = np.exp(-((near.radius_mm / NORMAL_FALL_MM) ** 2))
        self.anchor: NDArray[np.float64] | None = None
        self.normals: dict[int, NDArray[np.float64]] = {}
        self.most_normal: dict[int, int] = {}
        self.compared = None if opposite is None else self.inside & opposite.known
        self.difference = None if opposite is None else _difference_bins(near.hu, opposite.hu)
        self.difference_anchor: NDArray[np.float64] | None = None
        half = int(SEARCH_MM / VOXEL_MM) + 1
        self.part = (slice(near.middle - half, near.middle + half + 1),) * 3
        self.membership = np.zeros((2 * half + 1,) * 3, dtype=np.float32)

    def start(self) -> NDArray[np.bool_]:
        """A ball around the click, of what was bone if that is enough."""
        ball = (self.near.radius_mm < FIRST_MM) & self.near.seen
        return ball & self.inside if (ball & self.inside).sum() >= 30 else ball

    def evidence(self, estimate: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Log-likelihood ratio of lesion to normal tissue of the same layer, (k, j, i), clipped."""
        normals = self._normals(estimate)
        lesion = (1 - UNSEEN_LESION) * self._lesion(estimate) + UNSEEN_LESION / (HU_BINS * SPREAD_BINS)
        score = np.zeros(self.near.hu.shape)
        for layer, normal in normals.items():
            here = self.layer == layer
            usual = (1 - UNSEEN_NORMAL) * normal + UNSEEN_NORMAL / (HU_BINS * SPREAD_BINS)
            score[here] = np.log(lesion / usual)[self.tissue.bins[here]]
        score += OPPOSITE_WEIGHT * self._unlike_opposite(estimate)
        return np.clip(score, -MOST_AGAINST, MOST_FOR)

    def _unlike_opposite(self, estimate: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Log-likelihood ratio of the difference to the other side in the lesion to that in normal bone."""
        score = np.zeros(estimate.shape)
        if self.compared is None or self.difference is None:
            return score
        first = self.difference_anchor is None
        normal = self.compared & (self.near.radius_mm > NORMAL_FROM_MM)
        if not first:
            normal &= ~ndimage.binary_dilation(estimate, iterations=NORMAL_GAP)
        held = estimate & self.compared
        if normal.sum() < FEWEST_NORMAL or held.sum() < FEWEST_COMPARED:
            return score
        size, blur = (DIFFERENCE_BINS,), (DIFFERENCE_BLUR_BINS,)
        weight = self.first_weight if first else np.ones(estimate.shape, dtype=np.float32)
        lesion = smoothed_share(self.difference, held, weight, size, blur)
        if self.difference_anchor is None:
            self.difference_anchor = lesion
        lesion = (1 - ANCHOR) * lesion + ANCHOR * self.difference_anchor
        usual = smoothed_share(self.difference, normal, self.normal_weight, size, blur)
        lesion = (1 - UNSEEN_LESION) * lesion + UNSEEN_LESION / DIFFERENCE_BINS
        usual = (1 - UNSEEN_NORMAL) * usual + UNSEEN_NORMAL / DIFFERENCE_BINS
        score[self.compared] = np.log(lesion / usual)[self.difference[self.compared]]
        return np.clip(score, -MOST_AGAINST, MOST_FOR)

    def placed(self, score: NDArray[np.float64], ellipsoid: Ellipsoid) -> NDArray[np.float32]:
        """Evidence together with where it lies: bone or not, compact or not, pooled, marked by the user."""
        near, belief = self.near, self.envelope.belief
        outside = OUTSIDE_BONE if self.compared is None else OUTSIDE_KNOWN_BONE
        outer = np.minimum(score, MOST_OUTSIDE_BONE) + outside + OUTSIDE_BONE_PER_MM * np.maximum(-self.depth, 0)
        score = np.where((self.layer == SOFT) & ~near.bone, outer, score)
        unsure = belief * score + (1 - belief) * UNSURE_BONE
        score = np.where(self.inside & ~near.bone, np.minimum(score, unsure), score)
        pooled = ndimage.gaussian_filter(np.where(self.inside, score, UNSURE_BONE), POOLED_MM / VOXEL_MM)
        score = (1 - POOLED) * score + POOLED * POOLED_GAIN * pooled
        reach = ellipsoid.reach(score.shape)
        score = score - COMPACT * np.clip(reach - 1, 0, COMPACT_REACH) + INNER * np.clip(1 - reach, 0, 1)
        score[~near.seen | (near.hu < GAS_BELOW_HU)] = NOWHERE
        at_click = near.radius_mm < SURE_MM
        score[at_click] = np.maximum(score[at_click], SURE)
        score[self.marks > 0] = MARKED
        score[self.marks < 0] = -MARKED
        return score.astype(np.float32)

    def region(self, score: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Best region of the score near the click, without what hangs on by a neck."""
        wall = self.tissue.wall[self.part]
        self.membership = best_region(
            np.ascontiguousarray(score[self.part]), np.ascontiguousarray(wall), self.membership
        )
        region = np.zeros(score.shape, dtype=bool)
        region[self.part] = self.membership > EDGE
        return body_at_click(region, self.near) if region.any() else region

    def alike_normal(self, mask: NDArray[np.bool_]) -> float:
        """Overlap of the bins in the mask and in normal bone of the same layers (Bhattacharyya coefficient)."""
        normals = self._normals(mask)
        even = np.ones(mask.shape, dtype=np.float32)
        overlap, amount = 0.0, 0
        for layer in (SURFACE, INSIDE):
            part = mask & (self.layer == layer)
            if part.any() and layer in normals:
                overlap += float(np.sqrt(self.tissue.share(part, even) * normals[layer]).sum()) * int(part.sum())
                amount += int(part.sum())
        return overlap / amount if amount else 0.0

    def _normals(self, estimate: NDArray[np.bool_]) -> dict[int, NDArray[np.float64]]:
        """Shares of bins in each layer away from the estimate; what was measured before where too little is left."""
        near = self.near
        far = near.seen & (near.radius_mm > NORMAL_FROM_MM)
        if self.anchor is not None:
            radius = float(np.cbrt(3 * estimate.sum() / (4 * np.pi))) * VOXEL_MM
            far &= (near.radius_mm > radius * NORMAL_RADII) & ~ndimage.binary_dilation(estimate, iterations=NORMAL_GAP)
        for layer in (SOFT, SURFACE, INSIDE):
            source = far & (self.layer == layer) & (self.depth > -SOFT_WITHIN_MM)
            if source.sum() < FEWEST_NORMAL and layer != SOFT and layer not in self.normals:
                source = far & self.inside
            count = int(source.sum())
            if count >= max(FEWEST_OTHER, LEFT_NORMAL * self.most_normal.get(layer, 0)):
                self.most_normal[layer] = max(count, self.most_normal.get(layer, 0))
                self.normals[layer] = self.tissue.share(source, self.normal_weight)
        return self.normals

    def _lesion(self, estimate: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Share (B,) of each bin in the lesion: what the estimate and the click itself hold."""
        first = self.anchor is None
        core = ndimage.binary_erosion(estimate)
        core = estimate if first or core.sum() <= FEWEST_CORE else core
        weight = np.where(self.layer == SOFT, SOFT_PART_WEIGHT, 1.0) * (self.first_weight if first else 1.0)
        click = self.near.radius_mm < CLICK_MM
        most, least = float(weight[core].sum()), float(self.first_weight[click].sum())
        at_click = max(least, CLICK_SHARE * most) * (1.0 if first else LATER_CLICK_SHARE)
        lesion = most * self.tissue.share(core, weight) + at_click * self.tissue.share(click, self.first_weight)
        lesion /= most + at_click
        if self.anchor is None:
            self.anchor = lesion
        return (1 - ANCHOR) * lesion + ANCHOR * self.anchor


def _difference_bins(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.int32]:
    """Bin of the density's difference to the other side."""
    off = ndimage.gaussian_filter(here - there, DIFFERENCE_BLUR_MM / VOXEL_MM)
    index = np.clip(off / DIFFERENCE_BIN_HU + DIFFERENCE_BINS / 2, 0, DIFFERENCE_BINS - 1)
    return np.asarray(index, dtype=np.int32)


def grown(
    near: Neighbourhood, envelope: Envelope, marks: NDArray[np.float32], opposite: Opposite | None = None
) -> Grown:
    """Outline on the even grid; empty where nothing holds together at the click.

    Parameters
    ----------
    marks : (k, j, i) float32
        Above 0 where the user drew inside, below 0 where outside.
    opposite : Opposite or None
        The patient's other side, where the scan shows it.
    """
    growth = _Growth(near, envelope, marks, opposite)
    estimate, ellipsoid = growth.start(), first_ellipsoid(near)
    for turn in range(TURNS):
        found = growth.region(growth.placed(growth.evidence(estimate), ellipsoid))
        if not found.any():
            return Grown(found, 1.0)
        still = turn > 0 and (found != estimate).sum() < STILL_SHARE * found.sum()
        estimate = found
        if still:
            break
        ellipsoid = fitted_ellipsoid(estimate)
    mask = np.asarray(ndimage.binary_fill_holes(estimate), dtype=bool)
    return Grown(mask, growth.alike_normal(mask))
