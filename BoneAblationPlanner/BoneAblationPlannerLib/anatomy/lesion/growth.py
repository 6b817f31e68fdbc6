"""From the click to the lesion on the even grid.

What is normal is measured farther away, apart for soft tissue, the bone's surface layer and its inside; what the lesion
is made of, around the click and then inside the last outline. Each turn weighs both against each other in every voxel,
adds whether the voxel hangs together with the click or with what lies far off (`paths`), cuts out the region with the
most evidence (`cut`), keeps its compact body (`shape`) and measures again. At last, marks of the user pull the surface
to their side (`marks`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.cut import best_region
from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope
from BoneAblationPlannerLib.anatomy.lesion.figures import kind_of_densities
from BoneAblationPlannerLib.anatomy.lesion.marks import Marks, pulled
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood, depth_mm
from BoneAblationPlannerLib.anatomy.lesion.opposite import Opposite
from BoneAblationPlannerLib.anatomy.lesion.paths import click_or_far
from BoneAblationPlannerLib.anatomy.lesion.placing import Placing
from BoneAblationPlannerLib.anatomy.lesion.shape import body_at, box_around, first_ellipsoid, fitted_ellipsoid
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred
from BoneAblationPlannerLib.anatomy.lesion.tissue import HU_BINS, SPREAD_BINS, Tissue, smoothed_share
from BoneAblationPlannerLib.morphology import filled

TURNS = 4
STILL_SHARE = 0.02
SEARCH_MM = 32.0
SOFT, SURFACE, INSIDE = 0, 1, 2
LAYERS, BINS = 3, HU_BINS * SPREAD_BINS
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
MOST_PATH = 1.0
"""Evidence from the cheapest paths is at most this."""
PATH_BIAS, PATH_RADIUS_MM, PATH_RATE, MOST_PATH_SHIFT = -0.2, 9.5, 1.2, 0.5
"""Half-way between the click and far off is where a lesion of one size ends: the larger the last outline, the farther
from the click the paths tell for the lesion. Chosen on 519 clicks in lesions made in real scans, each at least 25 mm
from those that the benchmark measures: the paths take the mean Dice there from 0.71 to 0.75, in every patient."""
OPPOSITE_WEIGHT = 0.5
"""Of the evidence from the other side: it is partly the same evidence again."""
FEWEST_COMPARED = 30
DIFFERENCE_BLUR_MM, DIFFERENCE_BIN_HU, DIFFERENCE_BINS, DIFFERENCE_BLUR_BINS = 0.6, 25.0, 50, 1.5
EDGE = 0.5
AT_CLICK_MM = 6.0
SOFT_RIM_MM = 0.5 * VOXEL_MM
"""At its rim, a voxel that is half soft lesion and half bone looks like neither and was left out: a lytic or mixed
outline is moved out by half a voxel. An outline that is too small is the one that harms."""


@dataclass(frozen=True, eq=False)
class Grown:
    """The lesion (k, j, i) bool, and how alike it is to normal bone: 0 nothing in common, 1 the same.

    Alike is what the first turn finds: later turns may take in most of an even bone and leave only its edge as normal.
    """

    mask: NDArray[np.bool_]
    alike_normal: float


class _Growth:
    """One click's measurements, kept over the turns."""

    def __init__(self, near: Neighbourhood, envelope: Envelope, marks: Marks, opposite: Opposite | None) -> None:
        self.near, self.marks = near, marks
        self.tissue = Tissue(near)
        self.inside = envelope.inside & near.seen
        self.depth = depth_mm(self.inside)
        self.layer = np.where(self.depth <= 0, SOFT, np.where(self.depth < SURFACE_MM, SURFACE, INSIDE))
        self.first_weight = np.exp(-((near.radius_mm / FIRST_FALL_MM) ** 2) / 2)
        self.normal_weight = np.exp(-((near.radius_mm / NORMAL_FALL_MM) ** 2))
        self.even_weight = np.ones(near.hu.shape, dtype=np.float32)
        self.layer_weight = np.where(self.layer == SOFT, np.float32(SOFT_PART_WEIGHT), np.float32(1))
        self.usual = near.seen & (near.radius_mm > NORMAL_FROM_MM) & (self.depth > -SOFT_WITHIN_MM)
        self.anchor: NDArray[np.float64] | None = None
        self.normals: dict[int, NDArray[np.float64]] = {}
        self.most_normal: dict[int, int] = {}
        self.compared = None if opposite is None else self.inside & opposite.known
        self.difference = None if opposite is None else _difference_bins(near.hu, opposite.hu)
        self.difference_anchor: NDArray[np.float64] | None = None
        half = int(SEARCH_MM / VOXEL_MM) + 1
        self.part = (slice(near.middle - half, near.middle + half + 1),) * 3
        self.placing = Placing(near, envelope, self.depth, marks.barred, opposite is not None, self.part)
        self.path = click_or_far(near, self.part)
        self.wall = np.ascontiguousarray(self.tissue.wall[self.part])
        self.layered_bins = self.layer[self.part] * BINS + self.tissue.bins[self.part]
        self.membership = np.zeros(self.path.shape, dtype=np.float32)

    def start(self) -> NDArray[np.bool_]:
        """A ball around the click, of what was bone if that is enough."""
        ball = (self.near.radius_mm < FIRST_MM) & self.near.seen
        return ball & self.inside if (ball & self.inside).sum() >= 30 else ball

    def evidence(self, estimate: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Log-likelihood ratio of lesion to normal tissue of the same layer, clipped, and what the paths tell.

        For the searched part only.
        """
        first = self.anchor is None
        taken = _widened(estimate)
        ratios = np.zeros((LAYERS, BINS), dtype=np.float32)
        normals = self._normals(estimate, taken)
        lesion = (1 - UNSEEN_LESION) * self._lesion(estimate) + UNSEEN_LESION / BINS
        for layer, normal in normals.items():
            ratios[layer] = np.log(lesion / ((1 - UNSEEN_NORMAL) * normal + UNSEEN_NORMAL / BINS))
        score = ratios.ravel()[self.layered_bins]
        self._add_unlike_opposite(score, estimate, taken)
        shift = 0.0 if first else PATH_RATE * float(np.log(_radius_mm(estimate) / PATH_RADIUS_MM))
        bias = PATH_BIAS + float(np.clip(shift, -MOST_PATH_SHIFT, MOST_PATH_SHIFT))
        return np.clip(score, -MOST_AGAINST, MOST_FOR) + np.clip(self.path + bias, -MOST_PATH, MOST_PATH)

    def _add_unlike_opposite(
        self, score: NDArray[np.float32], estimate: NDArray[np.bool_], taken: NDArray[np.bool_]
    ) -> None:
        """Add the log-likelihood ratio of the difference to the other side in the lesion to that in normal bone."""
        if self.compared is None or self.difference is None:
            return
        first = self.difference_anchor is None
        normal = self.compared & (self.near.radius_mm > NORMAL_FROM_MM)
        if not first:
            normal &= ~taken
        held = estimate & self.compared
        if normal.sum() < FEWEST_NORMAL or held.sum() < FEWEST_COMPARED:
            return
        size, blur = (DIFFERENCE_BINS,), (DIFFERENCE_BLUR_BINS,)
        lesion = smoothed_share(self.difference, held, self.first_weight if first else self.even_weight, size, blur)
        if self.difference_anchor is None:
            self.difference_anchor = lesion
        lesion = (1 - ANCHOR) * lesion + ANCHOR * self.difference_anchor
        usual = smoothed_share(self.difference, normal, self.normal_weight, size, blur)
        lesion = (1 - UNSEEN_LESION) * lesion + UNSEEN_LESION / DIFFERENCE_BINS
        usual = (1 - UNSEEN_NORMAL) * usual + UNSEEN_NORMAL / DIFFERENCE_BINS
        ratio = OPPOSITE_WEIGHT * np.clip(np.log(lesion / usual), -MOST_AGAINST, MOST_FOR)
        compared = self.compared[self.part]
        score[compared] += ratio[self.difference[self.part][compared]].astype(np.float32)

    def region(self, score: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Best region of the score near the click, without what hangs on by a neck."""
        self.membership = best_region(score, self.wall, self.membership)
        region = np.zeros(self.near.hu.shape, dtype=bool)
        region[self.part] = self.membership > EDGE
        body = body_at(region, self.near.radius_mm < AT_CLICK_MM)
        while (apart := region & self.marks.inside & ~body).any():
            body |= body_at(region, apart)
        return body

    def corrected(self, estimate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The outline with the user's marks on the right side of its surface."""
        part, marks = self.part, self.marks
        score = self.placing.placed(self.evidence(estimate), fitted_ellipsoid(estimate))
        rim = rim_mm(self.near.hu[estimate])
        return self.region(pulled(score, estimate[part], marks.inside[part], marks.outside[part], rim))

    def alike_normal(self, mask: NDArray[np.bool_]) -> float:
        """Overlap of the bins in the mask and in normal bone of the same layers (Bhattacharyya coefficient)."""
        normals = self._normals(mask, _widened(mask))
        overlap, amount = 0.0, 0
        for layer in (SURFACE, INSIDE):
            part = mask & (self.layer == layer)
            if part.any() and layer in normals:
                overlap += float(np.sqrt(self.tissue.share(part, self.even_weight) * normals[layer]).sum()) * int(
                    part.sum()
                )
                amount += int(part.sum())
        return overlap / amount if amount else 0.0

    def _normals(self, estimate: NDArray[np.bool_], taken: NDArray[np.bool_]) -> dict[int, NDArray[np.float64]]:
        """Shares of bins in each layer away from the estimate; what was measured before where too little is left."""
        far = self.usual
        if self.anchor is not None:
            far = far & (self.near.radius_mm > _radius_mm(estimate) * NORMAL_RADII) & ~taken
        for layer in range(LAYERS):
            source = far & (self.layer == layer)
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
        core = estimate if first else _core(estimate)
        weight = self.layer_weight * self.first_weight if first else self.layer_weight
        click = self.near.radius_mm < CLICK_MM
        most, least = float(weight[core].sum()), float(self.first_weight[click].sum())
        at_click = max(least, CLICK_SHARE * most) * (1.0 if first else LATER_CLICK_SHARE)
        lesion = most * self.tissue.share(core, weight) + at_click * self.tissue.share(click, self.first_weight)
        lesion /= most + at_click
        if self.anchor is None:
            self.anchor = lesion
        return (1 - ANCHOR) * lesion + ANCHOR * self.anchor


def rim_mm(hu: NDArray[np.float32]) -> float:
    """How far to move the surface out of a region that holds these densities."""
    return 0.0 if kind_of_densities(hu) == "sclerotic" else SOFT_RIM_MM


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its outermost voxels, if enough is left."""
    core = np.zeros_like(mask)
    box = box_around(mask, 1)
    core[box] = ndimage.binary_erosion(mask[box])
    return core if core.sum() > FEWEST_CORE else mask


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and what is too near to it to be normal."""
    wide = np.zeros_like(mask)
    box = box_around(mask, NORMAL_GAP)
    wide[box] = ndimage.binary_dilation(mask[box], iterations=NORMAL_GAP)
    return wide


def _radius_mm(mask: NDArray[np.bool_]) -> float:
    """Radius of the ball of the same volume."""
    return float(np.cbrt(3 * mask.sum() / (4 * np.pi))) * VOXEL_MM


def _difference_bins(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.int32]:
    """Bin of the density's difference to the other side."""
    off = blurred(here - there, DIFFERENCE_BLUR_MM / VOXEL_MM)
    index = np.clip(off / DIFFERENCE_BIN_HU + DIFFERENCE_BINS / 2, 0, DIFFERENCE_BINS - 1)
    return np.asarray(index, dtype=np.int32)


def _without_holes(mask: NDArray[np.bool_], outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its holes filled, but for those that the user marked as outside."""
    box = box_around(mask, 1)
    part = mask[box]
    holes, _ = ndimage.label(filled(part) & ~part)
    whole = mask.copy()
    whole[box] |= (holes > 0) & ~np.isin(holes, holes[outside[box]])
    return whole


def grown(near: Neighbourhood, envelope: Envelope, marks: Marks, opposite: Opposite | None = None) -> Grown:
    """Outline on the even grid; empty where nothing holds together at the click.

    Parameters
    ----------
    marks : Marks
    opposite : Opposite or None
        The patient's other side, where the scan shows it.
    """
    growth = _Growth(near, envelope, marks, opposite)
    estimate, ellipsoid = growth.start(), first_ellipsoid(near)
    alike = 1.0
    for turn in range(TURNS):
        found = growth.region(growth.placing.placed(growth.evidence(estimate), ellipsoid))
        if not found.any():
            break
        if turn == 0:
            alike = growth.alike_normal(found)
        still = turn > 0 and (found != estimate).sum() < STILL_SHARE * found.sum()
        estimate = found
        if still:
            break
        ellipsoid = fitted_ellipsoid(estimate)
    if marks.any:
        estimate = growth.corrected(estimate)
    elif not found.any():
        return Grown(found, 1.0)
    return Grown(_without_holes(estimate, marks.outside), alike)
