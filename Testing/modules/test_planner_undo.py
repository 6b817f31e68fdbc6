"""Undo, redo and drags that meet a run, another plan or a deleted one."""

import numpy as np
import pytest
from panel_needles import click_twice, drag, lines, move, settle
from panels import held, ids, run, waiting
from phantoms import coarse_phantom, coarse_result

from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes

DOWN = np.array([0.0, 0.0, -5.0])


def tip(line):
    return np.array(line.GetNthControlPointPositionWorld(1))


def planned_tip(panel, number=0):
    return np.array(panel.plan().probes[number].tip_ras_mm)


def choose(host, panel, document):
    panel.ui.planSelector.setCurrentNode(document)
    host.process()


def test_every_plan_has_its_own_undo(host, planned):
    ui = planned.ui
    run(host, planned, ui.planButton)
    first, second = plan_documents(host.scene)
    made = tip(lines(planned)[0])
    drag(host, planned, lines(planned)[0], DOWN)
    choose(host, planned, first)
    assert not ui.undoButton.enabled
    drag(host, planned, lines(planned)[0], 2 * DOWN)
    choose(host, planned, second)
    np.testing.assert_allclose(planned_tip(planned), made + DOWN, atol=0.01)
    run(host, planned, ui.undoButton)
    np.testing.assert_allclose(planned_tip(planned), made, atol=0.01)
    choose(host, planned, first)
    np.testing.assert_allclose(planned_tip(planned), made + 2 * DOWN, atol=0.01)
    run(host, planned, ui.undoButton)
    np.testing.assert_allclose(planned_tip(planned), made, atol=0.01)
    run(host, planned, ui.redoButton)
    np.testing.assert_allclose(planned_tip(planned), made + 2 * DOWN, atol=0.01)


def test_undo_of_a_plan_outlives_a_run_and_another_plan_that_was_removed(host, planned):
    ui = planned.ui
    made = tip(lines(planned)[0])
    drag(host, planned, lines(planned)[0], DOWN)
    run(host, planned, ui.planButton)
    assert not ui.undoButton.enabled  # of the plan that is new
    ui.removeButton.click()
    host.process()
    assert len(plan_documents(host.scene)) == 1
    run(host, planned, ui.undoButton)  # the plan that is left was chosen by itself
    np.testing.assert_allclose(tip(lines(planned)[0]), made, atol=0.01)


def test_a_deleted_needle_is_measured_away_and_comes_back_with_undo(host, planned):
    count = len(planned.plan().probes)
    host.scene.RemoveNode(lines(planned)[-1])
    settle(host, planned)
    assert planned.ui.probeList.rowCount == len(planned.plan().probes) == count - 1
    run(host, planned, planned.ui.undoButton)
    assert len(lines(planned)) == len(planned.plan().probes) == count
    assert planned.plan().to_json()["coverage"] == coarse_result().plan.to_json()["coverage"]


def test_a_plan_without_any_needle_left_is_one_line(host, planned):
    for line in lines(planned):
        host.scene.RemoveNode(line)
    settle(host, planned)
    assert planned.ui.probeList.rowCount == 0
    planned.ui.measureButton.click()
    host.process()
    assert planned.ui.messageLabel.text.startswith("plan: all its needles were deleted")
    seed = np.array(coarse_phantom().seed_ras_mm)
    planned.ui.addProbeButton.click()
    click_twice(host.scene.GetFirstNodeByName("New needle"), seed, seed + [70.0, 0.0, 0.0])
    settle(host, planned)
    assert [p.name for p in planned.plan().probes] == ["Probe 1"]


def test_a_needle_dragged_during_a_run_is_measured_after_it(host, planned, monkeypatch):
    wanted = tip(lines(planned)[0]) + DOWN
    monkeypatch.setattr(planned.logic, "plan", waiting)
    planned.ui.planButton.click()
    host.wait(lambda: planned.runner.progress[0] > 0)
    move(host, lines(planned)[0], DOWN)
    host.wait(lambda: bool(planned.sections[4]._unmeasured))
    planned.ui.cancelButton.click()
    settle(host, planned)
    np.testing.assert_allclose(planned_tip(planned), wanted, atol=0.01)
    assert planned.ui.undoButton.enabled


def test_a_needle_dragged_while_the_plan_is_measured_stays_there(host, planned, monkeypatch):
    made = tip(lines(planned)[0])
    held_run = held(monkeypatch, planned.logic, "prepareMeasure")
    move(host, lines(planned)[0], DOWN)
    host.wait(lambda: held_run.began)
    move(host, lines(planned)[0], DOWN)
    held_run.set()
    settle(host, planned)
    np.testing.assert_allclose(planned_tip(planned), made + 2 * DOWN, atol=0.01)
    np.testing.assert_allclose(tip(lines(planned)[0]), made + 2 * DOWN, atol=0.01)
    run(host, planned, planned.ui.undoButton)  # to what was measured first
    np.testing.assert_allclose(planned_tip(planned), made + DOWN, atol=0.01)


def test_a_needle_dragged_during_a_simulation_stays_there_and_the_simulation_lapses(host, planned, monkeypatch):
    monkeypatch.setattr("BoneAblationPlannerLib.simulating.simulate_result", lambda result, *_: result)
    made = tip(lines(planned)[0])
    held_run = held(monkeypatch, planned.logic, "prepareSimulation")
    planned.ui.simulateButton.click()
    move(host, lines(planned)[0], DOWN)
    held_run.set()
    settle(host, planned)
    np.testing.assert_allclose(planned_tip(planned), made + DOWN, atol=0.01)
    assert "no longer holds" in planned.ui.heatLabel.text
    run(host, planned, planned.ui.simulateButton)
    assert planned.ui.heatLabel.text == ""


def test_a_needle_is_not_renamed_during_a_run(host, planned, monkeypatch):
    name = planned.plan().probes[0].name
    monkeypatch.setattr(planned.logic, "plan", waiting)
    planned.ui.planButton.click()
    planned.ui.probeList.item(0, 0).setText("other")
    assert planned.ui.messageLabel.text.startswith("needle: cannot be renamed during a run")
    assert planned.ui.probeList.item(0, 0).text() == name
    planned.ui.cancelButton.click()
    settle(host, planned)


def test_a_drag_counts_although_another_plan_is_chosen_at_once(host, planned):
    run(host, planned, planned.ui.planButton)
    first, second = plan_documents(host.scene)
    wanted = tip(lines(planned)[0]) + DOWN
    move(host, lines(planned)[0], DOWN)
    choose(host, planned, first)
    settle(host, planned)
    np.testing.assert_allclose(planned_tip(planned), coarse_result().plan.probes[0].tip_ras_mm, atol=0.01)
    choose(host, planned, second)
    np.testing.assert_allclose(planned_tip(planned), wanted, atol=0.01)


def test_a_needle_clicked_during_a_run_comes_after_it(host, planned, monkeypatch):
    count, seed = len(planned.plan().probes), np.array(coarse_phantom().seed_ras_mm)
    planned.ui.addProbeButton.click()
    monkeypatch.setattr(planned.logic, "plan", waiting)
    planned.ui.planButton.click()
    click_twice(host.scene.GetFirstNodeByName("New needle"), seed, seed + [70.0, 0.0, 0.0])
    host.process()
    planned.ui.cancelButton.click()
    host.wait(lambda: len(planned.plan().probes) == count + 1)
    assert host.scene.GetFirstNodeByName("New needle") is None


def test_two_clicks_at_one_place_are_one_line_and_leave_nothing(host, planned):
    before, seed = ids(host.scene), coarse_phantom().seed_ras_mm
    planned.ui.addProbeButton.click()
    click_twice(host.scene.GetFirstNodeByName("New needle"), seed, seed)
    settle(host, planned)
    assert "expected the target, then the entry" in planned.ui.messageLabel.text
    assert ids(host.scene) == before


def test_an_unfinished_needle_that_is_deleted_is_no_longer_waited_for(host, planned):
    planned.ui.addProbeButton.click()
    assert "target and entry" in planned.ui.addProbeButton.toolTip
    host.scene.RemoveNode(host.scene.GetFirstNodeByName("New needle"))
    host.process()
    assert planned.ui.addProbeButton.enabled


def test_an_undo_that_fails_is_still_there(host, planned, monkeypatch):
    drag(host, planned, lines(planned)[0], DOWN)
    measure = planned.logic.prepareMeasure

    def gone(*_):
        raise RuntimeError("measuring failed")

    monkeypatch.setattr(planned.logic, "prepareMeasure", gone)
    planned.ui.undoButton.click()
    assert planned.ui.messageLabel.text.startswith("The planner failed")
    monkeypatch.setattr(planned.logic, "prepareMeasure", measure)
    run(host, planned, planned.ui.undoButton)
    assert not planned.ui.undoButton.enabled


def test_the_margin_map_follows_a_drag_before_the_needle_rests(host, planned):
    """Where the zone has left, the margin map shows it at once; afterwards it is what the full measurement shows."""
    nodes = plan_nodes(planned.parameters.plan)

    def margins():
        array = nodes.margin_map.GetPolyData().GetPointData().GetScalars()
        return np.array([array.GetValue(n) for n in range(array.GetNumberOfTuples())])

    before = margins()
    for line in lines(planned):
        move(host, line, [0.0, 0.0, 60.0])
    host.wait(lambda: not np.array_equal(margins(), before))
    host.wait(lambda: not planned.sections[4]._tracker._drag.active)
    moving, points = margins(), points_array(nodes.margin_map.GetPolyData())
    assert moving.max() < 0  # no zone reaches the lesion any more
    settle(host, planned)
    np.testing.assert_allclose(points_array(nodes.margin_map.GetPolyData()), points)
    np.testing.assert_allclose(margins(), moving, atol=1e-6)


@pytest.mark.parametrize("words", ["hip right, MWA, ", "needles", "of the lesion covered"])
def test_the_status_bar_says_what_was_made(host, planned, words):
    assert words in host.status[-1]
