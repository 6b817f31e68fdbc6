"""Ribs, vertebrae, sternum and clavicles among bones that only the CT told apart: names where they are certain."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, Side
from BoneAblationPlannerLib.anatomy.thorax.clavicle import cut_clavicle, is_clavicle
from BoneAblationPlannerLib.anatomy.thorax.lungs import Lungs
from BoneAblationPlannerLib.anatomy.thorax.parting import (
    FROM_THICK_MM,
    HUG_MM,
    OF_THICK_MM,
    SMALLEST_MARKER_ML,
    Kind,
    clip_middle,
    markers,
    shared_out,
)
from BoneAblationPlannerLib.anatomy.thorax.spine import find_spine, thick_cores
from BoneAblationPlannerLib.anatomy.thorax.taken import Piece, Taken, pieces
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm

ALONG_MM = 12.0
"""Bone this near to where it touches the lung's hull runs along the lung."""
WHOLLY, MOSTLY, PARTLY = 0.85, 0.6, 0.2
"""Share of a rib that runs along the lung; less of it where a whole region is a tube that goes on beyond the lung."""
RIB_SECTION_MM2, PARTLY_SECTION_MM2 = (25.0, 120.0), 75.0
"""Mean section of a rib (measured: 38 to 63 mm2 in 14), with what closing and thick slices add; where it leaves the
lung no more than the second, or it may be a rib and a sliver of scapula."""
RIB_SHORTEST_MM, RIB_LEAST_ML = 25.0, 1.0
RIB_BEYOND_MM = 40.0
"""Nine tenths of a rib that leaves the lung lie nearer to it than this (measured: 23 and 35 mm; clavicle 57 mm)."""
STERNUM_LEAST_MM, STERNUM_ML = 40.0, (4.0, 180.0)
SPINE_LEAST_ML = 15.0
CLAVICLE_LEAST_ML = 3.0
BELOW_LUNGS_MM, ABOVE_LUNGS_MM = 130.0, 110.0
"""A spine that goes on farther than this may hold the sacrum, or the skull: then it has no name."""
REACH_MM = 140.0
"""Bone farther than this from the lungs is not looked at; more than `BELOW_LUNGS_MM`, so that a long spine is seen."""
FROM_LUNG_MM = 110.0
"""The head of a humerus lies this near to the lung of its side, and farther from the other one."""
BOTH = "ribs"
"""Ribs are not numbered: where one is missing, destroyed or outside the image, those after it would be miscounted."""


def name_thorax(
    ct: CtVolume,
    work: Work,
    lungs: Lungs,
    regions: NDArray[np.int32],
    names: Mapping[int, str],
    heads_ras_mm: Mapping[str, NDArray[np.float64]],
    sockets_ras_mm: Mapping[str, NDArray[np.float64]],
) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Part and name the bones around the lungs.

    Parameters
    ----------
    ct : CtVolume
    work : Work
        The CT around all bone.
    lungs : Lungs
    regions : (k, j, i) int
        Bones that are told apart so far, 0 elsewhere.
    names : mapping
        Name of each region that has one; only a scapula may still hold other bones.
    heads_ras_mm, sockets_ras_mm : mapping
        Middle of each humeral head and of the glenoid that holds it, by the humerus's name.

    Returns
    -------
    regions, names
        With further regions: ``ribs_left`` (all ribs of a side that touch the lung), ``ribs`` where the side is not
        certain, ``vertebrae``, ``sternum``, ``clavicula_left``. What is not certain keeps the name it had.
    """
    taken = Taken(ct, work, regions.copy(), dict(names))
    for side in SIDES:
        _clavicle(taken, lungs, side, heads_ras_mm, sockets_ras_mm)
    _chest_wall(taken, lungs, None if lungs.by_side else _side_of_heads(heads_ras_mm, lungs))
    for side in SIDES:
        # One that hung together with the sternum is a bone of its own only now.
        _clavicle(taken, lungs, side, heads_ras_mm, sockets_ras_mm)
    return taken.regions, taken.names


def _chest_wall(taken: Taken, lungs: Lungs, side_of_one: Side | None) -> None:
    """Name ribs, vertebrae and sternum; `side_of_one` is the side of the one lung in the image."""
    work = taken.work
    kept = [region for region, name in taken.names.items() if not name.startswith("scapula")]
    bone = (taken.regions > 0) & work.bone & ~np.isin(taken.regions, kept)
    if not bone.any():
        return
    cores = thick_cores(work)
    named = np.isin(taken.regions, kept) & (taken.regions > 0)
    spine = find_spine(work, cores & ~named, lungs)
    if spine is None:
        # What looks like two lungs without a spine between them may be one lung and foam: no side is certain.
        lungs = replace(lungs, by_side={}, frame=None)
    far = np.full(bone.shape, np.inf, dtype=np.float32)
    from_thick_mm = distance_mm(cores, work.grid.spacing_kji_mm, FROM_THICK_MM) if cores.any() else far
    kinds = _kinds(taken, lungs, bone, markers(work, bone, from_thick_mm, lungs, spine))
    clip_middle(work, kinds, lungs, spine)
    # Without its axis nothing tells a rib's neck from the vertebra that it hangs on.
    thick = bone & (from_thick_mm <= OF_THICK_MM)
    doubtful = set() if spine is not None else set(np.unique(taken.regions[thick]).tolist())
    _ribs(taken, lungs, kinds, side_of_one, doubtful)
    _spine(taken, lungs, kinds)
    _sternum(taken, lungs, kinds)
    taken.relabel(lungs.away_mm <= REACH_MM)


def _kinds(taken: Taken, lungs: Lungs, bone: NDArray[np.bool_], marked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The kind of every voxel of bone; regions with markers of several kinds are shared out between them."""
    regions = taken.regions
    count = int(regions.max()) + 1
    table = np.zeros((count, len(Kind) + 1))
    for kind in Kind:
        table[:, kind] = np.bincount(regions[marked == kind], minlength=count) * taken.work.grid.voxel_ml
    present = table >= SMALLEST_MARKER_ML
    several = present.sum(axis=1) > 1
    only = np.where(several, 0, present.argmax(axis=1) * present.any(axis=1))
    ribs_and_more = several & present[:, Kind.RIB] & ~present[:, Kind.SPINE]
    for piece in pieces(np.where(ribs_and_more[regions], regions, 0)):
        # A rib that leaves the lung, or goes on where the image does not show the lung, stays whole.
        if _is_rib(taken, lungs, piece, PARTLY):
            region = taken.region(piece)
            only[region], several[region] = Kind.RIB, False
    kinds = np.where(bone, only[regions], 0).astype(np.uint8)
    mixed = bone & several[regions]
    kinds[mixed] = Kind.OTHER
    mixed &= lungs.away_mm <= REACH_MM
    if mixed.any():
        kinds[mixed] = shared_out(taken.work.hu, taken.work.sheet, mixed, marked)[mixed]
    return kinds


def _of_kind(taken: Taken, kinds: NDArray[np.uint8], kind: Kind) -> list[Piece]:
    return pieces(np.where(kinds == kind, taken.regions, 0))


def _side_of_heads(heads_ras_mm: Mapping[str, NDArray[np.float64]], lungs: Lungs) -> Side | None:
    """The side of the one lung in the image, where a shoulder beside it tells that."""
    near: set[Side] = set()
    for side in SIDES:
        head = heads_ras_mm.get(f"humerus_{side}")
        if head is None:
            continue
        away = np.linalg.norm(lungs.points_ras_mm - head, axis=1).min()
        outwards = head[0] - lungs.points_ras_mm[:, 0].mean()
        if away <= FROM_LUNG_MM and (outwards > 0) == (side == "right"):
            near.add(side)
    return near.pop() if len(near) == 1 else None


def _ribs(taken: Taken, lungs: Lungs, kinds: NDArray[np.uint8], side_of_one: Side | None, doubtful: set[int]) -> None:
    for piece in _of_kind(taken, kinds, Kind.RIB):
        whole = taken.is_whole(piece)
        if taken.region(piece) in doubtful and not whole:
            continue
        if _is_rib(taken, lungs, piece, PARTLY if whole else MOSTLY):
            taken.take(piece, _rib_name(lungs, piece, side_of_one))


def _is_rib(taken: Taken, lungs: Lungs, piece: Piece, least_along: float) -> bool:
    away_mm = lungs.away_mm[piece.box]
    hugging = piece.mask & (away_mm <= HUG_MM)
    if taken.ml(piece) < RIB_LEAST_ML or not hugging.any():
        return False
    along = float((distance_mm(hugging, taken.work.grid.spacing_kji_mm, ALONG_MM)[piece.mask] <= ALONG_MM).mean())
    if along < least_along or float(np.quantile(away_mm[piece.mask], 0.9)) > RIB_BEYOND_MM:
        return False
    tube, (least, most) = taken.tube(piece), RIB_SECTION_MM2
    most = most if along >= WHOLLY else PARTLY_SECTION_MM2
    return tube.length_mm >= RIB_SHORTEST_MM and least <= tube.section_mm2 <= most


def _rib_name(lungs: Lungs, piece: Piece, side_of_one: Side | None) -> str:
    if not lungs.by_side:
        return BOTH if side_of_one is None else f"{BOTH}_{side_of_one}"
    right, left = (float(np.quantile(lungs.by_side[side][piece.box][piece.mask], 0.25)) for side in ("right", "left"))
    return f"{BOTH}_{'right' if right < left else 'left'}"


def _spine(taken: Taken, lungs: Lungs, kinds: NDArray[np.uint8]) -> None:
    if lungs.frame is None:
        return
    found = [piece for piece in _of_kind(taken, kinds, Kind.SPINE) if taken.ml(piece) >= SPINE_LEAST_ML]
    low, high = lungs.frame.lowest_mm - BELOW_LUNGS_MM, lungs.frame.highest_mm + ABOVE_LUNGS_MM
    for piece in found:
        up_mm = lungs.frame.own(taken.points_ras_mm(piece))[:, 2]
        if up_mm.min() < low or up_mm.max() > high:
            return
    for piece in found:
        taken.take(piece, "vertebrae")


def _sternum(taken: Taken, lungs: Lungs, kinds: NDArray[np.uint8]) -> None:
    if lungs.frame is None:
        return
    found = [piece for piece in _of_kind(taken, kinds, Kind.STERNUM) if taken.ml(piece) >= RIB_LEAST_ML]
    if not found:
        return
    up_mm = np.concatenate([lungs.frame.own(taken.points_ras_mm(piece))[:, 2] for piece in found])
    ml = sum(taken.ml(piece) for piece in found)
    if np.ptp(up_mm) >= STERNUM_LEAST_MM and STERNUM_ML[0] <= ml <= STERNUM_ML[1]:
        for piece in found:
            taken.take(piece, "sternum")


def _clavicle(
    taken: Taken,
    lungs: Lungs,
    side: Side,
    heads_ras_mm: Mapping[str, NDArray[np.float64]],
    sockets_ras_mm: Mapping[str, NDArray[np.float64]],
) -> None:
    """Name the clavicle of a shoulder whose joint is known: a bone of its own, or a part of what holds the scapula."""
    head_ras_mm, socket_ras_mm = (middles.get(f"humerus_{side}") for middles in (heads_ras_mm, sockets_ras_mm))
    if head_ras_mm is None or socket_ras_mm is None or f"clavicula_{side}" in taken.names.values():
        return
    others = [number for number, name in taken.names.items() if name != f"scapula_{side}"]
    found = []
    for whole in pieces(np.where(np.isin(taken.regions, others), 0, taken.regions)):
        if taken.ml(whole) < CLAVICLE_LEAST_ML:
            continue
        part = cut_clavicle(taken.ct, taken.work, whole.box, whole.mask, socket_ras_mm, side)
        if part is not None:
            piece = Piece(whole.box, part)
            if is_clavicle(taken.tube(piece), lungs.away_mm[piece.box][piece.mask], head_ras_mm, side):
                found.append(piece)
    if len(found) == 1:
        taken.take(found[0], f"clavicula_{side}")
        taken.relabel(lungs.away_mm <= REACH_MM)
