"""Which bone holds a lesion, and how sure that is where only the CT told the bones apart."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_names import clinic_name, is_known_bone, whole_bone
from BoneAblationPlannerLib.anatomy.bones import LABEL_REACH_MM, SeparatedBones
from BoneAblationPlannerLib.anatomy.hip_frame import hip_frame
from BoneAblationPlannerLib.anatomy.names import side_of
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.morphology import dilate

SURE_FROM_SOCKET_MM = 33.0
"""Glenoid and neck of the scapula lie this near to the middle of the glenoid. Farther away clavicle and ribs, which the
CT does not always part from the scapula, may be meant (measured: glenoid lesion 27 mm, clavicles 41 and 46 mm)."""
SACROILIAC_OWN = np.array([[0.0, 1.3], [-2.3, -0.3], [-np.inf, 0.3]])
"""Where a hip bone's own coordinates (see `hip_frame`) hold the sacroiliac joint or sacrum beyond it (measured: 5 to
95 % of four labelled joints in two patients lie within 0.07 to 1.22, -2.05 to -0.31, -1.65 to 0.25)."""
BALL_SURE_MM = 6.0
"""So far in or out of the ball of a hip joint, a lesion's middle is in the head or in the socket: heads told by the hip
bone's shape lie within some 5 mm of where they are."""
SPINE_NEAR_MM = 20.0
"""Head, neck and tubercle of a rib lie this near to the vertebra; the CT alone does not show where they end."""
ONE_SIDED = 0.5
"""Length of the mean direction, 0 to 1, from a lesion to the bone it touches: at most this where bone surrounds it."""
SPINE_WORDS = "spinal canal, foramina and nerve roots need their own assessment"


class HostBone(NamedTuple):
    """Name of the bone that holds a lesion, None where that is not certain, and what to say of it."""

    name: str | None
    doubt: str | None = None


def host_bone(bones: LabelMap, lesion: NDArray[np.bool_]) -> HostBone:
    """The bone that holds a lesion (k, j, i) bool.

    Labelled bones are believed. Where the CT alone told bones apart, a name counts only where it is certain.
    """
    name = bone_at(bones, lesion)
    if name is None:
        return HostBone(None, f"the bone that holds the lesion is not known: if it belongs to the spine, {SPINE_WORDS}")
    if not isinstance(bones, SeparatedBones):
        return HostBone(name)
    if name.startswith("scapula_") and not _near_socket(bones, name, lesion):
        return _scapula_or_other(bones, name)
    if name == "vertebrae":
        return HostBone(name, f"the lesion lies in the spine, which vertebra is not told: {SPINE_WORDS}")
    if name.startswith("ribs"):
        return _rib_or_vertebra(bones, name, lesion)
    if name.startswith(("hip_", "femur_")) and _at_hip_joint(bones, name, lesion):
        return _hip_or_femur(bones, name, lesion)
    if not name.startswith("hip_"):
        return HostBone(name)
    if "sacrum" not in bones.names.values():
        return _hip_or_sacrum(bones, name, lesion)
    reached = bool(_near(bones, "sacrum", lesion).any())
    joint = f"the lesion reaches the {side_of(name)} sacroiliac joint, the sacrum may be involved; {SPINE_WORDS}"
    return HostBone(name, joint if reached else None)


def bone_at(bones: LabelMap, mask: NDArray[np.bool_]) -> str | None:
    """Name of the bone that most of a mask lies in or touches (within 4 mm), or None if it is not known."""
    region = bones.grid.region_around(bones.grid.ras_of_mask(mask), LABEL_REACH_MM + 1.0)
    near = dilate(np.ascontiguousarray(mask[region]), LABEL_REACH_MM, bones.grid.spacing_kji_mm)
    values, counts = np.unique(bones.labels[region][near], return_counts=True)
    named = [(int(c), bones.names[int(v)]) for v, c in zip(values, counts, strict=True) if int(v) in bones.names]
    if not named or not is_known_bone(max(named)[1]):
        return None
    return whole_bone(max(named)[1])


def _near_socket(bones: SeparatedBones, name: str, lesion: NDArray[np.bool_]) -> bool:
    ball = bones.balls.get(f"humerus_{side_of(name)}")
    if ball is None or ball.socket_ras_mm is None:
        return False
    middle = bones.grid.ras_of_mask(lesion).mean(axis=0)
    return float(np.linalg.norm(middle - ball.socket_ras_mm)) <= SURE_FROM_SOCKET_MM


def _scapula_or_other(bones: SeparatedBones, name: str) -> HostBone:
    """Away from the glenoid a bone is the scapula only where clavicle and ribs of its side are bones of their own."""
    side = side_of(name)
    told = {f"clavicula_{side}": "clavicle", f"ribs_{side}": "rib"}
    left = [words for other, words in told.items() if other not in bones.names.values()]
    doubt = f"not certain which bone holds the lesion: on the CT it hangs together with the {clinic_name(name)}, "
    return HostBone(None, f"{doubt}but it may be {' or '.join(left)}") if left else HostBone(name)


def _rib_or_vertebra(bones: SeparatedBones, name: str, lesion: NDArray[np.bool_]) -> HostBone:
    """A lesion near the spine, or near bone without a name that may be spine, may reach from the rib into it."""
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), SPINE_NEAR_MM + 1.0)
    around = dilate(np.ascontiguousarray(lesion[region]), SPINE_NEAR_MM, bones.grid.spacing_kji_mm)
    near = {bones.names.get(int(value), "") for value in np.unique(bones.labels[region][around]) if value}
    if "vertebrae" in near:
        return HostBone(name, f"the lesion lies near the spine, which may be involved: {SPINE_WORDS}")
    if any(not is_known_bone(other) for other in near):
        return HostBone(name, f"a bone near the lesion is not known: if it belongs to the spine, {SPINE_WORDS}")
    return HostBone(name)


def _at_hip_joint(bones: SeparatedBones, name: str, lesion: NDArray[np.bool_]) -> bool:
    """Whether a lesion in hip bone or femur lies in or touches the other of the two as well."""
    other = name.replace("hip_", "femur_") if name.startswith("hip_") else name.replace("femur_", "hip_")
    return other in bones.names.values() and bool(_near(bones, other, lesion).any())


def _hip_or_femur(bones: SeparatedBones, name: str, lesion: NDArray[np.bool_]) -> HostBone:
    """Thick slices and metal hide the joint space: a name counts where the ball of the joint says the same."""
    side = side_of(name)
    doubt = (
        f"the lesion lies at the {side} hip joint, where the CT alone does not tell socket from head for certain: "
        "it may be in the hip bone, the femur or both"
    )
    ball = bones.balls.get(f"femur_{side}")
    if ball is None:
        return HostBone(None, doubt)
    from_surface = (
        float(np.linalg.norm(bones.grid.ras_of_mask(lesion).mean(axis=0) - ball.centre_ras_mm)) - ball.radius_mm
    )
    agrees = from_surface > BALL_SURE_MM if name.startswith("hip_") else from_surface < -BALL_SURE_MM
    return HostBone(name if agrees else None, doubt)


def _hip_or_sacrum(bones: SeparatedBones, name: str, lesion: NDArray[np.bool_]) -> HostBone:
    """A lesion at the sacroiliac joint may lie in the sacrum: it counts as the hip's only where that surrounds it."""
    points, side = bones.grid.ras_of_mask(lesion), side_of(name) or "left"
    value = next(value for value, other in bones.names.items() if other == name)
    frame = bones.frames.get(name) or hip_frame(bones.grid.ras_of_mask(bones.labels == value), side)
    own = frame.own(points)
    if not ((own > SACROILIAC_OWN[:, 0]) & (own < SACROILIAC_OWN[:, 1])).all(axis=1).any():
        return HostBone(name)
    doubt = (
        f"the lesion reaches the {side} sacroiliac joint, and the CT alone does not tell the sacrum from the hip bone: "
        f"the sacrum may be involved; {SPINE_WORDS}"
    )
    near = _near(bones, name, lesion)
    away = bones.grid.ras_of_mask(near) - points.mean(axis=0)
    directions = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    one_sided = float(np.linalg.norm(directions.mean(axis=0))) > ONE_SIDED
    return HostBone(None if one_sided else name, doubt)


def _near(bones: LabelMap, name: str, lesion: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The voxels (k, j, i) of a bone that a lesion lies in or touches (within 4 mm)."""
    value = next(value for value, other in bones.names.items() if other == name)
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), LABEL_REACH_MM + 1.0)
    near = np.zeros(lesion.shape, dtype=bool)
    near[region] = dilate(np.ascontiguousarray(lesion[region]), LABEL_REACH_MM, bones.grid.spacing_kji_mm)
    return near & (bones.labels == value)
