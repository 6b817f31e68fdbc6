"""From a click to an outline.

1. The bone as it was before (`envelope`). 2. What looks like the tissue around the click (`likeness`). 3. A star-shaped
region that holds most of it (`star`), once by likeness alone, then also against the patient's own normal bone
(`evidence`). 4. The blurred rim up to the half-way density, what the user marked, and back to the CT's grid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.click import box_mask, checked_seed, click_name, scribble_mask
from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope, original_bone
from BoneAblationPlannerLib.anatomy.lesion.evidence import SHALLOW_MM, Tissue, depth_mm
from BoneAblationPlannerLib.anatomy.lesion.figures import lesion_kind
from BoneAblationPlannerLib.anatomy.lesion.likeness import Likeness, likeness
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import (
    REACH_MM,
    VOXEL_MM,
    Neighbourhood,
    neighbourhood,
    resampled,
)
from BoneAblationPlannerLib.anatomy.star import grow_star
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import LesionKind

LIKE, UNLIKE = 1.0, -1.4
"""How much a voxel that does not belong counts against one that does."""
LIKENESS_WEIGHT, EVIDENCE_WEIGHT = 0.6, 0.8
OUTSIDE_BONE = -1.2
OUTSIDE_BONE_PER_MM = -0.1
PER_MM_FROM_CLICK = -0.015
"""Large lesions are rarer than small ones; little, so that it decides only where nothing else does."""
PER_MM_IN_PLATE = -0.005
GAS_BELOW_HU = -250.0
NORMAL_FROM_MM = 16.0
FEWEST_NORMAL = 200
SMOOTHING_MM = 0.8
SHAPE_MM = 2.0
FARTHEST_FROM_STAR_MM = 6.0
RIM_STEPS = 2
RIM_ABOVE = -1.2
SMALLEST_ML = 0.05
MARK_MM = 3.0
"""A scribble also tells of this much around it, where that is as dense."""


@dataclass(frozen=True, eq=False)
class LesionOutline:
    """`mask` on the CT's grid; `checks` are sentences on what a person should look at; `confidence` from 0 to 1."""

    mask: NDArray[np.bool_]
    kind: LesionKind
    checks: tuple[str, ...] = ()
    confidence: float = 1.0


def segment_lesion(
    ct: CtVolume,
    bone: NDArray[np.bool_],
    seed_ras_mm: ArrayLike,
    *,
    box_ras_mm: ArrayLike | None = None,
    inside: ArrayLike | None = None,
    outside: ArrayLike | None = None,
) -> LesionOutline:
    """Outline the lesion that holds a point.

    Parameters
    ----------
    ct : CtVolume
    bone : (k, j, i) bool
        Filled bone on the CT's grid; destroyed parts may be missing.
    seed_ras_mm : point
        Inside the lesion.
    box_ras_mm : (2, 3) or None
        Opposite corners; the outline stays within.
    inside, outside : (N, 3) points in RAS mm, or (k, j, i) bool, or None
        What belongs and what does not; these voxels are honoured exactly.

    Raises
    ------
    InputError
        If the point lies outside the image, in air, metal or contrast, or far from any bone, if no lesion stands out
        there, or if box or scribbles contradict each other.
    """
    checked_seed(ct, bone, seed_ras_mm)
    wanted = scribble_mask(ct.grid, inside, "inside")
    refused = scribble_mask(ct.grid, outside, "outside")
    if box_ras_mm is not None:
        refused |= ~box_mask(ct.grid, box_ras_mm)
    if (wanted & refused).any():
        raise InputError(f"lesion scribbles: {int((wanted & refused).sum())} voxels marked inside are also outside or "
                         "beyond the box; expected no overlap")  # fmt: skip
    near = neighbourhood(ct, bone, seed_ras_mm)
    envelope = original_bone(near)
    marks = _marks(ct, near, wanted, refused)
    found = _grown(near, envelope, marks)
    mask = _on_ct(ct, near, found, wanted, refused)
    if mask.sum() * ct.grid.voxel_ml < SMALLEST_ML and not wanted.any():
        raise InputError(f"{click_name(seed_ras_mm)}: nothing there differs from normal bone; "
                         "expected a point inside a lytic, sclerotic or mixed lesion (or give an outline)")  # fmt: skip
    checks, confidence = _checks(found, near, envelope)
    return LesionOutline(mask, lesion_kind(ct, mask), checks, confidence)


def _marks(
    ct: CtVolume, near: Neighbourhood, wanted: NDArray[np.bool_], refused: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Scribbles on the even grid: positive for inside, negative for outside, 0 elsewhere; spread to equal density."""
    marks = np.zeros(near.grid.shape, dtype=np.float32)
    for mask, sign in ((wanted, 1.0), (refused, -1.0)):
        if not mask.any():
            continue
        share = resampled(mask, ct.grid, near.grid, outside=0.0)
        spots = share > 0.5
        index = np.rint(near.grid.ijk_from_ras(ct.grid.ras_of_mask(mask)))[:, ::-1].astype(int)
        index = index[((index >= 0) & (index < near.grid.shape[0])).all(axis=1)]
        spots[tuple(index.T)] = True
        if mask.mean() < 0.01:
            level = near.hu[spots].mean() if spots.any() else 0.0
            close = ndimage.distance_transform_edt(~spots) * VOXEL_MM <= MARK_MM if spots.any() else spots
            spots |= close & (np.abs(near.hu - level) < 100)
        marks[spots] = sign
    return marks


def _grown(near: Neighbourhood, envelope: Envelope, marks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The lesion on the even grid; empty where nothing stands out."""
    like = likeness(near, envelope)
    depth = depth_mm(envelope.inside & near.seen)
    seed = near.grid.ras_from_ijk(np.full(3, float(near.middle)))[0]
    alike = np.where(like.mask, LIKE, UNLIKE).astype(np.float32)
    score = _placed(alike, near, envelope, depth, marks)
    region = grow_star(score, near.grid, seed, REACH_MM)
    core = _core(region & like.mask & envelope.inside, like)
    if core.sum() >= 20:
        evidence = _against_normal(core, near, envelope, depth)
        mixed = np.clip(LIKENESS_WEIGHT * alike + EVIDENCE_WEIGHT * np.clip(evidence, -1.5, 1.5), -1.6, 1.0)
        score = _placed(mixed, near, envelope, depth, marks)
        region = grow_star(score, near.grid, seed, REACH_MM)
    return _finished(region, score, near, envelope, depth, like)


def _core(inner: NDArray[np.bool_], like: Likeness) -> NDArray[np.bool_]:
    """Where the lesion's tissue is learned from: not at its edge, if it is large enough."""
    core = ndimage.binary_erosion(inner)
    return (core if core.sum() >= 150 else inner) | (like.around_click & like.mask)


def _placed(
    score: NDArray[np.float32],
    near: Neighbourhood,
    envelope: Envelope,
    depth: NDArray[np.float32],
    marks: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Evidence from tissue put together with where it lies: bone, soft tissue, near or far, marked by the user."""
    believed = envelope.belief
    beyond = OUTSIDE_BONE + OUTSIDE_BONE_PER_MM * np.maximum(-depth, 0)
    rebuilt = np.minimum(score, believed * score + (1 - believed) * beyond)
    placed = np.where(near.bone | (near.hu > 350), score, rebuilt)
    placed = placed + near.radius_mm * (PER_MM_IN_PLATE if envelope.plate else PER_MM_FROM_CLICK)
    placed[~near.seen] = UNLIKE
    placed[near.hu < GAS_BELOW_HU] = -2.0
    placed[marks > 0] = 3.0
    placed[marks < 0] = -3.0
    return placed.astype(np.float32)


def _against_normal(
    core: NDArray[np.bool_], near: Neighbourhood, envelope: Envelope, depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Log-likelihood ratio of lesion to the same bone's normal cortex (near its surface) and marrow (deeper)."""
    tissue = Tissue(near.hu)
    inside = envelope.inside & near.seen
    deep = inside & (depth >= SHALLOW_MM)
    distant = near.bone & near.seen & (near.radius_mm > NORMAL_FROM_MM)
    evidence = np.zeros(near.grid.shape, dtype=np.float32)
    for where, layer in ((~deep, inside & ~deep), (deep, deep)):
        normal = layer & distant
        if normal.sum() < FEWEST_NORMAL:
            normal = inside & distant
        if normal.sum() >= FEWEST_NORMAL // 4:
            evidence[where] = tissue.evidence(core, normal, where)
    return evidence


def _finished(
    region: NDArray[np.bool_],
    score: NDArray[np.float32],
    near: Neighbourhood,
    envelope: Envelope,
    depth: NDArray[np.float32],
    like: Likeness,
) -> NDArray[np.bool_]:
    """Voxels of the star and near it by their own evidence, in one piece at the click, with the rim and no holes."""
    if not region.any():
        return region
    to_star = depth_mm(region)
    field = ndimage.gaussian_filter(score, SMOOTHING_MM / VOXEL_MM) + np.clip(to_star / SHAPE_MM, -3, 1)
    found = (field > 0) & (to_star >= -FARTHEST_FROM_STAR_MM)
    labels, count = ndimage.label(found)
    sizes = np.bincount(labels[region & found & (near.radius_mm < 12.0)], minlength=count + 1)
    sizes[0] = 0
    if not sizes.any():
        return np.zeros_like(found)
    found = labels == sizes.argmax()
    rim = like.rim(near, depth) & envelope.inside & (score > RIM_ABOVE)
    wider = found
    for _ in range(RIM_STEPS):
        wider = found | (ndimage.binary_dilation(wider) & rim)
    found = found | (ndimage.gaussian_filter(wider.astype(np.float32), SMOOTHING_MM / VOXEL_MM) > 0.5)
    return np.asarray(ndimage.binary_fill_holes(found), dtype=bool)


def _on_ct(
    ct: CtVolume,
    near: Neighbourhood,
    found: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    refused: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Back to the CT's voxels through a smoothed field, with the scribbles as they were drawn."""
    mask = np.zeros(ct.grid.shape, dtype=bool)
    if found.any():
        region = ct.grid.region_around(near.grid.ras_of_mask(found), 2 * VOXEL_MM)
        smooth = ndimage.gaussian_filter(found.astype(np.float32), 0.5)
        mask[region] = resampled(smooth, near.grid, ct.grid.crop(region), outside=0.0) > 0.5
    return (mask | wanted) & ~refused


def _checks(found: NDArray[np.bool_], near: Neighbourhood, envelope: Envelope) -> tuple[tuple[str, ...], float]:
    checks, doubt = [], 0.0
    if not found.any():
        return ("nothing was found besides what was drawn: check the whole outline",), 0.2
    if near.radius_mm[found].max() > REACH_MM - 3 * VOXEL_MM:
        checks.append("the outline reaches the edge of the searched region: check for a leak")
        doubt += 0.5
    if (found & ~near.seen).any() or (ndimage.binary_dilation(found) & ~near.seen).any():
        checks.append("the outline reaches the edge of the image: the lesion may go on beyond it")
        doubt += 0.2
    rebuilt = float((found & ~near.bone).sum() / found.sum())
    if rebuilt > 0.25:
        checks.append(f"{rebuilt:.0%} of the outline lies where bone was destroyed: its outer edge is estimated")
        doubt += 0.4 * rebuilt
    if envelope.plate:
        checks.append("a flat bone was carried on across its hole: check the outline on both sides of the plate")
        doubt += 0.1
    beyond = float((found & ~envelope.inside).sum() / found.sum())
    if beyond > 0.1:
        checks.append(f"{beyond:.0%} of the outline lies outside the bone: check it against muscle")
        doubt += 0.3 * beyond
    return tuple(checks), round(float(np.clip(0.95 - doubt, 0.05, 0.95)), 2)
