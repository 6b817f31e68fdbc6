"""Which bone holds a lesion: labels are believed, names from the CT alone only where they are certain."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.anatomy.ball_joints import BallJoint
from BoneAblationPlannerLib.anatomy.bones import SeparatedBones
from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.anatomy.host_bone import SPINE_NEAR_MM, SPINE_WORDS, SURE_FROM_SOCKET_MM, host_bone
from BoneAblationPlannerLib.ct import LabelMap

GRID = oblique_grid((50, 60, 60), (2.0, 2.0, 2.0))
AXIS = GRID.ijk_to_ras[:3, 0] / 2.0
MIDDLE = GRID.ras_from_ijk([[30, 30, 25]])[0]


def block(name, where=None):
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[5:-5, 5:-5, 5:-5] = 1
    if where is not None:
        labels[~where] = 0
    return LabelMap(GRID, labels, {1: name})


def from_ct(bones, balls=(), frames=()):
    return SeparatedBones(bones.grid, bones.labels, bones.names, balls=dict(balls), frames=dict(frames))


def spot(away_mm=0.0):
    return ball(GRID, MIDDLE + away_mm * AXIS, 5.0)


@pytest.mark.parametrize("name", ["hip_right", "scapula_left", "sacrum", "vertebrae_L5"])
def test_labels_are_believed(name):
    assert host_bone(block(name), spot()) == (name, None)


def test_bone_that_is_not_known_may_be_spine():
    found = host_bone(block("bone 1"), spot())
    assert found.name is None
    assert SPINE_WORDS in (found.doubt or "")


def test_a_part_is_its_bone():
    assert host_bone(block("femur_left (head)"), spot()).name == "femur_left"


@pytest.mark.parametrize(("away", "name"), [(0.0, "scapula_right"), (10.0, "scapula_right"), (20.0, None)])
def test_far_from_its_socket_a_scapula_may_be_clavicle_or_rib(away, name):
    """The socket lies as far on the other side as is still sure, less 12 mm."""
    socket = MIDDLE - (SURE_FROM_SOCKET_MM - 12.0) * AXIS
    bones = from_ct(block("scapula_right"), {"humerus_right": BallJoint(socket + 25.0, 20.0, socket)})
    found = host_bone(bones, spot(away))
    assert found.name == name
    assert (found.doubt is None) == (name is not None)
    assert host_bone(from_ct(block("scapula_right")), spot(away)).name is None, "no socket was seen"


@pytest.mark.parametrize(
    ("told", "name", "words"),
    [({}, None, "clavicle or rib"), ({3: "clavicula_right"}, None, "may be rib"),
     ({3: "ribs_right"}, None, "may be clavicle"), ({3: "clavicula_right", 4: "ribs_left"}, None, "may be rib"),
     ({3: "clavicula_right", 4: "ribs_right"}, "scapula_right", None)],
)  # fmt: skip
def test_where_clavicle_and_ribs_are_told_apart_the_rest_is_scapula(told, name, words):
    bones = block("scapula_right")
    found = host_bone(from_ct(replace(bones, names={**bones.names, **told})), spot())
    assert found.name == name
    assert words is None or words in (found.doubt or "")


def test_a_lesion_in_vertebrae_without_a_level_is_named_and_warned_of():
    found = host_bone(from_ct(block("vertebrae")), spot())
    assert found.name == "vertebrae"
    assert SPINE_WORDS in (found.doubt or "")


@pytest.mark.parametrize(("other", "warned"), [("vertebrae", True), ("bone 1", True), ("scapula_left", False)])
@pytest.mark.parametrize(("gap_mm", "near"), [(SPINE_NEAR_MM - 4.0, True), (SPINE_NEAR_MM + 4.0, False)])
def test_a_rib_near_what_may_be_spine_is_named_and_warned_of(other, warned, gap_mm, near):
    """The other bone begins `gap_mm` from the lesion's edge, along the grid's i axis."""
    along = ((GRID.ras_of_mask(np.ones(GRID.shape, dtype=bool)) - MIDDLE) @ AXIS).reshape(GRID.shape)
    bones = block("ribs_left")
    bones.labels[(bones.labels > 0) & (along > 5.0 + gap_mm)] = 2
    found = host_bone(from_ct(replace(bones, names={**bones.names, 2: other})), spot())
    assert found.name == "ribs_left"
    assert (SPINE_WORDS in (found.doubt or "")) == (warned and near)


def hip(where=None, origin=MIDDLE, named=()):
    """A hip bone from the CT whose own coordinates are RAS in units of 40, 30 and 15 mm around `origin`."""
    frame = BoneFrame(
        origin, np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), np.array([40.0, 30.0, 15.0])
    )
    bones = block("hip_right", where)
    return from_ct(replace(bones, names={**bones.names, **dict(named)}), (), {"hip_right": frame})


def own(up, forward, out):
    """The origin for which the middle has these own coordinates."""
    return MIDDLE - np.array([15.0 * out, 30.0 * forward, 40.0 * up])


def test_a_lesion_at_the_sacroiliac_joint_is_warned_of_and_keeps_its_name_where_bone_surrounds_it():
    assert host_bone(hip(), spot()) == ("hip_right", None), "at the origin, far from the joint"
    found = host_bone(hip(origin=own(0.6, -1.2, -0.9)), spot())
    assert found.name == "hip_right"
    assert "right sacroiliac joint" in (found.doubt or "")
    assert SPINE_WORDS in (found.doubt or "")


def test_a_lesion_that_only_touches_the_hip_there_may_be_in_the_sacrum():
    """Bone is left on one side of the lesion only: nothing of it beyond 2 mm from its middle."""
    along = (GRID.ras_of_mask(np.ones(GRID.shape, dtype=bool)) - MIDDLE) @ AXIS
    one_side = (along < -2.0).reshape(GRID.shape)
    found = host_bone(hip(one_side, own(0.6, -1.2, -0.9)), spot())
    assert found.name is None
    assert SPINE_WORDS in (found.doubt or "")
    assert host_bone(hip(one_side), spot()).name == "hip_right", "away from the joint no other bone is near"


@pytest.mark.parametrize(
    ("away", "name", "warned"),
    [(-16.0, "hip_right", False), (-5.0, "hip_right", True), (7.0, "sacrum", False)],
)
def test_beside_a_told_sacrum_the_bone_is_certain_and_a_lesion_that_reaches_it_is_warned_of(away, name, warned):
    """The joint lies in the middle; the lesion of 5 mm ends 11 mm before it, at it, and lies beyond it."""
    bones = hip(origin=own(0.6, -1.2, -0.9), named=[(2, "sacrum")])
    along = ((GRID.ras_of_mask(np.ones(GRID.shape, dtype=bool)) - MIDDLE) @ AXIS).reshape(GRID.shape)
    bones.labels[(bones.labels == 1) & (along > 0)] = 2
    found = host_bone(bones, spot(away))
    assert found.name == name
    assert (found.doubt is not None) == warned
    assert not warned or "right sacroiliac joint" in found.doubt
    assert not warned or SPINE_WORDS in found.doubt


@pytest.mark.parametrize(
    ("away", "shift", "name"),
    [(20.0, -10.0, "hip_right"), (2.0, -10.0, "hip_right"), (2.0, 12.0, None), (-2.0, 10.0, "femur_right"),
     (-2.0, -12.0, None), (-20.0, 12.0, "femur_right")],
)  # fmt: skip
def test_at_the_hip_joint_a_name_counts_where_the_ball_says_the_same(away, shift, name):
    """Hip and femur meet in a plane. A lesion of 5 mm touches both if its middle lies 2 mm off, else it is believed.

    The joint's ball ends `shift` mm beyond the plane.
    """
    beyond = (GRID.ras_of_mask(np.ones(GRID.shape, dtype=bool)) - MIDDLE) @ AXIS
    labels = np.where(beyond.reshape(GRID.shape) > 0, 1, 2).astype(np.uint8)
    ball_joint = BallJoint(MIDDLE + (shift - 20.0) * AXIS, 20.0)
    named = LabelMap(GRID, labels, {1: "hip_right", 2: "femur_right", 3: "sacrum"})
    found = host_bone(from_ct(named, {"femur_right": ball_joint}), spot(away))
    assert found.name == name
    assert (found.doubt is not None) == (abs(away) < 5.0)
