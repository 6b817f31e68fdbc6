"""What a person gives and edits in the scene reaches the planner's panel and the next plan."""

from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk
from panels import cells, run
from phantoms import coarse_case, coarse_phantom, coarse_result

from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.outline import SEGMENT
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import segment_mask, segments, set_voxels

GRID = coarse_phantom().ct.grid


def kind_cell(panel, kind):
    return next(row[1] for row in cells(panel.ui.kindTable) if row[0] == kind)


def some_mask():
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[5:9, 5:9, 5:9] = True
    return mask


def named_segment(name):
    segment = slicer.vtkSegment()
    segment.SetName(name)
    set_voxels(segment, some_mask(), GRID)
    return segment


@pytest.fixture
def cases(sample, monkeypatch):
    """The cases that were planned; the plan itself is ready at once."""
    found = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: found.append(case) or coarse_result())
    return found


def opened(host, panel, tmp_path, result):
    """The panel on a scene that holds a plan and nothing else."""
    made = new_scene()
    add_plan(made, result)
    save_bundle(made, tmp_path / "plan.mrb")
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), True)
    host.process()
    return panel


# Structures


def test_the_kinds_follow_segments_that_are_added_renamed_and_removed(host, sample):
    segmentation = sample.parameters.structures.GetSegmentation()
    assert kind_cell(sample, "ureter") == "NOT CHECKED"
    segment = named_segment("left ureter")
    identifier = segmentation.AddSegment(segment) and segmentation.GetSegmentIdBySegment(segment)
    host.process()
    assert kind_cell(sample, "ureter") == "left ureter"
    segment.SetName("nothing in particular")
    host.process()
    assert kind_cell(sample, "ureter") == "NOT CHECKED"
    segment.SetName("left ureter")
    host.process()
    assert kind_cell(sample, "ureter") == "left ureter"
    segmentation.RemoveSegment(identifier)
    host.process()
    assert kind_cell(sample, "ureter") == "NOT CHECKED"


def test_every_nerve_has_its_own_radius(host, sample, cases):
    ui, nerves = sample.ui, coarse_phantom().nerves
    assert ui.nerveRadiusCombo.count == len(nerves)
    assert ui.nerveRadiusSpin.value == 3.0
    ui.nerveRadiusCombo.setCurrentIndex(1)
    ui.nerveRadiusSpin.value = 1.5
    host.process()
    ui.nerveRadiusCombo.setCurrentIndex(0)
    assert ui.nerveRadiusSpin.value == 3.0
    ui.nerveRadiusCombo.setCurrentIndex(1)
    assert ui.nerveRadiusSpin.value == 1.5
    run(host, sample, ui.planButton)
    assert [nerve.radius_mm for nerve in cases[0].nerves] == [1.5 if n == 1 else None for n in range(len(nerves))]
    line = next(n for n in slicer.util.getNodesByClass("vtkMRMLMarkupsCurveNode") if n.GetName() == nerves[1][0])
    assert line.GetDisplayNode().GetLineDiameter() == pytest.approx(3.0)


def test_a_new_nerve_is_the_one_whose_radius_is_shown(host, sample):
    sample.ui.drawNerveButton.click()
    host.process()
    assert sample.ui.nerveRadiusCombo.currentText == "Nerve"


def test_without_nerves_there_is_no_radius(planner):
    assert not planner.ui.nerveRadiusRow.isVisible()
    assert not planner.ui.modelList.isVisible()


def test_a_checked_model_is_a_structure(host, sample, cases):
    import qt

    ui, centre = sample.ui, GRID.ras_of_mask(some_mask()).mean(axis=0)
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(6.0)
    sphere.SetCenter(*centre)
    sphere.Update()
    model = host.scene.AddNewNodeByClass("vtkMRMLModelNode", "left ureter")
    model.SetAndObservePolyData(sphere.GetOutput())
    host.process()
    assert [ui.modelList.item(n).text() for n in range(ui.modelList.count)] == ["left ureter"]
    assert kind_cell(sample, "ureter") == "NOT CHECKED"
    ui.modelList.item(0).setCheckState(qt.Qt.Checked)
    host.process()
    assert kind_cell(sample, "ureter") == "left ureter"
    run(host, sample, ui.planButton)
    (case,) = cases
    value = next(v for v, name in case.organs.names.items() if name == "left ureter")
    mask = case.organs.labels == value
    distance = np.linalg.norm(GRID.ras_of_mask(mask) - centre, axis=1)
    assert distance.max() <= 6.0 + GRID.half_diagonal_mm
    assert mask.sum() * GRID.voxel_ml * 1000 > 4 / 3 * np.pi * 6.0**3  # it holds what it touches
    # What plans bring is never on the list.
    assert ui.modelList.count == 1
    host.scene.RemoveNode(model)
    host.process()
    assert kind_cell(sample, "ureter") == "NOT CHECKED"
    assert not ui.modelList.isVisible()


def test_an_open_model_is_one_line(host, sample):
    plane = vtk.vtkPlaneSource()
    plane.Update()
    model = host.scene.AddNewNodeByClass("vtkMRMLModelNode", "bowel")
    model.SetAndObservePolyData(plane.GetOutput())
    sample.parameters.models = [model]
    sample.ui.planButton.click()
    assert not sample.runner.running
    assert "model 'bowel': its surface is open" in sample.ui.messageLabel.text


# Plans of this planner as a start


def test_a_reopened_plan_leaves_unchecked_what_it_did_not_check(host, planner, tmp_path):
    """Gas that was found is no lung that was given, a joint that was computed is none that was outlined."""
    bare = prepare_case(replace(coarse_case(), organs=None, nerves=()))
    result = coarse_result()
    result = replace(result, anatomy=bare.anatomy, plan=replace(result.plan, structures=bare.structures))
    assert {s.kind for s in bare.anatomy.structures} > {"skin", "bowel"}
    panel = opened(host, planner, tmp_path, result)
    assert kind_cell(panel, "bowel") == "NOT CHECKED"
    case = panel.logic.makeCase(panel.parameters)
    assert (case.organs, case.edited.names) == (None, ())
    assert prepare_case(case).structures.not_checked == bare.structures.not_checked


def test_a_reopened_plan_gives_what_it_was_given(host, planner, tmp_path):
    stored = coarse_result()
    panel = opened(host, planner, tmp_path, stored)
    case = panel.logic.makeCase(panel.parameters)
    structures = prepare_case(case).structures
    assert structures.not_checked == stored.plan.structures.not_checked
    assert {(s.name, s.kind) for s in structures.checked} == {(s.name, s.kind) for s in stored.plan.structures.checked}
    assert case.computed is not None


def test_an_edited_bone_of_a_plan_is_used_and_said(host, planner, tmp_path):
    panel = opened(host, planner, tmp_path, coarse_result())
    node = panel.parameters.structures
    segment = next(s for _, s in segments(node) if s.GetName() == "Bone")
    left = segment_mask(segment, GRID)
    left[: GRID.shape[0] // 3] = False
    set_voxels(segment, left, GRID)
    prepared = prepare_case(panel.logic.makeCase(panel.parameters))
    assert "used as drawn by hand, not as found on the CT: bone" in prepared.warnings
    cut = slice(0, GRID.shape[0] // 3)
    assert not (prepared.anatomy.bone & ~prepared.anatomy.lesion)[cut].any()
    assert coarse_result().anatomy.bone[cut].any()
    assert prepared.anatomy.by_hand == ("bone",)


# Edited outlines


@pytest.fixture
def outlined(host, sample):
    """The panel with an outline and its figures, and the outline's segment."""
    run(host, sample, sample.ui.outlineButton)
    node = sample.ui.outlineSelector.currentNode()
    assert "confidence" in sample.ui.lesionFigures.text
    return sample, node.GetSegmentation().GetSegment(SEGMENT)


def halved(segment):
    left = segment_mask(segment, GRID)
    left[:, :, : int(np.argwhere(left)[:, 2].mean())] = False
    return left


def measured(host, panel):
    host.wait(lambda: "edited by hand" in panel.ui.lesionFigures.text and not panel.runner.running)
    host.process()
    return panel.ui.lesionFigures.text


def test_an_outline_that_was_edited_elsewhere_is_measured_anew(host, outlined):
    panel, segment = outlined
    left = halved(segment)
    set_voxels(segment, left, GRID)
    host.process()
    assert panel.ui.lesionFigures.text == "edited, not measured yet"
    assert "! edited, not measured yet" in panel.ui.lesionSection.text
    text = measured(host, panel)
    assert f", {left.sum() * GRID.voxel_ml:.1f} ml" in text
    assert "confidence" not in text
    assert "edited by hand" in text.splitlines()[1]
    assert f"{left.sum() * GRID.voxel_ml:.1f} ml" in panel.ui.lesionSection.text


def test_putting_the_outline_back_brings_its_confidence_back(host, outlined):
    panel, segment = outlined
    before, figures = segment_mask(segment, GRID), panel.ui.lesionFigures.text
    set_voxels(segment, halved(segment), GRID)
    measured(host, panel)
    set_voxels(segment, before, GRID)
    host.wait(lambda: panel.ui.lesionFigures.text == figures)


def test_an_outline_that_was_edited_in_another_module_is_measured_on_return(host, outlined):
    panel, segment = outlined
    panel.exit()
    left = halved(segment)
    set_voxels(segment, left, GRID)
    panel.enter()
    assert f"{left.sum() * GRID.voxel_ml:.1f} ml" in measured(host, panel)


def test_figures_of_another_outline_are_not_shown(host, outlined):
    panel, _segment = outlined
    other = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    other.GetSegmentation().AddSegment(named_segment("mine"), "mine")
    panel.ui.outlineSelector.setCurrentNode(other)
    host.process()
    assert panel.ui.lesionFigures.text == ""
    panel.ui.segmentCombo.setCurrentIndex(0)
    host.process()
    assert panel.ui.lesionFigures.text == ""


def test_an_outline_that_was_erased_says_so(host, outlined):
    panel, segment = outlined
    set_voxels(segment, np.zeros(GRID.shape, dtype=bool), GRID)
    host.wait(lambda: "empty inside the CT" in panel.ui.lesionFigures.text)
    assert not panel.runner.running


def test_measuring_can_be_stopped_and_says_what_is_known(host, outlined, monkeypatch):
    from panels import waiting

    panel, segment = outlined
    monkeypatch.setattr(panel.logic, "outline", waiting)
    set_voxels(segment, halved(segment), GRID)
    host.wait(lambda: panel.runner.running)
    assert panel.ui.lesionFigures.text == "edited, being measured"
    panel.ui.cancelButton.click()
    host.wait(lambda: not panel.runner.running)
    assert panel.ui.lesionFigures.text == "edited, not measured yet"
