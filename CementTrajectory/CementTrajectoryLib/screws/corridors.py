"""Screw corridors of pelvis, femur, humerus and scapula, found from the bones alone: no landmark is clicked."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, Side
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from CementTrajectoryLib.screws.bones import Pelvis, inside_image
from CementTrajectoryLib.screws.corridor import Corridor, CorridorSide, MissingCorridor, corridor_of
from CementTrajectoryLib.screws.definitions import (
    NUMBERS,
    CorridorDefinition,
    EndDefinition,
    corridor_definitions,
)
from CementTrajectoryLib.screws.depth import DepthMap
from CementTrajectoryLib.screws.ends import ends_in_ball
from CementTrajectoryLib.screws.femur import femoral_neck
from CementTrajectoryLib.screws.humerus import humeral_corridors
from CementTrajectoryLib.screws.inside import inner_depth, inside_diameter_mm, shows_cortex
from CementTrajectoryLib.screws.scapula import scapular_corridors
from CementTrajectoryLib.screws.search import Patch, widest_line

END_SPACING_MM = 2.0
"""Spacing of the ends that are tried."""


def find_corridors(
    bones: LabelMap, report: ReportProgress = silent, hu: NDArray[np.int16] | None = None
) -> tuple[tuple[Corridor, ...], tuple[MissingCorridor, ...]]:
    """Every corridor that the bones hold, and those that they do not, with the reason.

    Of bones that are not in the image nothing is said, save of a pelvis that is there in part.

    Parameters
    ----------
    bones : LabelMap
        ``hip_left``, ``hip_right``, ``sacrum``, and femur, humerus and scapula with their sides; several labels of one
        name are fragments of one bone.
    hu : (k, j, i), optional
        The CT on the bones' grid: with it, pelvic corridors are measured inside the cortex too where voxels show it.
    """
    every = [*_pelvic(bones, hu, part(report, 0.0, 0.8)), *_of_limbs(bones, part(report, 0.8, 1.0))]
    found = tuple(r for r in every if isinstance(r, Corridor))
    return found, tuple(r for r in every if isinstance(r, MissingCorridor))


def _pelvic(bones: LabelMap, hu: NDArray[np.int16] | None, report: ReportProgress) -> list[Corridor | MissingCorridor]:
    pelvis = Pelvis(bones)
    results: dict[tuple[str, CorridorSide], Corridor | MissingCorridor] = {}
    searches = list(_searches()) if any(mask.any() for mask in pelvis.masks.values()) else []
    for number, (definition, side) in enumerate(searches):
        step(report, number / len(searches), f"looking for the {definition.name} corridor")
        results[definition.name, side] = _search(pelvis, definition, side)
        if definition.apart_from is not None:
            _tell_apart(pelvis, definition, side, results)
    every = list(results.values())
    return every if hu is None or not shows_cortex(bones.grid) else _with_inside(pelvis, every, hu)


def _with_inside(
    pelvis: Pelvis, results: list[Corridor | MissingCorridor], hu: NDArray[np.int16]
) -> list[Corridor | MissingCorridor]:
    """The corridors with their width inside the cortex."""
    definitions = {definition.name: definition for definition in corridor_definitions()}
    maps: dict[str, DepthMap | None] = {}
    measured: list[Corridor | MissingCorridor] = []
    for result in results:
        if isinstance(result, Corridor):
            in_one = definitions[result.name].frame == "hip"
            key = result.bones[0] if in_one else "ring"
            if key not in maps:
                maps[key] = inner_depth(pelvis.grid, pelvis.masks[key] if in_one else pelvis.ring_mask, hu)
            _depth, entry, exit_ = end_patches(pelvis, definitions[result.name], result.side)
            width = inside_diameter_mm(maps[key], result, entry, exit_)
            result = replace(result, inside_cortex_mm=width)
        measured.append(result)
    return measured


def _of_limbs(bones: LabelMap, report: ReportProgress) -> list[Corridor | MissingCorridor]:
    step(report, 0.0, "looking for corridors of femur, humerus and scapula")
    searches = (femoral_neck, humeral_corridors, scapular_corridors)
    return [result for search in searches for side in SIDES for result in search(bones, side)]


def _tell_apart(
    pelvis: Pelvis,
    definition: CorridorDefinition,
    side: CorridorSide,
    results: dict[tuple[str, CorridorSide], Corridor | MissingCorridor],
) -> None:
    """Where two searches met in one corridor, give it to the nearer definition and search the other one away from it.

    A narrow or absent S1 would otherwise be found as S2, and the other way round.
    """
    pair = [d for d in corridor_definitions() if d.name in (definition.name, definition.apart_from)]
    corridors = [results[d.name, side] for d in pair]
    first, second = corridors
    if isinstance(first, MissingCorridor) or isinstance(second, MissingCorridor):
        return
    if min(_end_distances(first, second)) >= NUMBERS["apart_mm"]:
        return
    wider = first if first.clearance_mm >= second.clearance_mm else second
    off = [sum(np.linalg.norm(end - place) for end, place in zip(
        (wider.entry_ras_mm, wider.exit_ras_mm), _places(pelvis, d, side), strict=True)) for d in pair]  # fmt: skip
    owner, other = pair if off[0] <= off[1] else pair[::-1]
    results[owner.name, side] = replace(wider, name=owner.name, published=owner.published)
    results[other.name, side] = _search(pelvis, other, side, away_from=wider)


def _end_distances(first: Corridor, second: Corridor) -> tuple[float, float]:
    """Between the entries, and between the exits."""
    entries, exits = first.entry_ras_mm - second.entry_ras_mm, first.exit_ras_mm - second.exit_ras_mm
    return float(np.linalg.norm(entries)), float(np.linalg.norm(exits))


def _searches() -> Iterator[tuple[CorridorDefinition, CorridorSide]]:
    for definition in corridor_definitions():
        if definition.frame == "pelvis":
            yield definition, "both"
        else:
            yield from ((definition, side) for side in SIDES)


def _search(
    pelvis: Pelvis, definition: CorridorDefinition, side: CorridorSide, away_from: Corridor | None = None
) -> Corridor | MissingCorridor:
    reason = _absent(pelvis, definition, side)
    if reason is not None:
        return MissingCorridor(definition.name, side, f"not looked for: {reason}", None)
    if not all(pelvis.is_seen(place) for place in _places(pelvis, definition, side)):
        return MissingCorridor(definition.name, side, "not looked for: the image ends before it does", None)
    depth, entry, exit_ = end_patches(pelvis, definition, side)
    if away_from is not None:
        entry = entry.away_from(away_from.entry_ras_mm, NUMBERS["apart_mm"])
        exit_ = exit_.away_from(away_from.exit_ras_mm, NUMBERS["apart_mm"])
    line = widest_line(depth, entry, exit_)
    if line is not None:
        open_ends = [end for end, patch in ((line.entry_ras_mm, entry), (line.exit_ras_mm, exit_)) if not patch.blind]
        if not inside_image(pelvis.grid, np.stack(open_ends)).all():
            return MissingCorridor(definition.name, side, "not looked for: the image ends before it does", None)
    hips = tuple(f"hip_{s}" for s in SIDES if side in (s, "both"))
    bones = hips if definition.frame == "hip" else (*hips, "sacrum")
    return corridor_of(definition.name, side, line, bones, definition.published)


def end_patches(pelvis: Pelvis, definition: CorridorDefinition, side: CorridorSide) -> tuple[DepthMap, Patch, Patch]:
    """The map that a corridor is looked for in, and the patches for its entry and exit."""
    depth = pelvis.hips[side] if definition.frame == "hip" and side != "both" else pelvis.ring
    wider = NUMBERS["cut_bone_mm"] if pelvis.cut else 0.0
    at_entry, at_exit = _places(pelvis, definition, side)
    return depth, _patch(depth, definition.entry, at_entry, wider), _patch(depth, definition.exit, at_exit, wider)


def _absent(pelvis: Pelvis, definition: CorridorDefinition, side: CorridorSide) -> str | None:
    """Why a corridor cannot be looked for."""
    needed = [s for s in SIDES if definition.frame != "hip" or s == side]
    reasons = [reason for s in needed if (reason := pelvis.missing(s)) is not None]
    if definition.frame != "hip" and not pelvis.masks["sacrum"].any():
        reasons.append("no sacrum in the image")
    return "; ".join(reasons) or None


def _places(
    pelvis: Pelvis, definition: CorridorDefinition, side: CorridorSide
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where entry and exit are expected; a corridor from hip to hip enters on the right."""
    hip: Side = "left" if side == "left" else "right"
    entry = pelvis.frames[hip].ras_mm(definition.entry.at)
    if definition.frame == "hip":
        return entry, pelvis.frames[hip].ras_mm(definition.exit.at)
    ends = [frame.ras_mm(definition.exit.at) for frame in pelvis.frames.values()]
    exit_ = pelvis.frames["left"].ras_mm(definition.exit.at) if side == "both" else np.mean(ends, axis=0)
    return entry, np.asarray(exit_, dtype=np.float64)


def _patch(depth: DepthMap, end: EndDefinition, centre_ras_mm: NDArray[np.float64], wider_mm: float) -> Patch:
    """Ends to try: the bone's surface within the ball, or the ball's bone where the corridor ends inside."""
    radius = end.radius_mm + wider_mm
    points = ends_in_ball(depth, centre_ras_mm, radius, END_SPACING_MM, surface=not end.blind)
    trim = 0.0 if end.blind else NUMBERS["trim_mm"]
    return Patch(points, centre_ras_mm, radius, trim, end.blind)
