"""Spheroid zones against closed forms and dense sampling."""

import numpy as np
import pytest
from grids import every_point, oblique_grid, rotation

from BoneAblationPlannerLib.zones.spheroid import Spheroid, depth_mm, rows_of
from BoneAblationPlannerLib.zones.voxels import cover_bits, covered_voxels

DIRECTIONS = [[0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [1, 2, -3]]


def unit(v):
    return np.asarray(v, dtype=float) / np.linalg.norm(v)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("across", "along"), [(20.0, 30.0), (30.0, 20.0), (24.0, 24.0)])
def test_depth_on_the_axis_and_across_is_exact(direction, across, along):
    axis = unit(direction)
    zone = rows_of([Spheroid(np.array([3.0, -4.0, 5.0]), axis, across, along)])
    side = unit(np.cross(axis, [0.3, 0.5, 0.8]))
    centre = np.array([3.0, -4.0, 5.0])
    # At the centre the nearest surface point is at the end of the shorter axis.
    assert depth_mm(centre[None], zone)[0] == pytest.approx(min(across, along) / 2)
    assert depth_mm((centre + axis * (along / 2 + 7))[None], zone)[0] == pytest.approx(-7)
    assert depth_mm((centre + side * (across / 2 + 4))[None], zone)[0] == pytest.approx(-4)


@pytest.mark.parametrize("tiny", [0.0, 1e-320, 1e-18, 1e-15, 1e-12, 1e-9, 1e-6])
def test_depth_next_to_the_axes_is_that_on_them(tiny):
    for across, along in ((20.0, 30.0), (30.0, 20.0), (24.0, 24.0)):
        zone = rows_of([Spheroid(np.zeros(3), unit([0, 0, 1]), across, along)])
        for on, off in (([0, 0, 11.0], [tiny, 0, 0]), ([11.0, 0, 0], [0, 0, tiny]), ([0, 0, 40.0], [0, tiny, 0]),
                        ([40.0, 0, 0], [0, 0, -tiny]), ([0, 0, 0], [tiny, 0, tiny])):  # fmt: skip
            exact, found = depth_mm(np.array([on, np.add(on, off)]), zone)
            assert found == pytest.approx(exact, abs=1e-5)


def test_depth_in_a_sphere_is_radius_minus_distance():
    points = np.random.default_rng(0).normal(size=(200, 3)) * 15
    zone = rows_of([Spheroid(np.zeros(3), unit([1, 1, 1]), 20, 20)])
    np.testing.assert_allclose(depth_mm(points, zone), 10 - np.linalg.norm(points, axis=1), atol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(10.0, 16.0), (16.0, 9.0)])
def test_depth_matches_a_dense_surface(a, b):
    rng = np.random.default_rng(1)
    turn = rotation(0, 40) @ rotation(1, 20)
    latitude = np.linspace(0, np.pi, 1500)
    # In a plane through the axis the nearest surface point lies in that plane.
    curve = np.stack([a * np.sin(latitude), np.zeros_like(latitude), b * np.cos(latitude)], axis=1)
    points = rng.normal(size=(40, 3)) * 12
    points[:, 1] = 0
    points[:, 0] = np.abs(points[:, 0])
    dense = np.array([np.linalg.norm(curve - p, axis=1).min() for p in points])
    zone = rows_of([Spheroid(np.zeros(3), turn @ [0, 0, 1], 2 * a, 2 * b)])
    inside = (points[:, 0] / a) ** 2 + (points[:, 2] / b) ** 2 <= 1
    np.testing.assert_allclose(depth_mm(points @ turn.T, zone), np.where(inside, dense, -dense), atol=0.02)


def test_union_depth_is_never_more_than_the_true_one_and_exact_outside():
    zones = [Spheroid(np.zeros(3), unit([0, 0, 1]), 20, 20), Spheroid(np.array([12.0, 0, 0]), unit([0, 0, 1]), 20, 20)]
    outside = np.array([[30.0, 0, 0], [-20.0, 0, 0]])
    np.testing.assert_allclose(depth_mm(outside, rows_of(zones)), [-8, -10])
    # Between the two spheres the union's boundary circle lies at distance sqrt(10^2 - 6^2) = 8 from the middle.
    assert depth_mm(np.array([[6.0, 0, 0]]), rows_of(zones))[0] == pytest.approx(4)
    assert depth_mm(np.array([[6.0, 0, 0]]), rows_of(zones))[0] <= 8


def test_no_zone_is_infinitely_far():
    assert np.isneginf(depth_mm(np.zeros((1, 3)), rows_of([]))).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_zone_around_a_needle_ends_beyond_the_tip(direction):
    axis = unit(direction)
    tip = np.array([5.0, 6.0, 7.0])
    zone = Spheroid.around_needle(tip - 80 * axis, tip, 20, 36, 4)
    np.testing.assert_allclose(zone.centre_ras_mm, tip - 14 * axis, atol=1e-12)
    np.testing.assert_allclose(zone.axis, axis, atol=1e-12)
    assert np.isfinite(rows_of([zone])).all()


def test_a_needle_without_length_is_refused():
    with pytest.raises(ValueError, match="no direction"):
        Spheroid.around_needle([1, 2, 3], [1, 2, 3], 20, 30, 4)


def test_volume():
    assert Spheroid(np.zeros(3), unit([0, 0, 1]), 20, 30).volume_ml == pytest.approx(
        4 / 3 * np.pi * 10 * 10 * 15 / 1000
    )


def test_credited_voxels_lie_wholly_inside_and_converge_to_the_volume():
    """Credit is conservative, and on a finer grid it approaches the ellipsoid's volume."""
    zone = Spheroid(np.array([12.0, -34.0, 56.0]), unit([1, -2, 3]), 18, 26)
    credited = []
    for spacing in (1.0, 0.5):
        count = int(36 / spacing)
        grid = oblique_grid((count,) * 3, (spacing,) * 3)
        points = every_point(grid)
        covered = covered_voxels(points, grid, rows_of([zone]))
        corners = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
        offsets = corners @ grid.ijk_to_ras[:3, :3].T
        for offset in offsets:
            assert depth_mm(points[covered] + offset, rows_of([zone])).min() >= -1e-9
        credited.append(covered.sum() * grid.voxel_ml)
    assert credited[0] < credited[1] < zone.volume_ml
    # The missing rim is about half a voxel's projected width: 1.5 times the half diagonal bounds it.
    shell_ml = 4 * np.pi * (11**2) * 0.5 * np.sqrt(3) / 2 * 1.5 / 1000
    assert zone.volume_ml - credited[1] < shell_ml


def test_bitsets_hold_what_covered_voxels_says():
    grid = oblique_grid((8, 9, 10), (1, 1, 1))
    points = every_point(grid)
    centres = np.array([[12.0, -34, 56], [14.0, -34, 56]])
    zones = [Spheroid(centres[0], unit([0, 0, 1]), 6, 8), Spheroid(centres[1], unit([1, 0, 0]), 5, 5)]
    bits = cover_bits(points, grid, rows_of(zones))
    assert bits.shape == (2, (720 + 63) // 64)
    for row, zone in zip(bits, zones, strict=True):
        unpacked = np.unpackbits(row.view(np.uint8), bitorder="little")[: len(points)].astype(bool)
        np.testing.assert_array_equal(unpacked, covered_voxels(points, grid, rows_of([zone])))
