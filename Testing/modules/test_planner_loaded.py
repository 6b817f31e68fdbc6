"""Plans opened from files: told apart, and dragged with zone, margins and figures at once."""

import time
from dataclasses import replace

import numpy as np
import pytest
from panel_needles import lines, move, settle
from panels import cells, run
from phantoms import coarse_result

from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.hierarchy import folder_of, hierarchy
from BoneAblationPlannerLib.scene.models import MARGIN_SCALARS
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.runtime import new_scene

UP = np.array([0.0, 0.0, 12.0])


@pytest.fixture
def bundle(tmp_path):
    """A scene as the command line writes it."""
    made = new_scene()
    add_plan(made, coarse_result())
    save_bundle(made, tmp_path / "plan.mrb")
    return tmp_path / "plan.mrb"


@pytest.fixture
def opened(host, planner, bundle):
    """The panel on that scene."""
    assert host.scene.ReadFromMRB(str(bundle), True)
    host.process()
    return planner


def shown(panel):
    """Where the first zone is, the margins on the map, and the figures in the table."""
    nodes = plan_nodes(panel.parameters.plan)
    scalars = nodes.margin_map.GetPolyData().GetPointData().GetArray(MARGIN_SCALARS)
    margins = np.array([scalars.GetValue(n) for n in range(scalars.GetNumberOfTuples())])
    return points_array(nodes.zones[0].GetPolyData()).mean(axis=0), margins, cells(panel.ui.coverageTable)


def assert_follows(before, after):
    assert np.linalg.norm(after[0] - before[0]) > 3
    assert not np.allclose(after[1], before[1])
    assert after[2] != before[2]
    assert "measured when the needle rests" in [row[1] for row in after[2]]


def test_unlocking_gets_a_plan_from_a_file_ready_so_that_the_first_drag_is_live(host, opened):
    ui = opened.ui
    assert not opened.logic.isReadyToDrag(opened.parameters.plan)
    ui.lockButton.click()
    assert opened.runner.running
    assert ui.progressRow.isVisible()
    host.wait(lambda: ui.stageLabel.text == "getting the plan ready for dragging" or not opened.runner.running)
    settle(host, opened)
    assert opened.logic.isReadyToDrag(opened.parameters.plan)
    before = shown(opened)
    move(host, lines(opened)[0], UP)
    host.wait(lambda: np.linalg.norm(shown(opened)[0] - before[0]) > 3)
    assert not opened.runner.running  # the drag goes on: nothing had to be computed first
    assert_follows(before, shown(opened))
    settle(host, opened)


def test_a_line_that_was_left_unlocked_follows_during_its_first_drag(host, opened):
    """Ready a moment later, with progress; the drag goes on meanwhile."""
    line = lines(opened)[0]
    line.SetLocked(False)
    before = shown(opened)
    start = np.array(line.GetNthControlPointPositionWorld(1))
    for step in range(2000):
        line.SetNthControlPointPositionWorld(1, *(start + UP * min(1.0, step / 10)))
        host.process()
        time.sleep(0.01)
        if np.linalg.norm(shown(opened)[0] - before[0]) > 3:
            break
    assert_follows(before, shown(opened))
    settle(host, opened)
    np.testing.assert_allclose(opened.plan().probes[0].tip_ras_mm, start + UP * min(1.0, step / 10), atol=0.01)


def test_undo_of_a_plan_from_a_file_gives_the_stored_plan(host, opened):
    stored = opened.plan().to_json()
    opened.ui.lockButton.click()
    settle(host, opened)
    move(host, lines(opened)[0], UP)
    settle(host, opened)
    run(host, opened, opened.ui.undoButton)
    assert opened.plan().to_json()["optimiser"] == stored["optimiser"]
    assert opened.plan().to_json()["coverage"] == stored["coverage"]


def test_the_next_drag_starts_from_what_the_last_one_did(host, planned):
    planned.ui.lockButton.click()
    settle(host, planned)
    move(host, lines(planned)[0], UP)
    settle(host, planned)
    assert planned.logic.isReadyToDrag(planned.parameters.plan)


def test_a_plan_that_cannot_be_got_ready_says_so_once(host, opened):
    host.scene.RemoveNode(plan_nodes(opened.parameters.plan).segmentation)
    host.process()
    line = lines(opened)[0]
    line.SetLocked(False)
    move(host, line, UP)
    host.wait(lambda: opened.ui.messageLabel.text != "")
    assert "segmentation was deleted" in opened.ui.messageLabel.text
    opened.showMessage("")
    opened.sections[4].onMoving()
    assert opened.ui.messageLabel.text == ""
    settle(host, opened)


# Names


def test_plans_are_called_by_site_kind_and_time(host, planned):
    from BoneAblationPlannerLib.panel.plan_names import plan_title

    title = planned.parameters.plan.GetName()
    hour = title.rsplit(", ", 1)[1]
    assert title == f"hip right, MWA, {hour}"
    assert time.strptime(hour, "%H:%M")
    assert plan_title(coarse_result().plan, 0.0).startswith("hip right, MWA, ")
    assert planned.ui.planSelector._combo.currentText == title
    tree = hierarchy(host.scene)
    assert tree.GetItemName(folder_of(host.scene, planned.parameters.plan)) == title


def test_plans_from_files_get_names_that_tell_them_apart(host, planner, bundle):
    for _ in range(2):
        assert host.scene.ReadFromMRB(str(bundle), False)
        host.process()
    names = [document.GetName() for document in plan_documents(host.scene)]
    assert names == ["hip right, MWA", "hip right, MWA (2)"]
    tree = hierarchy(host.scene)
    assert [tree.GetItemName(folder_of(host.scene, d)) for d in plan_documents(host.scene)] == names
    planner.enter()
    assert [document.GetName() for document in plan_documents(host.scene)] == names


def test_of_two_plans_from_files_the_chosen_one_is_measured(host, planner, bundle):
    """Both have the same name inside their files."""
    for _ in range(2):
        assert host.scene.ReadFromMRB(str(bundle), False)
    host.process()
    first, second = plan_documents(host.scene)
    planner.ui.planSelector.setCurrentNode(second)
    host.process()
    stored = first.GetText()
    move(host, lines(planner)[0], UP)
    settle(host, planner)
    made = coarse_result().plan.probes[0].tip_ras_mm
    np.testing.assert_allclose(planner.plan().probes[0].tip_ras_mm, made + UP, atol=0.02)
    assert first.GetText() == stored


def test_a_plan_is_renamed_where_it_is_chosen(host, planned):
    """The menu of the list renames the node; what is compared is called so from then on."""
    assert planned.ui.planSelector.renameEnabled
    planned.parameters.plan.SetName("from behind")
    run(host, planned, planned.ui.planButton)
    headings = [planned.ui.compareTable.horizontalHeaderItem(n).text().replace("\n", " ") for n in range(2)]
    assert headings[0] == "from behind"
    assert headings[1].startswith("hip right, MWA")
    planned.exit()
    planned.enter()
    assert plan_documents(host.scene)[0].GetName() == "from behind"


def test_what_was_given_but_tells_nothing_of_the_lesion_is_said(host, planner):
    reason = "nerve: only left sciatic was given; none within 60 mm of the lesion"
    result = coarse_result()
    structures = replace(result.plan.structures, why_not=(reason,))
    planner.logic.addPlan(replace(result, plan=replace(result.plan, structures=structures)))
    planner.parameters.plan = plan_documents(host.scene)[0]
    host.process()
    assert f"Given, but not checked in this plan: {reason}." in planner.ui.estimatedLabel.text.splitlines()
