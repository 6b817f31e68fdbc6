"""Bones as separate segments, with names where they are certain.

Labelled bones are taken as they are, under one name each. Without labels, bones are separated where a dark sheet
(cartilage, joint space) lies between two dense walls: a watershed from the thick parts, whose regions are merged again
where no such sheet parts them. Only what is certain gets a name: a ball in its socket tells hip and shoulder, and their
sides; a hip bone whose joint space cannot be seen is told by its shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.bone_names import UNKNOWN_BONE, is_single_bone
from BoneAblationPlannerLib.anatomy.bone_regions import (
    JOINT_FACES_MM2,
    JOINT_FROM_HU,
    Interface,
    Work,
    interfaces,
    merged_regions,
    watershed,
    work_of,
)
from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame, Side
from BoneAblationPlannerLib.anatomy.hips_by_shape import expected_head, part_hip
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region

SMALLEST_BONE_ML = 1.0
LABEL_REACH_MM = 4.0
"""Bone without a label this near to a labelled bone belongs to it."""

SMALLEST_PART_ML = 5.0
"""Less of a bone that its shape told is not worth a name."""
BALL_RADIUS_MM = (15.0, 32.0)
BALL_SPREAD_MM = 2.5
HIP_SOCKET_SHARE = 0.22
SHOULDER_SOCKET_SHARE = 0.16
"""Share of the ball that faces its socket: an acetabulum holds nearly half, a glenoid about a tenth."""
SIDEWAYS = 0.25
SACROILIAC_MM2 = 300.0
LARGEST_ML = {"hip": 450.0, "femur": 700.0, "scapula": 200.0, "humerus": 350.0, "sacrum": 400.0}
"""Filled volume that no bone of an adult exceeds: a larger region holds more than one."""


class BallJoint(NamedTuple):
    """The ball of a hip or shoulder joint, and the middle of its socket where that was seen; RAS mm."""

    centre_ras_mm: NDArray[np.float64]
    radius_mm: float
    socket_ras_mm: NDArray[np.float64] | None = None


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
    return _from_ct(ct, bone)


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
    parts, count = ndimage.label(loose)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    order = [n for n in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[n] * grid.voxel_ml >= SMALLEST_BONE_ML]
    table = np.zeros(count + 1, dtype=np.uint16)
    for number, part in enumerate(order, start=1):
        table[part] = used + number
        names[used + number] = f"bone {number}"
    labels[loose] = table[parts[loose]]
    return LabelMap(grid, labels, names)


# From the CT --------------------------------------------------------------------------------------------------------


def _from_ct(ct: CtVolume, bone: NDArray[np.bool_]) -> LabelMap:
    box = bounding_region(bone) or (slice(0), slice(0), slice(0))
    work = work_of(ct, bone, box)
    regions = merged_regions(work, watershed(work))
    names, balls = _names(work, regions)
    regions, names, frames = _with_hips_by_shape(work, regions, names)
    balls.update({f"femur_{side}": BallJoint(*expected_head(frame)) for side, frame in frames.items()})
    at = [
        np.clip(np.rint((np.arange(s.stop - s.start) + 0.5) * mm / work.step_mm - 0.5).astype(int), 0, n - 1)
        for s, mm, n in zip(box, ct.grid.spacing_kji_mm, regions.shape, strict=True)
    ]
    labels = np.zeros(ct.grid.shape, dtype=np.uint16)
    marrow = (regions > 0) & ~work.bone
    labels[box] = np.where(bone[box] | marrow[np.ix_(*at)], regions[np.ix_(*at)], 0)
    sizes = np.bincount(labels.ravel(), minlength=int(regions.max()) + 1)[1:] * ct.grid.voxel_ml
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
    return SeparatedBones(
        ct.grid, table[labels], result, balls, {f"hip_{side}": frame for side, frame in frames.items()}
    )


# Names --------------------------------------------------------------------------------------------------------------


def _names(work: Work, regions: NDArray[np.int32]) -> tuple[dict[int, str], dict[str, BallJoint]]:
    """Names of the regions that a ball-and-socket joint identifies, and of a sacrum between two such hips."""
    joints = interfaces(work, regions)
    names: dict[int, str] = {}
    balls: dict[str, BallJoint] = {}
    for (a, b), interface in joints.items():
        for ball, socket in ((a, b), (b, a)):
            found = _ball_joint(work, regions == ball, interface)
            if found is not None:
                joint, side, place = found
                pair = (f"femur_{side}", f"hip_{side}") if joint == "hip" else (f"humerus_{side}", f"scapula_{side}")
                _give(names, zip((ball, socket), pair, strict=True))
                balls[pair[0]] = place
    hips = [region for region, name in names.items() if name.startswith("hip_")]
    for region in {r for pair in joints for r in pair} - set(names):
        area = [
            joints[min(h, region), max(h, region)].area_mm2 for h in hips if (min(h, region), max(h, region)) in joints
        ]
        if len(area) == 2 and min(area) >= SACROILIAC_MM2:
            _give(names, [(region, "sacrum")])
    volumes_ml = np.bincount(regions.ravel()) * work.grid.voxel_ml
    certain = {r: name for r, name in names.items() if name and volumes_ml[r] <= LARGEST_ML[name.split("_")[0]]}
    return certain, balls


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
        for mask, kind in ((found.hip, "hip"), (found.femur, "femur")):
            ml = float(mask.sum()) * work.grid.voxel_ml
            if SMALLEST_PART_ML <= ml <= LARGEST_ML[kind]:
                regions[mask] = number = int(regions.max()) + 1
                names[number] = f"{kind}_{side}"
        frames[side] = found.frame
    return regions, names, frames


def _give(names: dict[int, str], pairs: "Sequence[tuple[int, str]] | zip[tuple[int, str]]") -> None:
    """Note names; what would carry two names, or share one, is not certain and stays without (an empty name)."""
    for region, name in pairs:
        twice = [r for r, n in names.items() if n == name and r != region]
        certain = names.get(region, name) == name and not twice
        names[region] = name if certain else ""
        for other in twice:
            names[other] = ""


def _ball_joint(work: Work, ball: NDArray[np.bool_], interface: Interface) -> tuple[str, str, BallJoint] | None:
    """Joint (hip or shoulder), side and place, if the interface lies on a sphere around the thickest part of `ball`."""
    if interface.area_mm2 < JOINT_FACES_MM2 or interface.sheet_hu < JOINT_FROM_HU:
        return None
    centre_of_interface = interface.points.mean(axis=0)
    reach = int(np.ceil(2 * BALL_RADIUS_MM[1] / work.step_mm))
    low = np.maximum(np.floor(centre_of_interface).astype(int) - reach, 0)
    region = tuple(slice(int(a), int(a) + 2 * reach) for a in low)
    depth = distance_mm(np.pad(~ball[region], 1, constant_values=True), work.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    radius = float(depth.max())
    if not BALL_RADIUS_MM[0] <= radius <= BALL_RADIUS_MM[1]:
        return None
    centre = np.argwhere(depth >= radius - 0.5 * work.step_mm).mean(axis=0) + low
    away = (interface.points - centre) * work.step_mm
    distance = np.linalg.norm(away, axis=1)
    middle = float(np.median(distance))
    if float(np.median(np.abs(distance - middle))) * 1.5 > BALL_SPREAD_MM or not -1.0 < middle - radius < 7.0:
        return None
    on_ball = away[np.abs(distance - middle) < 4.0]
    share = len(on_ball) / len(away) * interface.area_mm2 / 1.5 / (4 * np.pi * middle**2)
    to_socket_kji = on_ball.mean(axis=0)
    to_socket = work.grid.ijk_to_ras[:3, :3] @ to_socket_kji[::-1]
    sideways = float(to_socket[0] / np.linalg.norm(to_socket))
    if abs(sideways) < SIDEWAYS or SHOULDER_SOCKET_SHARE < share < HIP_SOCKET_SHARE:
        return None
    centre_ras_mm, socket_ras_mm = work.grid.ras_from_ijk(np.array([centre, centre_of_interface])[:, ::-1])
    place = BallJoint(centre_ras_mm, radius, socket_ras_mm)
    return ("hip" if share >= HIP_SOCKET_SHARE else "shoulder"), ("right" if sideways < 0 else "left"), place
