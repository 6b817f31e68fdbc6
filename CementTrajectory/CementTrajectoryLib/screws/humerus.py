"""Screw corridors of a humerus, from the bone alone: from the shaft into the head, and from the head down the shaft.

The head is the largest ball in the bone. The shaft's axis is the longest direction of what lies well below it, and the
head's centre lies off that axis towards medial: so the bone itself tells its sides, however the arm lies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.bones import bone_of
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor, corridor_of
from CementTrajectoryLib.screws.definitions import NUMBERS, SHOULDER, limb_published
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.ends import ends_in_ball, largest_ball
from CementTrajectoryLib.screws.rays import widest_ray
from CementTrajectoryLib.screws.search import StraightLine, line_clearance_mm

FROM_SHAFT, FROM_HEAD = "humeral head from the shaft", "humeral shaft from the head"
NAMES = (FROM_SHAFT, FROM_HEAD)
SPACING_MM = 2.5
BELOW_HEAD = 1.6
"""Bone from this many head radii below the head's centre on is shaft."""
SMALLEST_OFFSET_MM = 2.0
HEAD_BALL_MM, CANAL_BALL_MM = 4.0, 6.0


@dataclass(frozen=True, eq=False)
class HumerusFrame:
    """Head and shaft: centre (3,) RAS mm and radius of the head, unit vectors down the shaft and towards medial.

    `seen_mm` is how much of the bone is seen below the head's centre, along the shaft.
    """

    head_ras_mm: NDArray[np.float64]
    head_radius_mm: float
    axis_ras_mm: NDArray[np.float64]
    down: NDArray[np.float64]
    medial: NDArray[np.float64]
    seen_mm: float

    def below_mm(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far below the head's centre points (N, 3) lie."""
        return np.asarray((points_ras_mm - self.head_ras_mm) @ self.down)

    def across(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ways (N, 3) in mm from the shaft's axis to points (N, 3)."""
        away = points_ras_mm - self.axis_ras_mm
        return np.asarray(away - np.outer(away @ self.down, self.down))

    def on_axis(self, below_mm: float) -> NDArray[np.float64]:
        """The shaft's axis at a depth below the head's centre."""
        along = below_mm - float((self.axis_ras_mm - self.head_ras_mm) @ self.down)
        return np.asarray(self.axis_ras_mm + along * self.down)


def humeral_corridors(bones: LabelMap, side: Side) -> tuple[Corridor | MissingCorridor, ...]:
    """Both corridors of a humerus, found or with the reason why not; nothing without such a humerus."""
    humerus = bone_of(bones, f"humerus_{side}")
    if not humerus.any():
        return ()
    depth = depth_map(bones.grid, humerus)
    frame = humerus_frame(depth)
    if isinstance(frame, str):
        return tuple(MissingCorridor(name, side, f"not looked for: {frame}", None) for name in NAMES)
    lines = (_from_shaft(bones.grid, depth, frame), _from_head(bones.grid, depth, frame))
    return tuple(
        corridor_of(name, side, line, (f"humerus_{side}",), limb_published(name))
        for name, line in zip(NAMES, lines, strict=True)
    )


def humerus_frame(depth: DepthMap) -> HumerusFrame | str:
    """Head and shaft of a humerus, or why they cannot be told."""
    ball = largest_ball(depth, (SHOULDER["head_smallest_mm"], SHOULDER["head_largest_mm"]))
    if ball is None:
        return "no humeral head is seen"
    head, radius = ball
    points = depth.grid.ras_of_mask(depth.depth_mm > 0)
    shaft = points[np.linalg.norm(points - head, axis=1) > BELOW_HEAD * radius]
    reach = float(np.linalg.norm(shaft - head, axis=1).max(initial=0.0))
    if reach < SHOULDER["shaft_seen_mm"]:
        return f"only {reach:.0f} mm of the humerus are seen below its head"
    middle = shaft.mean(axis=0)
    down = np.linalg.eigh(np.cov((shaft - middle).T))[1][:, -1]
    down = down if down @ (middle - head) > 0 else -down
    offset = (head - middle) - ((head - middle) @ down) * down
    if np.linalg.norm(offset) < SMALLEST_OFFSET_MM:
        return "the humeral head lies on the shaft's axis: medial and lateral cannot be told"
    seen = float(((shaft - head) @ down).max())
    return HumerusFrame(head, radius, middle, down, offset / np.linalg.norm(offset), seen)


def _from_shaft(image: Grid, depth: DepthMap, frame: HumerusFrame) -> StraightLine | None:
    """From the lateral cortex up into the head."""
    lowest = SHOULDER["lateral_entry_mm"] - frame.head_radius_mm
    highest = lowest - SHOULDER["lateral_entry_range_mm"]
    middle = frame.on_axis((highest + lowest) / 2)
    reach = (lowest - highest) / 2 + frame.head_radius_mm
    entries = ends_in_ball(depth, middle, reach, SPACING_MM, surface=True)
    across, below = frame.across(entries), frame.below_mm(entries)
    lateral = -(across @ frame.medial) / np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    usable = (below >= highest) & (below <= lowest)
    entries = entries[usable & (lateral >= np.cos(np.radians(SHOULDER["lateral_half_deg"])))]
    ends = ends_in_ball(depth, frame.head_ras_mm, HEAD_BALL_MM, SPACING_MM, surface=False)
    line = widest_ray(image, depth, ends, _ways(entries, frame.head_ras_mm), (highest, 2 * lowest))
    return None if line is None else _longer(depth, line, frame.head_radius_mm - NUMBERS["subchondral_mm"])


def _longer(depth: DepthMap, line: StraightLine, by_mm: float) -> StraightLine:
    """A line whose blind end reaches farther."""
    tip = line.exit_ras_mm + (line.exit_ras_mm - line.entry_ras_mm) / line.length_mm * max(by_mm, 0.0)
    clearance = line_clearance_mm(depth, line.entry_ras_mm, tip, line.trims_mm)
    return StraightLine(line.entry_ras_mm, tip, clearance, line.trims_mm)


def _from_head(image: Grid, depth: DepthMap, frame: HumerusFrame) -> StraightLine | None:
    """From the head's upper surface, in line with the canal, down the shaft."""
    top = frame.on_axis(-frame.head_radius_mm)
    reach = SHOULDER["antegrade_entry_mm"] + frame.head_radius_mm
    entries = ends_in_ball(depth, top, reach, SPACING_MM, surface=True)
    near = np.linalg.norm(frame.across(entries), axis=1) <= SHOULDER["antegrade_entry_mm"]
    entries = entries[near & (frame.below_mm(entries) < 0)]
    deepest = min(SHOULDER["antegrade_depth_mm"], frame.seen_mm - NUMBERS["trim_mm"])
    bottom = frame.on_axis(deepest)
    ends = ends_in_ball(depth, bottom, CANAL_BALL_MM, SPACING_MM, surface=False)
    return widest_ray(image, depth, ends, _ways(entries, bottom), (deepest, deepest + 2 * reach))


def _ways(entries_ras_mm: NDArray[np.float64], from_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3) to entries (N, 3)."""
    away = entries_ras_mm - from_ras_mm
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))
