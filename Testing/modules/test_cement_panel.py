"""The cement panel, on a plan of the scene."""

import numpy as np
import pytest
from panels import CEMENT, ids, run, waiting
from phantoms import coarse_result

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene.build import add_plan, plan_documents, read_plan_nodes
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.hierarchy import folder_of
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM
from CementTrajectoryLib.scene.needles import cement_nodes
from CementTrajectoryLib.workflow import CementChoices, plan_cement


@pytest.fixture
def module(host):
    return host.load(CEMENT)


@pytest.fixture
def cement(host, planner, module):
    """The open cement panel in a scene with the coarse plan."""
    planner.logic.addPlan(coarse_result())
    return host.open(module)


def of_role(document, role):
    return [n for n in cement_nodes(document) if n.GetAttribute("BonePlan.Role") == role]


def test_without_a_plan_the_button_says_where_to_make_one(host, module):
    panel = host.open(module)
    assert not panel.ui.planButton.enabled
    assert "make one with Bone Ablation Planner" in panel.ui.planButton.toolTip
    assert not panel.ui.resultsBody.isVisible()


def test_the_gauges_are_those_with_a_known_diameter(module):
    assert {gauge.value for gauge in module.NeedleGauge} == set(GAUGE_DIAMETER_MM)
    assert next(iter(module.NeedleGauge)).value == CementChoices().gauge


def test_the_panel_plans_what_the_workflow_plans(host, cement):
    run(host, cement, cement.ui.planButton)
    assert cement.ui.messageLabel.text == ""
    expected = Plan.from_json(plan_cement(coarse_result()).plan.to_json()).cement
    (document,) = plan_documents(host.scene)
    assert read_plan_nodes(host.scene).plan.cement == expected
    lines, shafts = of_role(document, "cement-needle"), of_role(document, "cement-shaft")
    for line, shaft, needle in zip(lines, shafts, expected.needles, strict=True):
        assert line.GetAttribute("BonePlan.Gauge") == str(needle.gauge)
        np.testing.assert_allclose(line.GetNthControlPointPositionWorld(0), needle.entry_ras_mm)
        np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), needle.tip_ras_mm)
        assert folder_of(host.scene, line) == folder_of(host.scene, document)
        assert tube_diameter(shaft, needle) == pytest.approx(GAUGE_DIAMETER_MM[needle.gauge], rel=1e-3)
    shown = [cement.ui.cementTable.item(row, 0).text() for row in range(cement.ui.cementTable.rowCount)]
    assert shown[0] == expected.needles[0].name
    assert "Cement" in shown
    assert sum(s.startswith("Leak towards") for s in shown) == len(expected.leaks)
    for caution in expected.cautions:
        assert caution in cement.ui.cautionsLabel.text
    assert cement.ui.notCheckedLabel.text.startswith("NOT CHECKED: ")


def tube_diameter(shaft, needle):
    """Twice the largest distance of the tube's points from the needle's axis."""
    from BoneAblationPlannerLib.scene.convert import points_array

    axis = np.subtract(needle.tip_ras_mm, needle.entry_ras_mm)
    axis = axis / np.linalg.norm(axis)
    offset = points_array(shaft.GetPolyData()) - needle.tip_ras_mm
    return 2 * np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1).max()


def test_the_choices_reach_the_workflow_and_a_second_run_replaces_the_first(host, cement):
    run(host, cement, cement.ui.planButton)
    count = host.scene.GetNumberOfNodes()
    cement.ui.gaugeCombo.setCurrentText("13 G")
    cement.ui.fillingSpin.setValue(40.0)
    run(host, cement, cement.ui.planButton)
    made = read_plan_nodes(host.scene).plan.cement
    assert made.needles[0].gauge == 13
    assert made.fill_fraction == 0.4
    assert host.scene.GetNumberOfNodes() == count
    assert [n.GetAttribute("BonePlan.Gauge") for n in of_role(plan_documents(host.scene)[0], "cement-needle")] == ["13"]


def test_removing_the_plan_removes_its_cement(host, planner, module):
    before = ids(host.scene)
    document = planner.logic.addPlan(coarse_result())
    panel = host.open(module)
    before.add(panel.logic.getParameterNode().parameterNode.GetID())
    run(host, panel, panel.ui.planButton)
    planner.logic.removePlan(document)
    assert ids(host.scene) == before
    assert not panel.ui.planButton.enabled


def test_a_loaded_plan_is_measured_again_and_gets_cement(host, module, tmp_path):
    add_plan(host.scene, coarse_result())
    save_bundle(host.scene, tmp_path / "plan.mrb")
    host.scene.Clear(False)
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), True)
    panel = host.open(module)
    run(host, panel, panel.ui.planButton)
    assert panel.ui.messageLabel.text == ""
    made, expected = read_plan_nodes(host.scene).plan.cement, plan_cement(coarse_result()).plan.cement
    assert made.needles == expected.needles
    assert made.fill_ml == pytest.approx(expected.fill_ml, abs=0.05)


def test_cancel_and_closing_add_nothing(host, cement, monkeypatch):
    monkeypatch.setattr(cement.logic, "prepare", lambda document, parameters: lambda report: waiting(None, report))
    cement.ui.planButton.click()
    host.wait(lambda: cement.runner.progress[0] > 0)
    cement.ui.cancelButton.click()
    host.wait(lambda: not cement.runner.running)
    assert cement_nodes(plan_documents(host.scene)[0]) == []
    cement.ui.planButton.click()
    host.scene.Clear(False)
    host.wait(lambda: not cement.runner.running)
    assert plan_documents(host.scene) == []
    assert not cement.ui.planButton.enabled


def test_an_impossible_choice_is_one_line(host, cement, monkeypatch):
    monkeypatch.setattr("CementTrajectoryLib.cement.defaults.GAUGE_DIAMETER_MM", {})
    monkeypatch.setattr("CementTrajectoryLib.workflow.GAUGE_DIAMETER_MM", {10: 3.4})
    run(host, cement, cement.ui.planButton)
    assert cement.ui.messageLabel.text == "cement needle: 11 G; expected one of 10 G"
