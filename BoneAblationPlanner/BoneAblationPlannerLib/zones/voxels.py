"""Which voxels lie wholly inside a zone: conservative coverage, voxel by voxel or 64 at a time as bitsets.

A zone's quadratic form is the square of a matrix M that turns it into the unit ball. Of a voxel centred at d from the
zone's centre, the outermost corner lies at the squared length max over corners c of |M d|^2 + |M c|^2 + 2 |M d . M c|,
because corners come in opposite pairs: no corner needs to be built, and 64 voxels are tested without a branch.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid

WORD = 64


def half_edges_mm(grid: Grid) -> NDArray[np.float64]:
    """The three half edge vectors (3, 3) of a grid's voxels, one per row, RAS mm."""
    return np.ascontiguousarray(grid.ijk_to_ras[:3, :3].T / 2)


def covered_voxels(points_ras_mm: NDArray[np.float64], grid: Grid, zones: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which voxels (centres (N, 3), of a grid's size and obliquity) lie wholly inside one of the zones (Z, 8).

    A voxel that is only partly inside, or inside only two zones together, is not credited.
    """
    union = np.bitwise_or.reduce(cover_bits(points_ras_mm, grid, zones), axis=0)
    return np.unpackbits(union.view(np.uint8), bitorder="little")[: len(points_ras_mm)].astype(np.bool_)


def cover_bits(points_ras_mm: NDArray[np.float64], grid: Grid, zones: NDArray[np.float64]) -> NDArray[np.uint64]:
    """`covered_voxels` of each zone alone, as bitsets (Z, ceil(N / 64)); bit b of word w is voxel 64 w + b.

    Points that lie near each other should follow each other: 64 at a time are tested together first.
    """
    words = (len(points_ras_mm) + WORD - 1) // WORD
    bits = np.zeros((len(zones), words), dtype=np.uint64)
    if bits.size:
        columns = np.full((3, words * WORD), np.nan)  # nothing is true of what fills the last word up
        columns[:, : len(points_ras_mm)] = np.asarray(points_ras_mm, dtype=np.float64).T
        full = np.full(words, ~np.uint64(0))
        full[-1] >>= np.uint64(words * WORD - len(points_ras_mm))
        balls = np.zeros((words, 4))
        _bounding_balls(columns, balls)
        _cover_bits(columns, half_edges_mm(grid), np.ascontiguousarray(zones, dtype=np.float64), balls, full, bits)
    return bits


@kernel
def _unit_ball_matrix(zone, m):  # type: ignore[no-untyped-def]
    """Fill m (3, 3) with the symmetric matrix that turns a zone's row into the unit ball."""
    for a in range(3):
        for b in range(3):
            along = zone[3 + a] * zone[3 + b]
            m[a, b] = along / zone[7] - along / zone[6]
        m[a, a] += 1 / zone[6]


@kernel
def _corners(half, m, corners):  # type: ignore[no-untyped-def]
    """Fill (4, 4): one corner of each opposite pair in units of the zone and its squared length; gives the longest."""
    longest = 0.0
    for c in range(4):
        s1 = 1.0 if c & 1 else -1.0
        s2 = 1.0 if c & 2 else -1.0
        corners[c, 3] = 0.0
        for a in range(3):
            corners[c, a] = 0.0
            for b in range(3):
                corners[c, a] += m[a, b] * (half[0, b] + s1 * half[1, b] + s2 * half[2, b])
            corners[c, 3] += corners[c, a] ** 2
        longest = max(longest, corners[c, 3])
    return np.sqrt(longest)


@parallel_kernel
def _cover_bits(points, half, zones, balls, full, bits):  # type: ignore[no-untyped-def]
    """Words whose bounding ball lies inside or outside a zone as a whole are decided at once."""
    xs, ys, zs = points[0], points[1], points[2]
    for z in prange(zones.shape[0]):
        m, corners, inside = np.empty((3, 3)), np.empty((4, 4)), np.empty(WORD, dtype=np.uint8)
        _unit_ball_matrix(zones[z], m)
        reach = _corners(half, m, corners)
        shortest = min(zones[z, 6], zones[z, 7])
        for w in range(np.uint64(bits.shape[1])):
            away = 0.0
            for a in range(3):
                part = 0.0
                for b in range(3):
                    part += m[a, b] * (balls[w, b] - zones[z, b])
                away += part * part
            away, radius = np.sqrt(away), balls[w, 3] / shortest
            if away - radius > 1:
                continue
            if away + radius + reach <= 1:
                bits[z, w] = full[w]
                continue
            _wholly_inside(xs, ys, zs, w * np.uint64(WORD), zones[z], m, corners, inside)
            word = np.uint64(0)
            for b in range(np.uint64(WORD)):
                word |= np.uint64(inside[b]) << b
            bits[z, w] = word


@kernel
def _wholly_inside(xs, ys, zs, start, zone, m, corners, inside):  # type: ignore[no-untyped-def]
    """Fill (64,) with 1 where the outermost corner of a voxel centred at a point from `start` on is inside."""
    x0, y0, z0 = zone[0], zone[1], zone[2]
    m00, m01, m02, m11, m12, m22 = m[0, 0], m[0, 1], m[0, 2], m[1, 1], m[1, 2], m[2, 2]
    a0, a1, a2, a3 = corners[0, 0], corners[0, 1], corners[0, 2], corners[0, 3]
    b0, b1, b2, b3 = corners[1, 0], corners[1, 1], corners[1, 2], corners[1, 3]
    c0, c1, c2, c3 = corners[2, 0], corners[2, 1], corners[2, 2], corners[2, 3]
    d0, d1, d2, d3 = corners[3, 0], corners[3, 1], corners[3, 2], corners[3, 3]
    for n in range(np.uint64(WORD)):
        dx, dy, dz = xs[start + n] - x0, ys[start + n] - y0, zs[start + n] - z0
        u = m00 * dx + m01 * dy + m02 * dz
        v = m01 * dx + m11 * dy + m12 * dz
        w = m02 * dx + m12 * dy + m22 * dz
        a = a3 + 2 * abs(u * a0 + v * a1 + w * a2)
        b = b3 + 2 * abs(u * b0 + v * b1 + w * b2)
        c = c3 + 2 * abs(u * c0 + v * c1 + w * c2)
        d = d3 + 2 * abs(u * d0 + v * d1 + w * d2)
        squared = u * u + v * v + w * w
        inside[n] = (squared + a <= 1) & (squared + b <= 1) & (squared + c <= 1) & (squared + d <= 1)


@kernel
def _bounding_balls(points, balls):  # type: ignore[no-untyped-def]
    """Centre and radius (W, 4) of a ball around the centres of each 64 points (3, 64 W); NaN is left out."""
    for w in range(balls.shape[0]):
        start, end = w * WORD, (w + 1) * WORD
        while np.isnan(points[0, end - 1]):
            end -= 1
        for axis in range(3):
            balls[w, axis] = (points[axis, start:end].min() + points[axis, start:end].max()) / 2
        for n in range(start, end):
            dx, dy, dz = points[0, n] - balls[w, 0], points[1, n] - balls[w, 1], points[2, n] - balls[w, 2]
            balls[w, 3] = max(balls[w, 3], np.sqrt(dx * dx + dy * dy + dz * dz))
