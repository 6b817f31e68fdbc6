"""Which straight lines come too near to a structure: sphere tracing through one map of what is free around each voxel.

From a point with s mm free around it the next s mm of a line are free too, so most of a line is skipped. Where less
than a step is free, the distances of all kinds are looked at exactly, every millimetre. Aims near each other are first
tried together: what is free around a beam that holds all lines from an entry to them is free around each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.access.region import AccessRegion, sample_distance
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange

NEAR_STEP_MM = 1.0
SAFETY_MM = 0.5
"""Covers what trilinear sampling at 1 mm steps can miss."""
TOGETHER = 16
"""Lines that are followed side by side, so that one's read from memory does not wait for another's."""
_FREE, _UNDECIDED = 0, -1


def required_distance_mm(region: AccessRegion, shaft_radius_mm: float) -> NDArray[np.float64]:
    """Distance (K,) that the needle's axis must keep from each kind; 0 where a kind does not limit."""
    wanted = region.required_shaft_mm
    return np.where(wanted > 0, wanted + shaft_radius_mm + SAFETY_MM, 0.0)


@dataclass(frozen=True, eq=False)
class StructureScreen:
    """`free` (k, j, i) uint8: what is surely free around any point of a voxel, in steps of 0.25 mm."""

    region: AccessRegion
    required_mm: NDArray[np.float64]
    free: NDArray[np.uint8]

    @classmethod
    def of(cls, region: AccessRegion, shaft_radius_mm: float) -> "StructureScreen":
        """Join the distances of all kinds to one map for a needle of this radius."""
        required = required_distance_mm(region, shaft_radius_mm)
        free = np.empty(region.distances.shape[:3], dtype=np.uint8)
        _join(region.distances, required, region.grid.half_diagonal_mm, free)
        return cls(region, required, free)

    def blocked_by(self, entries_ras_mm: NDArray[np.float64], aims_ras_mm: NDArray[np.float64]) -> NDArray[np.int16]:
        """For every line from an entry (N, 3) to an aim (M, 3) 0, or 1 + the kind that it comes too near to: (N, M).

        A line is not followed beyond the region, where nothing is known.
        """
        kinds = np.zeros((len(entries_ras_mm), len(aims_ras_mm)), dtype=np.int16)
        grid = self.region.grid
        entries, aims = grid.ijk_from_ras(entries_ras_mm), grid.ijk_from_ras(aims_ras_mm)
        cells = np.rint(entries / 8).astype(np.int64)
        order = np.argsort(cells @ [1, 1 << 16, 1 << 32])  # neighbours after each other read the same part of the map
        spacing = np.abs(grid.spacing_ijk_mm)
        groups = _groups(aims * spacing)
        centres = np.array([aims[g].mean(axis=0) for g in groups])
        radii = np.array([
            np.linalg.norm((aims[g] - c) * spacing, axis=1).max() for g, c in zip(groups, centres, strict=True)
        ])  # fmt: skip
        ends = np.cumsum([0, *map(len, groups)])
        _screen(self.free, self.region.distances, self.required_mm, spacing, entries[order], order, aims,
                np.concatenate(groups), ends, centres, radii, kinds)  # fmt: skip
        return kinds


def _groups(points_mm: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Rows of points (N, 3) in compact groups of up to `TOGETHER`, halved across their longest side."""
    groups, left = [], [np.arange(len(points_mm))]
    while left:
        rows = left.pop()
        if len(rows) <= TOGETHER:
            groups.append(rows)
            continue
        longest = np.argmax(np.ptp(points_mm[rows], axis=0))
        rows = rows[np.argsort(points_mm[rows, longest], kind="stable")]
        left += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
    return groups


@parallel_kernel
def _join(distances, required, half_diagonal, free):  # type: ignore[no-untyped-def]
    for k in prange(free.shape[0]):
        for j in range(free.shape[1]):
            for i in range(free.shape[2]):
                least = 255.0
                for kind in range(required.shape[0]):
                    if required[kind] > 0:
                        spare = distances[k, j, i, kind] - (required[kind] + half_diagonal) / DISTANCE_STEP_MM
                        least = min(least, spare)
                free[k, j, i] = np.uint8(max(0.0, least))


@parallel_kernel
def _screen(  # type: ignore[no-untyped-def]
    free, distances, required, spacing, entries, order, aims, aim_order, group_ends, centres, radii, kinds
):
    """Fill `kinds`: a beam from each entry to each group of aims, and the single lines where the beam does not tell."""
    for chunk in prange((entries.shape[0] + TOGETHER - 1) // TOGETHER):
        first, last = chunk * TOGETHER, min((chunk + 1) * TOGETHER, entries.shape[0])
        starts, ends, wide = np.empty((TOGETHER, 3)), np.empty((TOGETHER, 3)), np.empty(TOGETHER)
        beams, lines = np.empty(TOGETHER, dtype=np.int16), np.empty(TOGETHER, dtype=np.int16)
        rays = np.empty((TOGETHER, 6))
        going = np.empty(TOGETHER, dtype=np.uint64)
        for group in range(radii.shape[0]):
            members = aim_order[group_ends[group] : group_ends[group + 1]]
            for n in range(first, last):
                starts[n - first], ends[n - first], wide[n - first] = entries[n], centres[group], radii[group]
            _follow(free, distances, required, spacing, starts, ends, wide, last - first, rays, going, beams)
            for n in range(first, last):
                if beams[n - first] == _FREE:
                    continue  # `kinds` is 0 already
                for m in range(members.shape[0]):
                    starts[m], ends[m], wide[m] = entries[n], aims[members[m]], 0.0
                _follow(free, distances, required, spacing, starts, ends, wide, members.shape[0], rays, going, lines)
                for m in range(members.shape[0]):
                    kinds[order[n], members[m]] = lines[m]


@kernel
def _follow(  # type: ignore[no-untyped-def]
    free, distances, required, spacing, starts, ends, wide, count, rays, going, found
):
    """Follow lines, or beams that widen from a point to `wide` mm at their end, in voxel indices.

    `found`: `_FREE`, 1 + the kind that a line comes too near to, or `_UNDECIDED` of a beam. `rays` and `going` are room
    to work in. A grid's axes are at right angles, so lengths need only its spacing.
    """
    top_i, top_j, top_k = np.uint64(free.shape[2]), np.uint64(free.shape[1]), np.uint64(free.shape[0])
    for n in range(count):
        di, dj, dk = ends[n, 0] - starts[n, 0], ends[n, 1] - starts[n, 1], ends[n, 2] - starts[n, 2]
        length = np.sqrt((di * spacing[0]) ** 2 + (dj * spacing[1]) ** 2 + (dk * spacing[2]) ** 2)
        each = 1.0 / length if length > 0 else 0.0
        rays[n, 0], rays[n, 1], rays[n, 2], rays[n, 3], rays[n, 4] = di * each, dj * each, dk * each, length, 0.0
        rays[n, 5] = wide[n] * each
        going[n], found[n] = n, _FREE
    left = count
    while left > 0:
        kept = 0
        for place in range(left):
            n = going[np.uint64(place)]
            t, grows = rays[n, 4], rays[n, 5]
            i, j, k = starts[n, 0] + t * rays[n, 0], starts[n, 1] + t * rays[n, 1], starts[n, 2] + t * rays[n, 2]
            # Below -0.5 the sum is negative, and so huge as an unsigned number.
            ni = np.uint64(np.int64(i + 1.5) - 1)
            nj = np.uint64(np.int64(j + 1.5) - 1)
            nk = np.uint64(np.int64(k + 1.5) - 1)
            if ni >= top_i or nj >= top_j or nk >= top_k:
                found[n] = _UNDECIDED if grows > 0 else _FREE
                continue
            step = (free[nk, nj, ni] * DISTANCE_STEP_MM - grows * t) / (1 + grows)
            if step < NEAR_STEP_MM:
                if grows > 0:
                    found[n] = _UNDECIDED
                    continue
                for kind in range(required.shape[0]):
                    if required[kind] > 0 and sample_distance(distances, i, j, k, kind) < required[kind]:
                        found[n] = kind + 1
                        break
                if found[n] != _FREE:
                    continue
                step = NEAR_STEP_MM
            rays[n, 4] = t + step
            going[np.uint64(kept)] = n
            kept += t + step <= rays[n, 3]
        left = kept
