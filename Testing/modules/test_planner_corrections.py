"""The lesion's outline in the planner's panel is corrected by a click where it is wrong."""

import numpy as np
import pytest
import slicer
import vtk
from grids import ball
from panels import run
from phantoms import coarse_phantom

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.outline import SEGMENT
from BoneAblationPlannerLib.scene.segmentation import segment_mask, set_voxels

GRID = coarse_phantom().ct.grid


def outlined(panel):
    return segment_mask(panel.parameters.lesionSegmentation.GetSegmentation().GetSegment(SEGMENT), GRID)


def click(host, panel, button, point_ras_mm):
    """Press a button, then click into a view: Slicer's place mode has the list and adds the point."""
    assert button.enabled, button.toolTip
    button.click()
    interaction = host.scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    chosen = host.scene.GetNodeByID("vtkMRMLSelectionNodeSingleton").GetActivePlaceNodeID()
    host.scene.GetNodeByID(chosen).AddControlPoint(vtk.vtkVector3d(*point_ras_mm))
    host.process()
    host.wait(lambda: not panel.busy)
    host.process()


def seed_of(panel):
    point = [0.0, 0.0, 0.0]
    panel.parameters.seed.GetNthControlPointPositionWorld(0, point)
    return np.array(point)


def lateral_end(mask):
    """The outline's voxel that is farthest to the patient's right, and one 3 mm farther."""
    points = GRID.ras_of_mask(mask)
    end = points[points[:, 0].argmax()]
    return end, end + [3.0, 0.0, 0.0]


def test_one_click_leaves_out_and_another_takes_in(host, sample):
    ui, parameters = sample.ui, sample.parameters
    assert not ui.correctRow.isVisible()
    run(host, sample, ui.outlineButton)
    assert ui.correctRow.isVisible()
    before = outlined(sample)
    wrong, beyond = lateral_end(before)
    click(host, sample, ui.leaveOutButton, wrong)
    without = outlined(sample)
    assert not without[GRID.nearest_voxel(wrong)]
    assert ui.outlineSelector.currentNode() is parameters.lesionSegmentation
    assert ui.correctRow.isVisible()
    parameters.outsideMarks.RemoveAllControlPoints()
    click(host, sample, ui.takeInButton, beyond)
    with_it = outlined(sample)
    assert with_it[GRID.nearest_voxel(beyond)]
    assert with_it[GRID.nearest_voxel(wrong)]
    assert 0.5 < (with_it & before).sum() / before.sum() <= 1


def test_points_add_up(host, sample):
    run(host, sample, sample.ui.outlineButton)
    wrong, _ = lateral_end(outlined(sample))
    other = GRID.ras_of_mask(outlined(sample))
    other = other[other[:, 0].argmin()]
    for point in (wrong, other):
        click(host, sample, sample.ui.leaveOutButton, point)
    assert sample.parameters.outsideMarks.GetNumberOfControlPoints() == 2
    mask = outlined(sample)
    assert not mask[GRID.nearest_voxel(wrong)]
    assert not mask[GRID.nearest_voxel(other)]


def test_what_was_drawn_by_hand_is_replaced_after_a_yes_only(host, sample, monkeypatch):
    run(host, sample, sample.ui.outlineButton)
    wrong, _ = lateral_end(outlined(sample))
    monkeypatch.setattr(type(sample.logic), "outlineWasEdited", lambda self, parameters: True)
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *a, **k: bool(asked.append(a)))
    before = outlined(sample)
    click(host, sample, sample.ui.leaveOutButton, wrong)
    assert asked
    np.testing.assert_array_equal(outlined(sample), before)
    assert sample.ui.correctRow.isVisible()


def test_a_refused_correction_leaves_the_outline_and_can_be_made_again(host, sample, monkeypatch):
    run(host, sample, sample.ui.outlineButton)
    before = outlined(sample)
    wrong, _ = lateral_end(before)

    def refuse(self, case, report):
        raise InputError("lesion seed: nothing there differs from normal bone")

    with monkeypatch.context() as patch:
        patch.setattr(type(sample.logic), "outline", refuse)
        click(host, sample, sample.ui.leaveOutButton, wrong)
    assert "nothing there differs" in sample.ui.messageLabel.text
    assert sample.ui.outlineSelector.currentNode() is sample.parameters.lesionSegmentation
    assert not sample.ui.seedRow.isVisible()
    np.testing.assert_array_equal(outlined(sample), before)
    assert sample.ui.correctRow.isVisible()
    click(host, sample, sample.ui.leaveOutButton, wrong)
    assert not outlined(sample)[GRID.nearest_voxel(wrong)]


@pytest.mark.parametrize("loss", ["the point", "the outline"])
def test_there_is_nothing_to_correct_without_point_and_outline(host, sample, loss):
    run(host, sample, sample.ui.outlineButton)
    if loss == "the point":
        sample.parameters.seed.RemoveAllControlPoints()
    else:
        host.scene.RemoveNode(sample.parameters.lesionSegmentation)
    host.process()
    assert not sample.ui.correctRow.isVisible()


def test_what_is_painted_before_outlining_is_taken_in_and_left_out(host, sample):
    ui, parameters = sample.ui, sample.parameters
    run(host, sample, ui.outlineButton)
    before = outlined(sample)
    wrong, _ = lateral_end(before)
    ui.sourceCombo.setCurrentText("One point inside")
    host.process()
    assert ui.editButton.text == "Paint inside and outside"
    ui.editButton.click()
    painted = parameters.painted
    editor = ui.segmentEditor._given["editor"]
    assert editor.GetSegmentationNode() is painted is ui.paintedSelector.currentNode()
    assert editor.GetSelectedSegmentID() == "inside"
    segments = painted.GetSegmentation()
    set_voxels(segments.GetSegment("outside"), ball(GRID, wrong, 2.0), GRID)
    set_voxels(segments.GetSegment("inside"), ball(GRID, seed_of(sample), 2.0), GRID)
    ui.editButton.click()
    assert not ui.segmentEditor.isVisible()
    run(host, sample, ui.outlineButton)
    after = outlined(sample)
    assert not after[ball(GRID, wrong, 2.0)].any()
    assert after[ball(GRID, seed_of(sample), 2.0)].all()
    assert ui.editButton.text == "Edit the outline"
    # A mark that contradicts itself is one line, and the outline stays.
    ui.sourceCombo.setCurrentText("One point inside")
    set_voxels(segments.GetSegment("inside"), ball(GRID, wrong, 2.0), GRID)
    run(host, sample, ui.outlineButton)
    assert "marked inside are also outside" in ui.messageLabel.text
    np.testing.assert_array_equal(outlined(sample), after)


def test_the_editor_closes_when_the_lesion_is_given_another_way(host, sample):
    ui = sample.ui
    run(host, sample, ui.outlineButton)
    ui.editButton.click()
    assert ui.segmentEditor.isVisible()
    ui.sourceCombo.setCurrentText("One point inside")
    host.process()
    assert not ui.segmentEditor.isVisible()
    assert not ui.editButton.checked
