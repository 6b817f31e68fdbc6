"""Bones as separate segments, with names where they are certain.

Labelled bones are taken as they are, under one name each. Without labels, bones are separated where a dark sheet
(cartilage, joint space) lies between two dense walls: a watershed from the thick parts, whose regions are merged again
where no such sheet parts them. Only what is certain gets a name: a ball in its socket tells hip and shoulder, and their
sides; a hip bone whose joint space cannot be seen is told by its shape, and a sacrum always. Ribs, vertebrae, sternum
and clavicles are told by the lungs that they lie around.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.ball_joints import LARGEST_ML, BallJoint, named_by_balls
from BoneAblationPlannerLib.anatomy.bone_names import UNKNOWN_BONE, is_single_bone
from BoneAblationPlannerLib.anatomy.bone_regions import Work, merged_regions, watershed, work_of
from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame, Side, hip_frame
from BoneAblationPlannerLib.anatomy.hips_by_shape import expected_head, part_hip
from BoneAblationPlannerLib.anatomy.laid_pelvis import laid_hips, laid_pelvis
from BoneAblationPlannerLib.anatomy.region_labels import RegionLabels
from BoneAblationPlannerLib.anatomy.sacrum import with_sacrum
from BoneAblationPlannerLib.anatomy.shape_field import surface_points
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.anatomy.thorax.lungs import Lungs, find_lungs
from BoneAblationPlannerLib.anatomy.thorax.naming import name_thorax
from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region

SMALLEST_BONE_ML = 1.0
LABEL_REACH_MM = 4.0
"""Bone without a label this near to a labelled bone belongs to it."""

IN_VIEW_MM = 10.0
"""A head whose middle, as the hip bone's shape tells it, lies this far beyond all bone still shows nearly half."""

SMALLEST_PART_ML = 5.0
"""Less of a bone that its shape told is not worth a name."""


@dataclass(frozen=True, eq=False)
class SeparatedBones(LabelMap):
    """Bones that only the CT told apart, with the balls and hip frames (by the name of their bone) that told them."""

    balls: Mapping[str, BallJoint] = field(default_factory=dict)
    frames: Mapping[str, BoneFrame] = field(default_factory=dict)


def separate_bones(
    ct: CtVolume,
    bone: NDArray[np.bool_],
    body: NDArray[np.bool_],
    organs: LabelMap | None = None,
    table: StructureTable | None = None,
) -> LabelMap:
    """Label every bone on the CT's grid.

    Parameters
    ----------
    ct : CtVolume
    bone, body : (k, j, i) bool
        Filled bone (see `bone_mask`) and the patient.
    organs : LabelMap, optional
        On the CT's grid; its bones are taken as they are. Labels that hold only parts of bones, or several bones at
        once, do not tell bones apart: where there is no other label, the CT does.
    table : StructureTable, optional
        Which labels are bone; the shipped one unless given.

    Returns
    -------
    LabelMap
        The names of `bone_name` (``hip_right``), however the labels spell them, where they are certain, else
        ``bone 1``, ``bone 2``, … by size. This is where names become one: nothing after it looks at other spellings.
    """
    bone = bone & body
    if organs is not None and has_labelled_bones(organs, table):
        return _from_labels(ct, bone, organs, _named_labels(organs, table))
    if not bone.any():
        return LabelMap(ct.grid, np.zeros(ct.grid.shape, dtype=np.uint16), {})
    return _from_ct(ct, bone, body)


def has_labelled_bones(organs: LabelMap | None, table: StructureTable | None = None) -> bool:
    """Whether labels tell bones apart: at least one is a whole single bone."""
    return organs is not None and any(is_single_bone(name) for name in _named_labels(organs, table).values())


# From labels --------------------------------------------------------------------------------------------------------


def _named_labels(organs: LabelMap, table: StructureTable | None) -> dict[int, str]:
    """The labels that are there and mean bone, with one name for each bone."""
    voxels = np.bincount(organs.labels.ravel(), minlength=max(organs.names, default=0) + 1)
    present = {value: name for value, name in organs.names.items() if voxels[value]}
    return (table or builtin_table()).bones_of(present)


def _from_labels(ct: CtVolume, bone: NDArray[np.bool_], organs: LabelMap, named: dict[int, str]) -> LabelMap:
    spacing = ct.grid.spacing_kji_mm
    first = {name: value for value, name in sorted(named.items(), reverse=True) if name != UNKNOWN_BONE}
    table = np.zeros(max(int(organs.labels.max()), *named) + 1, dtype=np.uint16)
    for value, name in named.items():
        table[value] = first.get(name, 0)
    labels = table[organs.labels]
    known = labels > 0
    names = {value: name for name, value in sorted(first.items(), key=lambda row: row[1])}
    loose = bone & (organs.labels == 0)
    if known.any() and loose.any():
        surface = np.argwhere(known & ~ndimage.binary_erosion(known))
        places = np.argwhere(loose)
        near, row = cKDTree(surface * spacing).query(places * spacing, distance_upper_bound=LABEL_REACH_MM + 1e-3)
        adopted, row = places[np.isfinite(near)], row[np.isfinite(near)]
        labels[tuple(adopted.T)] = labels[tuple(surface[row].T)]
        loose[tuple(adopted.T)] = False
    unknown = [value for value, name in named.items() if name == UNKNOWN_BONE]
    loose |= bone & np.isin(organs.labels, unknown)
    return _numbered(ct.grid, labels, names, loose, max(named))


def _numbered(grid: Grid, labels: NDArray, names: dict[int, str], loose: NDArray[np.bool_], used: int) -> LabelMap:
    """Give the components that have no name numbers by size."""
    parts = find_components(loose)
    sizes = parts.voxels()
    order = [n for n in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[n] * grid.voxel_ml >= SMALLEST_BONE_ML]
    table = np.zeros(parts.count + 1, dtype=np.uint16)
    for number, part in enumerate(order, start=1):
        table[part] = used + number
        names[used + number] = f"bone {number}"
    labels[loose] = table[parts.labels()[loose]]
    return LabelMap(grid, labels, names)


# From the CT --------------------------------------------------------------------------------------------------------


def _from_ct(ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> LabelMap:
    box = bounding_region(bone) or (slice(0), slice(0), slice(0))
    work = work_of(ct, bone, box)
    regions = merged_regions(work, watershed(work))
    names, balls = named_by_balls(work, regions)
    regions, names, frames = _with_hips_by_shape(work, regions, names)
    regions, names, frames = _with_pelvis(work, regions, names, frames)
    regions, names = _with_thorax(ct, work, regions, names, balls, find_lungs(ct, body, work, box))
    heads = {f"femur_{side}": BallJoint(*expected_head(frame)) for side, frame in frames.items()}
    balls.update({name: head for name, head in heads.items() if _is_in_view(work, head.centre_ras_mm)})
    on_ct = RegionLabels(ct.grid, bone, box, work, regions)
    sizes = on_ct.voxels()[1:] * ct.grid.voxel_ml
    table = np.zeros(len(sizes) + 1, dtype=np.uint16)
    result: dict[int, str] = {}
    unnamed = 0
    for region in np.argsort(-sizes, kind="stable") + 1:
        name = names.get(int(region))
        if sizes[region - 1] < SMALLEST_BONE_ML:
            continue
        unnamed += name is None
        table[region] = len(result) + 1
        result[len(result) + 1] = name or f"bone {unnamed}"
    hips = {f"hip_{side}": frame for side, frame in frames.items()}
    return SeparatedBones(ct.grid, on_ct.labels(table), result, balls=balls, frames=hips)


# Names --------------------------------------------------------------------------------------------------------------


def _with_thorax(
    ct: CtVolume,
    work: Work,
    regions: NDArray[np.int32],
    names: dict[int, str],
    balls: Mapping[str, BallJoint],
    lungs: Lungs | None,
) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Ribs, vertebrae, sternum and clavicles around the lungs, as regions of their own with names."""
    if lungs is None:
        return regions, names
    heads = {name: ball.centre_ras_mm for name, ball in balls.items()}
    sockets = {name: ball.socket_ras_mm for name, ball in balls.items() if ball.socket_ras_mm is not None}
    return name_thorax(ct, work, lungs, regions, names, heads, sockets)


def _with_hips_by_shape(
    work: Work, regions: NDArray[np.int32], names: dict[int, str]
) -> tuple[NDArray[np.int32], dict[int, str], dict[Side, BoneFrame]]:
    """Hips that no joint space told, and their femurs, as regions of their own with names; their frames by side."""
    regions, names, frames = regions.copy(), dict(names), {}
    for side in SIDES:
        if {f"hip_{side}", f"femur_{side}"} & set(names.values()):
            continue
        found = part_hip(work, work.bone & ~np.isin(regions, list(names)), side)
        if found is None:
            continue
        kinds = ((found.hip, "hip"), (found.femur, "femur"))
        for mask, kind in kinds if _is_in_view(work, expected_head(found.frame)[0]) else kinds[:1]:
            ml = float(mask.sum()) * work.grid.voxel_ml
            if SMALLEST_PART_ML <= ml <= LARGEST_ML[kind]:
                regions[mask] = number = int(regions.max()) + 1
                names[number] = f"{kind}_{side}"
        frames[side] = found.frame
    return regions, names, frames


def _is_in_view(work: Work, point_ras_mm: NDArray[np.float64]) -> bool:
    """Whether a point lies among the bones of the image: a head beyond their end is not in it, nor is its femur."""
    index, reach = work.grid.ijk_from_ras(point_ras_mm)[0], IN_VIEW_MM / work.step_mm
    return bool((index >= -reach).all() and (index <= np.array(work.grid.shape[::-1]) - 1 + reach).all())


def _with_pelvis(
    work: Work, regions: NDArray[np.int32], names: dict[int, str], frames: dict[Side, BoneFrame]
) -> tuple[NDArray[np.int32], dict[int, str], dict[Side, BoneFrame]]:
    """Sacrum and spine beside the hip bones that have names.

    `frames` are those of the hip bones that their shape told: where the usual surface is not there, they lose theirs.
    """
    rough = dict(frames)
    for region, name in names.items():
        if name.startswith("hip_") and name[4:] not in rough:
            side: Side = "left" if name == "hip_left" else "right"
            rough[side] = hip_frame(work.grid.ras_of_mask(regions == region), side)
    if not rough:
        return regions, names, frames
    surface = surface_points(work, work.bone)
    found = laid_hips(work, surface, rough)
    doubtful = {f"{kind}_{side}" for side in frames if side not in found for kind in ("hip", "femur")}
    names = {region: name for region, name in names.items() if name not in doubtful}
    told = {side: frame for side, frame in frames.items() if side in found}
    present = {side: frame for side, frame in found.items() if f"hip_{side}" in names.values()}
    laid = laid_pelvis(work, surface, present)
    return (regions, names, told) if laid is None else (*with_sacrum(work, regions, names, laid), told)
