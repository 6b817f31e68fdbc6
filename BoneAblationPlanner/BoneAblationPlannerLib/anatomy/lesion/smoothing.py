"""Gaussian blur and gradient of single-precision volumes, on all cores; beyond the faces lies the nearest voxel."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.compute import inlined, parallel_kernel, prange

REACH = 3.0
"""Standard deviations after which the bell is cut off."""


def blurred(volume: NDArray[np.floating] | NDArray[np.bool_], sigma: ArrayLike) -> NDArray[np.float32]:
    """Blur (k, j, i) by standard deviations in voxels: one, or one per axis."""
    bells = [_bell(float(s)) for s in np.broadcast_to(np.asarray(sigma, dtype=np.float64), 3)]
    return _filtered(volume, bells)


def gradient_size(volume: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    """Length (k, j, i) of the gradient per voxel, of the volume blurred by `sigma` voxels."""
    bell = _bell(sigma)
    slope = _slope(sigma)
    squared = np.zeros(volume.shape, dtype=np.float32)
    for axis in range(3):
        part = _filtered(volume, [slope if a == axis else bell for a in range(3)])
        squared += part * part
    return np.sqrt(squared, out=squared)


def _bell(sigma: float) -> NDArray[np.float32]:
    half = int(REACH * sigma + 0.5)
    if half == 0:
        return np.ones(1, dtype=np.float32)
    weights = np.exp(-((np.arange(-half, half + 1) / sigma) ** 2) / 2)
    return (weights / weights.sum()).astype(np.float32)


def _slope(sigma: float) -> NDArray[np.float32]:
    """Weights that give a ramp's slope."""
    bell = _bell(sigma).astype(np.float64)
    steps = np.arange(len(bell)) - len(bell) // 2
    return (steps * bell / (steps * steps * bell).sum()).astype(np.float32)


def _filtered(
    volume: NDArray[np.floating] | NDArray[np.bool_], weights: list[NDArray[np.float32]]
) -> NDArray[np.float32]:
    along_k, along_j, along_i = weights
    result = np.empty(volume.shape, dtype=np.float32)
    _filter(np.ascontiguousarray(volume, dtype=np.float32), along_k, along_j, along_i, result)
    return result


@parallel_kernel
def _filter(volume, along_k, along_j, along_i, result):  # type: ignore[no-untyped-def]
    """One pass along each axis; rows along i are added whole, which vectorises."""
    nk, nj, ni = volume.shape
    between = np.empty_like(volume)
    for k in prange(nk):
        half = len(along_i) // 2
        line = np.empty(ni + 2 * half, np.float32)
        for j in range(nj):
            line[:half] = volume[k, j, 0]
            line[half : half + ni] = volume[k, j]
            line[half + ni :] = volume[k, j, ni - 1]
            row = result[k, j]
            row[:] = 0
            for n in range(len(along_i)):
                _add_row(row, line[n : n + ni], along_i[n])
    for k in prange(nk):
        half = len(along_j) // 2
        for j in range(nj):
            row = between[k, j]
            row[:] = 0
            for n in range(len(along_j)):
                _add_row(row, result[k, min(max(j + n - half, 0), nj - 1)], along_j[n])
    for k in prange(nk):
        half = len(along_k) // 2
        for j in range(nj):
            row = result[k, j]
            row[:] = 0
            for n in range(len(along_k)):
                _add_row(row, between[min(max(k + n - half, 0), nk - 1), j], along_k[n])


@inlined
def _add_row(row, other, weight):  # type: ignore[no-untyped-def]
    for i in range(len(row)):
        row[i] += weight * other[i]
