"""Names of bones: every usual spelling becomes one, what only sounds like bone does not."""

import itertools

import pytest

from BoneAblationPlannerLib.anatomy.bone_names import (
    bone_name,
    clinic_name,
    holds_several_bones,
    is_known_bone,
    is_single_bone,
    names_in_one_map,
    whole_bone,
)
from BoneAblationPlannerLib.anatomy.names import side_of

SIDES = {"left": ("left", "L", "Lt", "l"), "right": ("right", "R", "Rt", "r")}
WORDS = {
    "hip": ("hip", "Hip bone", "os coxae", "Hemipelvis"),
    "femur": ("femur", "Thigh bone"),
    "humerus": ("humerus",),
    "scapula": ("scapula", "shoulder blade"),
    "clavicula": ("clavicula", "clavicle", "collar bone"),
}


@pytest.mark.parametrize("bone", WORDS)
@pytest.mark.parametrize("side", SIDES)
def test_side_and_bone_in_any_order_case_and_separator_are_one_name(bone, side):
    for word, said, apart in itertools.product(WORDS[bone], SIDES[side], (" ", "_", "-", ", ", ".")):
        for text in (f"{word}{apart}{said}", f"{said}{apart}{word}", f"{word.upper()}{apart}{said}"):
            assert bone_name(text.replace(" ", apart)) == f"{bone}_{side}", text


@pytest.mark.parametrize(
    ("label", "name"),
    [("left rib 5", "rib_left_5"), ("rib_left_5", "rib_left_5"), ("Fifth rib left", "rib_left_5"),
     ("Rib05_L", "rib_left_5"), ("Rib 5 left", "rib_left_5"), ("5th rib, left", "rib_left_5"), ("rib 1", "rib_1"),
     ("ribs", "ribs"), ("L5 vertebra", "vertebrae_L5"), ("vertebrae_L5", "vertebrae_L5"), ("VB_L5", "vertebrae_L5"),
     ("Fifth lumbar vertebra", "vertebrae_L5"), ("lumbar vertebra 5", "vertebrae_L5"), ("VB_T03", "vertebrae_T3"),
     ("Th12", "vertebrae_T12"), ("L5", "vertebrae_L5"), ("S1 vertebra", "vertebrae_S1"), ("spine", "vertebrae"),
     ("Sacrum", "sacrum"), ("os sacrum", "sacrum"), ("Coccyx", "coccyx"), ("Sternum", "sternum"), ("Pelvis", "pelvis"),
     ("Bone_Pelvic", "pelvis"), ("Bones", "bone"), ("bone 3", "bone"), ("skeleton", "bone"), ("femur", "femur"),
     ("tibia", "tibia"), ("Tarsal bones", "tarsal"), ("Entire metatarsal", "metatarsal"), ("skull", "skull"),
     ("phalanges_feet", "phalanges_feet"), ("zygomatic_arch_left", "zygomatic_arch_left"),
     ("Femur_Head_L", "femur_left (head)"), ("FemoralHead_L", "femur_left (head)"),
     ("Bone_Ilium_R", "hip_right (ilium)"), ("acetabulum_right", "hip_right (acetabulum)"),
     ("Hip_R (Hip right)", "hip_right"), ("hip_left_1", "hip_left")],
)  # fmt: skip
def test_usual_spellings(label, name):
    assert bone_name(label) == name


@pytest.mark.parametrize(
    "label",
    ["hip_implant", "hip joint right", "Sacroiliac joint", "radial_artery", "femoral nerve", "femoral_nail",
     "femoral_vessels", "rectus femoris", "costal_cartilages", "renal pelvis", "carpal tunnel", "pubic symphysis",
     "bone metastasis", "iliac lesion right", "intervertebral_disc", "sacral plexus", "spinal canal", "L5 root",
     "levator_scapulae_left", "growth plate", "liver_segment_1", "ventricle_body_left", "head", "left", "S1", "1", ""],
)  # fmt: skip
def test_names_that_mean_no_bone(label):
    assert bone_name(label) is None


def test_a_name_stays_what_it_is():
    for label in ("Hip_R", "left rib 5", "L5", "Femur_Head_L", "Pelvis", "tibia", "Bones", "Bone_Ilium_L", "ribs"):
        name = bone_name(label)
        assert name is not None
        assert bone_name(name) == name


def test_parts_carry_the_name_of_a_bone_that_is_all_there():
    whole = {1: "femur_left", 2: "femur_left (head)", 3: None}
    assert names_in_one_map(whole) == {1: "femur_left", 2: "femur_left"}
    assert names_in_one_map({2: "femur_left (head)"}) == {2: "femur_left (head)"}
    thirds = {n: f"hip_left ({part})" for n, part in enumerate(("ilium", "ischium", "pubis"))}
    assert set(names_in_one_map(thirds).values()) == {"hip_left"}
    del thirds[1]
    assert names_in_one_map(thirds) == thirds


def test_which_names_tell_bones_apart():
    for name in ("hip_right", "sacrum", "rib_left_5", "vertebrae_L5", "clavicula_left"):
        assert is_single_bone(name)
    for name in ("pelvis", "femur", "ribs", "vertebrae", "bone", "femur_left (head)", "tarsal_left"):
        assert not is_single_bone(name)
    assert is_known_bone("pelvis")
    assert not is_known_bone("bone 2")
    assert whole_bone("hip_left (ilium)") == "hip_left"


@pytest.mark.parametrize(
    ("name", "words"),
    [("hip_right", "right hip bone"), ("rib_left_5", "left rib 5"), ("vertebrae_L5", "L5 vertebra"),
     ("clavicula_left", "left clavicle"), ("sacrum", "sacrum"), ("femur_left (head)", "left femur (head)")],
)  # fmt: skip
def test_bones_in_words_for_people(name, words):
    assert clinic_name(name) == words


@pytest.mark.parametrize("label", ["rib cage", "left ribs", "left rib", "Vertebrae", "bony pelvis"])
def test_several_bones_under_one_name(label):
    assert holds_several_bones(bone_name(label) or "")


@pytest.mark.parametrize("label", ["left rib 5", "L5", "left hip", "sternum", "femur"])
def test_one_bone_under_one_name(label):
    assert not holds_several_bones(bone_name(label) or "")


@pytest.mark.parametrize(
    ("name", "side"),
    [("ureter_left", "left"), ("BrachialPlex_L", "left"), ("Right kidney", "right"), ("aorta", None),
     ("left and right", None), ("N. ischiadicus re. R", "right")],
)  # fmt: skip
def test_sides_of_any_name(name, side):
    assert side_of(name) == side
