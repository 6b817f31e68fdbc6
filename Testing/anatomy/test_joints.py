"""Joints: the space between two bones and its walls, when they count as checked, and what a lesion takes along."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.joints import (
    CONTACT_MM,
    FACING_MM,
    RELEASED_MM,
    find_joints,
    joint_distance_mm,
    joints_checked,
    limiting_part,
)
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid

GRID = oblique_grid((40, 60, 60), (1.0, 1.0, 1.5))
ALONG = (every_point(GRID) - GRID.ras_from_ijk([[0, 0, 0]])[0]) @ (GRID.ijk_to_ras[:3, 0])
I_MM = ALONG.reshape(GRID.shape)  # distance along the i axis from the first voxel; spacing is 1 mm


def plates(gap_mm, names=("hip_right", "femur_right"), cut=True):
    """Two blocks that face each other across i, `gap_mm` between their facing voxels' centres."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    inside = np.zeros(GRID.shape, dtype=bool)
    margin = 0 if cut else 4
    inside[4:-4, 10:-10, margin : 60 - margin] = True
    labels[inside & (I_MM <= 25.01)] = 1
    labels[inside & (25 + gap_mm - 0.01 <= I_MM)] = 2
    return LabelMap(GRID, labels, {1: names[0], 2: names[1]})


@pytest.mark.parametrize("gap", [3, 5])
def test_a_joint_is_the_space_and_one_voxel_of_each_wall(gap):
    joints = find_joints(plates(gap))
    assert [joint.name for joint in joints] == ["hip joint right"]
    expected = np.zeros(GRID.shape, dtype=bool)
    expected[4:-4, 10:-10] = (I_MM[4:-4, 10:-10] > 24.5) & (I_MM[4:-4, 10:-10] < 25.5 + gap)
    mask = joints[0].mask
    assert mask[expected].all()
    middle = np.zeros(GRID.shape, dtype=bool)
    middle[10:-10, 18:-18] = True  # farther than 6 mm from the plates' rims, whose sides face the other plate as well
    assert (mask[middle] == expected[middle]).all()


def test_bones_that_are_too_far_apart_make_no_joint():
    assert find_joints(plates(FACING_MM + 2)) == ()


def test_bones_that_no_joint_links_make_none():
    assert find_joints(plates(3, ("rib_left_3", "rib_left_4"))) == ()


def test_sides_are_not_mixed():
    assert find_joints(plates(3, ("hip_right", "femur_left"))) == ()


def test_the_lowest_of_the_vertebrae_meets_the_sacrum_whatever_its_number():
    for spine in ("vertebrae", "vertebrae_L5"):
        assert [joint.name for joint in find_joints(plates(3, ("sacrum", spine)))] == ["lumbosacral joint"]


def spot(i_mm):
    """A lesion of 4 mm radius in the middle of the blocks at a place along i."""
    return ball(GRID, GRID.ras_from_ijk([[i_mm, 30, 20]])[0], 4.01)


def test_joints_count_as_checked_only_where_all_bones_near_are_known():
    femoral = plates(3, ("femur_right", "hip_right"))
    # hip_right also has a sacroiliac joint, whose partner is missing: near the lesion that is unknown.
    assert not joints_checked(femoral, find_joints(femoral), spot(45))
    # Only the femur within 30 mm (facing wall at 28, lesion's edge at 59 or more): its knee lies beyond the image.
    shoulder = plates(3, ("femur_right", "hip_right"))
    shoulder.labels[shoulder.labels == 2] = 0
    assert not joints_checked(shoulder, (), spot(10))


def test_a_bone_without_a_name_leaves_joints_unchecked():
    bones = plates(3, ("femur_right", "bone 1"))
    assert not joints_checked(bones, find_joints(bones), spot(10))


@pytest.mark.parametrize("name", ["femur", "femur_right (head)", "pelvis", "skull", "bone", "hip right"])
def test_a_bone_whose_joints_no_table_holds_leaves_joints_unchecked(name):
    """Alone near the lesion, whole in the image: what is not in the tables has joints that nobody looked for."""
    bones = plates(3, (name, "rib_left_3"), cut=False)
    bones.labels[bones.labels == 2] = 0
    assert not joints_checked(bones, find_joints(bones), spot(12))


def test_a_pelvis_labelled_as_one_bone_has_hip_joints_and_more_that_are_unknown():
    bones = plates(3, ("pelvis", "femur_right"))
    assert [joint.name for joint in find_joints(bones)] == ["hip joint right"]
    assert not joints_checked(bones, find_joints(bones), spot(10))


def test_a_whole_pelvis_is_checked_and_one_without_sacrum_is_not():
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[:, 10:50, :20] = 1
    labels[:, 10:50, 22:40] = 2
    labels[:, 10:50, 42:] = 3
    names = {1: "femur_right", 2: "hip_right", 3: "sacrum"}
    lesion = ball(GRID, GRID.ras_from_ijk([[8, 30, 20]])[0], 3)
    incomplete = LabelMap(GRID, labels, names)
    # The hip's symphysis and the sacrum's other side are unknown: 30 mm reach to the hip and the sacrum is 31 mm away.
    assert [j.name for j in find_joints(incomplete)] == ["hip joint right", "sacroiliac joint right"]
    assert not joints_checked(incomplete, find_joints(incomplete), lesion)


def test_a_lesion_that_keeps_away_releases_nothing():
    joint = find_joints(plates(3))[0]
    kept, reached = limiting_part(joint.mask, spot(25 - 4 - CONTACT_MM - 3), GRID)
    assert reached == 0
    assert (kept == joint.mask).all()


def test_a_lesion_that_reaches_the_joint_releases_the_surface_around_it_and_no_more():
    joint = find_joints(plates(3))[0]
    lesion = spot(22)
    kept, reached = limiting_part(joint.mask, lesion, GRID)
    assert 0 < reached < 1
    assert not (kept & ~joint.mask).any()
    points = GRID.ras_of_mask(lesion)
    away = np.array([np.linalg.norm(points - p, axis=1).min() for p in GRID.ras_of_mask(joint.mask)])
    assert (kept[joint.mask] == (away > RELEASED_MM + 1e-3)).all()


def test_distance_to_the_nearest_joint():
    joints = find_joints(plates(3))
    found = joint_distance_mm(joints, spot(10), GRID)
    # The lesion ends at 14, the joint's first wall voxel lies at 25.
    assert found is not None
    assert found[0] == "hip joint right"
    assert abs(found[1] - 11) < 1e-6
    assert joint_distance_mm((), spot(10), GRID) is None


@pytest.mark.parametrize(("side", "outwards"), [("right", 1.0), ("left", -1.0)])
def test_the_coracoid_below_the_clavicle_is_no_joint(side, outwards):
    """A bar along R with a plate under its outer end and one 35 mm farther in, both 3 mm away; only one is a joint."""
    grid = Grid((40, 40, 100), np.diag([1.0, 1.0, 1.0, 1.0]))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    outer, inner = (slice(80, 95), slice(45, 60)) if outwards > 0 else (slice(5, 20), slice(40, 55))
    labels[20:28, 10:30, 10:90] = 1
    labels[10:17, 10:30, outer] = labels[10:17, 10:30, inner] = 2
    bones = LabelMap(grid, labels, {1: f"clavicula_{side}", 2: f"scapula_{side}"})
    (joint,) = find_joints(bones)
    assert joint.name == f"acromioclavicular joint {side}"
    at_r = grid.ras_of_mask(joint.mask)[:, 0]
    assert at_r.min() > 60 if outwards > 0 else at_r.max() < 40
