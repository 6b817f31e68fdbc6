"""Depth in the union of overlapping zones against spheres' closed forms and densely sampled boundaries."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.placement.union import minimum_depths_mm, union_depth_mm
from BoneAblationPlannerLib.zones.spheroid import Spheroid, contains, depth_mm, rows_of

UP = np.array([0.0, 0.0, 1.0])


def two_spheres(apart=12.0, radius=10.0):
    return rows_of([Spheroid(np.array([s * apart / 2, 0, 0]), UP, 2 * radius, 2 * radius) for s in (-1, 1)])


def boundary(zones, count=60000):
    """Points on the zones' surfaces that no other zone covers, and the largest gap between neighbours."""
    directions = fibonacci_sphere(count)
    points = []
    for zone in zones:
        along = (directions @ zone.axis)[:, None] * zone.axis
        surface = zone.centre_ras_mm + directions * zone.across_mm / 2 + along * (zone.along_mm - zone.across_mm) / 2
        others = [z for z in zones if z is not zone]
        points.append(surface[~np.any([contains(surface, other) for other in others], axis=0)] if others else surface)
    return np.concatenate(points)


def random_zones(rng, count):
    axes = rng.normal(size=(count, 3))
    return [Spheroid(rng.normal(size=3) * 8, a / np.linalg.norm(a), rng.uniform(14, 32), rng.uniform(20, 45))
            for a in axes]  # fmt: skip


def test_between_two_spheres_the_boundary_is_the_circle_in_which_they_meet():
    """Radius 10, centres 12 apart: the circle has radius sqrt(10^2 - 6^2) = 8."""
    points = np.array([[0.0, 0, 0], [0, 3.0, 0], [0, 0, -5.0], [1.0, 2.0, 2.0]])
    circle = np.hypot(8 - np.hypot(points[:, 1], points[:, 2]), points[:, 0])
    np.testing.assert_allclose(union_depth_mm(points, two_spheres()), circle, atol=1e-5)


def test_outside_and_in_one_zone_alone_it_is_that_zones():
    points = np.array([[30.0, 0, 0], [-20.0, 5, 0], [14.0, 0, 0], [-15.0, 1, 1]])
    zones = two_spheres()
    np.testing.assert_allclose(union_depth_mm(points, zones), depth_mm(points, zones), atol=1e-9)


def test_a_zone_inside_another_changes_nothing():
    big, small = Spheroid(np.zeros(3), UP, 30, 40), Spheroid(np.array([2.0, 0, 3]), UP, 8, 9)
    points = np.random.default_rng(0).normal(size=(200, 3)) * 8
    np.testing.assert_allclose(
        union_depth_mm(points, rows_of([big, small])), depth_mm(points, rows_of([big])), atol=1e-6
    )


@pytest.mark.parametrize("seed", range(6))
def test_depth_matches_a_dense_boundary(seed):
    """Within 0.2 mm, and never less than the deepest single zone; the samples lie up to 0.1 mm off."""
    rng = np.random.default_rng(seed)
    zones = random_zones(rng, 2 + seed % 3)
    points = rng.normal(size=(800, 3)) * 9
    rows = rows_of(zones)
    inside = depth_mm(points, rows) > 0
    dense, _ = cKDTree(boundary(zones)).query(points[inside])
    found = union_depth_mm(points[inside], rows)
    assert np.abs(found - dense).max() <= 0.2
    assert (found >= depth_mm(points[inside], rows) - 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_minimum_is_that_of_all_points(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(500, 3)) * 6
    sets = np.stack([rows_of(random_zones(rng, 3)) for _ in range(5)])
    expected = [union_depth_mm(points, rows).min() for rows in sets]
    np.testing.assert_allclose(minimum_depths_mm(points, sets), expected, atol=1e-9)


def test_another_zone_never_lowers_the_depth():
    rng = np.random.default_rng(3)
    zones, points = random_zones(rng, 3), rng.normal(size=(500, 3)) * 9
    one, two, three = (union_depth_mm(points, rows_of(zones[:n])) for n in (1, 2, 3))
    assert (two >= one - 1e-4).all()
    assert (three >= two - 0.05).all()


def test_no_zones_no_depth():
    assert (union_depth_mm(np.zeros((2, 3)), np.zeros((0, 8))) == -np.inf).all()
