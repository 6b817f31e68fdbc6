"""Sampling the body: partial volume, point spread, noise."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue
from BoneAblationPlannerLib.compute import inlined, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid

POINT_SPREAD_SIGMA_MM = 0.7
AIR_HU = -1000.0


@inlined
def _place(to_lattice, shape, k, j, i):  # type: ignore[no-untyped-def]
    """Node of the lattice before a voxel's centre and the shares towards the next; the node is -1 outside."""
    x = to_lattice[0, 0] * i + to_lattice[0, 1] * j + to_lattice[0, 2] * k + to_lattice[0, 3]
    y = to_lattice[1, 0] * i + to_lattice[1, 1] * j + to_lattice[1, 2] * k + to_lattice[1, 3]
    z = to_lattice[2, 0] * i + to_lattice[2, 1] * j + to_lattice[2, 2] * k + to_lattice[2, 3]
    r, a, s = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if min(s, a, r) < 0 or s >= shape[0] - 1 or a >= shape[1] - 1 or r >= shape[2] - 1:
        s = -1
    return s, a, r, z - s, y - a, x - r


@inlined
def _lookup(table, s, a, r, fs, fa, fr):  # type: ignore[no-untyped-def]
    """Trilinear value of a lattice; a table of one node is a constant."""
    if table.size == 1:
        return table[0, 0, 0]
    near = table[s, a, r] * (1 - fr) + table[s, a, r + 1] * fr
    side = table[s, a + 1, r] * (1 - fr) + table[s, a + 1, r + 1] * fr
    up = table[s + 1, a, r] * (1 - fr) + table[s + 1, a, r + 1] * fr
    far = table[s + 1, a + 1, r] * (1 - fr) + table[s + 1, a + 1, r + 1] * fr
    return (near * (1 - fa) + side * fa) * (1 - fs) + (up * (1 - fa) + far * fa) * fs


@parallel_kernel
def _paint(  # type: ignore[no-untyped-def]
    hu, labels, low, high, to_lattice, distance, core, shell_mm, shell_hu, rim_mm, rim_hu, label, width
):
    """Lay rim, shell and core over `hu`, each weighted by the share of the voxel that it fills."""
    for k in prange(low[0], high[0]):
        for j in range(low[1], high[1]):
            for i in range(low[2], high[2]):
                s, a, r, fs, fa, fr = _place(to_lattice, distance.shape, k, j, i)
                if s < 0:
                    continue
                d = _lookup(distance, s, a, r, fs, fa, fr)
                if d > rim_mm + 0.5 * width:
                    continue
                value = hu[k, j, i]
                outer = min(max(0.5 - d / width, 0.0), 1.0)
                if rim_mm > 0:
                    rim = min(max(0.5 - (d - rim_mm) / width, 0.0), 1.0)
                    value += (rim_hu - value) * rim
                if outer > 0:
                    thickness = _lookup(shell_mm, s, a, r, fs, fa, fr)
                    inner = outer
                    content = _lookup(core, s, a, r, fs, fa, fr) * outer
                    if thickness > 0:
                        inner = min(max(0.5 - (d + thickness) / width, 0.0), 1.0)
                        wall = _lookup(shell_hu, s, a, r, fs, fa, fr)
                        content = _lookup(core, s, a, r, fs, fa, fr) * inner + wall * (outer - inner)
                    value = value * (1 - outer) + content
                    if d < 0 and label >= 0:
                        labels[k, j, i] = label
                hu[k, j, i] = value


@parallel_kernel
def _sample(out, low, high, to_lattice, table):  # type: ignore[no-untyped-def]
    """Trilinear values of a lattice at voxel centres; voxels outside the lattice keep what they hold."""
    for k in prange(low[0], high[0]):
        for j in range(low[1], high[1]):
            for i in range(low[2], high[2]):
                s, a, r, fs, fa, fr = _place(to_lattice, table.shape, k, j, i)
                if s < 0:
                    continue
                out[k, j, i] = _lookup(table, s, a, r, fs, fa, fr)


def _table(value: float | NDArray[np.float32]) -> NDArray[np.float32]:
    array = np.asarray(value, dtype=np.float32)
    return np.ascontiguousarray(array if array.ndim == 3 else array.reshape(1, 1, 1))


def _placement(grid: Grid, tissue: Tissue) -> tuple[NDArray, NDArray, NDArray]:
    """Voxel bounds (k, j, i) that hold the tissue's lattice, and the matrix from voxel to lattice index."""
    lattice = tissue.lattice
    extent = lattice.step_mm * (np.array(lattice.shape[::-1]) - 1)
    corners = lattice.origin_ras_mm + extent * np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3)
    kji = grid.ijk_from_ras(corners)[:, ::-1]
    low = np.clip(np.floor(kji.min(axis=0)).astype(np.int64), 0, grid.shape)
    high = np.clip(np.ceil(kji.max(axis=0)).astype(np.int64) + 1, 0, grid.shape)
    matrix = np.array(grid.ijk_to_ras[:3])
    matrix[:, 3] -= lattice.origin_ras_mm
    return low, high, matrix / lattice.step_mm


def paint(grid: Grid, hu: NDArray[np.float32], labels: NDArray[np.uint8], tissue: Tissue, label: int) -> None:
    """Lay a tissue over what is there; `label` -1 keeps the labels, 0 clears them."""
    low, high, to_lattice = _placement(grid, tissue)
    width = float(np.prod(grid.spacing_ijk_mm) ** (1 / 3))
    _paint(
        hu,
        labels,
        low,
        high,
        to_lattice,
        _table(tissue.distance),
        _table(tissue.core_hu),
        _table(tissue.shell_mm),
        _table(tissue.shell_hu),
        tissue.rim_mm,
        tissue.rim_hu,
        label,
        width,
    )


def inside(grid: Grid, tissue: Tissue) -> NDArray[np.bool_]:
    """Voxels whose centre lies in a tissue."""
    low, high, _ = _placement(grid, tissue)
    k, j, i = (slice(int(lo), int(hi)) for lo, hi in zip(low, high, strict=True))
    part = grid.crop((k, j, i))
    low, high, to_lattice = _placement(part, tissue)
    distance = np.ones(part.shape, dtype=np.float32)
    _sample(distance, low, high, to_lattice, _table(tissue.distance))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[k, j, i] = distance < 0
    return mask


def _streaks(plane: NDArray[np.float32], white: NDArray[np.float32], noise_hu: float) -> NDArray[np.float32]:
    """Horizontal streaks where rays cross much bone, as between the hips: few photons arrive there."""
    bone = ndimage.gaussian_filter1d((plane > 300.0).mean(axis=1), 3.0)
    length = max(plane.shape[1] // 5, 1)
    lines = ndimage.uniform_filter1d(ndimage.uniform_filter1d(white, length, axis=1), length, axis=1)
    lines *= np.float32(2.0 * noise_hu * np.sqrt(length))
    body = plane > -500.0
    return lines * (bone[:, None] * body).astype(np.float32)


def expose(grid: Grid, hu: NDArray[np.float32], noise_hu: float, seed: int) -> NDArray[np.int16]:
    """Blur in plane, add correlated noise of standard deviation `noise_hu`, and quantise.

    A reconstruction kernel leaves neighbouring pixels correlated; the noise is white noise filtered in plane and
    brought back to its standard deviation. Each slice draws
    its own, so that slices may be made in any order.
    """
    sigma = POINT_SPREAD_SIGMA_MM / grid.spacing_ijk_mm[1::-1]
    grain = 0.9 / np.maximum(grid.spacing_ijk_mm[1::-1], 0.5)
    impulse = np.zeros((33, 33))
    impulse[16, 16] = 1.0
    gain = 1.0 / np.linalg.norm(ndimage.gaussian_filter(impulse, grain))
    out = np.empty(grid.shape, dtype=np.int16)

    def expose_slice(k: int) -> None:
        plane = ndimage.gaussian_filter(hu[k], sigma, mode="nearest")
        if noise_hu > 0:
            white = np.random.default_rng((seed, k)).standard_normal(plane.shape, dtype=np.float32)
            noise = ndimage.gaussian_filter(white, grain, mode="wrap") * np.float32(gain * noise_hu)
            # Air attenuates nothing, so little noise is left there.
            plane += noise * (0.25 + 0.75 * (plane > -800.0))
            plane += _streaks(plane, white[::-1], noise_hu)
        out[k] = np.clip(np.rint(plane), -1024, 3071)

    with ThreadPoolExecutor() as pool:
        list(pool.map(expose_slice, range(grid.shape[0])))
    return out
