"""What the planner found is no given anatomy when it plans again; what a person gave or edited is."""

import json
from dataclasses import replace

import numpy as np
import pytest
import slicer
from make_result import make_result

from BoneAblationPlannerLib.anatomy.barred import CHOSEN
from BoneAblationPlannerLib.anatomy.joints import OF_LABELLED_BONES
from BoneAblationPlannerLib.anatomy.structure_table import builtin_table
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.plan import CheckedStructure
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.inputs import SegmentChoice, anatomy_from_node, case_from_nodes, structure_names
from BoneAblationPlannerLib.scene.outline import computed_outline
from BoneAblationPlannerLib.scene.plan_nodes import plan_anatomy, plan_documents
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import segment_mask, segments, set_voxels
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from BoneAblationPlannerLib.scene.written import ORIGIN_TAG

GIVEN = {"course 7", "urinary_bladder", "hip_left"}
FOUND = (
    ("gas: lung", "lung", "computed from the CT"),
    ("hip joint left", "joint", OF_LABELLED_BONES),
    ("femur_left", "barred bone", CHOSEN),
)


def block(grid, k, size=4):
    mask = np.zeros(grid.shape, dtype=bool)
    mask[k : k + size, 30 : 30 + size, 40 : 40 + size] = True
    return mask


def made():
    """A plan with given and found structures, a given bone and two found ones, and a computed lesion."""
    result = make_result()
    grid, plan = result.anatomy.ct.grid, result.plan
    found = tuple(Structure(n, kind, block(grid, 5 * i), 3.0, 5.0, o) for i, (n, kind, o) in enumerate(FOUND))
    nerve, bladder = result.anatomy.structures
    structures = (replace(nerve, name="course 7"), bladder, *found)
    labels = sum((n * block(grid, 20 + 5 * n) for n in (1, 2, 3)), np.zeros(grid.shape, dtype=int))
    anatomy = replace(
        result.anatomy,
        structures=structures,
        estimates=(Structure("tibial nerve (estimated, verify)", "nerve", block(grid, 40), 5.0, 10.0, "estimated"),),
        bones=LabelMap(grid, labels.astype(np.uint16), {1: "hip_left", 2: "femur_left", 3: "bone 1"}),
    )
    checked = tuple(CheckedStructure(s.name, s.kind, s.origin) for s in structures)
    lesion = replace(plan.lesion, outline="segmented", confidence=0.71, checks=("look | here",))
    plan = replace(plan, lesion=lesion, structures=replace(plan.structures, checked=checked))
    return replace(result, plan=plan, anatomy=anatomy)


@pytest.fixture
def scene():
    scene = new_scene()
    yield scene
    scene.Clear(True)


@pytest.fixture
def nodes(scene):
    return add_plan(scene, made())


def grid_of(result=None):
    return make_result().anatomy.ct.grid if result is None else result.anatomy.ct.grid


def names_of(node):
    """Names that count as given, and what was drawn anew."""
    found = anatomy_from_node(node, grid_of())
    return set(found.organs.names.values()) if found.organs else set(), set(found.edited.names)


def segment_of(node, name):
    return next(s for _, s in segments(node) if s.GetName() == name)


def edit(node, name):
    """Erase half of a segment; returns what is left of it."""
    segment = segment_of(node, name)
    left = segment_mask(segment, grid_of())
    left[:, :, int(np.argwhere(left)[:, 2].mean()) :] = False
    set_voxels(segment, left, grid_of())
    return left


# Unedited plans


def test_only_what_was_given_for_a_plan_is_given_for_the_next(nodes):
    assert names_of(nodes.segmentation) == (GIVEN, set())
    assert anatomy_from_node(nodes.segmentation, grid_of()).notes == ()
    assert set(structure_names(nodes.segmentation, builtin_table())[0]) == GIVEN


def test_so_it_is_after_a_file(scene, nodes, tmp_path):
    save_bundle(scene, tmp_path / "plan.mrb")
    loaded = load_bundle(tmp_path / "plan.mrb")
    _ct, segmentation, _lesion = plan_anatomy(plan_documents(loaded)[0])
    assert names_of(segmentation) == (GIVEN, set())
    assert read_plan_nodes(loaded).by_hand == ()
    assert computed_outline(segmentation, "lesion", made().anatomy.lesion).checks == ("look | here",)


def test_so_it_is_for_plans_whose_segments_do_not_say_it(nodes):
    """By their document."""
    for _, segment in segments(nodes.segmentation):
        for tag in (ORIGIN_TAG, "BonePlan.Written"):
            segment.RemoveTag(tag)
    given, drawn = names_of(nodes.segmentation)
    # Of joints of labelled bones older documents say "organ label"; here they have their own word.
    assert (given, drawn) == (GIVEN - {"hip_left"}, set())


def test_a_plan_that_was_given_nothing_gives_nothing(scene):
    result = make_result()
    found = tuple(replace(s, origin="computed from the CT") for s in result.anatomy.structures)
    nodes = add_plan(scene, replace(result, anatomy=replace(result.anatomy, structures=found)))
    found = anatomy_from_node(nodes.segmentation, grid_of())
    assert (found.organs, found.edited.names, found.notes) == (None, (), ())


def test_a_segment_keeps_the_kind_that_its_plan_knew(nodes):
    assert builtin_table().kind_of("course 7") is None
    found = anatomy_from_node(nodes.segmentation, grid_of())
    assert found.table.kind_of("course 7") == "nerve"
    assert found.table.kind_of("course 70") is None
    segment_of(nodes.segmentation, "course 7").SetName("ureter")  # a new name counts
    assert anatomy_from_node(nodes.segmentation, grid_of()).table.kind_of("ureter") == "ureter"


def test_a_computed_lesion_is_still_known_to_be_computed(nodes):
    lesion = made().anatomy.lesion
    known = computed_outline(nodes.segmentation, "lesion", lesion)
    assert (known.confidence, known.checks) == (0.71, ("look | here",))
    assert computed_outline(nodes.segmentation, "lesion", np.roll(lesion, 1, 0) | lesion) is None


# Edited


@pytest.mark.parametrize("name", ["gas: lung", "hip joint left", "tibial nerve (estimated, verify)"])
def test_a_found_structure_counts_once_it_is_edited(nodes, name):
    left = edit(nodes.segmentation, name)
    found = anatomy_from_node(nodes.segmentation, grid_of())
    called = f"{name.removesuffix(' (estimated, verify)')} (edited)"
    assert set(found.organs.names.values()) == {*GIVEN, called}
    value = next(v for v, n in found.organs.names.items() if n == called)
    np.testing.assert_array_equal(found.organs.labels == value, left)
    assert found.table.kind_of(called) == {"g": "lung", "h": "joint", "t": "nerve"}[name[0]]
    assert [note for note in found.notes if "edited by hand" in note and called in note]


def test_a_given_structure_that_was_edited_is_said(nodes):
    left = edit(nodes.segmentation, "urinary_bladder")
    found = anatomy_from_node(nodes.segmentation, grid_of())
    value = next(v for v, n in found.organs.names.items() if n == "urinary_bladder")
    np.testing.assert_array_equal(found.organs.labels == value, left)
    assert "urinary_bladder" in found.notes[0]


@pytest.mark.parametrize(("name", "called"), [("Skin (body)", "skin"), ("Bone", "bone"), ("femur_left", "femur_left")])
def test_edited_skin_and_bones_are_used_as_drawn(nodes, name, called):
    node = nodes.segmentation
    segment = next(s for i, s in segments(node) if s.GetName() == name and not i.startswith("structure"))
    left = segment_mask(segment, grid_of())
    left[:25] = False
    left[40, 30:34, 50] = True
    set_voxels(segment, left, grid_of())
    edited = anatomy_from_node(node, grid_of()).edited
    assert edited.names == (called,)
    drawn = {"skin": edited.body, "bone": edited.bone}.get(called)
    drawn = edited.bones.labels != 0 if drawn is None else drawn
    np.testing.assert_array_equal(drawn, left)
    assert read_plan_nodes(nodes.scene).by_hand == (called,)


def test_voxels_put_back_are_no_edit(nodes):
    segment = segment_of(nodes.segmentation, "Bone")
    before = segment_mask(segment, grid_of())
    edit(nodes.segmentation, "Bone")
    set_voxels(segment, before, grid_of())
    assert names_of(nodes.segmentation) == (GIVEN, set())


def test_a_renamed_bone_is_drawn_anew(nodes):
    segment_of(nodes.segmentation, "bone 1").SetName("sacrum")
    assert names_of(nodes.segmentation) == (GIVEN, {"sacrum"})


def test_the_whole_bone_by_another_name_is_what_it_was(nodes):
    segment_of(nodes.segmentation, "Bone").SetName("mine")
    assert names_of(nodes.segmentation) == (GIVEN, set())
    assert read_plan_nodes(nodes.scene).by_hand == ()


def test_what_only_follows_other_segments_says_so(nodes):
    node = nodes.segmentation
    segment = next(s for i, s in segments(node) if s.GetName() == "femur_left" and i.startswith("structure"))
    set_voxels(segment, block(grid_of(), 3, 7), grid_of())
    found = anatomy_from_node(node, grid_of())
    assert set(found.organs.names.values()) == GIVEN
    assert "not used: 'femur_left' follows the bones" in found.notes[0]


def test_a_drawn_bone_stays_drawn_in_the_plans_after(scene):
    """The next plan stores it as it was drawn; nobody edits it there, and it is used again."""
    result = made()
    by_hand = replace(result, anatomy=replace(result.anatomy, by_hand=("bone", "bone 1")))
    nodes = add_plan(scene, by_hand)
    assert names_of(nodes.segmentation) == (GIVEN, {"bone", "bone 1"})
    assert read_plan_nodes(scene).by_hand == ("bone", "bone 1")


def test_edits_reach_the_case(scene, nodes):
    left = edit(nodes.segmentation, "Bone")
    case = case_from_nodes(nodes.ct, None, nodes.segmentation, lesion=SegmentChoice(nodes.segmentation, "lesion"))
    np.testing.assert_array_equal(case.edited.bone, left)
    assert case.computed is not None


# Terminology


def entry(kind, side="", region="", region_side=""):
    codes = [
        f"SCT^1^{kind}",
        f"SCT^2^{side}" if side else "^^",
        "Anatomic codes",
        f"SCT^3^{region}" if region else "^^",
    ]
    codes.append(f"SCT^4^{region_side}" if region_side else "^^")
    return "~".join(["General Anatomy list", "SCT^123037004^Anatomical Structure", *codes])


@pytest.mark.parametrize(
    ("name", "terms", "called"),
    [
        ("Segment_1", entry("Hip bone", "Left"), "hip bone left"),
        ("Segment_2", entry("Urinary bladder"), "urinary bladder"),
        ("Segment_3", entry("Nerve", "", "Sciatic nerve", "Right"), "nerve"),
        ("Segment_4", entry("Tissue", "", "Sciatic nerve", "Right"), "sciatic nerve right"),
        ("Segment_5", entry("Tissue"), "Segment_5"),
        ("colon", entry("Urinary bladder"), "colon"),  # the name goes first
        ("Segment_6", "", "Segment_6"),
    ],
)
def test_a_segment_is_what_its_terminology_says_where_its_name_says_nothing(scene, name, terms, called):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), terms)
    set_voxels(segment, block(grid_of(), 3), grid_of())
    node.GetSegmentation().AddSegment(segment)
    assert list(anatomy_from_node(node, grid_of()).organs.names.values()) == [called]
    assert structure_names(node, builtin_table())[0] == (called,)


def test_slicers_own_terminology_is_understood(scene):
    """As the Segment Editor writes it."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    segment = slicer.vtkSegment()
    segment.SetName("Segment_1")
    set_voxels(segment, block(grid_of(), 3), grid_of())
    node.GetSegmentation().AddSegment(segment)
    assert list(anatomy_from_node(node, grid_of()).organs.names.values()) == ["Segment_1"]  # generic "Tissue"
    own = "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
    segment.SetTerminology(f"{own}~SCT^71341001^Femur~SCT^24028007^Right~Anatomic codes - DICOM master list~^^~^^")
    assert list(anatomy_from_node(node, grid_of()).organs.names.values()) == ["femur right"]


def test_documents_are_left_as_they_are(nodes):
    before = json.loads(nodes.document.GetText())
    names_of(nodes.segmentation)
    assert json.loads(nodes.document.GetText()) == before
