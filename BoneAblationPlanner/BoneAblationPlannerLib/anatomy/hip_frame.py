"""A hip bone's own coordinates: principal axes, each in units of the bone's spread along it.

Hip bones differ in size more than in shape, so the same place has nearly the same numbers in everyone, however the
patient lies. Left bones are mirrored: one set of numbers serves both sides.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")


@dataclass(frozen=True, eq=False)
class BoneFrame:
    """Coordinates of one bone.

    Parameters
    ----------
    origin_ras_mm : (3,)
        Centre of gravity.
    axes : (3, 3)
        Columns: the longest principal axis (points up), the second (forwards), the third (to the patient's right for a
        right bone, to the left for a left one).
    spread_mm : (3,)
        Standard deviation of the bone's voxels along each axis.
    """

    origin_ras_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    spread_mm: NDArray[np.float64]

    def ras_mm(self, own: ArrayLike) -> NDArray[np.float64]:
        """RAS points (..., 3) of the bone's own coordinates (..., 3)."""
        scaled = np.asarray(own, dtype=np.float64) * self.spread_mm
        return np.asarray(self.origin_ras_mm + scaled @ self.axes.T, dtype=np.float64)

    def own(self, points_ras_mm: ArrayLike) -> NDArray[np.float64]:
        """The bone's own coordinates (..., 3) of RAS points (..., 3)."""
        away = np.asarray(points_ras_mm, dtype=np.float64) - self.origin_ras_mm
        return np.asarray(away @ self.axes / self.spread_mm, dtype=np.float64)


def hip_frame(points_ras_mm: NDArray[np.float64], side: Side) -> BoneFrame:
    """The frame of a whole hip bone from its voxel centres (N, 3); the patient is turned by less than 45 degrees.

    Raises
    ------
    ValueError
        For fewer than four points, which have no shape.
    """
    if len(points_ras_mm) < 4:
        raise ValueError(f"points_ras_mm: {len(points_ras_mm)} points; expected the voxels of a hip bone")
    origin = points_ras_mm.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((points_ras_mm - origin).T))
    axes = axes[:, ::-1]
    outwards = 1.0 if side == "right" else -1.0
    towards = np.array([axes[2, 0], axes[1, 1], outwards * axes[0, 2]])
    return BoneFrame(origin, axes * np.where(towards < 0, -1.0, 1.0), np.sqrt(np.maximum(variance[::-1], 1e-12)))
