"""The needle in voxels: how much of each voxel the active part of a shaft fills."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, unit_vector


@dataclass(frozen=True, eq=False)
class ActivePart:
    """The stretch of a needle that heats or cools: RAS mm from its proximal to its distal end."""

    start_ras_mm: NDArray[np.float64]
    end_ras_mm: NDArray[np.float64]
    radius_mm: float

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
        return ActivePart(self.start_ras_mm + start * along, self.start_ras_mm + end * along, self.radius_mm)

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
        region = grid.region_around([self.start_ras_mm, self.end_ras_mm], reach)
        local = grid.crop(region)
        distance, _ = self.distance_mm(local.ras_of_mask(np.ones(local.shape, dtype=bool)))
        share = np.clip((reach - distance) / step, 0, 1).reshape(local.shape)
        inside = np.argwhere(share > 0)
        ends = grid.ijk_from_ras([self.start_ras_mm, self.end_ras_mm])
        if len(inside) == 0 or (ends < -0.5).any() or (ends > np.array(grid.shape[::-1]) - 0.5).any():
            raise InputError("probe: its active part reaches out of the simulated block; expected it inside the image")
        return inside + [s.start for s in region], share[share > 0]

    def distance_mm(self, points_ras_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distance of points (N, 3) to the stretch, and where along it the nearest point is (0 to 1)."""
        axis = self.end_ras_mm - self.start_ras_mm
        along = (points_ras_mm - self.start_ras_mm) @ axis / max(float(axis @ axis), 1e-12)
        along = np.clip(along, 0, 1)
        offset = points_ras_mm - self.start_ras_mm - along[:, None] * axis
        return np.linalg.norm(offset, axis=1), along
