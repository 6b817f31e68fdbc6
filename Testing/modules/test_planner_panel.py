"""The planner's panel, operated as a person would, against the workflow that the command line calls."""

import logging
import time
from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk
from panels import PLANNER, cells, ids, run, waiting
from phantoms import coarse_phantom, coarse_result

from BoneAblationPlannerLib.errors import PlanningError
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.progress import step
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents
from BoneAblationPlannerLib.scene.stored import read_plan_nodes


@pytest.fixture
def quick(sample, monkeypatch):
    """The panel with the sample, whose planning gives a ready result at once."""
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: coarse_result())
    return sample


# Opening and what is missing


def test_a_new_panel_says_what_it_needs(planner):
    ui = planner.ui
    assert not ui.planButton.enabled
    assert ui.planButton.toolTip == "To plan, still needed: a CT; one point in the lesion (0 placed)"
    assert not ui.exportButton.enabled
    assert not ui.removeButton.enabled
    assert not ui.resultsBody.isVisible()
    assert not ui.messageLabel.isVisible()
    assert not ui.progressRow.isVisible()


def test_the_button_follows_the_points_of_the_list(host, planner):
    planner.ui.sampleButton.click()
    planner.onCancel()
    host.wait(lambda: not planner.runner.running)
    ct = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ct")
    seed = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "seed")
    planner.enter()
    assert planner.ui.ctSelector.currentNode() is ct
    assert planner.ui.seedSelector.currentNode() is seed
    assert planner.ui.planButton.toolTip == "To plan, still needed: one point in the lesion (0 placed)"
    seed.AddControlPoint(vtk.vtkVector3d(0, 0, 0))
    assert planner.ui.planButton.enabled
    seed.AddControlPoint(vtk.vtkVector3d(0, 0, 1))
    assert planner.ui.planButton.toolTip == "To plan, still needed: one point in the lesion (2 placed)"
    seed.RemoveNthControlPoint(0)
    assert planner.ui.planButton.enabled
    planner.ui.ctSelector.setCurrentNode(None)
    assert planner.ui.planButton.toolTip == "To plan, still needed: a CT"


def test_place_starts_slicers_place_mode_for_one_point(host, planner):
    planner.ui.placeButton.click()
    node = planner.ui.seedSelector.currentNode()
    assert node.IsA("vtkMRMLMarkupsFiducialNode")
    interaction = host.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    assert not interaction.GetPlaceModePersistence()
    selection = host.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    assert selection.GetActivePlaceNodeID() == node.GetID()
    node.AddControlPoint(vtk.vtkVector3d(1, 2, 3))
    planner.ui.placeButton.click()
    assert node.GetNumberOfDefinedControlPoints() == 0  # the new point replaces the old
    assert planner.ui.seedSelector.currentNode() is node


# Planning


def test_the_panel_plans_what_the_command_line_plans(host, sample):
    sample.ui.modalityCombo.setCurrentText("Microwave")  # as the coarse case has it
    before = ids(host.scene)
    run(host, sample, sample.ui.planButton)
    assert sample.ui.messageLabel.text == ""
    result = coarse_result()
    (document,) = plan_documents(host.scene)
    stored = read_plan_nodes(host.scene)
    made, expected = ({**p.to_json(), "timings_s": {}} for p in (stored.plan, result.plan))
    assert made == Plan.from_json(expected).to_json()
    assert stored.plan.input.sha256 == coarse_phantom().ct.sha256
    np.testing.assert_array_equal(stored.masks["zone"], result.zone)
    for line, probe in zip(stored.probes, result.plan.probes, strict=True):
        np.testing.assert_allclose(line.entry_ras_mm, probe.entry_ras_mm, atol=1e-9)
        np.testing.assert_allclose(line.tip_ras_mm, probe.tip_ras_mm, atol=1e-9)
    assert sample.ui.planSelector.currentNode() is document
    assert host.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1  # beside the CT, not on a copy

    sample.ui.removeButton.click()
    host.process()
    assert ids(host.scene) == before
    assert not sample.ui.resultsBody.isVisible()
    assert not sample.ui.removeButton.enabled


def test_the_result_shows_every_probe_and_what_was_not_checked(host, quick):
    run(host, quick, quick.ui.planButton)
    ui, plan = quick.ui, coarse_result().plan
    assert ui.resultsBody.isVisible()
    assert ui.notCheckedLabel.text.startswith("NOT CHECKED: ")
    for kind in plan.structures.not_checked:
        assert kind in ui.notCheckedLabel.text
    assert ui.probeTable.columnCount == len(plan.probes)
    shown = cells(ui.probeTable)
    for column, probe in enumerate(plan.probes):
        assert ui.probeTable.horizontalHeaderItem(column).text() == probe.name
        assert shown[0][column] == (probe.device_name or probe.device)
        assert shown[4][column] == f"{probe.depth_mm:.0f} mm"
    assert len(cells(ui.coverageTable)) >= 5
    said = [ui.warningsList.item(row).text() for row in range(ui.warningsList.count)]
    for warning in plan.warnings:
        assert warning.startswith("not checked") or warning in said


def test_the_choices_of_the_panel_reach_the_case(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    ui = sample.ui
    run(host, sample, ui.planButton)
    ui.positionCombo.setCurrentText("Prone")
    ui.modalityCombo.setCurrentText("Cryoablation")
    ui.intentCombo.setCurrentText("Palliative (pain)")
    ui.marginSpin.setValue(0.0)
    run(host, sample, ui.planButton)
    first, second = (case.choices for case in cases)
    assert (first.position, first.modality, first.intent, first.margin_mm) == (None, None, "curative", None)
    assert (second.position, second.modality, second.intent, second.margin_mm) == ("prone", "cryo", "palliative", 0.0)


def test_a_finished_outline_is_taken_in_place_of_a_point(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    ui = sample.ui
    ui.sourceCombo.setCurrentText("A finished outline")
    assert ui.outlineSelector.isVisible()
    assert not ui.seedRow.isVisible()
    assert ui.planButton.toolTip == "To plan, still needed: the lesion's segment"
    ui.outlineSelector.setCurrentNode(ui.structuresSelector.currentNode())
    assert not ui.planButton.enabled
    ui.segmentCombo.setCurrentIndex(ui.segmentCombo.findText("urinary_bladder"))
    run(host, sample, ui.planButton)
    (case,) = cases
    organs = coarse_phantom().organs
    label = next(value for value, name in organs.names.items() if name == "urinary_bladder")
    np.testing.assert_array_equal(case.lesion, organs.labels == label)
    assert "urinary_bladder" not in case.organs.names.values()
    assert case.seed_ras_mm is None


def test_nerves_are_kept_clear_of_unless_unchecked(host, sample):
    import qt

    selector = sample.ui.nerveSelector
    assert len(selector.checkedNodes()) == len(coarse_phantom().nerves)
    first = selector.checkedNodes()[0]
    selector.setCheckState(first, qt.Qt.Unchecked)
    drawn = host.scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "drawn later")
    host.process()
    assert selector.uncheckedNodes() == [first]
    assert drawn in selector.checkedNodes()
    host.scene.RemoveNode(first)
    host.process()
    assert selector.uncheckedNodes() == []


def test_the_window_stays_alive_while_planning(host, sample, monkeypatch):
    """A busy Python thread gets its share, and so does the window: no gap longer than a quarter of a second."""

    def busy(case, report):
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            sum(range(1000))
            step(report, 0.5, "computing")
        return coarse_result()

    coarse_result()
    monkeypatch.setattr(sample.logic, "plan", busy)
    import qt

    ticks = []
    timer = qt.QTimer()
    timer.setInterval(10)
    timer.connect("timeout()", lambda: ticks.append(time.monotonic()))
    timer.start()
    sample.ui.planButton.click()
    host.wait(lambda: sample.runner.progress[1] == "computing")
    host.process()
    assert sample.ui.progressRow.isVisible()
    assert not sample.ui.planButton.enabled
    ticks.clear()
    host.wait(lambda: sample.runner.progress[1] != "computing")
    timer.stop()
    assert len(ticks) >= 10
    assert np.median(np.diff(ticks)) < 0.25


# Cancel, errors, closing


def test_cancel_stops_the_real_planning_and_adds_nothing(host, sample):
    before = ids(host.scene)
    sample.ui.planButton.click()
    host.wait(lambda: sample.runner.progress[0] > 0)
    assert sample.ui.cancelButton.enabled
    sample.ui.cancelButton.click()
    assert not sample.ui.cancelButton.enabled
    assert sample.ui.stageLabel.text == "stopping"
    host.wait(lambda: not sample.runner.running)
    host.process()
    assert ids(host.scene) == before
    assert sample.ui.messageLabel.text == ""
    assert sample.ui.planButton.enabled
    assert not sample.ui.progressRow.isVisible()


def test_a_result_that_comes_after_cancel_is_dropped(host, sample, monkeypatch):
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: time.sleep(0.2) or coarse_result())
    coarse_result()
    before = ids(host.scene)
    sample.ui.planButton.click()
    sample.ui.cancelButton.click()
    host.wait(lambda: not sample.runner.running)
    assert ids(host.scene) == before


def test_a_point_in_air_is_one_line_and_nothing_is_added(host, sample):
    seed = sample.ui.seedSelector.currentNode()
    grid = coarse_phantom().ct.grid
    seed.SetNthControlPointPosition(0, *grid.ras_from_ijk([[1, 1, 1]])[0])
    before = ids(host.scene)
    run(host, sample, sample.ui.planButton)
    message = sample.ui.messageLabel.text
    assert sample.ui.messageLabel.isVisible()
    assert "\n" not in message
    assert "Traceback" not in message
    assert "expected" in message
    assert ids(host.scene) == before
    assert sample.ui.planButton.enabled


def test_a_bad_volume_is_refused_before_anything_runs(host, sample):
    sample.ui.ctSelector.currentNode().GetImageData().AllocateScalars(vtk.VTK_SHORT, 3)
    sample.ui.planButton.click()
    assert not sample.runner.running
    assert "3 values per voxel" in sample.ui.messageLabel.text


def test_the_message_goes_when_the_next_run_starts(host, quick, monkeypatch):
    def fail(case, report):
        raise PlanningError("no path from the skin: bowel excludes most")

    good = quick.logic.plan
    monkeypatch.setattr(quick.logic, "plan", fail)
    run(host, quick, quick.ui.planButton)
    assert quick.ui.messageLabel.text == "no path from the skin: bowel excludes most"
    monkeypatch.setattr(quick.logic, "plan", good)
    run(host, quick, quick.ui.planButton)
    assert not quick.ui.messageLabel.isVisible()


def test_a_defect_is_one_line_with_the_details_in_the_log(host, sample, monkeypatch, caplog):
    def broken(case, report):
        raise KeyError("inside")

    monkeypatch.setattr(sample.logic, "plan", broken)
    before = ids(host.scene)
    with caplog.at_level(logging.ERROR):
        run(host, sample, sample.ui.planButton)
    assert sample.ui.messageLabel.text.startswith("The planner failed; nothing was changed.")
    assert "inside" not in sample.ui.messageLabel.text
    assert "KeyError: 'inside'" in caplog.text
    assert ids(host.scene) == before


def test_closing_the_scene_during_a_run_drops_the_result(host, sample, monkeypatch):
    monkeypatch.setattr(sample.logic, "plan", waiting)
    sample.ui.planButton.click()
    host.wait(lambda: sample.runner.progress[0] > 0)
    host.scene.Clear(False)
    host.wait(lambda: not sample.runner.running)
    host.process()
    assert plan_documents(host.scene) == []
    assert host.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    assert sample.ui.planButton.toolTip == "To plan, still needed: a CT; one point in the lesion (0 placed)"
    sample.logic.addSample(coarse_phantom(), sample.parameters)
    assert sample.ui.planButton.enabled


def test_closing_the_scene_frees_the_results(host, quick):
    from BoneAblationPlannerLib.scene import live

    run(host, quick, quick.ui.planButton)
    assert len(live._plans) == 1
    host.scene.Clear(False)
    assert live._plans == []
    assert not quick.ui.resultsBody.isVisible()


def test_a_reloaded_module_keeps_the_choices_and_leaves_no_observer(host, sample):
    sample.ui.intentCombo.setCurrentText("Palliative (pain)")
    sample.ui.marginSpin.setValue(4.0)
    host.close(sample)
    assert sample.Observations == []
    again = host.open(host.load(PLANNER))
    assert again.ui.intentCombo.currentText == "Palliative (pain)"
    assert again.ui.marginSpin.value == 4.0
    assert again.ui.planButton.enabled
    host.scene.Clear(False)  # the old panel hears nothing of it
    host.process()


def test_leaving_the_module_stops_listening_and_returning_catches_up(host, sample):
    sample.exit()
    node = sample.logic.getParameterNode()
    node.marginMm = 7.0
    assert sample.ui.marginSpin.value == -1.0
    sample.enter()
    assert sample.ui.marginSpin.value == 7.0


def test_the_choices_are_saved_with_the_scene(host, sample, tmp_path):
    import qt

    sample.ui.positionCombo.setCurrentText("Prone")
    sample.ui.marginSpin.setValue(3.5)
    unchecked = sample.ui.nerveSelector.checkedNodes()[2]
    sample.ui.nerveSelector.setCheckState(unchecked, qt.Qt.Unchecked)
    name = unchecked.GetName()
    save_bundle(host.scene, tmp_path / "scene.mrb")
    host.scene.Clear(False)
    assert sample.ui.marginSpin.value == -1.0
    assert host.scene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    sample.enter()
    host.process()
    assert sample.ui.positionCombo.currentText == "Prone"
    assert sample.ui.marginSpin.value == 3.5
    assert sample.ui.ctSelector.currentNode().GetName() == "BonePlanPhantom"
    assert [n.GetName() for n in sample.ui.nerveSelector.uncheckedNodes()] == [name]
    assert sample.ui.planButton.enabled


# Files, sample data, requirements


def test_export_writes_the_shown_plan_as_the_command_line_does(host, quick, monkeypatch, tmp_path):
    import qt

    run(host, quick, quick.ui.planButton)
    written = []

    def write(result, folder, report):
        assert report(0.5, "drawing pictures")
        assert quick.ui.progressRow.isVisible()
        assert quick.ui.stageLabel.text == "drawing pictures"
        assert not quick.ui.planButton.enabled
        written.append((result, folder))

    monkeypatch.setattr("BoneAblationPlannerLib.outputs.write_outputs", write)
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: str(tmp_path)))
    quick.ui.exportButton.click()
    assert written == [(coarse_result(), tmp_path)]
    assert quick.ui.messageLabel.text == f"Written to {tmp_path}"
    assert quick.ui.exportButton.enabled
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: ""))
    quick.ui.exportButton.click()
    assert len(written) == 1


def test_export_measures_again_what_was_moved_by_hand(host, quick, monkeypatch, tmp_path):
    import qt

    run(host, quick, quick.ui.planButton)
    line = host.scene.GetFirstNodeByClass("vtkMRMLMarkupsLineNode")
    tip = np.array(line.GetNthControlPointPositionWorld(1)) + [0.0, 0.0, 6.0]
    line.SetNthControlPointPositionWorld(1, *tip)
    written = []
    monkeypatch.setattr(
        "BoneAblationPlannerLib.outputs.write_outputs", lambda result, folder, report: written.append(result)
    )
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: str(tmp_path)))
    quick.ui.exportButton.click()
    np.testing.assert_allclose(written[0].plan.probes[0].tip_ras_mm, tip, atol=0.01)
    assert written[0].plan.coverage != coarse_result().plan.coverage


def test_the_sample_is_offered_in_sample_data_and_by_the_button(host, planner):
    (source,) = host.samples.sources
    assert (source.category, source.sampleName) == ("BoneAblationPlanner", "BonePlanPhantom")
    assert host.samples.categories == {"BoneAblationPlanner": "Bone Ablation Planner"}
    planner.logic.sampleSpacingMm = (5.0, 5.0, 5.0)
    run(host, planner, planner.ui.sampleButton)
    ui = planner.ui
    assert ui.ctSelector.currentNode().GetName() == "BonePlanPhantom"
    assert ui.structuresSelector.currentNode().GetSegmentation().GetNumberOfSegments() > 10
    assert len(ui.nerveSelector.checkedNodes()) == 8
    assert ui.planButton.enabled


def test_without_numba_nothing_runs_before_a_yes(host, sample, monkeypatch):
    from BoneAblationPlannerLib.scene import requirements

    monkeypatch.setattr(requirements, "missing_requirements", lambda which: ("numba>=0.60",))
    host.answers.append(False)
    sample.ui.planButton.click()
    assert not sample.runner.running
    assert sample.ui.messageLabel.text.startswith("numba: not installed")
    assert host.installed == []


def test_a_plan_from_a_file_is_shown(host, planner, tmp_path):
    from BoneAblationPlannerLib.scene.build import add_plan

    result = coarse_result()
    add_plan(host.scene, replace(result))
    planner.enter()
    assert planner.ui.resultsBody.isVisible()
    assert planner.ui.probeTable.columnCount == len(result.plan.probes)


def test_the_modules_self_test_passes(host, planner):
    import sys

    test = sys.modules["BoneAblationPlanner"].BoneAblationPlannerTest()
    test.runTest()
