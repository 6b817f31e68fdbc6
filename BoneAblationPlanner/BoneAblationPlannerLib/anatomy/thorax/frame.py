"""Directions of a chest, and where a place lies between its two lungs, however the patient is turned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from BoneAblationPlannerLib.frames import unit_vector

UP_RAS = np.array([0.0, 0.0, 1.0])
SLAB_MM = 20.0
"""The depth of the chest is measured in slabs this thick."""
FEWEST = 20
"""A slab with fewer points of lung has no depth."""


@dataclass(frozen=True, eq=False)
class ChestFrame:
    """Coordinates of a chest with two lungs, in mm.

    Parameters
    ----------
    origin_ras_mm : (3,)
        Halfway between the middles of both lungs.
    axes : (3, 3)
        Columns: to the patient's right, to the front, up.
    lowest_mm, highest_mm : float
        How far the lungs reach down and up.
    depths : (N, 3)
        Middle height of each slab, and where the lungs end behind and in front in it.
    """

    origin_ras_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    lowest_mm: float
    highest_mm: float
    depths: NDArray[np.float64]

    def own(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Right, front and up (N, 3) of RAS points (N, 3)."""
        return np.asarray((points_ras_mm - self.origin_ras_mm) @ self.axes, dtype=np.float64)

    def depth(self, own_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where places (N, 3) lie between the back (0) and the front (1) of the lungs at their height."""
        heights, backs, fronts = self.depths.T
        back, front = (np.interp(own_mm[:, 2], heights, values) for values in (backs, fronts))
        return np.asarray((own_mm[:, 1] - back) / np.maximum(front - back, 1.0), dtype=np.float64)


def chest_frame(right_ras_mm: NDArray[np.float64], left_ras_mm: NDArray[np.float64]) -> ChestFrame:
    """The frame of a chest from points (N, 3) of its right and its left lung."""
    middles = right_ras_mm.mean(axis=0), left_ras_mm.mean(axis=0)
    right = unit_vector(middles[0] - middles[1])
    front = unit_vector(np.cross(UP_RAS, right))
    axes = np.stack([right, front, np.cross(right, front)], axis=1)
    origin = (middles[0] + middles[1]) / 2
    own = (np.concatenate([right_ras_mm, left_ras_mm]) - origin) @ axes
    lowest, highest = float(own[:, 2].min()), float(own[:, 2].max())
    depths = []
    for height in np.arange(lowest + SLAB_MM / 2, highest, SLAB_MM):
        slab = own[np.abs(own[:, 2] - height) <= SLAB_MM / 2, 1]
        if len(slab) >= FEWEST:
            depths.append((height, *np.percentile(slab, [1, 99])))
    return ChestFrame(origin, axes, lowest, highest, np.array(depths or [(0.0, -1.0, 1.0)]))


def outside_hull_mm(lung_ras_mm: NDArray[np.float64], points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far points (N, 3) lie outside the convex hull of all lung; negative inside (distance to its nearest face).

    Chest wall lies outside; heart, great vessels and those in the lungs inside.
    """
    try:
        faces = ConvexHull(lung_ras_mm).equations
    except QhullError:
        return np.full(len(points_ras_mm), np.inf)
    outside = np.full(len(points_ras_mm), -np.inf)
    for face in faces:
        np.maximum(outside, points_ras_mm @ face[:3] + face[3], out=outside)
    return outside
