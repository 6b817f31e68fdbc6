"""Chart zones as spheroids around the needle: membership and exact distance.

Several zones act as their union. Kernels take zones as rows (Z, 8): centre RAS (3), unit axis (3), semi-axis across
the needle, semi-axis along it; all mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import unit_vector


@dataclass(frozen=True)
class Spheroid:
    """An ellipsoid of revolution.

    Parameters
    ----------
    centre_ras_mm, axis : (3,)
        Centre and unit axis (along the needle, from entry to tip).
    across_mm, along_mm : float
        Full axes across and along.
    """

    centre_ras_mm: NDArray[np.float64]
    axis: NDArray[np.float64]
    across_mm: float
    along_mm: float

    @classmethod
    def around_needle(
        cls, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, across_mm: float, along_mm: float, beyond_tip_mm: float
    ) -> "Spheroid":
        """The zone of a needle: it ends `beyond_tip_mm` past the tip."""
        tip = np.asarray(tip_ras_mm, dtype=np.float64)
        axis = unit_vector(tip - np.asarray(entry_ras_mm, dtype=np.float64))
        return cls(tip + axis * (beyond_tip_mm - along_mm / 2), axis, across_mm, along_mm)

    @property
    def volume_ml(self) -> float:
        """pi/6 times the product of the full axes."""
        return float(np.pi / 6 * self.across_mm**2 * self.along_mm / 1000)

    @property
    def row(self) -> NDArray[np.float64]:
        """The (8,) row that kernels take."""
        return np.concatenate([self.centre_ras_mm, self.axis, [self.across_mm / 2, self.along_mm / 2]])


SMALLEST_MM = 0.1


def resized(zone: Spheroid, by_mm: float) -> Spheroid:
    """A zone whose full axes are longer by `by_mm` (shorter if negative), about the same centre."""
    across, along = (max(axis + by_mm, SMALLEST_MM) for axis in (zone.across_mm, zone.along_mm))
    return Spheroid(zone.centre_ras_mm, zone.axis, across, along)


def rows_of(zones: Sequence[Spheroid]) -> NDArray[np.float64]:
    """Kernel rows (Z, 8) of zones; (0, 8) for none."""
    return np.array([z.row for z in zones], dtype=np.float64).reshape(len(zones), 8)


ON_AXIS = 1e-9
"""Share of a semi-axis below which a coordinate counts as 0."""


@kernel
def _ellipse_foot(y0, y1, e0, e1):  # type: ignore[no-untyped-def]
    """Nearest point to (y0, y1) >= 0 on the ellipse with semi-axes e0 >= e1 > 0.

    Eberly, "Distance from a point to an ellipse" (Geometric Tools). The root is found by Newton's method: the function
    is convex and falling, so that from a start left of the root the steps never pass it.
    """
    # Nearer to an axis than rounding can tell is on it; the division below would be by zero there.
    if y1 > ON_AXIS * e1:
        if y0 > ON_AXIS * e0:
            z0, z1 = y0 / e0, y1 / e1
            r0 = (e0 / e1) ** 2
            n0 = r0 * z0
            s = max(z1 - 1, n0 - r0)
            for _ in range(100):
                ratio0, ratio1 = n0 / (s + r0), z1 / (s + 1)
                g = ratio0 * ratio0 + ratio1 * ratio1 - 1
                if g <= 1e-13:
                    break
                s += g / (2 * (ratio0 * ratio0 / (s + r0) + ratio1 * ratio1 / (s + 1)))
            return r0 * y0 / (s + r0), y1 / (s + 1)
        return 0.0, e1
    if y0 < (e0 * e0 - e1 * e1) / e0:
        x0 = e0 * e0 * y0 / (e0 * e0 - e1 * e1)
        return x0, e1 * np.sqrt(max(1 - (x0 / e0) ** 2, 0.0))
    return e0, 0.0


@kernel
def depth_and_normal(px, py, pz, zone):  # type: ignore[no-untyped-def]
    """Distance to one spheroid's surface, positive inside, and the outward unit normal at the nearest surface point."""
    dx, dy, dz = px - zone[0], py - zone[1], pz - zone[2]
    ax, ay, az = zone[3], zone[4], zone[5]
    signed = dx * ax + dy * ay + dz * az
    sx, sy, sz = dx - signed * ax, dy - signed * ay, dz - signed * az
    across, along = np.sqrt(sx * sx + sy * sy + sz * sz), abs(signed)
    a, b = zone[6], zone[7]
    if across < 1e-12:  # any direction across the axis will do
        sx, sy, sz = -ay, ax, 0.0
        if abs(az) > 0.9:
            sx, sy, sz = 0.0, -az, ay
        length = np.sqrt(sx * sx + sy * sy + sz * sz)
    else:
        length = across
    sx, sy, sz = sx / length, sy / length, sz / length
    if b >= a:
        foot_along, foot_across = _ellipse_foot(along, across, b, a)
    else:
        foot_across, foot_along = _ellipse_foot(across, along, a, b)
    away = np.sqrt((foot_along - along) ** 2 + (foot_across - across) ** 2)
    n_across, n_along = foot_across / (a * a), foot_along / (b * b)
    scale = np.sqrt(n_across * n_across + n_along * n_along)
    n_across, n_along = n_across / scale, n_along / scale
    if signed < 0:
        n_along = -n_along
    depth = away if (across / a) ** 2 + (along / b) ** 2 <= 1 else -away
    return depth, n_across * sx + n_along * ax, n_across * sy + n_along * ay, n_across * sz + n_along * az


@kernel
def signed_depth(px, py, pz, zone):  # type: ignore[no-untyped-def]
    """Distance to one spheroid's surface, positive inside."""
    dx, dy, dz = px - zone[0], py - zone[1], pz - zone[2]
    along = dx * zone[3] + dy * zone[4] + dz * zone[5]
    across = np.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, 0.0))
    along = abs(along)
    a, b = zone[6], zone[7]
    if b >= a:
        foot_along, foot_across = _ellipse_foot(along, across, b, a)
    else:
        foot_across, foot_along = _ellipse_foot(across, along, a, b)
    away = np.sqrt((foot_along - along) ** 2 + (foot_across - across) ** 2)
    return away if (across / a) ** 2 + (along / b) ** 2 <= 1 else -away


@parallel_kernel
def _depth_in_union(points, zones, depth):  # type: ignore[no-untyped-def]
    for n in prange(points.shape[0]):
        best = -np.inf
        for z in range(zones.shape[0]):
            best = max(best, signed_depth(points[n, 0], points[n, 1], points[n, 2], zones[z]))
        depth[n] = best


def depth_mm(points_ras_mm: NDArray[np.float64], zones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed depth (N,) of points (N, 3) in the union of zones (Z, 8): distance to its boundary, positive inside.

    Outside and in a single zone the value is exact. Inside several zones it is the largest single depth, which is
    never more than the true one: margins are not overstated.
    """
    points = np.ascontiguousarray(points_ras_mm, dtype=np.float64)
    depth = np.full(len(points), -np.inf)
    if len(zones) and len(points):
        _depth_in_union(points, np.ascontiguousarray(zones, dtype=np.float64), depth)
    return depth


def contains(points_ras_mm: NDArray[np.float64], zone: Spheroid) -> NDArray[np.bool_]:
    """Which points (N, 3) lie in a zone or on its surface: (N,)."""
    offset = points_ras_mm - zone.centre_ras_mm
    along = offset @ zone.axis
    across2 = np.einsum("ij,ij->i", offset, offset) - along**2
    return np.asarray(across2 / (zone.across_mm / 2) ** 2 + (along / (zone.along_mm / 2)) ** 2 <= 1)
