"""What a person can do to a scene while the planner's panel is open: delete, rename, replace, open, reload."""

import json
from dataclasses import MISSING, fields
from types import SimpleNamespace

import numpy as np
import pytest
import slicer
import vtk
from panel_needles import drag, lines, settle
from panels import PLANNER, ids, run, waiting
from phantoms import coarse_phantom, coarse_result

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.hierarchy import folder_of
from BoneAblationPlannerLib.scene.outline import SEGMENT
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import segment_mask

DELETED = ("ct", "seed", "structures", "line", "zone", "margin map", "table", "segmentation", "document", "folder")


def node_of(panel, what):
    parameters = panel.parameters
    if what in ("ct", "seed", "structures"):
        return getattr(parameters, what)
    nodes = plan_nodes(parameters.plan)
    return {
        "line": nodes.probes[0],
        "zone": nodes.zones[0],
        "margin map": nodes.margin_map,
        "table": nodes.tables[0],
        "segmentation": nodes.segmentation,
        "document": nodes.document,
    }[what]


@pytest.mark.parametrize("what", DELETED)
def test_any_node_may_be_deleted(host, planned, what):
    """Buttons that can still be pressed work or say in one line what is missing; the plan can always be removed."""
    document = planned.parameters.plan
    if what == "folder":
        tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(host.scene)
        tree.RemoveItem(folder_of(host.scene, document), False, True)
    else:
        host.scene.RemoveNode(node_of(planned, what))
    settle(host, planned)
    ui = planned.ui
    for button in (ui.measureButton, ui.standardButton, ui.lockButton, ui.thermocoupleButton, ui.alternativeButton):
        if button.enabled:
            button.click()
            settle(host, planned)
            assert "\n" not in ui.messageLabel.text
            assert "failed" not in ui.messageLabel.text
    for line in lines(planned)[:1]:
        drag(host, planned, line, [0.0, 0.0, 2.0])
        assert "failed" not in ui.messageLabel.text
    while ui.removeButton.enabled:
        ui.removeButton.click()
        settle(host, planned)
        assert ui.messageLabel.text == ""
    assert plan_documents(host.scene) == []


def test_a_deleted_segmentation_is_named(host, planned):
    host.scene.RemoveNode(plan_nodes(planned.parameters.plan).segmentation)
    host.process()
    run(host, planned, planned.ui.measureButton)
    name = planned.parameters.plan.GetName()
    assert planned.ui.messageLabel.text == f"scene: the plan's segmentation was deleted; expected it beside {name}"


def test_renamed_nodes_stay_what_they_are(host, planned):
    for node in [host.scene.GetNodeByID(i) for i in ids(host.scene)]:
        if node.IsA("vtkMRMLDisplayableNode") or node.IsA("vtkMRMLTextNode") or node.IsA("vtkMRMLTableNode"):
            node.SetName("x")
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 3.0])
    assert planned.ui.messageLabel.text == ""
    assert [p.name for p in planned.plan().probes] == [p.name for p in coarse_result().plan.probes]
    planned.ui.removeButton.click()
    assert plan_documents(host.scene) == []


def test_removing_a_plan_takes_what_was_added_to_it_later(host, sample, monkeypatch):
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: coarse_result())
    before = ids(host.scene)
    run(host, sample, sample.ui.planButton)
    sample.ui.thermocoupleButton.click()
    sample.ui.removeButton.click()
    host.process()
    assert ids(host.scene) == before


def test_a_plan_on_another_ct_is_said(host, planned):
    assert "another CT" not in planned.ui.probesSection.text
    other = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "follow-up")
    planned.ui.ctSelector.setCurrentNode(other)
    host.process()
    assert "on another CT than the one of step 1" in planned.ui.probesSection.text


def test_measuring_again_reads_a_ct_whose_voxels_were_replaced(host, planned):
    scalars = planned.parameters.ct.GetImageData().GetPointData().GetScalars()
    array = vtk.util.numpy_support.vtk_to_numpy(scalars)
    array += 30
    scalars.Modified()
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 2.0])
    made = coarse_result().plan
    assert planned.plan().lesion.mean_hu == pytest.approx(made.lesion.mean_hu + 30, abs=0.1)
    assert planned.plan().input.sha256 != made.input.sha256


def test_a_plan_deleted_while_it_is_measured_is_one_line(host, planned):
    planned.ui.measureButton.click()
    host.scene.RemoveNode(planned.parameters.plan)
    settle(host, planned)
    assert planned.ui.messageLabel.text == "plan: was deleted during the run; nothing was changed"


# Two lesions


def test_two_lesions_keep_their_own_outlines(host, sample):
    ui, logic, grid = sample.ui, sample.logic, coarse_phantom().ct.grid
    shape, found = grid.shape, iter(((10, 5.0), (14, 5.0), (20, 6.0)))

    def outline(case, report):
        start, _size = next(found)
        mask = np.zeros(shape, dtype=bool)
        mask[start : start + 3, 5:9, 5:9] = True
        report = SimpleNamespace(
            diameters_mm=(7.0, 7.0, 7.0),
            breached_fraction=0.0,
            breached_area_mm2=0.0,
            soft_tissue_ml=0.0,
            confidence=0.9,
            kind="lytic",
            volume_ml=1.0,
            checks=(),
        )
        return SimpleNamespace(mask=mask, confidence=0.9, checks=()), report

    logic.outline = outline
    first_seed = ui.seedSelector.currentNode()
    run(host, sample, ui.outlineButton)
    first = ui.outlineSelector.currentNode()
    ui.sourceCombo.setCurrentText("One point inside")
    second_seed = ui.seedSelector.addNode()
    ui.seedSelector.setCurrentNode(second_seed)
    second_seed.AddControlPoint(vtk.vtkVector3d(*coarse_phantom().seed_ras_mm))
    run(host, sample, ui.outlineButton)
    second = ui.outlineSelector.currentNode()
    assert second is not first

    def lowest(node):
        return np.flatnonzero(segment_mask(node.GetSegmentation().GetSegment(SEGMENT), grid).any(axis=(1, 2)))[0]

    assert (lowest(first), lowest(second)) == (10, 14)
    ui.sourceCombo.setCurrentText("One point inside")
    ui.seedSelector.setCurrentNode(first_seed)
    run(host, sample, ui.outlineButton)
    assert ui.outlineSelector.currentNode() is first
    assert (lowest(first), lowest(second)) == (20, 14)


def test_kept_needles_of_one_lesion_do_not_stay_in_the_plan_of_another(host, planned, monkeypatch):
    cases = []
    monkeypatch.setattr(planned.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    planned.logic.keep(lines(planned)[0], True)
    run(host, planned, planned.ui.planButton)
    planned.ui.planSelector.setCurrentNode(plan_documents(host.scene)[0])
    lesion = coarse_phantom().lesion
    grid = coarse_phantom().ct.grid
    far = grid.ras_of_mask(lesion).mean(axis=0) + [-60.0, 0.0, 0.0]
    planned.ui.seedSelector.currentNode().SetNthControlPointPosition(0, *far)
    run(host, planned, planned.ui.planButton)
    assert [len(case.fixed) for case in cases] == [1, 0]


# Plans of other versions


def stored(panel):
    return json.loads(panel.parameters.plan.GetText())


def test_a_plan_of_a_newer_format_is_said_in_one_line_and_left_alone(host, planned):
    ui, document = planned.ui, planned.parameters.plan
    text = json.dumps({**stored(planned), "schema": "bone-plan/2"})
    document.SetText(text)
    planned.update()
    host.process()
    assert ui.unreadableLabel.isVisible()
    assert "bone-plan/2" in ui.unreadableLabel.text
    assert "\n" not in ui.unreadableLabel.text
    assert not ui.resultsBody.isVisible()
    assert "cannot be read" in ui.resultsSection.text
    for name in ("measureButton", "undoButton", "exportButton", "alternativeButton", "removeProbeButton"):
        assert not getattr(ui, name).enabled, name
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 5.0])
    assert document.GetText() == text
    run(host, planned, ui.planButton)  # a plan of this version beside it
    assert not ui.unreadableLabel.isVisible()
    ui.planSelector.setCurrentNode(document)
    ui.removeButton.click()
    host.process()
    assert len(plan_documents(host.scene)) == 1


@pytest.mark.parametrize(("text", "said"), [("{", "is damaged"), ("null", "schema is None"), ('{"schema": 3}', "3")])
def test_a_damaged_plan_is_said_in_one_line(host, planned, text, said):
    planned.parameters.plan.SetText(text)
    planned.update()
    assert said in planned.ui.unreadableLabel.text
    assert "\n" not in planned.ui.unreadableLabel.text


def test_a_plan_of_an_older_version_is_read(host, planned):
    """What was added to the format since has a default: a plan without any of it opens, and can be measured."""
    added = [f.name for f in fields(Plan) if f.default is not MISSING or f.default_factory is not MISSING]
    assert "simulation" in added
    old = {key: value for key, value in stored(planned).items() if key not in set(added) - {"schema"}}
    planned.parameters.plan.SetText(json.dumps(old))
    planned.update()
    assert planned.ui.resultsBody.isVisible()
    assert planned.ui.probeTable.columnCount == len(old["probes"])
    run(host, planned, planned.ui.measureButton)
    assert planned.ui.messageLabel.text == ""


# Scenes that come and go


@pytest.fixture
def opened(host, planner, tmp_path):
    """A scene as the command line writes it, opened while the panel is shown."""
    made = new_scene()
    add_plan(made, coarse_result())
    save_bundle(made, tmp_path / "plan.mrb")
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), True)
    host.process()
    return planner


def test_a_scene_of_the_command_line_fills_every_step(host, opened):
    ui = opened.ui
    assert ui.probeTable.columnCount == len(coarse_result().plan.probes)
    assert ui.ctSelector.currentNode() is plan_nodes(opened.parameters.plan).ct
    assert ui.planButton.enabled
    assert ui.addProbeButton.enabled
    assert not {"colon", "urinary_bladder"} - set(opened.logic.structureNames(opened.parameters))


def test_a_scene_of_the_command_line_goes_through_every_step(host, opened, monkeypatch, tmp_path):
    import qt

    ui, count = opened.ui, len(coarse_result().plan.probes)
    run(host, opened, ui.measureButton)
    assert opened.plan().coverage.lesion_fraction == coarse_result().plan.coverage.lesion_fraction
    drag(host, opened, lines(opened)[0], [0.0, 0.0, 4.0])
    run(host, opened, ui.undoButton)
    np.testing.assert_allclose(opened.plan().probes[0].tip_ras_mm, coarse_result().plan.probes[0].tip_ras_mm, atol=0.02)
    simulated, written, cases = [], [], []
    monkeypatch.setattr(
        "BoneAblationPlannerLib.simulating.simulate_result", lambda result, *_: simulated.append(result) or result
    )
    run(host, opened, ui.simulateButton)
    assert len(simulated[0].plan.probes) == count
    monkeypatch.setattr("BoneAblationPlannerLib.outputs.write_outputs", lambda result, *_: written.append(result))
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: str(tmp_path)))
    ui.exportButton.click()
    assert len(written[0].plan.probes) == count
    opened.logic.keep(lines(opened)[0], True)
    monkeypatch.setattr(opened.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    run(host, opened, ui.alternativeButton)
    assert len(plan_documents(host.scene)) == 2
    ui.planSelector.setCurrentNode(plan_documents(host.scene)[0])
    run(host, opened, ui.planButton)
    assert [p.name for p in cases[0].fixed] == [coarse_result().plan.probes[0].name]
    np.testing.assert_array_equal(cases[0].lesion, coarse_result().anatomy.lesion)
    assert ui.messageLabel.text == ""


def test_a_module_reloaded_during_a_run_adds_nothing(host, sample, monkeypatch):
    monkeypatch.setattr(sample.logic, "plan", waiting)
    before = ids(host.scene)
    sample.ui.planButton.click()
    host.wait(lambda: sample.runner.progress[0] > 0)
    host.close(sample)
    again = host.open(host.load(PLANNER))
    host.process()
    assert not again.runner.running
    assert again.ui.planButton.enabled
    assert ids(host.scene) == before


def test_a_scene_closed_while_a_needle_is_dragged_leaves_nothing_to_measure(host, planned):
    line = lines(planned)[0]
    line.SetNthControlPointPositionWorld(1, 1.0, 2.0, 3.0)
    host.scene.Clear(False)
    settle(host, planned)
    assert planned.ui.messageLabel.text == ""
    assert plan_documents(host.scene) == []
