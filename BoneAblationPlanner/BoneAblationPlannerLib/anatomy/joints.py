"""Articular surfaces as structures: where two different bones face each other."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.regions import Region, label_regions

FACING_MM = 6.0
"""Widest joint space, cartilage included."""
SMALLEST_SURFACE_MM2 = 40.0
CONTACT_MM = 3.0
"""A lesion this near to the joint space has reached it."""
RELEASED_MM = 8.0
"""Around a lesion that has reached the joint: usual margin and contact together."""
OF_LABELLED_BONES = "computed from labelled bones"
"""Origin of a joint whose bones were given."""
AT_OUTER_END, OUTER_END_MM = "acromioclavicular", 22.0
"""The joint lies this near to the clavicle's outer end; the coracoid lies under it 25 to 45 mm farther in."""
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
_MIDLINE = (
    ("pubic symphysis", "hip_right", "hip_left"),
    ("lumbosacral joint", "sacrum", "vertebrae_L5"),
    # Where the CT alone told the spine, or labels hold all vertebrae in one: what faces the sacrum is the lowest one.
    ("lumbosacral joint", "sacrum", "vertebrae"),
)
_UNSIDED = (
    ("knee joint", "femur_{side}", "tibia"),
    ("patellofemoral joint", "femur_{side}", "patella"),
    ("hip joint", "pelvis", "femur_{side}"),
)
"""TotalSegmentator's appendicular task gives tibia and patella without a side; others label the pelvis as a whole."""
_FURTHER_JOINTS = re.compile("vertebrae|sternum|tibia|pelvis")
"""Bones of the tables above that have more joints than these; a bone that is in none of them has others only."""


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint: `mask` holds the space and the facing voxels of both bones, on the bones' grid."""

    name: str
    bones: tuple[str, str]
    mask: NDArray[np.bool_]


def find_joints(bones: LabelMap) -> tuple[Joint, ...]:
    """Every joint of the tables whose two bones are there and face each other within 6 mm."""
    by_name = {name: value for value, name in bones.names.items()}
    boxes = label_regions(bones.labels)
    joints = []
    for name, first, second in _known_pairs():
        if first in by_name and second in by_name:
            mask = _facing(bones, by_name[first], by_name[second], boxes)
            if mask is not None and name.startswith(AT_OUTER_END):
                mask = _at_outer_end(bones, by_name[second], mask, name)
            if mask is not None:
                joints.append(Joint(name, (first, second), mask))
    return tuple(joints)


def _at_outer_end(bones: LabelMap, clavicle: int, mask: NDArray[np.bool_], name: str) -> NDArray[np.bool_] | None:
    """The part of a joint at the clavicle's outer end: farther in, the coracoid comes as near to it."""
    outwards = 1.0 if name.endswith("right") else -1.0
    end = float((outwards * bones.grid.ras_of_mask(bones.labels == clavicle)[:, 0]).max())
    points = outwards * bones.grid.ras_of_mask(mask)[:, 0]
    kept = mask.copy()
    kept[mask] = points > end - OUTER_END_MM
    return kept if kept.any() else None


def joints_checked(bones: LabelMap, joints: tuple[Joint, ...], lesion: NDArray[np.bool_]) -> bool:
    """Whether every joint within reach of the lesion is known: nothing near it is a bone with joints that are not.

    Bones within 30 mm of the lesion count. A bone without a name, of which the side or the rest is not known, with a
    missing partner, or with joints that are never computed (spine, ribs, hand, foot) leaves the joints unchecked.
    Only the far end of a long bone may be missing, where the image cuts the bone.
    """
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), NEAR_MM)
    around = dilate(np.ascontiguousarray(lesion[region]), NEAR_MM, bones.grid.spacing_kji_mm)
    near = [bones.names.get(int(v), "") for v in np.unique(bones.labels[region][around]) if v]
    if not near or any(_FURTHER_JOINTS.match(name) for name in near):
        return False
    cut = {name for value, name in bones.names.items() if _ends_at_a_face(bones, value)}
    found = {joint.name for joint in joints}
    for name in near:
        if name.startswith("humerus") and name not in cut:
            return False
        wanted = {joint for joint, first, second in _known_pairs() if name in (first, second)}
        if not wanted:
            return False
        far_end = {joint for joint in wanted if joint.startswith(("knee", "patellofemoral"))}
        if wanted - found - (far_end if name in cut and name.startswith("femur") else set()):
            return False
    return True


def limiting_part(mask: NDArray[np.bool_], lesion: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.bool_], float]:
    """The part of a joint that a plan can keep clear of, and the share (0 to 1) that the lesion itself reaches.

    Where the lesion has come within 3 mm of the joint space or into it, a zone that covers the lesion takes the surface
    there along: to demand a distance would forbid treatment. The surface within 8 mm of the lesion is then left out of
    the limits, which must be said. A lesion that keeps farther away releases nothing.
    """
    spacing = grid.spacing_kji_mm
    contact = max(CONTACT_MM, 2 * grid.half_diagonal_mm)
    released = max(RELEASED_MM, contact)
    region = grid.region_around(grid.ras_of_mask(lesion), released + 2 * float(spacing.max()))
    away = np.full(mask.shape, np.inf, dtype=np.float32)
    away[region] = distance_mm(np.ascontiguousarray(lesion[region]), spacing)
    if not (mask & (away <= contact)).any():
        return mask, 0.0
    reached = mask & (away <= released)
    return mask & ~reached, float(reached.sum() / mask.sum())


def joint_distance_mm(joints: Sequence[Joint], lesion: NDArray[np.bool_], grid: Grid) -> tuple[str, float] | None:
    """Name of the joint nearest to a lesion and its distance between voxel centres in mm; None without joints."""
    if not joints:
        return None
    points = grid.ras_of_mask(lesion)
    distances = [(float(cKDTree(grid.ras_of_mask(joint.mask)).query(points)[0].min()), joint.name) for joint in joints]
    distance, name = min(distances)
    return name, distance


def _known_pairs() -> Iterator[tuple[str, str, str]]:
    for side in ("right", "left"):
        for name, first, second in (*_PAIRS, *_UNSIDED):
            yield f"{name} {side}", first.format(side=side), second.format(side=side)
    yield from _MIDLINE


def _ends_at_a_face(bones: LabelMap, value: int) -> bool:
    """Whether the image cuts the bone."""
    faces = (bones.labels.take(at, axis) for axis in range(3) for at in (0, -1))
    return any(bool((face == value).any()) for face in faces)


def _facing(bones: LabelMap, first: int, second: int, boxes: Mapping[int, Region]) -> NDArray[np.bool_] | None:
    """The space between two labels and the voxels of both that bound it, or None if they do not face each other."""
    spacing = bones.grid.spacing_kji_mm
    a, b = boxes.get(first), boxes.get(second)
    if a is None or b is None:
        return None
    pad = np.ceil(FACING_MM / spacing).astype(int) + 2
    low = [max(s.start, t.start) - p for s, t, p in zip(a, b, pad, strict=True)]
    high = [min(s.stop, t.stop) + p for s, t, p in zip(a, b, pad, strict=True)]
    box = tuple(slice(max(lo, 0), min(hi, n)) for lo, hi, n in zip(low, high, bones.labels.shape, strict=True))
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
    mask[box] = space | wall_one | wall_two
    return mask


def _depth(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance of voxels inside to the nearest voxel outside; the image's edge is not outside."""
    return distance_mm(~mask, spacing) if not mask.all() else np.full(mask.shape, np.inf, dtype=np.float32)
