"""Target, coverage and margins against closed forms on oblique anisotropic grids."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.placement.coverage import (
    PlacementError,
    displaced_rows,
    margins_mm,
    measure_coverage,
    union_ml,
)
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.zones.spheroid import Spheroid

CENTRE = np.array([12.0, -34.0, 56.0])
UP = np.array([0.0, 0.0, 1.0])
ERROR = PlacementError(4.0, 3.0)


def lesion(radius=10.0, spacing=(0.8, 1.1, 2.6)):
    grid = oblique_grid((24, 50, 60), spacing)
    return ball(grid, CENTRE, radius), grid


def test_target_is_the_lesion_dilated_by_the_margin():
    mask, grid = lesion()
    target = build_target(mask, grid, 5.0)
    assert target.lesion_count * target.grid.voxel_ml == pytest.approx(mask.sum() * grid.voxel_ml)
    whole_ml = len(target.points_ras_mm) * target.grid.voxel_ml
    # The voxelised ball reaches between radius - half diagonal and radius + half diagonal.
    low, high = (4 / 3 * np.pi * (15 + s * grid.half_diagonal_mm) ** 3 / 1000 for s in (-1, 1))
    assert low < whole_ml < high
    distance = np.linalg.norm(target.points_ras_mm - CENTRE, axis=1)
    assert distance.max() <= 15 + grid.half_diagonal_mm + 0.5


def test_the_mask_is_the_target_that_is_counted():
    mask, grid = lesion()
    target = build_target(mask, grid, 5.0)
    counted_ml = len(target.points_ras_mm) * target.grid.voxel_ml
    # Rounding whole voxels to their majority changes the volume by less than its shell of half a voxel.
    shell_ml = 4 * np.pi * 15**2 * grid.half_diagonal_mm / 2 / 1000
    assert target.mask.sum() * grid.voxel_ml == pytest.approx(counted_ml, abs=shell_ml)
    assert target.mask[mask].all()


def test_no_margin_no_margin_voxels():
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    assert len(target.points_ras_mm) == target.lesion_count


def test_surface_points_are_faces_between_lesion_and_rest():
    grid = oblique_grid((5, 5, 5), (1, 1, 1))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[2, 2, 1:3] = True
    target = build_target(mask, grid, 0.0)
    assert len(target.surface_ras_mm) == 10  # two voxels in a row have ten outer faces
    centres = grid.ras_of_mask(mask)
    nearest = np.linalg.norm(target.surface_ras_mm[:, None] - centres, axis=2).min(axis=1)
    np.testing.assert_allclose(nearest, 0.5)


def test_a_hole_inside_the_lesion_is_no_surface():
    grid = oblique_grid((7, 7, 7), (1, 1, 1))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:6, 1:6, 1:6] = True
    mask[3, 3, 3] = False
    assert len(build_target(mask, grid, 0.0).surface_ras_mm) == 6 * 25


def test_margin_of_a_concentric_sphere_is_the_difference_of_radii():
    mask, grid = lesion(spacing=(0.5, 0.5, 0.5))
    grid = oblique_grid((60, 60, 60), (0.5, 0.5, 0.5))
    mask = ball(grid, CENTRE, 10.0)
    margins = margins_mm(build_target(mask, grid, 0.0), [Spheroid(CENTRE, UP, 30, 30)])
    # Face centres of the voxelised ball lie within half a voxel diagonal of its true surface.
    np.testing.assert_allclose(margins, 5.0, atol=grid.half_diagonal_mm)


def test_margin_is_signed():
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    shifted = Spheroid(CENTRE + [6.0, 0, 0], UP, 24, 24)
    margins = margins_mm(target, [shifted])
    # Sphere of 12 shifted by 6 against radius 10: from +8 on the near side to -4 on the far side.
    assert margins.max() == pytest.approx(8, abs=2 * grid.half_diagonal_mm)
    assert margins.min() == pytest.approx(-4, abs=2 * grid.half_diagonal_mm)
    assert measure_coverage(target, [shifted], 0.0, ERROR).minimum_margin_mm == pytest.approx(margins.min())


def test_covering_zone_covers_all_and_missing_zone_none():
    mask, grid = lesion()
    target = build_target(mask, grid, 5.0)
    whole = measure_coverage(target, [Spheroid(CENTRE, UP, 50, 50)], 5.0, ERROR)
    assert whole.lesion_fraction == whole.lesion_plus_margin_fraction == 1.0
    assert whole.uncovered_ml == 0
    assert whole.robust.p05_lesion_fraction == 1.0
    missing = measure_coverage(target, [Spheroid(CENTRE + 90, UP, 20, 20)], 5.0, ERROR)
    assert missing.lesion_fraction == missing.lesion_plus_margin_fraction == 0.0
    assert missing.minimum_margin_mm < -100


def test_half_covered_ball():
    """A plane-like zone edge through the centre covers half of the lesion, conservatively rounded."""
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    huge = Spheroid(CENTRE + UP * 400, UP, 800, 800)
    fraction = measure_coverage(target, [huge], 0.0, ERROR).lesion_fraction
    # A layer of at most one voxel diagonal across the disc of radius 10 is not credited.
    uncredited = np.pi * 10**2 * 2 * target.grid.half_diagonal_mm / (4 / 3 * np.pi * 10**3)
    assert 0.5 - uncredited <= fraction <= 0.5 + 0.02


def test_a_bigger_margin_never_covers_more():
    mask, grid = lesion()
    zone = [Spheroid(CENTRE + [3.0, 1, 0], UP, 26, 30)]
    fractions = [measure_coverage(build_target(mask, grid, m), zone, m, ERROR).lesion_plus_margin_fraction
                 for m in (0.0, 2.0, 5.0, 8.0)]  # fmt: skip
    assert fractions == sorted(fractions, reverse=True)


def test_another_zone_never_covers_less():
    mask, grid = lesion()
    target = build_target(mask, grid, 5.0)
    one = [Spheroid(CENTRE + [5.0, 0, 0], UP, 20, 24)]
    two = [*one, Spheroid(CENTRE - [5.0, 0, 0], UP, 20, 24)]
    a, b = (measure_coverage(target, z, 5.0, ERROR) for z in (one, two))
    assert b.lesion_fraction >= a.lesion_fraction
    assert b.minimum_margin_mm >= a.minimum_margin_mm


def test_displacements_have_the_stated_size():
    zone = Spheroid(CENTRE, np.array([0.6, 0.0, 0.8]), 20, 30)
    sets = displaced_rows([zone, zone], ERROR)
    assert sets.shape == (ERROR.samples, 2, 8)
    assert ERROR.samples >= 64
    np.testing.assert_array_equal(sets[:, :1], displaced_rows([zone], ERROR))
    np.testing.assert_array_equal(sets[..., 3:], np.broadcast_to(zone.row[3:], (ERROR.samples, 2, 5)))
    for moved in sets.reshape(-1, 8):
        shift = moved[:3] - CENTRE
        along = float(shift @ zone.axis)
        assert abs(along) <= 3.0 + 1e-9
        assert np.linalg.norm(shift - along * zone.axis) == pytest.approx(4.0)


def test_robust_figures_are_not_better_than_nominal_for_a_tight_zone_and_repeat():
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    zone = [Spheroid(CENTRE, UP, 22, 22)]
    first, again = (measure_coverage(target, zone, 0.0, ERROR) for _ in range(2))
    assert first == again
    assert first.robust.worst_minimum_margin_mm <= first.robust.p05_minimum_margin_mm <= first.minimum_margin_mm
    assert first.robust.p05_lesion_fraction <= first.lesion_fraction
    # A displacement of d takes at most d from any margin: here up to sqrt(4^2 + 3^2) = 5.
    assert first.robust.worst_minimum_margin_mm >= first.minimum_margin_mm - 5.0 - 1e-6


@pytest.mark.parametrize(
    ("shift", "place"),
    [([0.0, 8, 0], "posterior"), ([0.0, -8, 0], "anterior"), ([0.0, 0, 8], "inferior"), ([-8.0, 0, 0], "right"),
     ([6.0, 0, 5.0], "left inferior")],
)  # fmt: skip
def test_what_is_left_is_named_by_its_place(shift, place):
    """A zone shifted one way leaves the opposite side."""
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    left = measure_coverage(target, [Spheroid(CENTRE + shift, UP, 22, 22)], 0.0, ERROR)
    assert left.uncovered_place == place
    assert left.uncovered_target_ml == pytest.approx(left.uncovered_ml)


def test_a_rim_all_around_has_no_side():
    mask, grid = lesion()
    left = measure_coverage(build_target(mask, grid, 0.0), [Spheroid(CENTRE, UP, 14, 14)], 0.0, ERROR)
    assert left.uncovered_place == "all around"


def test_nothing_left_has_no_place():
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    assert measure_coverage(target, [Spheroid(CENTRE, UP, 60, 60)], 0.0, ERROR).uncovered_place is None


def test_no_error_changes_nothing():
    mask, grid = lesion()
    target = build_target(mask, grid, 0.0)
    coverage = measure_coverage(target, [Spheroid(CENTRE, UP, 22, 22)], 0.0, PlacementError(0.0, 0.0))
    assert coverage.robust.p05_lesion_fraction == coverage.lesion_fraction
    assert coverage.robust.worst_minimum_margin_mm == pytest.approx(coverage.minimum_margin_mm)


def test_union_volume_of_overlapping_spheres():
    """Two spheres of radius 10 at 10 apart: the lens between them is pi (4r + d)(2r - d)^2 / 12."""
    zones = [Spheroid(np.zeros(3), UP, 20, 20), Spheroid(np.array([10.0, 0, 0]), UP, 20, 20)]
    lens = np.pi * (4 * 10 + 10) * (2 * 10 - 10) ** 2 / 12 / 1000
    assert union_ml(zones) == pytest.approx(2 * zones[0].volume_ml - lens, rel=0.02)


@pytest.mark.parametrize("margin", [-1.0])
def test_bad_targets_are_refused(margin):
    mask, grid = lesion()
    with pytest.raises(ValueError, match="margin_mm"):
        build_target(mask, grid, margin)
    with pytest.raises(ValueError, match="empty"):
        build_target(np.zeros_like(mask), grid, 5.0)
