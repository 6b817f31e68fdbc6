"""Bones as the landmarks of nerves are read from them: voxels in RAS, edges at a height, the ball of a head.

Heights and edges are those of a patient whose axes are those of the scanner within some 20 degrees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region

SLAB_MM = 3.0
HEAD_RADIUS_MM = (16.0, 32.0)
FACE_MM = 8.0
"""A landmark nearer to the image's edge may be where the image ends, not where the bone does: they are means over up to
6 mm."""
POSTERIOR_SHARE = 0.02
"""Share of a slice's bone behind its "posterior edge": an edge that single voxels cannot move."""

Point = NDArray[np.float64]
Points = NDArray[np.float64]
Ball = tuple[Point, float]
"""Centre in RAS mm and radius in mm of a femoral or humeral head."""


@dataclass(frozen=True, eq=False)
class LandmarkBone:
    """A bone's voxels (N, 3) RAS mm, and its label for distance maps."""

    grid: Grid
    image: Grid
    mask: NDArray[np.bool_]
    points: Points

    @classmethod
    def of(cls, bones: LabelMap, value: int | None) -> "LandmarkBone | None":
        """The bone with a label, None without one."""
        if value is None:
            return None
        whole = bones.labels == value
        box = bounding_region(whole)
        if box is None:
            return None
        mask = np.ascontiguousarray(whole[box])
        grid = bones.grid.crop(box)
        return cls(grid, bones.grid, mask, grid.ras_of_mask(mask))

    def shown(self, landmark_ras_mm: Point) -> bool:
        """Whether a landmark lies inside the image, not where the image cuts the bone."""
        ijk = self.image.ijk_from_ras(landmark_ras_mm)[0]
        away_mm = np.minimum(ijk + 0.5, np.array(self.image.shape[::-1]) - 0.5 - ijk) * self.image.spacing_ijk_mm
        return bool((away_mm >= FACE_MM).all())

    def cut_sideways(self) -> bool:
        """Whether a face of the image cuts the bone on the patient's right or left."""
        axis = int(np.argmax(np.abs(self.image.ijk_to_ras[0, :3])))
        at = self.image.ijk_from_ras(self.points)[:, axis]
        return bool(at.min() < 0.5 or at.max() > self.image.shape[2 - axis] - 1.5)

    def head(self) -> Ball | None:
        """Centre and radius of the largest ball in the bone: the femoral or humeral head."""
        depth = distance_mm(np.pad(~self.mask, 1, constant_values=True), self.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
        radius = float(depth.max())
        if not HEAD_RADIUS_MM[0] <= radius <= HEAD_RADIUS_MM[1]:
            return None
        deepest = self.grid.ras_of_mask(depth >= radius - float(self.grid.spacing_ijk_mm.min()))
        return deepest.mean(axis=0), radius

    def slab(self, height_mm: float) -> Points:
        """Voxels within 3 mm of a height, or the nearest slice's."""
        away = np.abs(self.points[:, 2] - height_mm)
        return self.points[away <= max(SLAB_MM, float(away.min()) + 0.1)]

    def back(self, height_mm: float) -> Point:
        """Posterior edge at a height."""
        slab = self.slab(height_mm)
        edge = np.quantile(slab[:, 1], POSTERIOR_SHARE)
        return slab[slab[:, 1] <= edge + 1.0].mean(axis=0)

    def medial(self, height_mm: float, sign: float, least_a: float = -np.inf) -> float:
        """R of the edge towards the midline at a height, in front of `least_a`."""
        slab = self.slab(height_mm)
        front = slab[slab[:, 1] >= least_a]
        return float(sign * np.quantile(sign * (front if len(front) else slab)[:, 0], POSTERIOR_SHARE))

    def front_at(self, height_mm: float, r_mm: float, width_mm: float = 6.0) -> float | None:
        """A of the anterior edge at a height, near a sagittal plane."""
        slab = self.slab(height_mm)
        near = slab[np.abs(slab[:, 0] - r_mm) <= width_mm]
        return float(near[:, 1].max()) if len(near) else None
