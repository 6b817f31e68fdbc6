"""Rigidity of sections against the formulas of beams, on rotated, anisotropic grids."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.plan import Screw
from CementTrajectoryLib.stability.limbs import above_ras_mm
from CementTrajectoryLib.stability.modulus import DEFAULTS, bone_modulus_mpa, with_cement, with_screws
from CementTrajectoryLib.stability.sections import Axis, bone_axis, rigidity_along

CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.48, -0.6, 0.64])
U, V = np.linalg.svd(AXIS[None])[2][1:]
GRIDS = [((90, 90, 90), (1.0, 1.0, 1.0)), ((44, 110, 120), (0.7, 0.8, 2.1))]
MIDDLE = Axis(CENTRE - 12 * AXIS, AXIS, 3.0, 9)
POISSON = 0.3


def frame(grid):
    """Coordinates along the axis and across it."""
    away = every_point(grid) - CENTRE
    return tuple((away @ d).reshape(grid.shape) for d in (AXIS, U, V))


def middle(sections):
    return sections.EA[4], sections.EI_min[4], sections.GJ[4]


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_hollow_cylinder(shape, spacing):
    grid = oblique_grid(shape, spacing)
    along, x, y = frame(grid)
    r = np.hypot(x, y)
    e, outer, inner = 15000.0, 14.0, 9.0
    tube = np.where((r <= outer) & (r > inner) & (np.abs(along) < 30), e, 0).astype(np.float32)
    area, i = np.pi * (outer**2 - inner**2), np.pi / 4 * (outer**4 - inner**4)
    ea, ei, gj = middle(rigidity_along(grid, tube, MIDDLE, POISSON))
    assert ea == pytest.approx(e * area, rel=0.02)
    assert ei == pytest.approx(e * i, rel=0.03)
    assert gj == pytest.approx(e / (2 * (1 + POISSON)) * 2 * i, rel=0.03)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_ellipse_has_its_smaller_bending_rigidity(shape, spacing):
    grid = oblique_grid(shape, spacing)
    along, x, y = frame(grid)
    a, b, e = 16.0, 9.0, 900.0
    solid = np.where(((x / a) ** 2 + (y / b) ** 2 <= 1) & (np.abs(along) < 30), e, 0).astype(np.float32)
    ea, ei, gj = middle(rigidity_along(grid, solid, MIDDLE, POISSON))
    assert ea == pytest.approx(e * np.pi * a * b, rel=0.02)
    assert ei == pytest.approx(e * np.pi / 4 * a * b**3, rel=0.03)
    assert gj == pytest.approx(e / 2.6 * np.pi / 4 * a * b * (a**2 + b**2), rel=0.03)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_composite_beam_bends_about_its_weighted_centroid(shape, spacing):
    grid = oblique_grid(shape, spacing)
    along, x, y = frame(grid)
    inside = (np.abs(x) <= 8) & (np.abs(y) <= 15) & (np.abs(along) < 30)
    soft, stiff = 500.0, 4000.0
    beam = np.where(inside, np.where(x > 0, stiff, soft), 0).astype(np.float32)
    # Two strips 8 x 30 mm side by side; x of the weighted centroid, then the parallel-axis theorem.
    area = 8 * 30.0
    shift = 4 * (stiff - soft) / (stiff + soft)
    own = 30 * 8**3 / 12
    expected = stiff * (own + area * (4 - shift) ** 2) + soft * (own + area * (4 + shift) ** 2)
    ea, ei, _gj = middle(rigidity_along(grid, beam, MIDDLE, POISSON))
    assert ea == pytest.approx((soft + stiff) * area, rel=0.03)
    assert ei == pytest.approx(expected, rel=0.05)


def test_sections_are_linear_in_modulus_and_ignore_position():
    grid = oblique_grid((50, 50, 50), (1.0, 1.0, 1.2))
    along, x, y = frame(grid)
    rod = np.where((np.hypot(x - 4, y) < 7) & (np.abs(along) < 20), 300.0, 0).astype(np.float32)
    once, twice = (middle(rigidity_along(grid, rod * f, MIDDLE, POISSON)) for f in (1, 2))
    assert np.allclose(np.array(twice), 2 * np.array(once), rtol=1e-5)
    # Off the axis by 4 mm, bending is still about the rod's own centroid.
    assert once[1] == pytest.approx(300 * np.pi / 4 * 7**4, rel=0.04)


def test_the_axis_runs_down_the_bone():
    grid = oblique_grid((60, 60, 60), (1.0, 1.0, 1.0))
    along, x, y = frame(grid)
    axis = bone_axis(grid.ras_of_mask((np.hypot(x, y) < 5) & (np.abs(along) < 25)), 3.0)
    assert abs(axis.direction @ AXIS) > 0.999
    assert axis.direction[2] < 0
    assert axis.count == pytest.approx(50 / 3 + 1, abs=1.5)
    assert np.linalg.norm(axis.point_ras_mm(0) - (CENTRE + 25 * AXIS)) < 1.5


def test_modulus_follows_its_law():
    # At the scale's density of 1 g/cm3 the law gives its factor; below 0 HU there is nothing.
    hu = np.array([DEFAULTS["hu_per_density"], 0.0, -80.0, DEFAULTS["hu_per_density"] / 2])
    modulus = bone_modulus_mpa(hu)
    assert modulus[0] == pytest.approx(12486.0, rel=1e-5)
    assert modulus[1] == modulus[2] == 0
    assert modulus[3] == pytest.approx(12486.0 * 0.5**1.16, rel=1e-5)


def test_cement_stiffens_by_its_share_and_never_weakens():
    share = np.array([0.0, 0.5, 1.0], dtype=np.float32)
    soft, hard = with_cement(np.zeros(3, np.float32), share), with_cement(np.full(3, 9000.0, np.float32), share)
    assert soft.tolist() == [0.0, 1000.0, 2000.0]
    assert hard.tolist() == [9000.0] * 3


def test_a_screw_adds_its_own_section():
    grid = oblique_grid((80, 80, 80), (0.7, 0.7, 0.7))
    modulus = np.full(grid.shape, 1.0, dtype=np.float32)
    entry, tip = (tuple(float(v) for v in CENTRE + s * AXIS) for s in (-25, 25))
    screw = Screw("Screw 1", "made", 8.0, 50.0, entry, tip, 5.0, None)
    along, x, y = frame(grid)
    rod = np.where((np.hypot(x, y) < 9) & (np.abs(along) < 24), with_screws(modulus, grid, [screw]), 0)
    ea = rigidity_along(grid, rod.astype(np.float32), MIDDLE, POISSON).EA[4]
    assert ea == pytest.approx(DEFAULTS["screw_mpa"] * np.pi * 16 + np.pi * (81 - 16), rel=0.04)


@pytest.mark.parametrize("head", [-1, 1])
def test_a_raised_arms_axis_begins_at_the_shoulder(head):
    """A rod that points to feet or head, and the shoulder blade beyond one of its ends."""
    grid = oblique_grid((60, 70, 90), (1.0, 1.0, 1.0))
    middle, direction = grid.ras_of_mask(np.ones(grid.shape, dtype=bool)).mean(axis=0), np.array([0.6, 0.6, -0.53])
    direction = direction / np.linalg.norm(direction)
    away = every_point(grid) - middle
    along = (away @ direction).reshape(grid.shape)
    across = np.linalg.norm(away - np.outer(away @ direction, direction), axis=1).reshape(grid.shape)
    rod = (across < 5) & (np.abs(along) < 20)
    blade = (across < 9) & (head * along > 22) & (head * along < 28)
    bones = LabelMap(grid, (rod + 2 * blade).astype(np.uint8), {1: "humerus_left", 2: "scapula_left"})
    axis = bone_axis(grid.ras_of_mask(rod), 3.0, above_ras_mm(bones, "humerus_left"))
    assert axis.direction @ direction == pytest.approx(-head, abs=0.01)
    assert (axis.origin_ras_mm - middle) @ direction == pytest.approx(20.0 * head, abs=1.0)
    assert above_ras_mm(bones, "humerus_right") is None
    assert above_ras_mm(bones, "hip_left") is None
    assert bone_axis(grid.ras_of_mask(rod), 3.0).direction[2] < 0
