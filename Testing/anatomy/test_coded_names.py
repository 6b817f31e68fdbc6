"""Names of segments: their own where these say something, else their coded meanings."""

import pytest

from BoneAblationPlannerLib.anatomy.bone_names import bone_name
from BoneAblationPlannerLib.anatomy.coded_names import slicer_meanings, spoken_name, with_side


@pytest.mark.parametrize("meaning", ["Organ", "Tissue", "Anatomical Structure", "Body structure", ""])
@pytest.mark.parametrize("label", ["hip_right", "Femur_Head_L", "bowel bag", "Segment 3", "mystery", "L5"])
def test_a_general_type_adds_nothing(label, meaning):
    assert spoken_name(label, (meaning, "")) == label
    assert bone_name(spoken_name("hip_right", (meaning,))) == "hip_right"


@pytest.mark.parametrize(
    ("label", "meanings", "name"),
    [
        ("Segment_1", ("Urinary bladder",), "Urinary bladder"),
        ("", ("Organ", "Colon"), "Colon"),
        ("", ("Organ",), "Organ"),
        ("Segment_4", ("Tissue", "Sciatic nerve right"), "Sciatic nerve right"),
        ("region A", ("Colon",), "region A (Colon)"),
        ("my bone", ("Hip bone right",), "Hip bone right"),  # with its label it would name no bone
        ("Hip", ("Hip right",), "Hip right"),
        ("Hüfte", ("Hip bone right",), "Hüfte right"),
        ("ureter", ("Kidney left",), "ureter"),
        ("Hip_R", ("Hip right",), "Hip_R"),
        ("colon", ("Urinary bladder",), "colon"),
    ],
)
def test_labels_and_meanings(label, meanings, name):
    assert spoken_name(label, meanings) == name


def test_an_entry_of_slicer():
    entry = "General Anatomy~SCT^1^Anatomical Structure~SCT^2^Hip bone~SCT^3^Left~Codes~SCT^4^Pelvis~^^"
    assert slicer_meanings(entry) == ("hip bone left", "pelvis")
    assert slicer_meanings("a~b~SCT^2^Organ~^^~~^^~^^|") == ("organ",)
    assert slicer_meanings("") == slicer_meanings("~~") == ()


def test_modifiers_that_are_no_side_are_left_out():
    assert with_side("Femur", "Right") == "Femur right"
    assert with_side("Femur", "Proximal") == "Femur"
    assert with_side("", "Right") == ""
