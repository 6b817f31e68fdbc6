"""The surroundings of a click on an even grid, so that distances, textures and shapes mean the same on every scan."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.anatomy.lesion.sampling import over_grid
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid

REACH_MM = 42.0
"""Half the width of the region that is searched around the point."""
VOXEL_MM = 1.2
EVERYWHERE_MM = 50.0
NOISE_MM = 0.5
"""Blur before sampling, so that a coarser grid does not alias the noise of a finer one."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """A cube around a seed, which lies at its middle voxel.

    Parameters
    ----------
    grid : Grid
        Even, with the CT's axes.
    hu : (k, j, i) float32
    bone : (k, j, i) bool
        Filled bone; destroyed parts may be missing.
    seen : (k, j, i) bool
        Voxels that the image covers.
    radius_mm : (k, j, i) float32
        Distance from the seed.
    """

    grid: Grid
    hu: NDArray[np.float32]
    bone: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    radius_mm: NDArray[np.float32]

    @property
    def middle(self) -> int:
        """Index of the seed along every axis."""
        return (self.grid.shape[0] - 1) // 2


def neighbourhood(ct: CtVolume, bone: NDArray[np.bool_], seed_ras_mm: ArrayLike) -> Neighbourhood:
    """Sample CT and bone around a RAS point."""
    grid = _cube(ct.grid, np.asarray(seed_ras_mm, dtype=np.float64))
    seen = _covered(ct.grid, grid)
    hu = resampled(ct.hu, ct.grid, grid, blur_mm=NOISE_MM)
    filled = resampled(bone, ct.grid, grid, blur_mm=NOISE_MM, outside=0.0) > 0.5
    axis = (np.arange(grid.shape[0]) - (grid.shape[0] - 1) / 2) * VOXEL_MM
    squared = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    return Neighbourhood(grid, hu, filled, seen, np.sqrt(squared).astype(np.float32))


def _cube(grid: Grid, centre_ras_mm: NDArray[np.float64]) -> Grid:
    half = int(np.ceil(REACH_MM / VOXEL_MM))
    matrix = np.eye(4)
    matrix[:3, :3] = grid.ijk_to_ras[:3, :3] / grid.spacing_ijk_mm * VOXEL_MM
    matrix[:3, 3] = centre_ras_mm - matrix[:3, :3] @ np.full(3, float(half))
    return Grid((2 * half + 1,) * 3, matrix)


def _covered(source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Voxels of a grid with the same axes whose centre lies in a voxel of the source."""
    first = source.ijk_from_ras(target.ras_from_ijk([0, 0, 0]))[0][::-1]
    step = target.spacing_kji_mm / source.spacing_kji_mm
    k, j, i = (
        np.abs(a + s * np.arange(n) - (size - 1) / 2) < size / 2
        for a, s, n, size in zip(first, step, target.shape, source.shape, strict=True)
    )
    return k[:, None, None] & j[None, :, None] & i[None, None, :]


def resampled(
    array: NDArray, source: Grid, target: Grid, blur_mm: float = 0.0, outside: float | None = None
) -> NDArray[np.float32]:
    """Linear samples of `array` at the voxels of a grid with the same axes.

    Parameters
    ----------
    outside : float or None
        Value beyond the source; None repeats the nearest voxel.
    """
    first = source.ijk_from_ras(target.ras_from_ijk([0, 0, 0]))[0][::-1]
    step = target.spacing_kji_mm / source.spacing_kji_mm
    last = first + step * (np.array(target.shape) - 1)
    pad = np.ceil(3 * blur_mm / source.spacing_kji_mm) + 1
    size = np.array(source.shape)
    low = np.clip(np.floor(first - pad), 0, size - 1).astype(int)
    high = np.clip(np.ceil(last + pad) + 1, low + 1, size).astype(int)
    part = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float32)
    if blur_mm:
        part = blurred(part, blur_mm / source.spacing_kji_mm)
    return over_grid(part, first - low, np.diag(step), target.shape, outside)


def depth_mm(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance from a mask's surface on the even grid: positive inside, negative outside."""
    spacing = np.full(3, VOXEL_MM)
    if mask.all() or not mask.any():
        return np.full(mask.shape, EVERYWHERE_MM if mask.all() else -EVERYWHERE_MM, dtype=np.float32)
    return distance_mm(~mask, spacing) - distance_mm(mask, spacing)
