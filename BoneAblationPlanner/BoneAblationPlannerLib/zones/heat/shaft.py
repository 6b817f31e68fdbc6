"""The needle in voxels: how much of each voxel the active part of a shaft fills."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, unit_vector


@dataclass(frozen=True, eq=False)
class ActivePart:
    """The stretch of a needle that heats or cools: RAS mm from its proximal to its distal end.

    A cluster of parallel needles is one part: `beside_mm` (N, 3) is where each lies beside the axis.
    """

    start_ras_mm: NDArray[np.float64]
    end_ras_mm: NDArray[np.float64]
    radius_mm: float
    beside_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 3)))

    @classmethod
    def on_needle(
        cls, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, length_mm: float, beyond_tip_mm: float, diameter_mm: float
    ) -> "ActivePart":
        """`length_mm` long, ending `beyond_tip_mm` past the needle's tip (negative: before it)."""
        tip = np.asarray(tip_ras_mm, dtype=np.float64)
        axis = unit_vector(tip - np.asarray(entry_ras_mm, dtype=np.float64))
        end = tip + beyond_tip_mm * axis
        return cls(end - length_mm * axis, end, diameter_mm / 2)

    def piece(self, start: float, end: float) -> "ActivePart":
        """A part of it, as shares of its length from the proximal end."""
        along = self.end_ras_mm - self.start_ras_mm
        first, last = self.start_ras_mm + start * along, self.start_ras_mm + end * along
        return replace(self, start_ras_mm=first, end_ras_mm=last)

    def cluster(self, count: int, apart_mm: float, diameter_mm: float) -> "ActivePart":
        """Needles of a diameter at the corners of a regular polygon, neighbours `apart_mm` apart."""
        axis = unit_vector(self.end_ras_mm - self.start_ras_mm)
        first = unit_vector(np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))]))
        turns = 2 * np.pi * np.arange(count)[:, None] / count
        around = np.cos(turns) * first + np.sin(turns) * np.cross(axis, first)
        return replace(self, radius_mm=diameter_mm / 2, beside_mm=around * apart_mm / (2 * np.sin(np.pi / count)))

    def filled(self, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Voxels (N, 3) in k, j, i that it touches and the share of each that it fills, fading over one voxel.

        A shaft thinner than a voxel counts as a voxel wide: calibration takes that up.

        Raises
        ------
        InputError
            If none of it lies in the grid.
        """
        step = float(grid.spacing_ijk_mm.max())
        reach = max(self.radius_mm, step / 2) + step / 2
        ends_ras_mm = self.ends_ras_mm
        region = grid.region_around(ends_ras_mm, reach)
        local = grid.crop(region)
        distance = self.distance_mm(local.ras_of_mask(np.ones(local.shape, dtype=bool)))
        share = np.clip((reach - distance) / step, 0, 1).reshape(local.shape)
        inside = np.argwhere(share > 0)
        ends = grid.ijk_from_ras(ends_ras_mm)
        if len(inside) == 0 or (ends < -0.5).any() or (ends > np.array(grid.shape[::-1]) - 0.5).any():
            raise InputError("probe: its active part reaches out of the simulated block; expected it inside the image")
        return inside + [s.start for s in region], share[share > 0]

    @property
    def ends_ras_mm(self) -> NDArray[np.float64]:
        """Both ends of every needle (2 N, 3)."""
        return np.concatenate([self.start_ras_mm + self.beside_mm, self.end_ras_mm + self.beside_mm])

    def distance_mm(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of points (N, 3) to the nearest needle's stretch."""
        axis = self.end_ras_mm - self.start_ras_mm
        nearest = np.full(len(points_ras_mm), np.inf)
        for beside in self.beside_mm:
            offset = points_ras_mm - self.start_ras_mm - beside
            along = np.clip(offset @ axis / max(float(axis @ axis), 1e-12), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(offset - along[:, None] * axis, axis=1))
        return nearest
