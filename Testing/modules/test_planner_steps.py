"""The steps of the planner's panel: outline and edit, distances, needles by hand, dragging, undo, views, comparing."""

import os
from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk
from panel_needles import drag, lines, settle
from panels import PLANNER, cells, ids, run, waiting
from phantoms import coarse_phantom, coarse_result

from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.outline import SEGMENT
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.segmentation import segment_mask, segments, set_voxels
from BoneAblationPlannerLib.scene.stored import read_plan_nodes

PATIENCE_S = 300.0
"""With many needles on a busy machine."""


def plan_of(panel):
    return panel.plan()


# Lesion


def test_the_outline_is_a_segment_that_can_be_edited_and_is_not_overwritten_unasked(host, sample, monkeypatch):
    ui = sample.ui
    run(host, sample, ui.outlineButton)
    assert ui.messageLabel.text == ""
    assert ui.sourceCombo.currentText == "A finished outline"
    node = ui.outlineSelector.currentNode()
    assert ui.segmentCombo.currentText == "Lesion"
    assert "ml" in ui.lesionFigures.text
    assert "ml" in ui.lesionSection.text
    grid = coarse_phantom().ct.grid
    segment = node.GetSegmentation().GetSegment(SEGMENT)
    computed = segment_mask(segment, grid)
    assert (computed & coarse_phantom().lesion).sum() > 0.5 * coarse_phantom().lesion.sum()
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    run(host, sample, ui.planButton)
    assert cases[0].computed is not None  # nobody has touched it
    np.testing.assert_array_equal(cases[0].lesion, computed)

    ui.editButton.click()
    assert ui.segmentEditor.isVisible()
    editor = ui.segmentEditor._given["editor"]
    assert editor.GetSegmentationNode() is node
    assert editor.GetSelectedSegmentID() == SEGMENT
    drawn = computed | np.roll(computed, 2, axis=2)
    set_voxels(segment, drawn, grid)
    ui.editButton.click()
    assert not ui.segmentEditor.isVisible()
    host.wait(lambda: not sample.runner.running)
    assert "edited by hand" in ui.lesionFigures.text
    run(host, sample, ui.planButton)
    assert cases[1].computed is None
    np.testing.assert_array_equal(cases[1].lesion, drawn)

    ui.sourceCombo.setCurrentText("One point inside")
    host.answers.append(False)
    ui.outlineButton.click()
    assert not sample.runner.running
    np.testing.assert_array_equal(segment_mask(segment, grid), drawn)
    host.answers.append(True)
    run(host, sample, ui.outlineButton)
    np.testing.assert_array_equal(segment_mask(node.GetSegmentation().GetSegment(SEGMENT), grid), computed)
    assert len(host.questions) == 2


def test_box_points_and_painted_skin_reach_the_case(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    seed = np.array(coarse_phantom().seed_ras_mm)
    box = sample.ui.boxSelector.addNode()
    box.SetXYZ(*seed)
    box.SetSize(20.0, 24.0, 28.0)
    inside = sample.ui.insideSelector.addNode()
    inside.AddControlPoint(vtk.vtkVector3d(*(seed + [1.0, 2.0, 3.0])))
    painted = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "stoma")
    segment = slicer.vtkSegment()
    segment.SetName("stoma")
    mask = np.zeros(coarse_phantom().ct.grid.shape, dtype=bool)
    mask[5:9, 5:9, 5:9] = True
    set_voxels(segment, mask, coarse_phantom().ct.grid)
    painted.GetSegmentation().AddSegment(segment)
    sample.ui.noEntrySelector.setCurrentNode(painted)
    run(host, sample, sample.ui.planButton)
    (case,) = cases
    np.testing.assert_allclose(case.marks.box_ras_mm, [seed - [10, 12, 14], seed + [10, 12, 14]], atol=1e-6)
    np.testing.assert_allclose(case.marks.inside_ras_mm, [seed + [1.0, 2.0, 3.0]], atol=1e-6)
    assert case.marks.outside_ras_mm is None
    np.testing.assert_array_equal(case.excluded_entries, mask)


def test_a_box_that_is_not_placed_is_one_line(host, sample):
    sample.ui.boxSelector.addNode().SetSize(0.0, 0.0, 0.0)
    sample.ui.planButton.click()
    assert not sample.runner.running
    assert "is not placed" in sample.ui.messageLabel.text


# Structures


def kind_cell(panel, kind, column):
    table = panel.ui.kindTable
    row = next(n for n in range(table.rowCount) if table.item(n, 0).text() == kind)
    return table.item(row, column)


def test_the_table_says_what_is_there_and_a_distance_can_be_changed(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    assert kind_cell(sample, "nerve", 1).text() == f"{len(coarse_phantom().nerves)} structures"
    assert kind_cell(sample, "ureter", 1).text() == "NOT CHECKED"
    assert "ureter" in sample.ui.missingKindsLabel.text
    kind_cell(sample, "nerve", 3).setText("14,5")
    host.process()
    assert kind_cell(sample, "nerve", 3).text() == "14.5"
    assert kind_cell(sample, "nerve", 3).toolTip() == "set by the user (default)"
    kind_cell(sample, "bowel", 2).setText("a lot")
    host.process()
    assert sample.ui.messageLabel.text == "bowel, needle: 'a lot'; expected 0 to 50 mm"
    assert kind_cell(sample, "bowel", 2).text() == f"{cases_rule('bowel').shaft_mm:g}"
    run(host, sample, sample.ui.planButton)
    assert cases[0].structure_table.kinds["nerve"].zone_mm == 14.5
    assert cases[0].structure_table.kinds["bowel"] == cases_rule("bowel")


def cases_rule(kind):
    from BoneAblationPlannerLib.anatomy.structure_table import kind_rules

    return kind_rules()[kind]


def test_drawing_a_nerve_starts_place_mode_and_the_curve_counts(host, sample):
    before = len(sample.nerves())
    sample.ui.drawNerveButton.click()
    host.process()
    assert len(sample.nerves()) == before + 1
    selection = host.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    assert selection.GetActivePlaceNodeID() == sample.nerves()[-1].GetID()


def test_devices_follow_the_modality_and_the_choice_reaches_the_case(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    ui = sample.ui
    everything = ui.deviceCombo.count
    ui.modalityCombo.setCurrentText("Cryoablation")
    assert 1 < ui.deviceCombo.count < everything
    ui.deviceCombo.setCurrentIndex(1)
    chosen = ui.deviceCombo.currentData
    run(host, sample, ui.planButton)
    assert cases[0].choices.device == chosen
    ui.modalityCombo.setCurrentText("Microwave")
    assert ui.deviceCombo.currentIndex == 0  # the cryoprobe is no longer on offer


def test_bones_not_to_cross_and_parallel_ice_reach_the_case(host, sample, monkeypatch):
    import qt

    cases, ui = [], sample.ui
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    names = [ui.boneList.item(n).text() for n in range(ui.boneList.count)]
    assert "sacrum" in names
    assert "colon" not in names
    ui.boneList.item(names.index("sacrum")).setCheckState(qt.Qt.Checked)
    ui.parallelCheck.click()
    host.process()
    assert kind_cell(sample, "barred bone", 1).text() == "sacrum"
    run(host, sample, ui.planButton)
    assert cases[0].choices.barred_bones == ("sacrum",)
    assert cases[0].choices.parallel
    ui.boneList.item(names.index("sacrum")).setCheckState(qt.Qt.Unchecked)
    run(host, sample, ui.planButton)
    assert cases[1].choices.barred_bones == ()


# Needles


def test_dragging_moves_the_zone_at_once_and_then_every_figure(host, planned):
    line = lines(planned)[0]
    assert line.GetLocked()
    planned.ui.lockButton.click()
    assert not line.GetLocked()
    nodes = plan_nodes(planned.parameters.plan)
    zone_before = points_array(nodes.zones[0].GetPolyData()).mean(axis=0)
    covered = plan_of(planned).coverage.lesion_plus_margin_fraction
    start = np.array(line.GetNthControlPointPositionWorld(1))
    line.SetNthControlPointPositionWorld(1, *(start + [0.0, 0.0, 12.0]))
    host.wait(lambda: np.linalg.norm(points_array(nodes.zones[0].GetPolyData()).mean(axis=0) - zone_before) > 3)
    settle(host, planned)
    plan = plan_of(planned)
    np.testing.assert_allclose(plan.probes[0].tip_ras_mm, start + [0.0, 0.0, 12.0], atol=0.01)
    assert plan.coverage.lesion_plus_margin_fraction < covered
    assert plan.optimiser.description.startswith("placed by hand")
    assert read_plan_nodes(host.scene).masks["zone"].sum() != coarse_result().zone.sum()


def test_undo_and_redo_take_needles_back_and_forth(host, planned):
    ui, line = planned.ui, lines(planned)[0]
    first = np.array(line.GetNthControlPointPositionWorld(1))
    assert not ui.undoButton.enabled
    drag(host, planned, line, [0.0, 0.0, 6.0])
    assert ui.undoButton.enabled
    run(host, planned, ui.undoButton)
    np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), first, atol=0.01)
    made = coarse_result().plan.to_json()
    assert plan_of(planned).to_json()["coverage"] == made["coverage"]
    assert plan_of(planned).to_json()["optimiser"] == made["optimiser"]
    assert not ui.undoButton.enabled
    run(host, planned, ui.redoButton)
    np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), first + [0.0, 0.0, 6.0], atol=0.01)
    assert not ui.redoButton.enabled


def test_a_needle_is_renamed_and_a_taken_name_refused(host, planned):
    table = planned.ui.probeList
    before = ids(host.scene)
    table.item(0, 0).setText("lateral")
    settle(host, planned)
    assert plan_of(planned).probes[0].name == "lateral"
    assert table.item(0, 0).text() == "lateral"
    assert ids(host.scene) == before
    table.item(0, 0).setText("")
    host.process()
    assert "has no name" in planned.ui.messageLabel.text
    assert table.item(0, 0).text() == "lateral"


def test_one_needle_is_unlocked_alone(host, planned):
    import qt

    planned.ui.probeList.item(0, 2).setCheckState(qt.Qt.Unchecked)
    assert [line.GetLocked() for line in lines(planned)] == [0] + [1] * (len(lines(planned)) - 1)
    assert planned.ui.lockButton.text == "Lock all"
    planned.ui.lockButton.click()
    assert all(line.GetLocked() for line in lines(planned))


def test_a_kept_needle_stays_when_planning_again(host, planned, monkeypatch):
    """Kept is a property of the needle, so that it lives in the scene file."""
    import qt

    cases = []
    monkeypatch.setattr(planned.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    first = plan_of(planned).probes[0]
    planned.ui.probeList.item(0, 3).setCheckState(qt.Qt.Checked)
    assert lines(planned)[0].GetAttribute("BonePlan.Keep") == "1"
    run(host, planned, planned.ui.planButton)
    (kept,) = cases[0].fixed
    assert (kept.name, kept.device.id, kept.program.id) == (first.name, first.device, first.program)
    np.testing.assert_allclose((kept.entry_ras_mm, kept.tip_ras_mm), (first.entry_ras_mm, first.tip_ras_mm), atol=0.01)
    run(host, planned, planned.ui.planButton)  # nothing is kept in the plan that was added
    assert cases[1].fixed == ()


def test_another_way_in_becomes_a_plan_beside_the_first(host, planned):
    ui, first = planned.ui, plan_of(planned)
    assert ui.alternativeCombo.count == len(first.alternatives) > 0
    assert first.alternatives[0].difference in ui.alternativeCombo.currentText
    run(host, planned, ui.alternativeButton)
    assert len(plan_documents(host.scene)) == 2
    added = plan_of(planned)
    for probe, wanted in zip(added.probes, first.alternatives[0].probes, strict=True):
        np.testing.assert_allclose(probe.entry_ras_mm, wanted.entry_ras_mm, atol=0.01)
    assert added.coverage.lesion_fraction == pytest.approx(first.alternatives[0].lesion_fraction, abs=1e-3)
    assert not ui.alternativeButton.enabled  # a plan placed by hand has no other ways in


def test_another_program_changes_the_zone(host, planned):
    ui = planned.ui
    ui.probeList.selectRow(0)
    host.process()
    before = plan_of(planned).probes[0]
    assert ui.programCombo.currentData == f"{before.device}|{before.program}"
    other = next(n for n in range(ui.programCombo.count) if n != ui.programCombo.currentIndex)
    ui.programCombo.setCurrentIndex(other)
    settle(host, planned)
    after = plan_of(planned).probes[0]
    assert f"{after.device}|{after.program}" == ui.programCombo.itemData(other)
    assert after.zone_axes_mm != before.zone_axes_mm or after.program != before.program


def test_a_needle_is_added_by_two_clicks_and_removed(host, planned):
    ui = planned.ui
    before = len(plan_of(planned).probes)
    seed = np.array(coarse_phantom().seed_ras_mm)
    ui.addProbeButton.click()
    assert "click the target" in ui.probesSection.text
    assert not ui.addProbeButton.enabled
    line = host.scene.GetFirstNodeByName("New needle")
    line.AddControlPoint(vtk.vtkVector3d(*seed))
    assert len(plan_of(planned).probes) == before
    line.AddControlPoint(vtk.vtkVector3d(*(seed + [70.0, 0.0, 0.0])))
    host.process()
    settle(host, planned)
    added = plan_of(planned).probes[-1]
    np.testing.assert_allclose(added.tip_ras_mm, seed, atol=0.01)  # the target was clicked first
    np.testing.assert_allclose(added.entry_ras_mm, seed + [70.0, 0.0, 0.0], atol=0.01)
    assert host.scene.GetFirstNodeByName("New needle") is None
    ui.probeList.selectRow(before)
    host.process()
    run(host, planned, ui.removeProbeButton)
    assert len(plan_of(planned).probes) == before
    assert len(plan_nodes(planned.parameters.plan).zones) == before


def test_a_plan_of_hand_placed_needles_only(host, sample):
    ui = sample.ui
    ui.modalityCombo.setCurrentText("Microwave")
    seed = np.array(coarse_phantom().seed_ras_mm)
    ui.addProbeButton.click()
    line = host.scene.GetFirstNodeByName("New needle")
    line.AddControlPoint(vtk.vtkVector3d(*seed))
    line.AddControlPoint(vtk.vtkVector3d(*(seed + [70.0, 0.0, 0.0])))
    host.process()
    host.wait(lambda: not sample.runner.running)
    host.process()
    plan = plan_of(sample)
    assert [p.name for p in plan.probes] == ["Probe 1"]
    assert plan.optimiser.description.startswith("placed by hand")
    assert plan.advice.modality == "mwa"
    assert plan.advice.ranked


def test_leaving_while_placing_leaves_no_line(host, planned):
    before = ids(host.scene)
    planned.ui.addProbeButton.click()
    planned.exit()
    assert ids(host.scene) == before
    planned.enter()
    assert planned.ui.addProbeButton.enabled


def test_outlines_of_the_plan_edited_in_the_segment_editor_are_read_back(host, planned):
    nodes = plan_nodes(planned.parameters.plan)
    grid = coarse_phantom().ct.grid
    lesion = next(s for i, s in segments(nodes.segmentation) if i == "lesion")
    larger = segment_mask(lesion, grid)
    larger |= np.roll(larger, 3, axis=0)
    set_voxels(lesion, larger, grid)
    run(host, planned, planned.ui.measureButton)
    plan = plan_of(planned)
    assert plan.lesion.volume_ml == pytest.approx(larger.sum() * grid.voxel_ml, abs=1e-3)
    assert any("lesion outline was edited" in w for w in plan.warnings)


def test_a_loaded_plan_is_dragged_and_removed(host, planner, tmp_path):
    from BoneAblationPlannerLib.scene.build import add_plan
    from BoneAblationPlannerLib.scene.runtime import new_scene

    made = new_scene()
    add_plan(made, coarse_result())
    save_bundle(made, tmp_path / "plan.mrb")
    assert load_bundle(tmp_path / "plan.mrb") is not None
    before = ids(host.scene)
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), False)
    planner.enter()
    (line, *_) = lines(planner)
    drag(host, planner, line, [0.0, 0.0, 60.0])  # its zone leaves the lesion
    assert planner.ui.messageLabel.text == ""
    made = coarse_result().plan.coverage
    assert plan_of(planner).coverage.lesion_plus_margin_fraction < made.lesion_plus_margin_fraction
    planner.ui.removeButton.click()
    host.process()
    assert plan_documents(host.scene) == []
    left = [host.scene.GetNodeByID(i).GetClassName() for i in ids(host.scene) - before]
    assert not [c for c in left if "Markups" in c or "Model" in c or "Table" in c or "Segmentation" in c]


def test_a_line_that_was_deleted_is_a_needle_less(host, planned):
    count = len(plan_of(planned).probes)
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 1.0])
    host.scene.RemoveNode(lines(planned)[-1])
    host.process()
    planned.update()
    assert planned.ui.probeList.rowCount == count - 1


# Heat


def test_a_simulation_is_shown_and_its_figures_go_with_the_next_change(host, planned, monkeypatch):
    from BoneAblationPlannerLib.plan import Extremes, Simulation, StructureEffect, Thermocouple

    made = coarse_result()
    read = Thermocouple("beside the nerve", (1.0, 2.0, 3.0), 37.0, 41.6, (0.0, 60.0), (37.0, 41.6), (0.0, 2.25))
    effects = (
        StructureEffect("colon", "bowel", 37.0, 38.0, 0.1, 20.0, True),
        StructureEffect("sciatic nerve", "nerve", 37.0, 41.0, 1.0, 4.0, True, Extremes(37.0, 46.4, 30.0, False)),
        StructureEffect("hip_joint_right", "joint", 37.0, 71.0, 900.0, -1.0, False),
    )
    simulation = Simulation(1.0, 0.8, 1.5, 4.0, made.plan.zone.volume_ml, effects, 10.0, 0.9, 30.0)
    zone = replace(made.plan.zone, model="heat", volume_ml=22.0)
    simulation = replace(simulation, thermocouples=(read,))
    simulated = replace(made, plan=replace(made.plan, simulation=simulation, zone=zone))
    monkeypatch.setattr(
        "BoneAblationPlannerLib.simulating.simulate_result", lambda result, devices, report, options: simulated
    )
    ui = planned.ui
    run(host, planned, ui.simulateButton)
    assert ui.heatSection.text.endswith("! 1 structures beyond their limit")
    # What is beyond its limit comes first, then what may be.
    assert [row[0] for row in cells(ui.effectTable)] == ["hip joint right", "sciatic nerve", "colon"]
    assert cells(ui.effectTable)[1][1:] == ["37 to 41 °C", "37 to 46 °C", "may be beyond the limit"]
    assert "10 to 30 ml" in ui.heatLabel.text
    assert cells(ui.thermocoupleTable) == [["beside the nerve", "37 to 42 °C", "2.2 min"]]
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 2.0])
    assert plan_of(planned).simulation is None
    assert not ui.effectTable.isVisible()


def test_planning_by_the_simulation_adds_a_plan_and_moves_no_needle(host, planned, monkeypatch):
    """Also needles that the user moved stay as they are, in the plan that was chosen before."""
    from BoneAblationPlannerLib.plan import PlacementRound, SimulatedPlacement, Simulation, SizeInPatient

    made, asked = coarse_result(), []
    chart = PlacementRound(1.0, 1.0, 2, 0.743, 0.4, 0, SizeInPatient(0.6, 0.84, 0.7))
    taken = PlacementRound(0.6, 0.84, 4, 0.998, 0.8, 0, SizeInPatient(0.68, 0.99, 0.97))
    placement = SimulatedPlacement((chart, taken), 1)
    simulation = Simulation(1.0, 0.8, 1.5, 4.0, 20.0, (), size=taken.size, placement=placement)
    simulated = replace(made, plan=replace(made.plan, simulation=simulation))

    def plan_with_heat(case, options, report):
        asked.append((case, options))
        return simulated

    monkeypatch.setattr("BoneAblationPlannerLib.planning_with_heat.plan_with_heat", plan_with_heat)
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 2.0])
    first, moved = planned.parameters.plan, planned.plan().probes[0].tip_ras_mm
    planned.logic.keep(lines(planned)[0], True)
    planned.ui.togetherCheck.click()
    assert "no needle of theirs is moved" in planned.ui.heatPlanButton.toolTip
    run(host, planned, planned.ui.heatPlanButton)
    assert planned.parameters.plan is not first
    ((case, options),) = asked
    assert options.together
    assert not options.keep_placement
    assert [p.tip_ras_mm for p in case.fixed] == [moved]
    assert "2 would cover 74.3 % of the lesion" in planned.ui.heatLabel.text
    assert "68%" in planned.ui.heatLabel.text
    planned.ui.planSelector.setCurrentNode(first)
    host.process()
    assert planned.plan().probes[0].tip_ras_mm == moved
    assert planned.plan().simulation is None
    planned.ui.heatPlanButton.click()
    host.wait(lambda: not planned.runner.running)


def test_planning_by_the_simulation_can_be_stopped(host, planned, monkeypatch):
    monkeypatch.setattr(planned.logic, "prepareHeatPlan", lambda *_: lambda report: waiting(None, report))
    ui, before = planned.ui, planned.parameters.plan
    ui.heatPlanButton.click()
    host.wait(lambda: planned.runner.progress[0] > 0)
    host.process()
    assert ui.heatPlanButton.text == "Stop planning"
    assert (ui.simulateButton.text, ui.simulateButton.enabled) == ("Simulate", False)
    ui.heatPlanButton.click()
    host.wait(lambda: not planned.runner.running)
    host.process()
    assert ui.heatPlanButton.text == "Plan by the simulation"
    assert ui.heatPlanButton.enabled
    assert planned.parameters.plan is before


def test_the_other_controls_of_heat_and_views(host, planned, monkeypatch):
    """Boxes and lists whose choice only matters with the next click."""
    ui, asked = planned.ui, []

    def prepared(document, *options):
        asked.append(options)
        return planned.logic.prepareMeasure(document, planned.logic.placements(document), False)

    monkeypatch.setattr(planned.logic, "prepareSimulation", prepared)
    ui.shortestCheck.click()
    ui.togetherCheck.click()
    ui.simulateButton.click()
    host.wait(lambda: not planned.runner.running)
    assert asked[0][:2] == (True, True)
    ui.alongCombo.setCurrentIndex(1)
    assert ui.alongCombo.currentText == planned.plan().probes[1].name
    ui.alongButton.click()
    assert ui.depthSlider.value == round(planned.plan().probes[1].depth_mm)
    points = ui.outsideSelector.addNode()
    ui.outsideSelector.setCurrentNode(points)
    assert planned.parameters.outsideMarks is points
    ui.alternativeCombo.setCurrentIndex(ui.alternativeCombo.count - 1)
    host.process()
    assert ui.alternativeCombo.currentIndex == ui.alternativeCombo.count - 1


def test_a_running_simulation_says_how_far_it_is_and_its_button_stops_it(host, planned, monkeypatch):
    monkeypatch.setattr(planned.logic, "prepareSimulation", lambda *_: lambda report: waiting(None, report))
    ui = planned.ui
    assert "half a minute to several minutes" in ui.simulateButton.toolTip
    ui.simulateButton.click()
    host.wait(lambda: planned.runner.progress[0] > 0)
    host.process()
    host.wait(lambda: ui.heatLabel.text == "30 %: looking for paths")
    assert ui.simulateButton.text == "Stop simulating"
    assert "simulating" in ui.heatSection.text
    assert not ui.thermocoupleButton.enabled
    ui.simulateButton.click()
    assert ui.heatLabel.text == "Stopping."
    assert not ui.simulateButton.enabled
    host.wait(lambda: not planned.runner.running)
    host.process()
    assert ui.simulateButton.text == "Simulate"
    assert ui.simulateButton.enabled
    assert ui.heatLabel.text == ""
    assert planned.plan().simulation is None


# Views, warnings, comparing


@pytest.fixture
def slices(host):
    """The three slice nodes of a usual layout."""
    nodes = {}
    for name in ("Red", "Yellow", "Green"):
        node = slicer.vtkMRMLSliceNode()
        node.SetName(name)
        node.SetLayoutName(name)
        nodes[name] = host.scene.AddNode(node)
    return nodes


def position(node):
    matrix = node.GetSliceToRAS()
    return np.array([matrix.GetElement(r, 3) for r in range(3)]), np.array([matrix.GetElement(r, 2) for r in range(3)])


def test_slices_follow_the_needle_and_stay_while_dragging(host, slices, planned):
    ui, probe = planned.ui, plan_of(planned).probes[0]
    direction = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm) / probe.depth_mm
    ui.alongButton.click()
    centre, normal = position(slices["Red"])
    np.testing.assert_allclose(centre, probe.tip_ras_mm, atol=0.01)
    assert abs(normal @ direction) == pytest.approx(1.0)
    for name in ("Yellow", "Green"):
        assert position(slices[name])[1] @ direction == pytest.approx(0.0, abs=1e-9)
    ui.depthSlider.value = 10.0
    np.testing.assert_allclose(position(slices["Red"])[0], probe.entry_ras_mm + 10 * direction, atol=0.01)
    before = position(slices["Red"])[0]
    drag(host, planned, lines(planned)[0], [0.0, 0.0, 6.0])
    np.testing.assert_array_equal(position(slices["Red"])[0], before)
    ui.standardButton.click()
    np.testing.assert_allclose(position(slices["Red"])[0], plan_of(planned).lesion.centroid_ras_mm, atol=0.01)
    np.testing.assert_allclose(np.abs(position(slices["Red"])[1]), [0, 0, 1], atol=1e-9)
    assert not ui.depthSlider.enabled


def test_a_click_on_a_warning_shows_its_place(host, slices, planned):
    ui, plan = planned.ui, plan_of(planned)
    ui.standardButton.click()
    named = [n for n in range(ui.warningsList.count) if plan.probes[0].name in ui.warningsList.item(n).text()]
    row = named[0] if named else 0
    wanted = plan.probes[0].tip_ras_mm if named else plan.lesion.centroid_ras_mm
    ui.warningsList.itemClicked.emit(ui.warningsList.item(row))
    for node in slices.values():
        np.testing.assert_allclose(position(node)[0], wanted, atol=0.01)


def test_two_plans_are_compared_side_by_side(host, planned):
    ui = planned.ui
    assert not ui.compareTable.isVisible()
    run(host, planned, ui.planButton)
    assert ui.compareTable.columnCount == 2
    headings = [ui.compareTable.horizontalHeaderItem(n).text().replace("\n", " ") for n in range(2)]
    assert headings == [document.GetName() for document in plan_documents(host.scene)]
    assert len(set(headings)) == 2
    shown = cells(ui.compareTable)
    assert shown[0][0] == shown[0][1] == f"{coarse_result().plan.lesion.kind}, {volume_ml():.1f} ml, hip right"
    assert shown[1] == [str(len(coarse_result().plan.probes))] * 2
    ui.removeButton.click()
    host.process()
    assert len(plan_documents(host.scene)) == 1


def volume_ml():
    return coarse_result().plan.lesion.volume_ml


def test_titles_say_how_far_each_step_is(host, planner):
    ui = planner.ui
    assert ui.patientSection.text == "1. Patient  … choose a CT"
    assert ui.lesionSection.text == "2. Lesion  … one point in the lesion (0 placed)"
    assert ui.probesSection.text.startswith("5. Probes  … a CT")
    planner.logic.addSample(coarse_phantom(), planner.parameters)
    host.process()
    assert ui.patientSection.text == "1. Patient  ✓ BonePlanPhantom"
    assert ui.probesSection.text == "5. Probes  … ready to plan"
    assert ui.structuresSection.text.startswith("3. Structures to keep clear of  !")


def test_random_clicks_and_drags_leave_no_exception_and_no_node(host, sample, monkeypatch):
    """Seeded; planning and simulating are replaced, the rest is real. BONEPLAN_CLICKS=1000 for a longer run."""
    import qt

    def measured(document, *_):
        return sample.logic.prepareMeasure(document, sample.logic.placements(document), False)

    monkeypatch.setattr(sample.logic, "plan", lambda case, report: coarse_result())
    monkeypatch.setattr(sample.logic, "prepareSimulation", measured)
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", staticmethod(lambda *_: ""))
    rng = np.random.default_rng(11)
    before = ids(host.scene)
    buttons = [w for name, w in vars(sample.ui).items() if name.endswith("Button") and name != "sampleButton"]
    combos = [w for name, w in vars(sample.ui).items() if name.endswith("Combo")]
    pressed, most = set(), 0
    run(host, sample, sample.ui.planButton)
    for _ in range(int(os.environ.get("BONEPLAN_CLICKS", "150"))):
        host.answers[:] = [bool(rng.integers(2))] * 3
        action = rng.integers(5)
        if action == 0:
            button = buttons[rng.integers(len(buttons))]
            if button.enabled and button.isVisible():
                pressed.add(button.objectName)
                button.click()
        elif action == 1:
            combo = combos[rng.integers(len(combos))]
            if combo.enabled and combo.count:
                combo.setCurrentIndex(int(rng.integers(combo.count)))
        elif action == 2 and (own := lines(sample)):
            line = own[rng.integers(len(own))]
            if not line.GetLocked():
                at = np.array(line.GetNthControlPointPositionWorld(1)) + rng.normal(size=3)
                line.SetNthControlPointPositionWorld(1, *at)
        elif action == 3 and sample.ui.probeList.rowCount:
            sample.ui.probeList.selectRow(int(rng.integers(sample.ui.probeList.rowCount)))
        elif action == 4:
            click_in_a_view(host, sample, rng)
        host.process()
        most = max(most, len(plan_documents(host.scene)))
        if rng.integers(10) == 0:
            settle(host, sample, PATIENCE_S)
        assert "failed" not in sample.ui.messageLabel.text
    settle(host, sample, PATIENCE_S)
    assert "failed" not in sample.ui.messageLabel.text
    assert most > 1 or len(pressed) > 5  # something was done on the way
    for document in list(plan_documents(host.scene)):
        sample.parameters.plan = document
        sample.ui.removeButton.click()
    sample.exit()
    made = [host.scene.GetNodeByID(i) for i in ids(host.scene) - before]
    kept = ("Nerve", "Lesion outline", "SegmentEditor", "Lesion", "Painted marks")
    left = [n.GetName() for n in made if n.IsA("vtkMRMLDisplayableNode") and not n.GetName().startswith(kept)]
    assert left == []


def click_in_a_view(host, panel, rng):
    """Give whatever waits for a point one near the lesion; else choose the point as the way to the lesion."""
    selection = host.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    node = host.scene.GetNodeByID(selection.GetActivePlaceNodeID() or "")
    if node is not None and node.GetNumberOfDefinedControlPoints() < 2 - node.IsA("vtkMRMLMarkupsFiducialNode"):
        spread = 1.0 if node.IsA("vtkMRMLMarkupsFiducialNode") else 40.0
        node.AddControlPoint(vtk.vtkVector3d(*(coarse_phantom().seed_ras_mm + rng.normal(size=3) * spread)))
    else:
        panel.ui.sourceCombo.setCurrentText("One point inside")


def test_the_panel_reopens_on_what_it_left(host, planned):
    host.close(planned)
    again = host.open(host.load(PLANNER))
    assert again.ui.probeList.rowCount == len(coarse_result().plan.probes)
