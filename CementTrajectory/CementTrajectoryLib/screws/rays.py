"""The widest line from inside a bone out through its surface: ends and directions are tried, the best are refined.

Where a line may enter on a large part of a bone's surface, its entry is not tried but follows: it is where the ray from
the blind end leaves bone. The clearance holds up to the usual trim before that place.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.bones import FACE_VOXELS
from CementTrajectoryLib.screws.definitions import NUMBERS
from CementTrajectoryLib.screws.depth import DepthMap, sample_depth
from CementTrajectoryLib.screws.search import StraightLine

STEP_MM = 0.5
STARTS = 40
"""Rays that are refined."""
FIRST_TILT_DEG, MOST_TILT_DEG = 3.0, 8.0
FIRST_SHIFT_MM, LAST_SHIFT_MM = 2.0, 0.02
NO_RAY = -1e3


def widest_ray(
    image: Grid,
    depth: DepthMap,
    ends_ras_mm: NDArray[np.float64],
    directions: NDArray[np.float64],
    length_range_mm: tuple[float, float],
) -> StraightLine | None:
    """The line of greatest clearance from the surface to one of the ends.

    Parameters
    ----------
    image : Grid
        Of the scan: a face of it is no surface.
    depth : DepthMap
    ends_ras_mm : (N, 3)
        Blind ends; refining moves them by a few mm.
    directions : (M, 3)
        Unit vectors from the ends outwards, RAS; refining turns them by at most 8 degrees.
    length_range_mm : (shortest, longest)

    Returns
    -------
    StraightLine or None
        From the surface to the end; None if no ray has such a length.
    """
    if len(ends_ras_mm) == 0 or len(directions) == 0:
        return None
    ends, rays = np.repeat(ends_ras_mm, len(directions), axis=0), np.tile(directions, (len(ends_ras_mm), 1))
    turn = depth.grid.ijk_to_ras[:3, :3] / depth.grid.spacing_ijk_mm
    local, ways = depth.local_mm(ends), rays @ turn
    per_mm, box = 1.0 / depth.grid.spacing_ijk_mm, _box(image, depth)
    limits = np.array([NUMBERS["trim_mm"], *length_range_mm])
    clearances = np.empty(len(local))
    _screen(depth.depth_mm, per_mm, local, ways, limits, box, clearances)
    order = np.argsort(-clearances, kind="stable")[:STARTS]
    order = order[clearances[order] > NO_RAY]
    if len(order) == 0:
        return None
    best_ends, best_ways, values = local[order].copy(), ways[order].copy(), np.empty(len(order))
    _refine(depth.depth_mm, per_mm, best_ends, best_ways, limits, box, values)
    at = int(np.argmax(values))
    length = _length(depth.depth_mm, per_mm, best_ends[at], best_ways[at], limits[2], box)
    tip = depth.ras_mm(best_ends[at])[0]
    return StraightLine(tip + length * (turn @ best_ways[at]), tip, float(values[at]), (float(limits[0]), 0.0))


def _box(image: Grid, depth: DepthMap) -> NDArray[np.float64]:
    """Corners (2, 3) of what lies well inside the image, in local mm of the depth map, whose axes are the image's."""
    last = np.array(image.shape[::-1]) - 1.0
    corners = depth.local_mm(image.ras_from_ijk(np.stack([np.full(3, FACE_VOXELS), last - FACE_VOXELS])))
    return np.sort(corners, axis=0)


@kernel
def _length(depth, per_mm, end, way, longest, box):  # type: ignore[no-untyped-def]
    """How far bone reaches from an end along a way; -1 if farther than `longest`, or to where the image cuts it."""
    t = 0.0
    while True:
        x, y, z = end[0] + t * way[0], end[1] + t * way[1], end[2] + t * way[2]
        here = sample_depth(depth, per_mm, x, y, z)
        if here < 0.0:
            t = max(t - STEP_MM, 0.0)
            break
        if t > longest:
            return -1.0
        t += max(STEP_MM, here)
    for axis in range(3):
        at = end[axis] + t * way[axis]
        if at < box[0, axis] or at > box[1, axis]:
            return -1.0
    return t


@kernel
def _clearance(depth, per_mm, end, way, limits, box, floor):  # type: ignore[no-untyped-def]
    """Smallest depth of a ray up to the trim before its exit; NO_RAY for another length, or no better one."""
    length = _length(depth, per_mm, end, way, limits[2], box)
    if length < limits[1] or length <= limits[0]:
        return NO_RAY
    least, t, last = 1e3, 0.0, length - limits[0]
    while True:
        here = sample_depth(depth, per_mm, end[0] + t * way[0], end[1] + t * way[1], end[2] + t * way[2])
        least = min(least, here)
        if least <= floor:
            return NO_RAY
        if t >= last:
            return least
        t = min(t + STEP_MM, last)


@parallel_kernel
def _screen(depth, per_mm, ends, ways, limits, box, clearances):  # type: ignore[no-untyped-def]
    for n in prange(ends.shape[0]):
        clearances[n] = _clearance(depth, per_mm, ends[n], ways[n], limits, box, 0.0)


@kernel
def _moved(end, way, n, shift, tilt):  # type: ignore[no-untyped-def]
    """A neighbour of a ray: its end moved, its way turned, or both at once about the ray's middle or its end."""
    helper = np.zeros(3)
    helper[np.argmin(np.abs(way))] = 1.0
    across = np.cross(way, helper)
    across = across / np.sqrt((across * across).sum())
    up = np.cross(way, across)
    angle = (n % 8) * np.pi / 4
    side = np.cos(angle) * across + np.sin(angle) * up
    moves, turns = ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0))[n // 8]
    turned = way + turns * tilt * side
    return end + moves * shift * side, turned / np.sqrt((turned * turned).sum())


@parallel_kernel
def _refine(depth, per_mm, ends, ways, limits, box, values):  # type: ignore[no-untyped-def]
    """Pattern search over ends and ways, in place."""
    for n in prange(ends.shape[0]):
        end, way = ends[n].copy(), ways[n].copy()
        start, first = end.copy(), way.copy()
        best = _clearance(depth, per_mm, end, way, limits, box, 0.0)
        shift, tilt = FIRST_SHIFT_MM, np.radians(FIRST_TILT_DEG)
        least_cosine, farthest = np.cos(np.radians(MOST_TILT_DEG)), 2.0 * FIRST_SHIFT_MM
        while shift > LAST_SHIFT_MM:
            better = False
            for way_out in range(32):
                other_end, other_way = _moved(end, way, way_out, shift, tilt)
                away = other_end - start
                if (other_way * first).sum() < least_cosine or (away * away).sum() > farthest * farthest:
                    continue
                value = _clearance(depth, per_mm, other_end, other_way, limits, box, best)
                if value > best + 1e-6:
                    best, end, way, better = value, other_end, other_way, True
            if not better:
                shift /= 2
                tilt /= 2
        ends[n], ways[n], values[n] = end, way, best
