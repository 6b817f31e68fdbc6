"""Marks that were painted inside and outside a lesion, read from a segmentation of the scene."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.painted_marks import new_painted_marks, painted_points
from BoneAblationPlannerLib.scene.placed import marks_from_nodes
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import set_voxels
from BoneAblationPlannerLib.scene.volumes import add_ct

GRID = oblique_grid((24, 30, 36), (0.9, 1.1, 2.4), (12.0, -34.0, 56.0))
CENTRE = GRID.ras_from_ijk([[18, 15, 12]])[0]


@pytest.fixture
def marks():
    scene = new_scene()
    ct = add_ct(scene, CtVolume(GRID, np.zeros(GRID.shape, dtype=np.int16), "made", "0"), "CT")
    return new_painted_marks(scene, ct)


def paint(node, segment_id, away_mm, radius_mm=3.0):
    mask = ball(GRID, CENTRE + [away_mm, 0, 0], radius_mm)
    set_voxels(node.GetSegmentation().GetSegment(segment_id), mask, GRID)
    return mask


def test_what_was_painted_is_read_on_each_side(marks):
    inside, outside = painted_points(marks, GRID)
    assert len(inside) == len(outside) == 0
    left, right = paint(marks, "inside", -4), paint(marks, "outside", 5)
    inside, outside = painted_points(marks, GRID)
    np.testing.assert_allclose(inside, GRID.ras_of_mask(left))
    np.testing.assert_allclose(outside, GRID.ras_of_mask(right))


def test_segments_may_be_called_so_in_more_words(marks):
    mask = paint(marks, "inside", 0)
    marks.GetSegmentation().GetSegment("inside").SetName("Tumour - inside (JS)")
    np.testing.assert_allclose(painted_points(marks, GRID)[0], GRID.ras_of_mask(mask))


@pytest.mark.parametrize("name", ["Segment_1", "inside or outside"])
def test_a_painted_segment_that_says_neither_is_refused(marks, name):
    marks.GetSegmentation().GetSegment("inside").SetName(name)
    assert len(painted_points(marks, GRID)[0]) == 0  # nothing is in it
    paint(marks, "inside", 0)
    with pytest.raises(InputError, match="neither inside nor outside") as caught:
        painted_points(marks, GRID)
    assert name in str(caught.value)


def test_painted_and_clicked_marks_add_up():
    painted = (np.array([[1.0, 2.0, 3.0]]), np.empty((0, 3)))
    marks = marks_from_nodes(painted=painted)
    np.testing.assert_array_equal(marks.inside_ras_mm, painted[0])
    assert marks.outside_ras_mm is None
    assert marks_from_nodes().inside_ras_mm is None
