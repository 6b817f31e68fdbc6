"""Exact Euclidean distance to a mask on an anisotropic grid, as fast as memory allows.

Three passes of one dimension each: steps to the nearest voxel along i, then the lower envelope of parabolas along j and
along k (Felzenszwalb and Huttenlocher, Distance transforms of sampled functions, 2012). Columns are worked on in tiles
that fit the cache. A limit lets lines that hold nothing near be skipped, which is what dilation by a few mm needs.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange

TILE = 16
"""Columns that are gathered together: one cache line of float32."""


def distance_mm(
    mask: NDArray[np.bool_], spacing_kji_mm: NDArray[np.float64], limit_mm: float = np.inf
) -> NDArray[np.float32]:
    """Distance of every voxel centre to the nearest true voxel's centre, (k, j, i) float32, 0 inside.

    Parameters
    ----------
    mask : (k, j, i) bool
    spacing_kji_mm : (3,)
        Voxel edges along k, j, i.
    limit_mm : float
        Distances beyond it are infinite.

    Raises
    ------
    ValueError
        If the mask is empty (there is no such distance) or a spacing is not positive.
    """
    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    if not mask.any():
        raise ValueError("mask: empty; expected at least one voxel")
    if not (spacing > 0).all():
        raise ValueError(f"spacing_kji_mm: {spacing.tolist()}; expected positive voxel edges in mm")
    limit2 = float(limit_mm) ** 2 * (1 + 1e-6)
    squared = np.empty(mask.shape, dtype=np.float32)
    _along_i(np.ascontiguousarray(mask).view(np.uint8), spacing[2], limit2, squared)
    _along_j(squared, spacing[1], limit2)
    _along_k(squared, spacing[0], limit2)
    return np.sqrt(squared, out=squared)


@parallel_kernel
def _along_i(mask, step, limit2, squared):  # type: ignore[no-untyped-def]
    for k in prange(mask.shape[0]):
        for j in range(mask.shape[1]):
            away = np.inf
            for i in range(mask.shape[2]):
                away = 0.0 if mask[k, j, i] else away + step
                squared[k, j, i] = away
            away = np.inf
            for i in range(mask.shape[2] - 1, -1, -1):
                away = 0.0 if mask[k, j, i] else away + step
                nearest = min(away, squared[k, j, i])
                nearest *= nearest
                squared[k, j, i] = nearest if nearest <= limit2 else np.inf


@kernel
def _lower_envelope(line, step2, limit2, feet, starts):  # type: ignore[no-untyped-def]
    """Replace line[n] by the smallest line[m] + step2 (n - m)^2, infinite beyond the limit."""
    count = line.shape[0]
    last = -1
    for n in range(count):
        if line[n] == np.inf:
            continue
        start = 0.0
        while last >= 0:
            m = feet[last]
            start = (line[n] - line[m] + step2 * (n * n - m * m)) / (2 * step2 * (n - m))
            if start > starts[last]:
                break
            last -= 1
        last += 1
        feet[last] = n
        starts[last] = start if last > 0 else -np.inf
    if last < 0:
        return
    heights = line.copy()
    at = 0
    for n in range(count):
        while at < last and starts[at + 1] < n:
            at += 1
        m = feet[at]
        value = heights[m] + step2 * (n - m) * (n - m)
        line[n] = value if value <= limit2 else np.inf


@parallel_kernel
def _along_j(squared, step, limit2):  # type: ignore[no-untyped-def]
    shape_k, shape_j, shape_i = squared.shape
    for k in prange(shape_k):
        tile = np.empty((TILE, shape_j), dtype=np.float64)
        feet, starts = np.empty(shape_j, dtype=np.int64), np.empty(shape_j, dtype=np.float64)
        for first in range(0, shape_i, TILE):
            width = min(TILE, shape_i - first)
            for j in range(shape_j):
                for t in range(width):
                    tile[t, j] = squared[k, j, first + t]
            for t in range(width):
                _lower_envelope(tile[t], step * step, limit2, feet, starts)
            for j in range(shape_j):
                for t in range(width):
                    squared[k, j, first + t] = tile[t, j]


@parallel_kernel
def _along_k(squared, step, limit2):  # type: ignore[no-untyped-def]
    shape_k, shape_j, shape_i = squared.shape
    for j in prange(shape_j):
        tile = np.empty((TILE, shape_k), dtype=np.float64)
        feet, starts = np.empty(shape_k, dtype=np.int64), np.empty(shape_k, dtype=np.float64)
        for first in range(0, shape_i, TILE):
            width = min(TILE, shape_i - first)
            for k in range(shape_k):
                for t in range(width):
                    tile[t, k] = squared[k, j, first + t]
            for t in range(width):
                _lower_envelope(tile[t], step * step, limit2, feet, starts)
            for k in range(shape_k):
                for t in range(width):
                    squared[k, j, first + t] = tile[t, k]
