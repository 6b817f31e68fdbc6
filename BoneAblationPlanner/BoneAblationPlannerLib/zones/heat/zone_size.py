"""Size of a simulated zone around a needle, to fractions of a voxel: what charts give."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.frames import Grid, unit_vector

STEP_MM = 0.25
REACH_MM = 60.0
DIRECTIONS = 8


@dataclass(frozen=True)
class ZoneSize:
    """Largest diameter across the needle, extent along it, and reach beyond the tip; zeros for no zone."""

    across_mm: float
    along_mm: float
    beyond_tip_mm: float


def zone_size(field: NDArray, level: float, grid: Grid, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike) -> ZoneSize:
    """Size of where ``field >= level`` around the needle, from samples along and across it.

    Parameters
    ----------
    field : (k, j, i)
        Smooth, such as the logarithm of a dose or a temperature with its sign turned.
    """
    tip = np.asarray(tip_ras_mm, dtype=np.float64)
    axis = unit_vector(tip - np.asarray(entry_ras_mm, dtype=np.float64))
    along = np.arange(-REACH_MM, REACH_MM, STEP_MM)
    radius = np.arange(0, REACH_MM, STEP_MM)
    first = unit_vector(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
    second = np.cross(axis, first)
    turns = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    sides = np.cos(turns)[:, None] * first + np.sin(turns)[:, None] * second
    points = tip + along[:, None, None, None] * axis + radius[None, None, :, None] * sides[None, :, None, :]
    values = _sample(field, grid, points)
    reach = np.zeros(values.shape[:2])
    for a, d in np.argwhere((values >= level).any(axis=2)):
        reach[a, d] = _last_crossing(radius, values[a, d], level)
    inside = np.flatnonzero(reach.max(axis=1) > 0)
    if len(inside) == 0:
        return ZoneSize(0.0, 0.0, 0.0)
    widest = float((reach[:, : DIRECTIONS // 2] + reach[:, DIRECTIONS // 2 :]).mean(axis=1).max())
    profile = values[:, :, 0].mean(axis=1)
    low, high = _ends(along, profile, level)
    return ZoneSize(widest, high - low, high)


def _sample(field: NDArray, grid: Grid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    ijk = grid.ijk_from_ras(points.reshape(-1, 3))
    values = ndimage.map_coordinates(np.asarray(field, dtype=np.float64), ijk.T[::-1], order=1, mode="nearest")
    return np.asarray(values, dtype=np.float64).reshape(points.shape[:-1])


def _last_crossing(position: NDArray[np.float64], values: NDArray[np.float64], level: float) -> float:
    last = int(np.flatnonzero(values >= level)[-1])
    if last + 1 == len(values):
        return float(position[-1])
    share = (values[last] - level) / (values[last] - values[last + 1])
    return float(position[last] + share * (position[last + 1] - position[last]))


def _ends(position: NDArray[np.float64], values: NDArray[np.float64], level: float) -> tuple[float, float]:
    if not (values >= level).any():
        return 0.0, 0.0
    return -_last_crossing(-position[::-1], values[::-1], level), _last_crossing(position, values, level)
