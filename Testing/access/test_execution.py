"""Angles for scanner and C-arm, against closed forms and the definitions that they stand for."""

import numpy as np
import pytest

from BoneAblationPlannerLib.access.angles import towards_table
from BoneAblationPlannerLib.access.execution import (
    CArm,
    c_arm_across,
    c_arm_along,
    execution,
    gantry_tilt_deg,
    in_other_positions,
    in_words,
)
from BoneAblationPlannerLib.plan import POSITIONS

ZERO = [0.0, 0.0, 0.0]
RNG = np.random.default_rng(5)
DIRECTIONS = [v / np.linalg.norm(v) for v in RNG.normal(size=(20, 3))]


def supine_detector(arm):
    """Where the detector stands for a supine patient: DICOM's positioner angles, PS3.3 C.8.7.5.1.2."""
    lao, cranial = np.radians([arm.lao_deg, arm.cranial_deg])
    return np.array([-np.sin(lao) * np.cos(cranial), np.cos(lao) * np.cos(cranial), np.sin(cranial)])


@pytest.mark.parametrize(
    ("direction", "lao", "cranial"),
    [
        ((0, -1, 0), 0, 0),  # straight down: frontal view
        ((1, 0, 0), 90, 0),  # from the left: detector on the left
        ((-1, 0, 0), -90, 0),  # from the right
        ((0, -np.cos(np.radians(20)), -np.sin(np.radians(20))), 0, 20),  # from above and cranial
        ((np.sin(np.radians(30)), -np.cos(np.radians(30)), 0), 30, 0),  # from the patient's left by 30 degrees
    ],
)
def test_the_view_down_a_needle_by_hand(direction, lao, cranial):
    arm = c_arm_along(np.array(direction, dtype=float), "supine")
    if abs(lao) == 90:  # horizontal: either side of the patient is down the needle
        assert abs(arm.lao_deg) == pytest.approx(90)
    else:
        assert arm.lao_deg == pytest.approx(lao, abs=1e-9)
    assert arm.cranial_deg == pytest.approx(cranial, abs=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_view_down_a_needle_is_along_it_and_the_other_across(direction):
    along, across = (supine_detector(view(direction, "supine")) for view in (c_arm_along, c_arm_across))
    assert abs(along @ direction) == pytest.approx(1)
    assert along[1] >= 0  # the detector is above the table
    assert across @ direction == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_view_across_is_nearer_to_the_vertical_unless_out_of_reach(direction):
    found = supine_detector(c_arm_across(direction, "supine"))
    first = np.cross(direction, [0.3, 0.5, 0.8])
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    around = [np.cos(t) * first + np.sin(t) * second for t in np.linspace(0, 2 * np.pi, 7200)]
    nearest = max(around, key=lambda v: v[1])
    if abs(np.degrees(np.arcsin(nearest[2]))) < 45:
        assert found[1] >= nearest[1] - 1e-9
    else:  # it leans no more
        assert found[2] == pytest.approx(0, abs=1e-9)
        assert found[1] >= 0


def test_a_vertical_needle_is_seen_across_from_the_side():
    arm = c_arm_across(np.array([0.0, -1.0, 0.0]), "supine")
    assert (abs(arm.lao_deg), arm.cranial_deg) == (pytest.approx(90), pytest.approx(0))


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("direction", DIRECTIONS[:6])
def test_turning_the_patient_together_with_the_needle_changes_nothing(position, direction):
    """A needle that is the same in the room has the same console angles whoever lies there."""
    up = -towards_table(position)
    sideways = np.cross([0, 0, 1.0], up)
    same_in_room = -direction[0] * sideways + direction[1] * up + direction[2] * np.array([0, 0, 1.0])
    a, b = execution(ZERO, direction, "supine"), execution(ZERO, same_in_room, position)
    assert a.along.lao_deg == pytest.approx(b.along.lao_deg)
    assert a.across.cranial_deg == pytest.approx(b.across.cranial_deg)
    assert a.axial_angle_deg == pytest.approx(b.axial_angle_deg)
    assert a.above_horizontal_deg == pytest.approx(b.above_horizontal_deg)
    assert a.gantry_tilt_deg == pytest.approx(b.gantry_tilt_deg)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_tilted_slice_holds_the_needle(position, direction):
    """Top towards the feet by t: the slice's normal leans from cranial towards up by t."""
    tilt = np.radians(gantry_tilt_deg(direction, position))
    normal = np.cos(tilt) * np.array([0, 0, 1.0]) + np.sin(tilt) * -towards_table(position)
    assert normal @ direction == pytest.approx(0, abs=1e-9)


def test_tilt_by_hand():
    """Down and towards the head by 15 degrees: the entry is nearer to the feet, so the top leans there."""
    lean = np.radians(15)
    assert gantry_tilt_deg(np.array([0, -np.cos(lean), np.sin(lean)]), "supine") == pytest.approx(15)
    assert gantry_tilt_deg(np.array([1.0, 0.0, 0.0]), "supine") == 0
    assert gantry_tilt_deg(np.array([np.cos(lean), 0.0, np.sin(lean)]), "supine") is None


def test_a_prone_patient_has_what_came_from_behind_now_from_above():
    from_behind = execution([0, -100, 0], ZERO, "supine")
    assert from_behind.above_horizontal_deg == pytest.approx(-90)
    prone = next(e for e in in_other_positions([0, -100, 0], ZERO, "supine") if e.position == "prone")
    assert prone.above_horizontal_deg == pytest.approx(90)
    assert {e.position for e in in_other_positions([0, -100, 0], ZERO, "supine")} == set(POSITIONS) - {"supine"}


def test_sides_stand_instead_of_signs():
    assert in_words((34.04, -12.5, 101.0)) == "R 34.0, P 12.5, S 101.0"
    assert in_words((-1.0, 2.0, -3.0)) == "L 1.0, A 2.0, I 3.0"


def test_no_path_has_no_angles():
    with pytest.raises(ValueError, match="no direction"):
        execution(ZERO, ZERO, "supine")


@pytest.mark.parametrize(
    ("lao", "cranial", "usual"), [(120, 45, True), (-120, -45, True), (121, 0, False), (0, -46, False)]
)
def test_c_arms_that_go_beyond_the_usual_say_so(lao, cranial, usual):
    arm = CArm(float(lao), float(cranial))
    assert arm.is_usual == usual
    assert ("beyond the usual reach" in arm.words) != usual


@pytest.mark.parametrize(("lean_deg", "usual"), [(0.0, True), (29.9, True), (30.1, False), (-63.0, False)])
def test_tilts_that_gantries_do_not_reach_are_known(lean_deg, usual):
    lean = np.radians(lean_deg)
    assert execution([0, 90 * np.cos(lean), 90 * np.sin(lean)], ZERO, "supine").tilt_is_usual == usual


def test_a_needle_that_no_tilt_holds_is_out_of_reach():
    assert not execution([90.0, 0.0, 40.0], ZERO, "supine").tilt_is_usual
