"""Signed distance to the boundary of the union of zones, where they overlap too, and its minimum over many points.

Outside, the nearest boundary is that of the nearest zone. Inside, a zone's own nearest surface point counts only if no
other zone covers it; else the boundary is nearest on the far side of that zone or on a crease, the curve in which two
surfaces meet. Both are found by stepping to the nearest point of the tangent plane or line until it lies on the
surfaces. Where none is found the largest single depth is given, which is never more than the true one.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.spheroid import depth_and_normal

STEPS = 24
CLOSING = 3
STILL_MM = 1e-3
"""A step as short ends the search along a crease; `CLOSING` more lead back onto it."""
CORNER_STARTS = 24
ON_SURFACE = 1e-6
"""How far from 1 the scaled radius of a point on a surface may be."""


@kernel
def scaled_radius2(x, y, z, zone):  # type: ignore[no-untyped-def]
    """Squared distance from a zone's centre in units in which the zone is the unit ball."""
    dx, dy, dz = x - zone[0], y - zone[1], z - zone[2]
    along = dx * zone[3] + dy * zone[4] + dz * zone[5]
    across2 = dx * dx + dy * dy + dz * dz - along * along
    return across2 / (zone[6] * zone[6]) + along * along / (zone[7] * zone[7])


@kernel
def _exposed(x, y, z, zones, first, second):  # type: ignore[no-untyped-def]
    """Whether no zone but two covers a point."""
    for n in range(zones.shape[0]):
        if n not in (first, second) and scaled_radius2(x, y, z, zones[n]) < 1 - 2 * ON_SURFACE:
            return False
    return True


@kernel
def _level(x, y, z, zone):  # type: ignore[no-untyped-def]
    """Scaled radius squared less 1, and its gradient."""
    dx, dy, dz = x - zone[0], y - zone[1], z - zone[2]
    along = dx * zone[3] + dy * zone[4] + dz * zone[5]
    a2, b2 = zone[6] * zone[6], zone[7] * zone[7]
    stretch = along * (1 / b2 - 1 / a2)
    gx, gy, gz = dx / a2 + stretch * zone[3], dy / a2 + stretch * zone[4], dz / a2 + stretch * zone[5]
    return dx * gx + dy * gy + dz * gz - 1, 2 * gx, 2 * gy, 2 * gz


@kernel
def _far_side(px, py, pz, zone, zones, own):  # type: ignore[no-untyped-def]
    """Distance to the zone's surface on the other side of its axis, infinite if covered there."""
    dx, dy, dz = px - zone[0], py - zone[1], pz - zone[2]
    along = dx * zone[3] + dy * zone[4] + dz * zone[5]
    _, nx, ny, nz = depth_and_normal(
        zone[0] + 2 * along * zone[3] - dx, zone[1] + 2 * along * zone[4] - dy, zone[2] + 2 * along * zone[5] - dz, zone
    )
    # Where that normal leaves the zone is a start; then the nearest point of the tangent plane, step by step.
    scale = 1 / np.sqrt(
        (nx * nx + ny * ny + nz * nz - (nx * zone[3] + ny * zone[4] + nz * zone[5]) ** 2) / zone[6] ** 2
        + (nx * zone[3] + ny * zone[4] + nz * zone[5]) ** 2 / zone[7] ** 2
    )
    x, y, z = zone[0] + scale * nx, zone[1] + scale * ny, zone[2] + scale * nz
    for step in range(STEPS):
        level, gx, gy, gz = _level(x, y, z, zone)
        towards = 0.0 if step > STEPS - 5 else gx * (px - x) + gy * (py - y) + gz * (pz - z)
        share = (towards + level) / (gx * gx + gy * gy + gz * gz)
        if step > STEPS - 5:
            x, y, z = x - share * gx, y - share * gy, z - share * gz
        else:
            x, y, z = px - share * gx, py - share * gy, pz - share * gz
    if abs(_level(x, y, z, zone)[0]) > ON_SURFACE or not _exposed(x, y, z, zones, own, own):
        return np.inf
    return np.sqrt((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2)


@kernel
def _crease(px, py, pz, zones, first, second, x, y, z):  # type: ignore[no-untyped-def]
    """Distance from p to the curve in which two surfaces meet, near x; infinite if they do not or it is covered."""
    closing = 0
    for step in range(STEPS):
        f, fx, fy, fz = _level(x, y, z, zones[first])
        g, gx, gy, gz = _level(x, y, z, zones[second])
        ff, gg = fx * fx + fy * fy + fz * fz, gx * gx + gy * gy + gz * gz
        fg = fx * gx + fy * gy + fz * gz
        det = ff * gg - fg * fg
        if det < 1e-9 * ff * gg:
            return np.inf
        # At the end only back onto the curve.
        dx, dy, dz = (px - x, py - y, pz - z) if closing == 0 else (0.0, 0.0, 0.0)
        u, v = fx * dx + fy * dy + fz * dz + f, gx * dx + gy * dy + gz * dz + g
        s, t = (gg * u - fg * v) / det, (ff * v - fg * u) / det
        dx, dy, dz = dx - s * fx - t * gx, dy - s * fy - t * gy, dz - s * fz - t * gz
        x, y, z = x + dx, y + dy, z + dz
        if closing == CLOSING:
            break
        if closing > 0 or step == STEPS - CLOSING - 1 or dx * dx + dy * dy + dz * dz < STILL_MM**2:
            closing += 1
    off = max(abs(_level(x, y, z, zones[first])[0]), abs(_level(x, y, z, zones[second])[0]))
    if not off <= ON_SURFACE or not _exposed(x, y, z, zones, first, second):
        return np.inf
    return np.sqrt((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2)


@kernel
def _nearest_crease(px, py, pz, zones, first, second, x, y, z):  # type: ignore[no-untyped-def]
    """`_crease` from four starts: x turned about the line through both centres by 0, 90, 180 and 270 degrees."""
    ux, uy, uz = (
        zones[second, 0] - zones[first, 0],
        zones[second, 1] - zones[first, 1],
        zones[second, 2] - zones[first, 2],
    )
    length = np.sqrt(ux * ux + uy * uy + uz * uz)
    if length < 1e-6:
        return _crease(px, py, pz, zones, first, second, x, y, z)
    ux, uy, uz = ux / length, uy / length, uz / length
    dx, dy, dz = x - zones[first, 0], y - zones[first, 1], z - zones[first, 2]
    along = dx * ux + dy * uy + dz * uz
    mx, my, mz = zones[first, 0] + along * ux, zones[first, 1] + along * uy, zones[first, 2] + along * uz
    rx, ry, rz = x - mx, y - my, z - mz
    if rx * rx + ry * ry + rz * rz < 1.0:  # on that line every side is as near: start beside it
        rx, ry, rz = rx - uy, ry + ux, rz
        if abs(uz) > 0.9:
            rx, ry, rz = rx + uy, ry - ux - uz, rz + uy
    qx, qy, qz = uy * rz - uz * ry, uz * rx - ux * rz, ux * ry - uy * rx
    nearest = _crease(px, py, pz, zones, first, second, mx + rx, my + ry, mz + rz)
    nearest = min(nearest, _crease(px, py, pz, zones, first, second, mx - rx, my - ry, mz - rz))
    nearest = min(nearest, _crease(px, py, pz, zones, first, second, mx + qx, my + qy, mz + qz))
    return min(nearest, _crease(px, py, pz, zones, first, second, mx - qx, my - qy, mz - qz))


@kernel
def _corners(zones, starts):  # type: ignore[no-untyped-def]
    """Exposed points (C, 3) in which three surfaces meet, by Newton's method from many directions; some repeat."""
    count = zones.shape[0]
    corners = np.empty((count * (count - 1) * (count - 2) // 6 * starts.shape[0], 3))
    found = 0
    matrix, level = np.empty((3, 3)), np.empty(3)
    for a in range(count):
        for b in range(a + 1, count):
            for c in range(b + 1, count):
                for n in range(starts.shape[0]):
                    x = (zones[a, :3] + zones[b, :3] + zones[c, :3]) / 3 + starts[n] * (zones[a, 6] + zones[b, 6]) / 2
                    for _ in range(STEPS):
                        for row, zone in enumerate((a, b, c)):
                            f = _level(x[0], x[1], x[2], zones[zone])
                            level[row], matrix[row, 0], matrix[row, 1], matrix[row, 2] = f[0], f[1], f[2], f[3]
                        if abs(np.linalg.det(matrix)) < 1e-12:
                            break
                        x = x - np.linalg.solve(matrix, level)
                        if np.abs(level).max() < ON_SURFACE / 100:
                            break
                    covered = not np.abs(level).max() < ON_SURFACE
                    for zone in range(count):
                        if scaled_radius2(x[0], x[1], x[2], zones[zone]) < 1 - 2 * ON_SURFACE:
                            covered = True
                    if not covered:
                        corners[found] = x
                        found += 1
    return corners[:found]


@kernel
def _depth(px, py, pz, zones, corners):  # type: ignore[no-untyped-def]
    """Signed distance of one point to the union's boundary, positive inside."""
    deepest, open_ = -np.inf, np.inf
    feet = np.empty((zones.shape[0], 4))
    for n in range(zones.shape[0]):
        depth, nx, ny, nz = depth_and_normal(px, py, pz, zones[n])
        feet[n, 0], feet[n, 1], feet[n, 2], feet[n, 3] = depth, px + depth * nx, py + depth * ny, pz + depth * nz
        deepest = max(deepest, depth)
        if 0 < depth < open_ and _exposed(feet[n, 1], feet[n, 2], feet[n, 3], zones, n, n):
            open_ = depth
    if deepest <= 0 or zones.shape[0] == 1 or open_ <= deepest:
        return deepest
    for n in range(corners.shape[0]):
        dx, dy, dz = corners[n, 0] - px, corners[n, 1] - py, corners[n, 2] - pz
        open_ = min(open_, np.sqrt(dx * dx + dy * dy + dz * dz))
    for n in range(zones.shape[0]):
        if 0 < feet[n, 0] < open_:
            open_ = min(open_, _far_side(px, py, pz, zones[n], zones, n))
        for m in range(n + 1, zones.shape[0]):
            # A crease lies on both surfaces: it is no nearer than either.
            if max(abs(feet[n, 0]), abs(feet[m, 0])) < open_:
                x, y, z = feet[n, 1], feet[n, 2], feet[n, 3]
                open_ = min(open_, _nearest_crease(px, py, pz, zones, n, m, x, y, z))
    return deepest if open_ == np.inf else max(deepest, open_)


@kernel
def _single_depth(px, py, pz, zones, enough):  # type: ignore[no-untyped-def]
    """Largest depth in one zone, and whether the nearest point of that zone's surface is not covered.

    Ends with any depth of at least `enough`.
    """
    deepest, open_ = -np.inf, False
    for n in range(zones.shape[0]):
        depth, nx, ny, nz = depth_and_normal(px, py, pz, zones[n])
        if depth > deepest:
            deepest = depth
            if deepest >= enough:
                break
            open_ = _exposed(px + depth * nx, py + depth * ny, pz + depth * nz, zones, n, n)
    return deepest, open_


@parallel_kernel
def _depths(points, zones, starts, depth):  # type: ignore[no-untyped-def]
    corners = _corners(zones, starts)
    for n in prange(points.shape[0]):
        depth[n] = _depth(points[n, 0], points[n, 1], points[n, 2], zones, corners)


def union_depth_mm(points_ras_mm: NDArray[np.float64], zones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed depth (N,) of points (N, 3) in the union of zones (Z, 8): distance to its boundary, positive inside."""
    depth = np.full(len(points_ras_mm), -np.inf)
    if len(zones) and len(points_ras_mm):
        _depths(
            np.ascontiguousarray(points_ras_mm), np.ascontiguousarray(zones), fibonacci_sphere(CORNER_STARTS), depth
        )
    return depth


@parallel_kernel
def _minima(points, sets, starts, minimum):  # type: ignore[no-untyped-def]
    for s in prange(sets.shape[0]):
        zones = sets[s]
        corners = _corners(zones, starts)
        least = np.empty(points.shape[0])
        first = 0
        for n in range(points.shape[0]):
            # (1 - scaled radius) times the shorter or the longer semi-axis brackets a zone's depth.
            best = -np.inf
            for z in range(zones.shape[0]):
                inward = 1 - np.sqrt(max(scaled_radius2(points[n, 0], points[n, 1], points[n, 2], zones[z]), 0.0))
                shorter, longer = min(zones[z, 6], zones[z, 7]), max(zones[z, 6], zones[z, 7])
                best = max(best, inward * (shorter if inward > 0 else longer))
            least[n] = best
            if best < least[first]:
                first = n
        lowest = _depth(points[first, 0], points[first, 1], points[first, 2], zones, corners)
        # Where a nearest surface point is not covered the depth is that of one zone: these first, they cost little.
        for n in range(points.shape[0]):
            if least[n] < lowest:
                deepest, open_ = _single_depth(points[n, 0], points[n, 1], points[n, 2], zones, lowest)
                if deepest <= 0 or open_:
                    lowest = min(lowest, deepest)
                    least[n] = np.inf
                else:
                    least[n] = deepest
        for n in range(points.shape[0]):
            if least[n] < lowest:
                lowest = min(lowest, _depth(points[n, 0], points[n, 1], points[n, 2], zones, corners))
        minimum[s] = lowest


def minimum_depths_mm(points_ras_mm: NDArray[np.float64], sets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest `union_depth_mm` over points (N, 3) for each of many sets of zones (S, Z, 8): (S,).

    Only points that could be the smallest are measured exactly.
    """
    minimum = np.full(len(sets), -np.inf)
    if sets.size and len(points_ras_mm):
        _minima(
            np.ascontiguousarray(points_ras_mm), np.ascontiguousarray(sets), fibonacci_sphere(CORNER_STARTS), minimum
        )
    return minimum
