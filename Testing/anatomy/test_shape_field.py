"""Surfaces as distances in own coordinates, and how they are laid into bone."""

import numpy as np
import pytest
from grids import every_point, oblique_grid, rotation

from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.anatomy.shape_field import Freedom, ShapeField, SurfacePoints, laid_into, usual_surface

USUAL_MM = np.array([40.0, 25.0, 15.0])
FRAME = BoneFrame(np.array([12.0, -7.0, 30.0]), rotation(0, 20) @ rotation(2, -35), np.array([44.0, 27.5, 16.5]))
HALF_MM = np.array([50.0, 30.0, 18.0])
FREEDOM = Freedom(30.0, 30.0, 0.3, False, (25.0, 6.0), 25, 1000.0)


def field(distance, half=(70.0, 50.0, 40.0), step=4.0):
    """A field of a function of places (N, 3) in own mm."""
    low = -np.array(half)
    count = np.round(2 * np.array(half) / step).astype(int) + 1
    cells = np.stack(
        np.meshgrid(*[a + step * np.arange(n) for a, n in zip(low, count, strict=True)], indexing="ij"), -1
    )
    values = distance(cells.reshape(-1, 3)).reshape(tuple(count))
    return ShapeField(low, np.full(3, step), USUAL_MM, values.astype(np.float32))


def egg(places):
    """Roughly the distance to an egg: an ellipsoid that is thicker at its lower end."""
    wide = 1.0 + 0.25 * np.tanh(-places[:, :1] / 30.0) * np.array([0.0, 1.0, 1.0])
    scaled = places / (HALF_MM * wide)
    length = np.linalg.norm(scaled, axis=1)
    slope = np.linalg.norm(scaled / (HALF_MM * wide), axis=1) / np.maximum(length, 1e-9)
    return (length - 1) / np.maximum(slope, 1e-6)


def linear(places):
    return places @ np.array([0.3, -0.5, 0.8]) + 2.0


def test_distances_are_interpolated_and_follow_the_bones_size():
    """Trilinear interpolation of a linear function is that function; sizes are a tenth above the usual ones."""
    grid = oblique_grid((12, 14, 16))
    points = every_point(grid)
    inside = field(linear)
    own = FRAME.own(points) * USUAL_MM
    clipped = np.clip(own, inside.low_mm, -inside.low_mm)
    away, slope = inside.near(clipped)
    assert np.allclose(away, linear(clipped), atol=1e-4)
    assert np.allclose(slope, [0.3, -0.5, 0.8], atol=1e-4)
    assert np.allclose(inside.at(FRAME, points), 1.1 * linear(clipped), atol=1e-3)


def test_the_same_on_a_grid_as_at_its_points():
    grid = oblique_grid((12, 14, 16))
    shape = field(egg)
    assert np.allclose(shape.on_grid(FRAME, grid).ravel(), shape.at(FRAME, every_point(grid)), atol=1e-3)


def surface(shape, frame, count=3000):
    """Points on the surface of a bone with this frame, and directions out of it."""
    usual = usual_surface(shape, count)
    return SurfacePoints(frame.ras_mm(usual.places_mm / USUAL_MM), shape.outward(frame, usual.slope))


def start():
    turn = rotation(0, 7) @ rotation(1, -6)
    return BoneFrame(FRAME.origin_ras_mm + [6.0, -5.0, 7.0], turn @ FRAME.axes, FRAME.spread_mm * 0.95)


def worst_mm(frame):
    """The farthest that a corner of the bone lies from where it should."""
    corners = HALF_MM / USUAL_MM * (2.0 * np.array(list(np.ndindex(2, 2, 2))) - 1)
    return np.linalg.norm(frame.ras_mm(corners) - FRAME.ras_mm(corners), axis=1).max()


def test_a_bone_that_has_the_usual_shape_is_found():
    shape = field(egg)
    seen = surface(shape, FRAME)
    assert np.abs(shape.at(FRAME, seen.ras_mm)).max() < 1.5
    assert worst_mm(start()) > 10
    assert worst_mm(laid_into(shape, start(), seen, FREEDOM)) < 1.0


def test_the_inner_wall_of_a_cortex_and_other_bone_do_not_pull():
    """As many points on an inner wall, which faces the other way, and a plate beside the bone."""
    shape = field(egg)
    seen = surface(shape, FRAME)
    inner = SurfacePoints(seen.ras_mm - 3.0 * seen.outward, -seen.outward)
    plate = FRAME.ras_mm(np.array([[a, 1.9, c] for a in np.linspace(-1, 1, 20) for c in np.linspace(-1, 1, 20)]))
    beside = SurfacePoints(plate, np.tile(-FRAME.axes[:, 1], (len(plate), 1)))
    mixed = SurfacePoints(*(np.concatenate(parts) for parts in zip(seen, inner, beside, strict=True)))
    assert worst_mm(laid_into(shape, start(), mixed, FREEDOM)) < 1.0


@pytest.mark.parametrize("off", [-2.0, 2.0])
def test_a_surface_that_lies_deeper_everywhere_is_no_smaller_bone(off):
    """Threshold and cortex shift the surface along its normal; the size stays."""
    shape = field(egg)
    seen = surface(shape, FRAME)
    shifted = SurfacePoints(seen.ras_mm + off * seen.outward, seen.outward)
    found = laid_into(shape, start(), shifted, FREEDOM)
    assert np.abs(found.spread_mm / FRAME.spread_mm - 1).max() < 0.03


def test_without_surface_near_the_frame_stays():
    shape = field(egg)
    far = SurfacePoints(FRAME.origin_ras_mm + np.array([[500.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert laid_into(shape, start(), far, FREEDOM).origin_ras_mm == pytest.approx(start().origin_ras_mm)
