"""The widest straight cylinder between two patches of a bone: every line is tried, the best ones are refined.

A line's clearance is the smallest depth along it, a little in from both ends, where a screw's head sits and its tip
comes out. Depth changes by at most 1 mm per mm, so a line that is deep can be stepped along in strides, and one that
is worse than the best so far is given up at its first sample, mostly in the middle.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from CementTrajectoryLib.screws.depth import DepthMap
from CementTrajectoryLib.screws.refinement import EXACT_STEP_MM, refine_lines
from CementTrajectoryLib.screws.screening import SINGLE_MM, screen_lines

STARTS = 40
"""Lines that are refined by default."""
COARSE = 5
"""Of this many starts and stops one is tried first, and before that one of its square."""
NO_LINE = -1e3
LONGEST_OVERHANG_MM = 25.0
"""How far beyond a patch the surface is looked for."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Where a corridor may begin or end.

    Parameters
    ----------
    points_ras_mm : (N, 3)
        Candidate ends.
    centre_ras_mm : (3,)
    radius_mm : float
        Refinement keeps ends within it.
    trim_mm : float
        Length at this end over which no clearance is asked for: the cortex is crossed there.
    blind : bool
        The corridor ends inside the bone instead of at its surface.
    avoided_ras_mm : (3,) or None
        An end of another corridor, from which this one keeps `avoided_mm` away.
    """

    points_ras_mm: NDArray[np.float64]
    centre_ras_mm: NDArray[np.float64]
    radius_mm: float
    trim_mm: float
    blind: bool = False
    avoided_ras_mm: NDArray[np.float64] | None = None
    avoided_mm: float = 0.0

    @property
    def spacing_mm(self) -> float:
        """About how far the candidates lie apart: depth changes by no more from one to the next."""
        return float(self.radius_mm * np.sqrt(np.pi / max(len(self.points_ras_mm), 1)))

    def away_from(self, point_ras_mm: NDArray[np.float64], distance_mm: float) -> "Patch":
        """The patch without what lies too near to a point."""
        far = np.linalg.norm(self.points_ras_mm - point_ras_mm, axis=1) >= distance_mm
        return replace(self, points_ras_mm=self.points_ras_mm[far], avoided_ras_mm=point_ras_mm, avoided_mm=distance_mm)


@dataclass(frozen=True, eq=False)
class StraightLine:
    """Axis of a cylinder in bone; `clearance_mm` is its radius, negative where the axis itself leaves bone.

    The clearance holds from `trims_mm` after the entry to `trims_mm` before the exit.
    """

    entry_ras_mm: NDArray[np.float64]
    exit_ras_mm: NDArray[np.float64]
    clearance_mm: float
    trims_mm: tuple[float, float]

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(self.exit_ras_mm - self.entry_ras_mm))


def widest_line(
    depth: DepthMap,
    entry: Patch,
    exit_: Patch,
    length_range_mm: tuple[float, float] = (0.0, np.inf),
    refined: int = STARTS,
) -> StraightLine | None:
    """The line of greatest clearance from one patch to the other, ends on the bone's surface unless blind.

    The clearance holds over the whole length less the trims; `refined` is how many lines are refined. None if the
    patches hold no line of such a length.
    """
    if len(entry.points_ras_mm) == 0 or len(exit_.points_ras_mm) == 0:
        return None
    starts, stops = depth.local_mm(entry.points_ras_mm), depth.local_mm(exit_.points_ras_mm)
    per_mm = 1.0 / depth.grid.spacing_ijk_mm
    shortest, longest = length_range_mm
    limits = np.array([entry.trim_mm, exit_.trim_mm, shortest, longest])
    # A few lines tell how wide the corridor is; of all others only those that come near to that are looked at whole.
    floor = NO_LINE
    for every in (COARSE**2, COARSE, 1):
        some = _deep_ends(depth, starts[::every], entry.trim_mm, floor)
        others = _deep_ends(depth, stops[::every], exit_.trim_mm, floor)
        if len(some) == 0 or len(others) == 0:
            continue  # nothing in this share of the lines; of all lines the best one so far passes
        value, partner = np.empty(len(some)), np.empty(len(some), dtype=np.int64)
        screen_lines(depth.depth_mm, per_mm, some, others, limits, floor, value, partner)
        floor = max(floor, float(value.max()) - max(entry.spacing_mm, exit_.spacing_mm))
    order = [n for n in np.argsort(-value, kind="stable")[:refined] if partner[n] >= 0]
    if not order:
        return None
    ends = np.stack([np.concatenate([some[n], others[partner[n]]]) for n in order])
    trims = np.array([entry.trim_mm, exit_.trim_mm])
    centres = np.stack([depth.local_mm(p.centre_ras_mm[None])[0] for p in (entry, exit_)])
    radii = np.array([entry.radius_mm, exit_.radius_mm])
    avoided = [p.centre_ras_mm if p.avoided_ras_mm is None else p.avoided_ras_mm for p in (entry, exit_)]
    holes = np.array([entry.avoided_mm, exit_.avoided_mm])
    clearances = np.empty(len(ends))
    refine_lines(
        depth.depth_mm, per_mm, ends, trims, centres, radii, depth.local_mm(np.stack(avoided)), holes, clearances
    )
    best = int(np.argmax(clearances))
    first, last = depth.ras_mm(ends[best].reshape(2, 3))
    along = (last - first) / np.linalg.norm(last - first)
    inner = first + entry.trim_mm * along, last - exit_.trim_mm * along
    if not entry.blind:
        first = surface_point(depth, inner[0], -along, entry.trim_mm + LONGEST_OVERHANG_MM)
    if not exit_.blind:
        last = surface_point(depth, inner[1], along, exit_.trim_mm + LONGEST_OVERHANG_MM)
    trims_mm = float(np.linalg.norm(inner[0] - first)), float(np.linalg.norm(last - inner[1]))
    return StraightLine(first, last, float(clearances[best]), trims_mm)


def _deep_ends(
    depth: DepthMap, ends_local_mm: NDArray[np.float64], trim_mm: float, floor_mm: float
) -> NDArray[np.float64]:
    """Of ends (N, 3), in their order, those from which a line wider than `floor_mm` can start.

    Where no clearance is asked for near an end, its own depth says nothing.
    """
    ends = np.ascontiguousarray(ends_local_mm)
    if trim_mm > 0 or len(ends) == 0:
        return ends
    return ends[depth.at(depth.ras_mm(ends)) > floor_mm - SINGLE_MM]


def line_clearance_mm(
    depth: DepthMap, entry_ras_mm: NDArray[np.float64], exit_ras_mm: NDArray[np.float64], trims_mm: tuple[float, float]
) -> float:
    """Smallest depth along a line, in from both ends by the trims."""
    length = float(np.linalg.norm(exit_ras_mm - entry_ras_mm))
    along = (exit_ras_mm - entry_ras_mm) / length
    inner = entry_ras_mm + along * trims_mm[0], exit_ras_mm - along * trims_mm[1]
    return float(depth.along(*inner, EXACT_STEP_MM).min())


def surface_point(
    depth: DepthMap, inside_ras_mm: NDArray[np.float64], direction: NDArray[np.float64], reach_mm: float
) -> NDArray[np.float64]:
    """The last point of bone from a point inside along a direction."""
    step = 0.25
    depths = depth.along(inside_ras_mm, inside_ras_mm + direction * reach_mm, step)
    outside = np.flatnonzero(depths < 0)
    last = int(outside[0]) - 1 if len(outside) else len(depths) - 1
    travelled = reach_mm * max(last, 0) / (len(depths) - 1)
    return np.asarray(inside_ras_mm + direction * travelled, dtype=np.float64)
