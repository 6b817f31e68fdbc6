"""Chart zones as spheroids around the needle: membership, exact distance, conservative voxel coverage.

Several zones act as their union. Kernels take zones as rows (Z, 8): centre RAS (3), unit axis (3), semi-axis across
the needle, semi-axis along it; all mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid, unit_vector


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


@kernel
def _corner_reach(half, zone):  # type: ignore[no-untyped-def]
    """Largest length of a voxel's corner offset, in units in which the spheroid is the unit ball."""
    reach = 0.0
    for c in range(4):
        s1 = 1.0 if c & 1 else -1.0
        s2 = 1.0 if c & 2 else -1.0
        x = half[0, 0] + s1 * half[1, 0] + s2 * half[2, 0]
        y = half[0, 1] + s1 * half[1, 1] + s2 * half[2, 1]
        z = half[0, 2] + s1 * half[1, 2] + s2 * half[2, 2]
        reach = max(reach, _unit_norm2(x, y, z, zone))
    return np.sqrt(reach)


@kernel
def _unit_norm2(x, y, z, zone):  # type: ignore[no-untyped-def]
    """Squared length of an offset, in units in which the spheroid is the unit ball."""
    along = x * zone[3] + y * zone[4] + z * zone[5]
    across2 = x * x + y * y + z * z - along * along
    return across2 / (zone[6] * zone[6]) + along * along / (zone[7] * zone[7])


@kernel
def _voxel_inside(px, py, pz, half, zone, corner_reach):  # type: ignore[no-untyped-def]
    """Whether a whole voxel (centre and three half edges) lies in a spheroid: its eight corners do."""
    dx, dy, dz = px - zone[0], py - zone[1], pz - zone[2]
    centre2 = _unit_norm2(dx, dy, dz, zone)
    if centre2 > 1:
        return False
    if np.sqrt(max(centre2, 0.0)) + corner_reach <= 1:
        return True
    for c in range(8):
        s0 = 1.0 if c & 1 else -1.0
        s1 = 1.0 if c & 2 else -1.0
        s2 = 1.0 if c & 4 else -1.0
        x = dx + s0 * half[0, 0] + s1 * half[1, 0] + s2 * half[2, 0]
        y = dy + s0 * half[0, 1] + s1 * half[1, 1] + s2 * half[2, 1]
        z = dz + s0 * half[0, 2] + s1 * half[1, 2] + s2 * half[2, 2]
        if _unit_norm2(x, y, z, zone) > 1:
            return False
    return True


@parallel_kernel
def _covered(points, half, zones, covered):  # type: ignore[no-untyped-def]
    reach = np.empty(zones.shape[0])
    for z in range(zones.shape[0]):
        reach[z] = _corner_reach(half, zones[z])
    for n in prange(points.shape[0]):
        for z in range(zones.shape[0]):
            if _voxel_inside(points[n, 0], points[n, 1], points[n, 2], half, zones[z], reach[z]):
                covered[n] = True
                break


@parallel_kernel
def _cover_bits(points, half, zones, balls, bits):  # type: ignore[no-untyped-def]
    """Words whose bounding ball lies inside or outside a zone as a whole are decided at once."""
    for z in prange(zones.shape[0]):
        reach = _corner_reach(half, zones[z])
        shortest = min(zones[z, 6], zones[z, 7])
        for w in range(bits.shape[1]):
            count = min(64, points.shape[0] - w * 64)
            x, y, zz = balls[w, 0] - zones[z, 0], balls[w, 1] - zones[z, 1], balls[w, 2] - zones[z, 2]
            away = np.sqrt(max(_unit_norm2(x, y, zz, zones[z]), 0.0))
            radius = balls[w, 3] / shortest
            if away - radius > 1:
                continue
            word = np.uint64(0)
            if away + radius + reach <= 1:
                for b in range(count):
                    word |= np.uint64(1) << np.uint64(b)
            else:
                for b in range(count):
                    n = w * 64 + b
                    if _voxel_inside(points[n, 0], points[n, 1], points[n, 2], half, zones[z], reach):
                        word |= np.uint64(1) << np.uint64(b)
            bits[z, w] = word


@kernel
def _bounding_balls(points, balls):  # type: ignore[no-untyped-def]
    """Centre and radius (W, 4) of a ball around the centres of each 64 points."""
    for w in range(balls.shape[0]):
        start, end = w * 64, min(w * 64 + 64, points.shape[0])
        for axis in range(3):
            balls[w, axis] = (points[start:end, axis].min() + points[start:end, axis].max()) / 2
        for n in range(start, end):
            dx, dy, dz = points[n, 0] - balls[w, 0], points[n, 1] - balls[w, 1], points[n, 2] - balls[w, 2]
            balls[w, 3] = max(balls[w, 3], np.sqrt(dx * dx + dy * dy + dz * dz))


def half_edges_mm(grid: Grid) -> NDArray[np.float64]:
    """The three half edge vectors (3, 3) of a grid's voxels, one per row, RAS mm."""
    return np.ascontiguousarray(grid.ijk_to_ras[:3, :3].T / 2)


def covered_voxels(points_ras_mm: NDArray[np.float64], grid: Grid, zones: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which voxels (centres (N, 3), of a grid's size and obliquity) lie wholly inside one of the zones (Z, 8).

    A voxel that is only partly inside, or inside only two zones together, is not credited.
    """
    covered = np.zeros(len(points_ras_mm), dtype=np.bool_)
    if len(zones) and len(covered):
        points = np.ascontiguousarray(points_ras_mm, dtype=np.float64)
        _covered(points, half_edges_mm(grid), np.ascontiguousarray(zones, dtype=np.float64), covered)
    return covered


def cover_bits(points_ras_mm: NDArray[np.float64], grid: Grid, zones: NDArray[np.float64]) -> NDArray[np.uint64]:
    """`covered_voxels` of each zone alone, as bitsets (Z, ceil(N / 64)); bit b of word w is voxel 64 w + b.

    Points that lie near each other should follow each other: 64 at a time are tested together first.
    """
    points = np.ascontiguousarray(points_ras_mm, dtype=np.float64)
    bits = np.zeros((len(zones), (len(points) + 63) // 64), dtype=np.uint64)
    if bits.size:
        balls = np.zeros((bits.shape[1], 4))
        _bounding_balls(points, balls)
        _cover_bits(points, half_edges_mm(grid), np.ascontiguousarray(zones, dtype=np.float64), balls, bits)
    return bits
