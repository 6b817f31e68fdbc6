"""Linear samples of a volume at points between its voxels."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import inlined, parallel_kernel, prange


def values_and_slopes(
    volume: NDArray[np.float32], index: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values (N,) of a volume at fractional indices (3, N), and central differences (N, 3) per voxel along its axes.

    Beyond the faces lies the nearest voxel.
    """
    values = np.empty(index.shape[1], dtype=np.float32)
    slopes = np.empty((index.shape[1], 3), dtype=np.float32)
    _values_and_slopes(volume, index, values, slopes)
    return values, slopes


def over_grid(
    volume: NDArray[np.float32],
    first: NDArray[np.float64],
    step: NDArray[np.float64],
    shape: tuple[int, int, int],
    outside: float | None = None,
) -> NDArray[np.float32]:
    """Values (k, j, i) at ``first + step @ (k, j, i)``, fractional indices into a volume.

    Parameters
    ----------
    first : (3,)
    step : (3, 3)
    outside : float or None
        Value beyond the centres of the outermost voxels; None repeats the nearest voxel.
    """
    values = np.empty(shape, dtype=np.float32)
    _over_grid(volume, first, np.ascontiguousarray(step), np.float32(outside or 0.0), outside is None, values)
    return values


@parallel_kernel
def _values_and_slopes(volume, index, values, slopes):  # type: ignore[no-untyped-def]
    for n in prange(index.shape[1]):
        a, b, c = index[0, n], index[1, n], index[2, n]
        values[n] = _linear(volume, a, b, c)
        slopes[n, 0] = (_linear(volume, a + 1, b, c) - _linear(volume, a - 1, b, c)) / 2
        slopes[n, 1] = (_linear(volume, a, b + 1, c) - _linear(volume, a, b - 1, c)) / 2
        slopes[n, 2] = (_linear(volume, a, b, c + 1) - _linear(volume, a, b, c - 1)) / 2


@parallel_kernel
def _over_grid(volume, first, step, outside, repeat, values):  # type: ignore[no-untyped-def]
    nk, nj, ni = volume.shape
    for k in prange(values.shape[0]):
        for j in range(values.shape[1]):
            for i in range(values.shape[2]):
                a = first[0] + step[0, 0] * k + step[0, 1] * j + step[0, 2] * i
                b = first[1] + step[1, 0] * k + step[1, 1] * j + step[1, 2] * i
                c = first[2] + step[2, 0] * k + step[2, 1] * j + step[2, 2] * i
                within = 0 <= a <= nk - 1 and 0 <= b <= nj - 1 and 0 <= c <= ni - 1
                values[k, j, i] = _linear(volume, a, b, c) if repeat or within else outside


@inlined
def _linear(volume, a, b, c):  # type: ignore[no-untyped-def]
    nk, nj, ni = volume.shape
    a, b, c = min(max(a, 0.0), nk - 1.0), min(max(b, 0.0), nj - 1.0), min(max(c, 0.0), ni - 1.0)
    k, j, i = int(a), int(b), int(c)
    kk, jj, ii = min(k + 1, nk - 1), min(j + 1, nj - 1), min(i + 1, ni - 1)
    a, b, c = a - k, b - j, c - i
    low = (volume[k, j, i] * (1 - c) + volume[k, j, ii] * c) * (1 - b)
    low += (volume[k, jj, i] * (1 - c) + volume[k, jj, ii] * c) * b
    high = (volume[kk, j, i] * (1 - c) + volume[kk, j, ii] * c) * (1 - b)
    high += (volume[kk, jj, i] * (1 - c) + volume[kk, jj, ii] * c) * b
    return low * (1 - a) + high * a
