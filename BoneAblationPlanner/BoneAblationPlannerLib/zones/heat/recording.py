"""What is noted while a treatment runs: virtual thermocouples, and the whole field every now and then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid

Array = NDArray[np.float32]
FRAMES = 24
FRAME_VOXEL_MM = 2.0
FRAME_STEP_CELSIUS = 0.1
"""Frames are rounded to this, which packs them to a fraction."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What was noted.

    Parameters
    ----------
    times_s : (T,)
    curves_celsius, curves_cem43_min : {name: (T,)}
        Thermocouples; no dose for ice.
    frame_grid : Grid
        Blocks of the medium's voxels.
    frame_times_s : (F,)
    frames_celsius : (F, k, j, i) float32
    """

    times_s: NDArray[np.float64]
    curves_celsius: Mapping[str, NDArray[np.float64]]
    curves_cem43_min: Mapping[str, NDArray[np.float64]]
    frame_grid: Grid
    frame_times_s: NDArray[np.float64]
    frames_celsius: Array


class Recorder:
    """Reads points, between the voxels' centres, and keeps about `FRAMES` pictures of a treatment of `total_s`.

    Raises
    ------
    InputError
        For a thermocouple outside the simulated block.
    """

    def __init__(self, grid: Grid, points_ras_mm: Mapping[str, ArrayLike], total_s: float) -> None:
        self._grid, self._every_s, self._next_s = grid, total_s / FRAMES, 0.0
        self._around = {name: _around(grid, name, point) for name, point in points_ras_mm.items()}
        self._factors = _frame_factors(grid)
        self._times: list[float] = []
        self._celsius: dict[str, list[float]] = {name: [] for name in self._around}
        self._doses: dict[str, list[float]] = {name: [] for name in self._around}
        self._frame_times: list[float] = []
        self._frames: list[Array] = []

    def note(self, time_s: float, celsius: Array, cem43_min: Array | None = None) -> None:
        """Note the temperatures, and the thermal dose of heat."""
        self._times.append(time_s)
        for name, (voxels, weights) in self._around.items():
            self._celsius[name].append(float(celsius[voxels] @ weights))
            if cem43_min is not None:
                self._doses[name].append(float(cem43_min[voxels] @ weights))
        if time_s >= self._next_s - 1e-9:
            self._frame_times.append(time_s)
            self._frames.append(_block_means(celsius, self._factors))
            self._next_s += self._every_s

    def done(self) -> Recording:
        """Everything that was noted."""
        return Recording(
            times_s=np.array(self._times),
            curves_celsius={name: np.array(values) for name, values in self._celsius.items()},
            curves_cem43_min={name: np.array(values) for name, values in self._doses.items() if values},
            frame_grid=frame_grid(self._grid),
            frame_times_s=np.array(self._frame_times),
            frames_celsius=np.array(self._frames, dtype=np.float32),
        )


def check_points(grid: Grid, points_ras_mm: Mapping[str, ArrayLike]) -> None:
    """Raise InputError that names a thermocouple outside the simulated block."""
    for name, point in points_ras_mm.items():
        _around(grid, name, point)


def frame_grid(grid: Grid) -> Grid:
    """The grid of the pictures of a treatment on a grid."""
    return grid.coarsened(_frame_factors(grid))


def _frame_factors(grid: Grid) -> tuple[int, int, int]:
    k, j, i = (max(1, round(FRAME_VOXEL_MM / s)) for s in grid.spacing_kji_mm)
    return (k, j, i)


def _around(grid: Grid, name: str, point_ras_mm: ArrayLike) -> tuple[tuple[NDArray[np.intp], ...], NDArray[np.float32]]:
    """The eight voxels around a point as index arrays, and their shares of it."""
    kji = grid.ijk_from_ras(point_ras_mm)[0][::-1]
    last = np.array(grid.shape) - 1
    if not np.isfinite(kji).all() or (kji < -0.5).any() or (kji > last + 0.5).any():
        place = ", ".join(f"{v:g}" for v in np.ravel(np.asarray(point_ras_mm, dtype=np.float64)))
        raise InputError(f"thermocouple {name!r}: {place} lies outside the simulated block; expected it near a probe")
    low = np.clip(np.floor(kji).astype(int), 0, np.maximum(last - 1, 0))
    share = np.clip(kji - low, 0, 1)
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.where(corners == 1, share, 1 - share).prod(axis=1).astype(np.float32)
    return tuple(np.minimum(low + corners, last).T), weights


def _block_means(values: Array, factors: tuple[int, int, int]) -> Array:
    """Means of blocks of voxels, to match ``Grid.coarsened``; the last block repeats the outermost voxels."""
    padded = np.pad(values, [(0, -n % f) for n, f in zip(values.shape, factors, strict=True)], mode="edge")
    (k, a), (j, b), (i, c) = ((n // f, f) for n, f in zip(padded.shape, factors, strict=True))
    means = padded.reshape(k, a, j, b, i, c).mean(axis=(1, 3, 5))
    return np.asarray(np.round(means / FRAME_STEP_CELSIUS) * FRAME_STEP_CELSIUS, dtype=np.float32)
