"""Articular surfaces as structures: where two different bones face each other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone import is_bone_label
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.morphology import dilate, distance_mm

FACING_MM = 6.0
"""Widest joint space, cartilage included."""
SMALLEST_SURFACE_MM2 = 40.0
NEAR_MM = 30.0
"""A joint of a bone this near to the lesion matters for the plan."""

_PAIRS = (
    ("hip joint", "hip_{side}", "femur_{side}"),
    ("sacroiliac joint", "hip_{side}", "sacrum"),
    ("shoulder joint", "scapula_{side}", "humerus_{side}"),
    ("acromioclavicular joint", "scapula_{side}", "clavicula_{side}"),
    ("sternoclavicular joint", "sternum", "clavicula_{side}"),
    ("knee joint", "femur_{side}", "tibia_{side}"),
    ("patellofemoral joint", "femur_{side}", "patella_{side}"),
)
_MIDLINE = (("pubic symphysis", "hip_right", "hip_left"), ("lumbosacral joint", "sacrum", "vertebrae_L5"))
_UNSIDED = (("knee joint", "femur_{side}", "tibia"), ("patellofemoral joint", "femur_{side}", "patella"))
"""TotalSegmentator's appendicular task gives tibia and patella without a side."""
_OTHER_JOINTS = re.compile("vertebrae|rib|sternum|skull|carpal|tarsal|metacarpal|metatarsal|phalanges|radius|ulna|fibula")
"""Bones with joints that are not in the tables above."""


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint: `mask` holds the space and the facing voxels of both bones, on the bones' grid."""

    name: str
    bones: tuple[str, str]
    mask: NDArray[np.bool_]


def find_joints(bones: LabelMap) -> tuple[Joint, ...]:
    """Every joint of the tables whose two bones are there and face each other within 6 mm."""
    by_name = {name: value for value, name in bones.names.items()}
    boxes = ndimage.find_objects(bones.labels)
    joints = []
    for name, first, second in _known_pairs():
        if first in by_name and second in by_name:
            mask = _facing(bones, by_name[first], by_name[second], boxes)
            if mask is not None:
                joints.append(Joint(name, (first, second), mask))
    return tuple(joints)


def joints_checked(bones: LabelMap, joints: tuple[Joint, ...], lesion: NDArray[np.bool_]) -> bool:
    """Whether every joint within reach of the lesion is known: nothing near it is a bone with joints that are not.

    Bones within 30 mm of the lesion count. A missing partner is no gap in knowledge where the image ends across the
    bone; a bone without a name, or with joints that are never computed (spine, ribs, hand, foot), is one.
    """
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), NEAR_MM)
    around = dilate(np.ascontiguousarray(lesion[region]), NEAR_MM, bones.grid.spacing_kji_mm)
    near = [bones.names.get(int(v), "") for v in np.unique(bones.labels[region][around]) if v]
    if not near or any(not is_bone_label(name) or _OTHER_JOINTS.match(name) for name in near):
        return False
    present = set(bones.names.values())
    found = {joint.bones for joint in joints}
    for name in near:
        mine = [pair[1:] for pair in _known_pairs() if name in pair[1:]]
        if not any(pair in found for pair in mine):
            return False
        missing = [pair for pair in mine if pair[0] not in present or pair[1] not in present]
        covered = {_joint_name(pair) for pair in found}
        if any(_joint_name(pair) not in covered for pair in missing) and not _ends_at_a_face(bones, name):
            return False
    return True


def _joint_name(bones: tuple[str, str]) -> str:
    return next(name for name, first, second in _known_pairs() if (first, second) == bones)


def _known_pairs() -> Iterator[tuple[str, str, str]]:
    for side in ("right", "left"):
        for name, first, second in (*_PAIRS, *_UNSIDED):
            yield f"{name} {side}", first.format(side=side), second.format(side=side)
    yield from _MIDLINE


def _ends_at_a_face(bones: LabelMap, name: str) -> bool:
    """Whether the image cuts the bone."""
    value = next(v for v, n in bones.names.items() if n == name)
    faces = (bones.labels.take(at, axis) for axis in range(3) for at in (0, -1))
    return any(bool((face == value).any()) for face in faces)


def _facing(
    bones: LabelMap, first: int, second: int, boxes: list[tuple[slice, slice, slice] | None]
) -> NDArray[np.bool_] | None:
    """The space between two labels and the voxels of both that bound it, or None if they do not face each other."""
    spacing = bones.grid.spacing_kji_mm
    a, b = boxes[first - 1], boxes[second - 1]
    if a is None or b is None:
        return None
    pad = np.ceil(FACING_MM / spacing).astype(int) + 2
    low = [max(s.start, t.start) - p for s, t, p in zip(a, b, pad, strict=True)]
    high = [min(s.stop, t.stop) + p for s, t, p in zip(a, b, pad, strict=True)]
    box = tuple(
        slice(max(lo, 0), min(hi, n)) for lo, hi, n in zip(low, high, bones.labels.shape, strict=True)
    )
    local = bones.labels[box]
    one, two = local == first, local == second
    if not (one.any() and two.any()):
        return None
    to_one, to_two = distance_mm(one, spacing), distance_mm(two, spacing)
    space = (local == 0) & (to_one + to_two <= FACING_MM)
    # A space that is as wide as FACING_MM lies a voxel beyond its walls' centres: the shell is one voxel thick.
    rim = float(spacing.max()) + 1e-3
    wall_one = one & (to_two <= FACING_MM) & (_depth(one, spacing) <= rim)
    wall_two = two & (to_one <= FACING_MM) & (_depth(two, spacing) <= rim)
    facing = min(int(wall_one.sum()), int(wall_two.sum())) * float(np.median(spacing)) ** 2
    if facing < SMALLEST_SURFACE_MM2:
        return None
    mask = np.zeros(bones.labels.shape, dtype=bool)
    mask[box] = space | (wall_one & _faces(to_two)) | (wall_two & _faces(to_one))
    return mask


def _depth(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance of voxels inside to the nearest voxel outside; the image's edge is not outside."""
    return distance_mm(~mask, spacing) if not mask.all() else np.full(mask.shape, np.inf, dtype=np.float32)


def _faces(distance: NDArray[np.float32]) -> NDArray[np.bool_]:
    return distance <= FACING_MM
