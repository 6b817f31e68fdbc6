"""Bones as separate segments, and what they are made of, on made scans with known anatomy."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_names import bone_name, is_known_bone
from BoneAblationPlannerLib.anatomy.bone_tissue import (
    CORTEX,
    IMPLANT,
    MARROW_CAVITY,
    SHOWN_MM,
    TRABECULAR,
    bone_tissue_near,
    foreign_material,
    measurable_bone,
    metal_and_cement,
    tissue_map,
)
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.host_bone import bone_at
from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.frames import Grid

HEAD_MM, SPACE_MM, SOCKET_MM = 20.0, 4.0, 16.0
CEMENT_OFF_MM = np.array([6.0, 0.0, 0.0])


def ball_and_socket(half_angle_deg, direction=-1.0, spacing=(1.0, 1.0, 1.2)):
    """A ball (cortex around spongy bone) with a shaft, in a cup that covers a cone of its surface, in soft tissue.

    The cup opens along R times `direction` seen from the ball: the ball lies on the patient's right where it is -1.
    """
    shape = (80, 110, 130)
    matrix = np.diag([*spacing, 1.0])
    grid = Grid(shape, matrix)
    centre = np.array([65.0, 55.0, 55.0])
    offset = every_point(grid) - centre
    distance = np.linalg.norm(offset, axis=1)
    cosine = direction * offset[:, 0] / np.maximum(distance, 1e-9)
    head = distance <= HEAD_MM
    shaft = (np.hypot(offset[:, 0], offset[:, 1]) <= 11) & (offset[:, 2] < 0) & (offset[:, 2] > -48)
    cup = (distance > HEAD_MM + SPACE_MM) & (distance <= HEAD_MM + SPACE_MM + SOCKET_MM)
    cup &= cosine >= np.cos(np.radians(half_angle_deg))
    hu = np.full(len(offset), 50.0)
    hu[head | shaft] = 300
    hu[head & (distance > HEAD_MM - 3)] = 900
    hu[cup] = 300
    hu[cup & ((distance < HEAD_MM + SPACE_MM + 2.5) | (distance > HEAD_MM + SPACE_MM + SOCKET_MM - 2.5))] = 900
    hu += np.random.default_rng(3).normal(scale=15, size=len(hu))
    ct = CtVolume(grid, np.round(hu).reshape(shape).astype(np.int16), "made", "0")
    return ct, (head | shaft).reshape(shape), cup.reshape(shape)


def everything(ct):
    return np.ones(ct.grid.shape, dtype=bool)


# Share of a sphere inside a cone of half-angle t is (1 - cos t) / 2: a tenth at 37 degrees, as in a glenoid.
@pytest.mark.parametrize(
    ("half_angle", "direction", "ball_name", "socket_name"),
    [(37, -1.0, "humerus_right", "scapula_right"), (37, 1.0, "humerus_left", "scapula_left")],
)
def test_a_ball_in_its_socket_is_separated_and_named(half_angle, direction, ball_name, socket_name):
    ct, head, cup = ball_and_socket(half_angle, direction)
    bones = separate_bones(ct, bone_mask(ct, everything(ct)), everything(ct))
    values = {name: value for value, name in bones.names.items()}
    assert set(values) == {ball_name, socket_name}
    for name, truth in ((ball_name, head), (socket_name, cup)):
        found = bones.labels == values[name]
        # 3 mm closing fills half of the 4 mm space at most: the bone may gain, it may not take the other's.
        assert found[truth].mean() > 0.97
        assert not found[cup if truth is head else head].mean() > 0.02


def test_the_phantoms_femurs_are_separated_and_named():
    """The phantom's own labels are the truth; its bones are not given to the method."""
    phantom = make_phantom((1.2, 1.2, 2.0))
    body = find_body(phantom.ct).inside
    bones = separate_bones(phantom.ct, bone_mask(phantom.ct, body), body)
    truth = {name: value for value, name in phantom.organs.names.items()}
    values = {name: value for value, name in bones.names.items()}
    for side in ("right", "left"):
        found, true = bones.labels == values[f"femur_{side}"], phantom.organs.labels == truth[f"femur_{side}"]
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.9
        # The socket belongs to another bone.
        assert not (found & (phantom.organs.labels == truth[f"hip_{side}"])).sum() > 0.02 * true.sum()


def test_an_uncertain_socket_leaves_the_bones_without_names():
    """A fifth of the sphere (52 degrees) is neither an acetabulum nor a glenoid."""
    ct, _, _ = ball_and_socket(52)
    bones = separate_bones(ct, bone_mask(ct, everything(ct)), everything(ct))
    assert sorted(bones.names.values()) == ["bone 1", "bone 2"]
    assert not any(is_known_bone(name) for name in bones.names.values())


def test_labelled_bones_are_taken_as_they_are_and_adopt_what_touches_them():
    grid = oblique_grid((30, 60, 60), (1.0, 1.2, 2.0))
    centre = grid.ras_from_ijk([[20, 30, 15]])[0]
    other = grid.ras_from_ijk([[48, 30, 15]])[0]
    far = ball(grid, other, 9)
    labelled, bone = ball(grid, centre, 12), ball(grid, centre, 14) | far
    organs = LabelMap(grid, np.where(labelled, 7, 0).astype(np.uint8), {7: "sternum", 3: "colon"})
    ct = CtVolume(grid, np.where(bone, 400, 40).astype(np.int16), "made", "0")
    bones = separate_bones(ct, bone, everything(ct), organs)
    assert bones.names == {7: "sternum", 8: "bone 1"}
    # Each voxel of the outer shell has a labelled voxel within 4 mm: 2 mm of depth and half a voxel's diagonal.
    assert (bones.labels[ball(grid, centre, 14) & ~far] == 7).all()
    assert (bones.labels[far] == 8).all()
    assert bone_at(bones, ball(grid, centre, 3)) == "sternum"
    assert bone_at(bones, ball(grid, other, 3)) is None


def test_no_bone_gives_no_bones():
    grid = oblique_grid()
    ct = CtVolume(grid, np.full(grid.shape, 40, dtype=np.int16), "made", "0")
    bones = separate_bones(ct, np.zeros(grid.shape, dtype=bool), everything(ct))
    assert bones.names == {}
    assert not bones.labels.any()


def shaft_with(hu_inside=0.0):
    """A tube: outer radius 14 mm, wall 5 mm of 1400 HU, fatty marrow inside; axis along k of an oblique grid."""
    grid = oblique_grid((24, 60, 70), (0.9, 1.1, 2.4))
    i, j = np.meshgrid((np.arange(70) - 35) * 0.9, (np.arange(60) - 30) * 1.1)
    radius = np.broadcast_to(np.hypot(i, j), grid.shape)
    hu = np.select([radius <= 9, radius <= 14], [hu_inside, 1400.0], 40.0)
    return grid, hu, radius


def test_cortex_trabecular_bone_and_marrow_cavity_are_told_apart():
    grid, hu, radius = shaft_with(-60.0)
    hu[:12][radius[:12] <= 9] = 250  # metaphysis: spongy bone instead of the cavity
    ct = CtVolume(grid, hu.astype(np.int16), "made", "0")
    tissue = tissue_map(ct, radius <= 14, everything(ct))
    upper, lower = slice(14, 24), slice(0, 10)
    assert (tissue[(radius > 10.5) & (radius < 13.5)] == CORTEX).mean() > 0.99
    assert (tissue[upper][radius[upper] < 7] == MARROW_CAVITY).mean() > 0.99
    assert (tissue[lower][radius[lower] < 7.5] == TRABECULAR).mean() > 0.99
    assert not tissue[radius > 15.5].any()


@pytest.mark.parametrize(("hu", "which"), [(1900, 1), (2800, 0)])
def test_metal_and_old_cement_are_told_apart(hu, which):
    grid, tissue, _ = shaft_with(0.0)
    chunk = ball(grid, grid.ras_from_ijk([[35, 30, 12]])[0], 7)
    tissue[chunk] = hu
    ct = CtVolume(grid, tissue.astype(np.int16), "made", "0")
    found = metal_and_cement(ct, everything(ct))
    assert found[which][chunk].mean() > 0.9
    assert not found[1 - which].any()


def test_metal_and_cement_are_implants_and_cortex_is_not():
    grid, hu, radius = shaft_with(0.0)
    assert not foreign_material(
        CtVolume(grid, np.where(radius <= 14, 1800, 40).astype(np.int16), "made", "0"), radius < 0, radius < 99
    ).any()
    ct = CtVolume(grid, hu.astype(np.int16), "made", "0")
    assert not foreign_material(ct, radius <= 14, everything(ct)).any()
    cement = ball(grid, grid.ras_from_ijk([[35, 30, 12]])[0], 7)
    hu[cement] = 1900
    screw = np.zeros(grid.shape, dtype=bool)
    screw[4, 30, 20:50] = True
    hu[screw] = 3000
    ct = CtVolume(grid, hu.astype(np.int16), "made", "0")
    found = foreign_material(ct, radius <= 14, everything(ct))
    assert found[cement].mean() > 0.9
    assert (tissue_map(ct, radius <= 14, everything(ct))[found] == IMPLANT).all()
    rest = measurable_bone(ct, radius <= 14, found)
    assert not (rest & cement).any()
    # 5 mm away from everything foreign, whatever the axis.
    points, foreign = grid.ras_of_mask(rest), grid.ras_of_mask(found)
    nearest = min(float(np.linalg.norm(foreign - p, axis=1).min()) for p in points[::50])
    assert nearest > 5.0


@pytest.mark.parametrize("density", [1600, 1900, 2600])
def test_cement_or_metal_in_a_head_leaves_the_joint_and_both_names(density):
    """A ball of 8 mm, 3 mm of spongy bone away from the cortex around it: these 3 mm are no joint space."""
    ct, head, cup = ball_and_socket(37)
    ct.hu[head & (ct.hu < 600)] -= 60  # thin spongy bone, still seen as bone
    ct.hu[ball(ct.grid, np.array([65.0, 55.0, 55.0]) + CEMENT_OFF_MM, 8.0)] = density
    bones = separate_bones(ct, bone_mask(ct, everything(ct)), everything(ct))
    values = {name: value for value, name in bones.names.items()}
    assert set(values) == {"humerus_right", "scapula_right"}
    assert (bones.labels[head] == values["humerus_right"]).mean() > 0.97
    assert (bones.labels[cup] == values["scapula_right"]).mean() > 0.97


def test_what_told_a_joint_is_kept_with_the_bones():
    """Centre, radius and the middle of the socket are those that the scan was made with."""
    ct, _, _ = ball_and_socket(37)
    bones = separate_bones(ct, bone_mask(ct, everything(ct)), everything(ct))
    place = bones.balls["humerus_right"]
    step = 1.25  # working voxels
    assert np.abs(place.centre_ras_mm - [65.0, 55.0, 55.0]).max() <= step
    assert abs(place.radius_mm - HEAD_MM) <= step
    # The cup lies along -R seen from the ball; a cap of half-angle t has its mean at (1 + cos t) / 2 of its radius.
    reach = (HEAD_MM + SPACE_MM / 2) * (1 + np.cos(np.radians(37))) / 2
    assert np.abs(place.socket_ras_mm - [65.0 - reach, 55.0, 55.0]).max() <= 2 * step


@pytest.mark.parametrize(
    "spelling",
    [("hip_right", "femur_right"), ("Hip right", "FEMUR right"), ("right hip", "right femur"), ("Hip_R", "Femur_R"),
     ("Hip bone, right", "Rt femur"), ("os coxae dextra", "right thigh bone")],
)  # fmt: skip
def test_every_spelling_of_labels_gives_the_same_bones(spelling):
    grid = oblique_grid((30, 60, 60), (1.0, 1.2, 2.0))
    one, two = (ball(grid, grid.ras_from_ijk([[i, 30, 15]])[0], 12) for i in (18, 44))
    labels = np.where(one, 5, np.where(two, 9, 0)).astype(np.uint8)
    ct = CtVolume(grid, np.where(one | two, 400, 40).astype(np.int16), "made", "0")
    organs = LabelMap(grid, labels, dict(zip((5, 9), spelling, strict=True)))
    bone = bone_mask(ct, everything(ct), organs)
    assert bone[one | two].all()
    bones = separate_bones(ct, bone, everything(ct), organs)
    assert bones.names == {5: "hip_right", 9: "femur_right"}
    assert (bones.labels[one] == 5).all()
    assert (bones.labels[two] == 9).all()


def test_labels_of_one_bone_become_one_and_labels_of_unknown_bone_get_numbers():
    grid = oblique_grid((30, 60, 60), (1.0, 1.2, 2.0))
    places = [ball(grid, grid.ras_from_ijk([[i, 30, 15]])[0], 6) for i in (12, 28, 46)]
    labels = sum(np.where(place, n, 0) for n, place in enumerate(places, start=1)).astype(np.uint8)
    ct = CtVolume(grid, np.where(labels > 0, 400, 40).astype(np.int16), "made", "0")
    names = {1: "Hip_R", 2: "Ilium right", 3: "Bones"}
    bones = separate_bones(ct, labels > 0, everything(ct), LabelMap(grid, labels, names))
    assert bones.names == {1: "hip_right"}, "less than 1 ml of unknown bone gets no number"
    assert (bones.labels[places[0] | places[1]] == 1).all()
    assert not bones.labels[places[2]].any()


@pytest.mark.parametrize("name", ["hip_left", "Femur right", "rib_left_7", "vertebrae_L5", "clavicle_left", "coccyx"])
def test_bone_names(name):
    assert bone_name(name) is not None


@pytest.mark.parametrize(
    "name", ["hip_implant", "hip joint right", "radial_artery", "femoral nerve", "costal_cartilages"]
)
def test_names_that_only_sound_like_bones(name):
    assert bone_name(name) is None


def test_bone_tissue_is_shown_around_the_lesion_and_not_in_it():
    grid, hu, radius = shaft_with(-60.0)
    lesion = ball(grid, grid.ras_from_ijk([[30, 30, 12]])[0], 5)
    ct = CtVolume(grid, hu.astype(np.int16), "made", "0")
    found = bone_tissue_near(ct, radius <= 14, everything(ct), lesion)
    assert set(found.names.values()) == {"Cortex", "Trabecular bone", "Marrow cavity"}
    assert not found.labels[lesion].any()
    whole = tissue_map(ct, radius <= 14, everything(ct))
    near = ball(grid, grid.ras_from_ijk([[30, 30, 12]])[0], SHOWN_MM - 2) & ~lesion
    assert (found.labels[near] == whole[near]).mean() > 0.98
