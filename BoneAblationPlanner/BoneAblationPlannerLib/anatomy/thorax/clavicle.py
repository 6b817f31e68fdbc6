"""The clavicle: a tube from the acromion, over the head of the humerus, to the middle."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.anatomy.thorax.joint_cut import moved_into_joint
from BoneAblationPlannerLib.anatomy.thorax.parting import shared_out
from BoneAblationPlannerLib.anatomy.thorax.tubes import Tube
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.regions import Region

FROM_HEAD_MM = 52.0
"""The clavicle's outer end lies this near to the middle of the humeral head (measured: 29 and 29 mm); no rib does."""
SHORTEST_MM = 55.0
SECTION_MM2 = (50.0, 330.0)
"""Mean section of a clavicle (measured: 120 mm2), with what closing and thick slices add."""
INWARDS_MM = 40.0
"""Its inner end lies at least this much nearer to the middle than its outer one."""
AWAY_MM = 8.0
"""Most of it keeps farther from the lung than this."""
INNER_FROM_MM, INNER_FORWARD, BLADE_FORWARD = 55.0, -0.14, -0.45
"""Seen from the middle of the glenoid: bone this far inwards is clavicle where it is not behind, blade of the scapula
where it lies this much to the back for each mm inwards (measured: clavicles 0.05 to 0.55 forwards, blades -0.45 to
-1.1)."""
NECK_MM, NECK_UP_MM, ACROMION_OUT_MM, BEHIND_MM = 32.0, 10.0, 12.0, 30.0
"""Seen from there as well: bone this near and no higher is neck, this far outwards acromion, this far behind spine or
blade (measured: clavicles begin 0 and 5 mm inwards, 23 mm up, and lie 19 mm behind at most)."""
LEAST_ML = 2.0
OF_SCAPULA_ML = 1.0
"""A bone with more than this where only scapula can be holds both."""


def clavicle_marks(
    points_ras_mm: NDArray[np.float64], socket_ras_mm: NDArray[np.float64], side: Side
) -> NDArray[np.uint8]:
    """1 for places (N, 3) of a scapula with its clavicle that are surely scapula, 2 surely clavicle, 0 between."""
    offset = points_ras_mm - socket_ras_mm
    inwards = -offset[:, 0] if side == "right" else offset[:, 0]
    forward = offset[:, 1] / np.maximum(inwards, 1.0)
    marks = np.zeros(len(offset), dtype=np.uint8)
    marks[(inwards <= NECK_MM) & (offset[:, 2] < NECK_UP_MM)] = 1
    marks[(inwards <= -ACROMION_OUT_MM) | (offset[:, 1] < -BEHIND_MM)] = 1
    marks[(inwards >= INNER_FROM_MM) & (forward < BLADE_FORWARD)] = 1
    marks[(inwards >= INNER_FROM_MM) & (forward > INNER_FORWARD)] = 2
    return marks


def cut_clavicle(
    ct: CtVolume,
    work: Work,
    box: Region,
    bone: NDArray[np.bool_],
    socket_ras_mm: NDArray[np.float64],
    side: Side,
) -> NDArray[np.bool_] | None:
    """What may be the clavicle of a bone, all of it or what a scapula is cut off from; None where none is.

    Parameters
    ----------
    ct : CtVolume
    work : Work
    box : Region
        The part of the working grid that `bone` shows.
    bone : (k, j, i) bool
        A clavicle, or a scapula that may hang together with it.
    socket_ras_mm : (3,)
        Middle of the glenoid.
    side : Side
    """
    at = np.argwhere(bone)
    marks = clavicle_marks(work.grid.crop(box).ras_from_ijk(at[:, ::-1]), socket_ras_mm, side)
    if (marks == 2).sum() * work.grid.voxel_ml < LEAST_ML:
        return None
    if (marks == 1).sum() * work.grid.voxel_ml < OF_SCAPULA_ML:
        return bone
    marked = np.zeros(bone.shape, dtype=np.uint8)
    marked[tuple(at.T)] = marks
    parts, count = ndimage.label(shared_out(work.hu[box], work.sheet[box], bone, marked) == 2)
    if not count:
        return None
    piece = parts == int(np.bincount(parts.ravel())[1:].argmax()) + 1
    return moved_into_joint(ct, work, box, bone, piece)


def is_clavicle(tube: Tube, away_mm: NDArray[np.float32], head_ras_mm: NDArray[np.float64], side: Side) -> bool:
    """Whether a bone is the clavicle of the shoulder whose humeral head has its middle at a place.

    Parameters
    ----------
    tube : Tube
        The way through the bone.
    away_mm : (N,)
        Distance of its voxels to the lung.
    head_ras_mm : (3,)
    side : Side
    """
    if tube.length_mm < SHORTEST_MM or not SECTION_MM2[0] <= tube.section_mm2 <= SECTION_MM2[1]:
        return False
    outer, inner = sorted(tube.ends_ras_mm, key=lambda end: float(np.linalg.norm(end - head_ras_mm)))
    inwards = (outer - inner)[0] if side == "right" else (inner - outer)[0]
    near_head = float(np.linalg.norm(outer - head_ras_mm)) <= FROM_HEAD_MM and outer[2] > head_ras_mm[2]
    # The spine of the scapula is a tube to the acromion as well, but it runs to the back.
    in_front = inner[1] - head_ras_mm[1] > INNER_FORWARD * inwards
    return bool(near_head and in_front and inwards >= INWARDS_MM and np.quantile(away_mm, 0.2) > AWAY_MM)
