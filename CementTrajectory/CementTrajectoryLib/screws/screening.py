"""All lines between two sets of ends: the widest from every start, most given up at their first sample."""

import numpy as np

from BoneAblationPlannerLib.compute import inlined, kernel, parallel_kernel, prange
from CementTrajectoryLib.screws.depth import nearest_depth, sample_depth

SCREEN_STEP_MM = 1.5
SINGLE_MM = 1e-3
"""More than what single precision moves a depth by."""


@inlined
def _deep(depth, per_mm, x, y, z, dx, dy, dz, first, last, least):  # type: ignore[no-untyped-def]
    """Whether the voxels at both ends of a line's inner part, and a quarter from them, are deeper than `least`."""
    quarter = (last - first) / 4
    for t in (first, last, first + quarter, last - quarter):
        if nearest_depth(depth, per_mm, x + t * dx, y + t * dy, z + t * dz) <= least:
            return False
    return True


@inlined
def _stays_above(depth, per_mm, x, y, z, dx, dy, dz, first, last, least):  # type: ignore[no-untyped-def]
    """Whether a line's inner part is deeper than `least`, from its middle outwards in strides that depth allows."""
    middle = (first + last) / 2
    for way in (1.0, -1.0):
        t = 0.0
        while True:
            s = middle + way * t
            here = sample_depth(depth, per_mm, x + s * dx, y + s * dy, z + s * dz)
            if here <= least:
                return False
            if t >= last - middle:
                break
            t = min(t + max(SCREEN_STEP_MM, here - least), last - middle)
    return True


@kernel
def _deep_halfway(depth, start, halves, least, deep):  # type: ignore[no-untyped-def]
    """Whether the voxel halfway to each stop is deeper than `least`; nothing else per line, so that it vectorises.

    `start` (3,) and `halves` (3, N) are half the way in voxels, i, j, k; the voxel at the map's edge stands for all
    beyond it.
    """
    flat, rows, row = depth.ravel(), np.int32(depth.shape[1]), np.int32(depth.shape[2])
    last = np.array([depth.shape[2] - 1, depth.shape[1] - 1, depth.shape[0] - 1], dtype=np.float32)
    x, y, z, half = start[0], start[1], start[2], np.float32(0.5)
    for b in range(halves.shape[1]):
        i = np.int32(min(max(x + halves[0, b], np.float32(0.0)), last[0]) + half)
        j = np.int32(min(max(y + halves[1, b], np.float32(0.0)), last[1]) + half)
        k = np.int32(min(max(z + halves[2, b], np.float32(0.0)), last[2]) + half)
        deep[b] = flat[np.uint32((k * rows + j) * row + i)] > least


@parallel_kernel
def screen_lines(depth, per_mm, starts, stops, limits, floor, value, partner):  # type: ignore[no-untyped-def]
    """For every start, the stop with the greatest clearance and that clearance; -1 where no line is above the floor."""
    trim_start, trim_stop, shortest, longest = limits[0], limits[1], limits[2], limits[3]
    # Depth changes by at most 1 mm per mm from voxel to voxel. At a point it is a mean of its eight voxels, which lie
    # at most this far from the nearest one in the mean.
    near = np.sqrt(((1.0 / per_mm) ** 2).sum() / 2)
    halfway = (2.0 * max(trim_start, trim_stop)) ** 2
    halves = np.ascontiguousarray((stops * (per_mm / 2)).T).astype(np.float32)
    for a in prange(starts.shape[0]):
        best, at = floor, -1
        x0, y0, z0 = starts[a, 0], starts[a, 1], starts[a, 2]
        # Halfway, the depth is nearly that of the voxel there: most lines are given up by it, or by depth itself.
        deep = np.empty(stops.shape[0], dtype=np.bool_)
        own = (starts[a] * (per_mm / 2)).astype(np.float32)
        _deep_halfway(depth, own, halves, np.float32(floor - near - SINGLE_MM), deep)
        for b in range(stops.shape[0]):
            if not deep[b] and halfway == 0.0:
                continue
            dx, dy, dz = stops[b, 0] - x0, stops[b, 1] - y0, stops[b, 2] - z0
            squared = dx * dx + dy * dy + dz * dz
            if squared >= halfway and not deep[b]:
                continue
            if squared >= halfway and sample_depth(depth, per_mm, x0 + dx / 2, y0 + dy / 2, z0 + dz / 2) <= best:
                continue
            length = np.sqrt(squared)
            if length < shortest or length > longest or length <= trim_start + trim_stop:
                continue
            dx, dy, dz = dx / length, dy / length, dz / length
            if not _deep(depth, per_mm, x0, y0, z0, dx, dy, dz, trim_start, length - trim_stop, best - near):
                continue
            if not _stays_above(depth, per_mm, x0, y0, z0, dx, dy, dz, trim_start, length - trim_stop, best):
                continue
            # Strides leave out what is deep enough: the clearance itself takes every step.
            clearance, t = 1e3, trim_start
            while clearance > best:
                clearance = min(clearance, sample_depth(depth, per_mm, x0 + t * dx, y0 + t * dy, z0 + t * dz))
                if t >= length - trim_stop:
                    break
                t = min(t + SCREEN_STEP_MM, length - trim_stop)
            if clearance > best:
                best, at = clearance, b
        value[a], partner[a] = best, at
