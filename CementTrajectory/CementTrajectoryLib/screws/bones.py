"""The bones that corridors run through: fragments of one bone joined, each with its map and its frame."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame, Side, hip_frame
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.cut_hip import cut_hip_frame
from CementTrajectoryLib.screws.definitions import NUMBERS
from CementTrajectoryLib.screws.depth import DepthMap, depth_map, with_joint_space

CUT_SHARE = 0.002
"""A bone is cut by the image if more than this share of its voxels lies on a face."""
FACE_VOXELS = 2.0
"""What lies nearer to a face of the image than this may be where the image cuts a bone."""
SMALLEST_HIP_ML = 40.0
"""Half of what the smallest adult's hip fills: less is a part of one, whose shape tells no places."""


def bone_of(bones: LabelMap, name: str) -> NDArray[np.bool_]:
    """Mask of a named bone on the map's grid: its labels, and the gaps between them where it is broken."""
    values = [value for value, label in bones.names.items() if label == name]
    whole = bones.labels == values[0] if values else np.zeros(bones.grid.shape, dtype=bool)
    for value in values[1:]:
        whole = with_joint_space(bones.grid, whole, bones.labels == value, NUMBERS["fracture_gap_mm"])
    return whole


def inside_image(grid: Grid, points_ras_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (N, 3) lie well inside an image: where a face of it cuts a bone, the bone has no surface."""
    ijk = grid.ijk_from_ras(points_ras_mm)
    last = np.array(grid.shape[::-1]) - 1
    return np.asarray(((ijk >= FACE_VOXELS) & (ijk <= last - FACE_VOXELS)).all(axis=1))


def is_cut(mask: NDArray[np.bool_]) -> bool:
    """Whether the image's faces cut a bone, so that part of it is missing."""
    on_faces = sum(int(mask.take(at, axis).sum()) for axis in range(3) for at in (0, -1))
    return on_faces > CUT_SHARE * int(mask.sum())


@dataclass(frozen=True, eq=False)
class Pelvis:
    """Hip bones and sacrum as far as they are there; maps and frames are made when first asked for."""

    bones: LabelMap

    @property
    def grid(self) -> Grid:
        return self.bones.grid

    @cached_property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """``hip_left``, ``hip_right``, ``sacrum``; an absent bone is an empty mask."""
        return {name: bone_of(self.bones, name) for name in ("hip_left", "hip_right", "sacrum")}

    @cached_property
    def frames(self) -> dict[Side, BoneFrame]:
        """Of the hips whose shape can be told."""
        return {side: frame for side, (frame, _reason) in self._told.items() if frame is not None}

    @cached_property
    def ring(self) -> DepthMap:
        """Depth in both hips and the sacrum together, the sacroiliac joints bridged."""
        return depth_map(self.grid, self.ring_mask)

    @cached_property
    def ring_mask(self) -> NDArray[np.bool_]:
        """Both hips and the sacrum, the sacroiliac joints bridged."""
        ring = np.zeros(self.grid.shape, dtype=bool)
        for side in SIDES:
            ring |= with_joint_space(
                self.grid, self.masks[f"hip_{side}"], self.masks["sacrum"], NUMBERS["joint_space_mm"]
            )
        return ring

    @cached_property
    def hips(self) -> dict[Side, DepthMap]:
        """Depth in each of these hips, alone."""
        return {side: depth_map(self.grid, self.masks[f"hip_{side}"]) for side in self.frames}

    def missing(self, side: Side) -> str | None:
        """Why places in a hip cannot be told, or None."""
        return self._told[side][1]

    @cached_property
    def cut(self) -> bool:
        """Whether the image cuts a hip bone."""
        return any(is_cut(self.masks[f"hip_{side}"]) for side in SIDES)

    def is_seen(self, place_ras_mm: NDArray[np.float64]) -> bool:
        """Whether a place lies inside the image, so that bone would be seen there."""
        ijk = self.grid.ijk_from_ras(place_ras_mm)[0]
        return bool(((ijk >= 0) & (ijk <= np.array(self.grid.shape[::-1]) - 1)).all())

    @cached_property
    def _told(self) -> dict[Side, tuple[BoneFrame | None, str | None]]:
        return {side: self._tell(side) for side in SIDES}

    def _tell(self, side: Side) -> tuple[BoneFrame | None, str | None]:
        """A hip's frame, or why there is none."""
        mask, name = self.masks[f"hip_{side}"], f"{side} hip bone"
        if not mask.any():
            return None, f"no {name} in the image"
        volume_ml = float(mask.sum() * self.grid.voxel_ml)
        if volume_ml < SMALLEST_HIP_ML:
            return None, f"only {volume_ml:.0f} ml of the {name} are there: its shape cannot be told"
        points = self.grid.ras_of_mask(mask)
        if not is_cut(mask):
            return hip_frame(points, side), None
        frame = cut_hip_frame(points, side, self.grid)
        return frame, None if frame else f"the image cuts away most of the {name}"
