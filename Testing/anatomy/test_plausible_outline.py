"""What is said about an outline that cannot be that of one bone lesion outside the spine."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.lesion import outline_warnings

CENTRE = np.array([12.0, -34.0, 56.0])


@pytest.fixture
def place():
    """A patient of 80 mm radius around a ball of bone of 20 mm radius, and balls to put in."""
    grid = oblique_grid((60, 90, 90))
    points = every_point(grid)

    def ball(centre, radius_mm):
        return (np.linalg.norm(points - centre, axis=-1) <= radius_mm).reshape(grid.shape)

    return grid, ball(CENTRE, 20.0), ball(CENTRE, 30.0), ball


def test_nothing_is_said_of_a_lesion_in_bone(place):
    grid, bone, body, ball = place
    assert outline_warnings(ball(CENTRE, 8.0), bone, body, grid, "hip_right") == []


def test_destroyed_bone_is_no_reason_to_doubt_an_outline(place):
    grid, bone, body, ball = place
    lesion = ball(CENTRE, 12.0)
    assert outline_warnings(lesion, bone & ~lesion, body, grid, None) == []


def test_far_from_bone(place):
    grid, _, body, ball = place
    far_bone = ball(CENTRE - [0, 26.0, 0], 3.0)
    (said,) = outline_warnings(ball(CENTRE + [0, 18.0, 0], 8.0), far_bone, body, grid, None)
    assert said.startswith("100% of the lesion outline lies more than 10 mm from any bone")


def test_no_bone_at_all(place):
    grid, bone, body, ball = place
    (said,) = outline_warnings(ball(CENTRE, 8.0), np.zeros_like(bone), body, grid, None)
    assert "from any bone" in said


def test_outside_the_patient(place):
    grid, bone, _, ball = place
    said = outline_warnings(ball(CENTRE, 12.0), bone, ball(CENTRE, 8.0), grid, None)
    share = 1 - ball(CENTRE, 8.0).sum() / ball(CENTRE, 12.0).sum()
    assert said == [f"{share:.0%} of the lesion outline lies outside the patient: check the outline"]


def test_two_lesions_and_specks_are_counted(place):
    grid, bone, body, ball = place
    large = ball(CENTRE - [9.0, 0, 0], 6.0) | ball(CENTRE + [9.0, 0, 0], 6.0)
    speck = ball(CENTRE + [0, 0, 16.0], 1.5)
    assert speck.any()
    said = outline_warnings(large | speck, bone, body, grid, None)
    assert len(said) == 2
    assert "2 separate parts" in said[0]
    assert f"1 stray specks ({speck.sum() * grid.voxel_ml:.2f} ml" in said[1]


@pytest.mark.parametrize(("name", "warned"), [("sacrum", True), ("vertebrae_L5", True), ("hip_left", False)])
def test_spine_is_out_of_scope(place, name, warned):
    grid, bone, body, ball = place
    assert bool(outline_warnings(ball(CENTRE, 8.0), bone, body, grid, name)) is warned
