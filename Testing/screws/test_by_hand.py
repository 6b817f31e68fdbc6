"""Screws that a person places: the same figures as planned ones, in the bone that they pass."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from CementTrajectoryLib.screws.figures import ScrewMeasure

CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.48, -0.6, 0.64])
ACROSS = np.linalg.svd(AXIS[None])[2][1]
RADIUS_MM, HALF_MM, STEP_MM = 8.0, 35.0, 1.0
TYPE, DIAMETER_MM = "cannulated-6.5", 6.5


@pytest.fixture(scope="module")
def measure():
    """A rod along AXIS, and another bone 40 mm beside it."""
    grid = oblique_grid((100, 100, 100), (STEP_MM,) * 3)
    away = every_point(grid) - CENTRE
    along = away @ AXIS
    rod = (np.abs(along) <= HALF_MM) & (np.linalg.norm(away - np.outer(along, AXIS), axis=1) <= RADIUS_MM)
    beside = away - 40 * ACROSS
    other = np.linalg.norm(beside - np.outer(beside @ AXIS, AXIS), axis=1) <= 5.0
    labels = np.where(rod, 1, np.where(other & (np.abs(along) <= 10), 2, 0)).reshape(grid.shape).astype(np.uint8)
    hu = np.where(labels > 0, 400, 40).astype(np.int16)
    body = np.ones(grid.shape, dtype=bool)
    anatomy = Anatomy(CtVolume(grid, hu, "rod", ""), body, labels > 0, np.zeros(grid.shape, dtype=bool), ())
    return ScrewMeasure(anatomy, LabelMap(grid, labels, {1: "hip_left", 2: "femur_left"}))


def placed(measure, off_mm=0.0, beyond_mm=-10.0):
    """A screw parallel to the rod: so far off its axis, its tip so far beyond its end."""
    entry = CENTRE - HALF_MM * AXIS + off_mm * ACROSS
    tip = CENTRE + (HALF_MM + beyond_mm) * AXIS + off_mm * ACROSS
    return measure.screw("Screw 1", "by hand", TYPE, tuple(entry), tuple(tip))


@pytest.mark.parametrize("off_mm", [0.0, 2.0, 6.0])
def test_bone_around_it_is_what_the_rod_leaves(measure, off_mm):
    screw = placed(measure, off_mm)
    left = RADIUS_MM - off_mm - DIAMETER_MM / 2
    # Half a voxel is taken off, and another one is the mask's own uncertainty.
    assert left - 1.3 * STEP_MM <= screw.cortical_clearance_mm <= left
    assert screw.side_breach_mm == pytest.approx(max(0.0, -screw.cortical_clearance_mm), abs=0.02)
    assert screw.tip_breach_mm == 0.0
    assert screw.diameter_mm == DIAMETER_MM
    assert screw.length_mm == pytest.approx(2 * HALF_MM - 10.0)


def test_a_tip_beyond_the_far_cortex_is_a_breach(measure):
    screw = placed(measure, beyond_mm=6.0)
    assert screw.tip_breach_mm == pytest.approx(6.0, abs=1.5 * STEP_MM)


def test_density_is_that_of_the_bone_it_lies_in(measure):
    assert placed(measure).hu_shares["cortical"] > 0.9
    in_air = measure.screw(
        "Screw 2", "by hand", TYPE, tuple(CENTRE + 20 * ACROSS), tuple(CENTRE + 20 * ACROSS + 30 * AXIS)
    )
    assert in_air.cortical_clearance_mm < 0
    assert in_air.hu_shares["weak"] > 0.9


def test_bad_input_is_one_clear_line(measure):
    with pytest.raises(InputError, match="no screw 'nail'; expected one of cannulated"):
        measure.screw("Screw 1", "by hand", "nail", (0, 0, 0), (0, 0, 50))
    with pytest.raises(InputError, match="less than 5 mm apart"):
        measure.screw("Screw 1", "by hand", TYPE, (0, 0, 0), (0, 0, 1))
