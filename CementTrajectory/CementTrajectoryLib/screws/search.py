"""The widest straight cylinder between two patches of a bone: every line is tried, the best ones are refined.

A line's clearance is the smallest depth along it, a little in from both ends, where a screw's head sits and its tip
comes out. Depth changes by at most 1 mm per mm, so a line that is deep can be stepped along in strides, and one that
is worse than the best so far is given up at its first sample, mostly in the middle.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import inlined, kernel, parallel_kernel, prange
from CementTrajectoryLib.screws.depth import DepthMap, nearest_depth, sample_depth

SCREEN_STEP_MM = 1.5
EXACT_STEP_MM = 0.5
STARTS = 40
"""Lines that are refined by default."""
COARSE = 5
"""Of this many starts and stops one is tried first, and before that one of its square."""
SINGLE_MM = 1e-3
"""More than what single precision moves a depth by."""
NO_LINE = -1e3
FIRST_STEP_MM, LAST_STEP_MM = 2.0, 0.02
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
        _screen(depth.depth_mm, per_mm, some, others, limits, floor, value, partner)
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
    _refine(depth.depth_mm, per_mm, ends, trims, centres, radii, depth.local_mm(np.stack(avoided)), holes, clearances)
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


@inlined
def _deep(depth, per_mm, x, y, z, dx, dy, dz, first, last, least):  # type: ignore[no-untyped-def]
    """Whether the voxels at both ends of a line's inner part, and a quarter from them, are deeper than `least`."""
    quarter = (last - first) / 4
    for t in (first, last, first + quarter, last - quarter):
        if nearest_depth(depth, per_mm, x + t * dx, y + t * dy, z + t * dz) <= least:
            return False
    return True


@inlined
def _stays_above(depth, per_mm, x, y, z, dx, dy, dz, first, last, least):  # type: ignore[no-untyped-def]
    """Whether a line's inner part is deeper than `least`, from its middle outwards in strides that depth allows."""
    middle = (first + last) / 2
    for way in (1.0, -1.0):
        t = 0.0
        while True:
            s = middle + way * t
            here = sample_depth(depth, per_mm, x + s * dx, y + s * dy, z + s * dz)
            if here <= least:
                return False
            if t >= last - middle:
                break
            t = min(t + max(SCREEN_STEP_MM, here - least), last - middle)
    return True


@kernel
def _deep_halfway(depth, start, halves, least, deep):  # type: ignore[no-untyped-def]
    """Whether the voxel halfway to each stop is deeper than `least`; nothing else per line, so that it vectorises.

    `start` (3,) and `halves` (3, N) are half the way in voxels, i, j, k; the voxel at the map's edge stands for all
    beyond it.
    """
    flat, rows, row = depth.ravel(), np.int32(depth.shape[1]), np.int32(depth.shape[2])
    last = np.array([depth.shape[2] - 1, depth.shape[1] - 1, depth.shape[0] - 1], dtype=np.float32)
    x, y, z, half = start[0], start[1], start[2], np.float32(0.5)
    for b in range(halves.shape[1]):
        i = np.int32(min(max(x + halves[0, b], np.float32(0.0)), last[0]) + half)
        j = np.int32(min(max(y + halves[1, b], np.float32(0.0)), last[1]) + half)
        k = np.int32(min(max(z + halves[2, b], np.float32(0.0)), last[2]) + half)
        deep[b] = flat[np.uint32((k * rows + j) * row + i)] > least


@parallel_kernel
def _screen(depth, per_mm, starts, stops, limits, floor, value, partner):  # type: ignore[no-untyped-def]
    """For every start, the stop with the greatest clearance and that clearance; -1 where no line is above the floor."""
    trim_start, trim_stop, shortest, longest = limits[0], limits[1], limits[2], limits[3]
    # Depth changes by at most 1 mm per mm from voxel to voxel. At a point it is a mean of its eight voxels, which lie
    # at most this far from the nearest one in the mean.
    near = np.sqrt(((1.0 / per_mm) ** 2).sum() / 2)
    halfway = (2.0 * max(trim_start, trim_stop)) ** 2
    halves = np.ascontiguousarray((stops * (per_mm / 2)).T).astype(np.float32)
    for a in prange(starts.shape[0]):
        best, at = floor, -1
        x0, y0, z0 = starts[a, 0], starts[a, 1], starts[a, 2]
        # Halfway, the depth is nearly that of the voxel there: most lines are given up by it, or by depth itself.
        deep = np.empty(stops.shape[0], dtype=np.bool_)
        own = (starts[a] * (per_mm / 2)).astype(np.float32)
        _deep_halfway(depth, own, halves, np.float32(floor - near - SINGLE_MM), deep)
        for b in range(stops.shape[0]):
            if not deep[b] and halfway == 0.0:
                continue
            dx, dy, dz = stops[b, 0] - x0, stops[b, 1] - y0, stops[b, 2] - z0
            squared = dx * dx + dy * dy + dz * dz
            if squared >= halfway and not deep[b]:
                continue
            if squared >= halfway and sample_depth(depth, per_mm, x0 + dx / 2, y0 + dy / 2, z0 + dz / 2) <= best:
                continue
            length = np.sqrt(squared)
            if length < shortest or length > longest or length <= trim_start + trim_stop:
                continue
            dx, dy, dz = dx / length, dy / length, dz / length
            if not _deep(depth, per_mm, x0, y0, z0, dx, dy, dz, trim_start, length - trim_stop, best - near):
                continue
            if not _stays_above(depth, per_mm, x0, y0, z0, dx, dy, dz, trim_start, length - trim_stop, best):
                continue
            # Strides leave out what is deep enough: the clearance itself takes every step.
            clearance, t = 1e3, trim_start
            while clearance > best:
                clearance = min(clearance, sample_depth(depth, per_mm, x0 + t * dx, y0 + t * dy, z0 + t * dz))
                if t >= length - trim_stop:
                    break
                t = min(t + SCREEN_STEP_MM, length - trim_stop)
            if clearance > best:
                best, at = clearance, b
        value[a], partner[a] = best, at


@kernel
def _clearance(depth, per_mm, ends, trims, floor, doubt):  # type: ignore[no-untyped-def]
    """Smallest depth of the line's inner part, and how far along it is; stops early once it is not above `floor`.

    `doubt` is where it may be smallest: looked at first, as a neighbour of a line is mostly narrow where the line is.
    """
    dx, dy, dz = ends[3] - ends[0], ends[4] - ends[1], ends[5] - ends[2]
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / length, dy / length, dz / length
    t, last = trims[0], length - trims[1]
    at = min(max(doubt, t), last)
    least = sample_depth(depth, per_mm, ends[0] + at * dx, ends[1] + at * dy, ends[2] + at * dz)
    while least > floor:
        here = sample_depth(depth, per_mm, ends[0] + t * dx, ends[1] + t * dy, ends[2] + t * dz)
        if here < least:
            least, at = here, t
        if t >= last:
            break
        t = min(t + EXACT_STEP_MM, last)
    return least, at


@kernel
def _moved(ends, across, up, n, step, centres, radii):  # type: ignore[no-untyped-def]
    """A neighbour of a line: one end, both ends or the ends against each other, in one of eight directions."""
    angle = (n % 8) * np.pi / 4
    first, second = ((1.0, 1.0), (1.0, -1.0), (1.0, 0.0), (0.0, 1.0))[n // 8]
    moved = ends.copy()
    for axis in range(3):
        offset = step * (np.cos(angle) * across[axis] + np.sin(angle) * up[axis])
        moved[axis] += first * offset
        moved[3 + axis] += second * offset
    for end in range(2):
        away = moved[3 * end : 3 * end + 3] - centres[end]
        distance = np.sqrt((away * away).sum())
        if distance > radii[end]:
            moved[3 * end : 3 * end + 3] = centres[end] + away * (radii[end] / distance)
    return moved


@kernel
def _in_holes(ends, avoided, holes):  # type: ignore[no-untyped-def]
    """Whether an end lies where another corridor's is."""
    for end in range(2):
        away = ends[3 * end : 3 * end + 3] - avoided[end]
        if (away * away).sum() < holes[end] * holes[end]:
            return True
    return False


@parallel_kernel
def _refine(depth, per_mm, ends, trims, centres, radii, avoided, holes, clearances):  # type: ignore[no-untyped-def]
    """Pattern search over the four freedoms of each line (both ends, across it), its length kept; in place."""
    for n in prange(ends.shape[0]):
        line = ends[n].copy()
        axis = line[3:] - line[:3]
        length = np.sqrt((axis * axis).sum())
        axis = axis / length
        least_along = np.argmin(np.abs(axis))
        helper = np.zeros(3)
        helper[least_along] = 1.0
        across = np.cross(axis, helper)
        across = across / np.sqrt((across * across).sum())
        up = np.cross(axis, across)
        best, narrow = _clearance(depth, per_mm, line, trims, -1e4, length / 2)
        step = FIRST_STEP_MM
        while step > LAST_STEP_MM:
            better = False
            for way in range(32):
                trial = _moved(line, across, up, way, step, centres, radii)
                # Fix the length, or the search would shorten the screw.
                along = trial[3:] - trial[:3]
                now = np.sqrt((along * along).sum())
                if now < length:
                    pull = along * ((length - now) / (2 * now))
                    trial[:3] -= pull
                    trial[3:] += pull
                if _in_holes(trial, avoided, holes):
                    continue
                value, at = _clearance(depth, per_mm, trial, trims, best, narrow)
                if value > best + 1e-6:
                    best, narrow, line, better = value, at, trial, True
            if not better:
                step /= 2
        ends[n] = line
        clearances[n] = best
