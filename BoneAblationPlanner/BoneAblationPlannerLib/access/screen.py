"""Which straight lines come too near to a structure: sphere tracing through one map of what is free around each voxel.

From a point with s mm free around it the next s mm of a line are free too, so most of a line is skipped. Where less
than a step is free, the distances of all kinds are looked at exactly, every millimetre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.access.region import AccessRegion, sample_distance
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange

NEAR_STEP_MM = 1.0
NEAR = int(NEAR_STEP_MM / DISTANCE_STEP_MM)
"""Steps of the map below which distances are looked at exactly."""
SAFETY_MM = 0.5
"""Covers what trilinear sampling at 1 mm steps can miss."""


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
        order = np.lexsort(np.rint(entries / 8).T)  # neighbours after each other read the same part of the map
        _screen(self.free, self.region.distances, self.required_mm, np.abs(grid.spacing_ijk_mm), entries[order], aims,
                order, kinds)  # fmt: skip
        return kinds


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
def _screen(free, distances, required, spacing, entries, aims, order, kinds):  # type: ignore[no-untyped-def]
    """Follow each line in voxel indices (M, 3); a grid's axes are at right angles, so lengths need only its spacing."""
    for n in prange(entries.shape[0]):
        for m in range(aims.shape[0]):
            kinds[order[n], m] = _blocked(free, distances, required, spacing, entries[n], aims[m])


@kernel
def _blocked(free, distances, required, spacing, start, end):  # type: ignore[no-untyped-def]
    di, dj, dk = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    length = np.sqrt((di * spacing[0]) ** 2 + (dj * spacing[1]) ** 2 + (dk * spacing[2]) ** 2)
    if length == 0:
        return 0
    di, dj, dk = di / length, dj / length, dk / length
    top_i, top_j, top_k = np.uint64(free.shape[2]), np.uint64(free.shape[1]), np.uint64(free.shape[0])
    t = 0.0
    while t <= length:
        i, j, k = start[0] + t * di, start[1] + t * dj, start[2] + t * dk
        # Below -0.5 the sum is negative, and so huge as an unsigned number.
        ni, nj, nk = (
            np.uint64(np.int64(i + 1.5) - 1),
            np.uint64(np.int64(j + 1.5) - 1),
            np.uint64(np.int64(k + 1.5) - 1),
        )
        if ni >= top_i or nj >= top_j or nk >= top_k:
            return 0
        here = free[nk, nj, ni]
        if here >= NEAR:
            t += here * DISTANCE_STEP_MM
            continue
        for kind in range(required.shape[0]):
            if required[kind] > 0 and sample_distance(distances, i, j, k, kind) < required[kind]:
                return kind + 1
        t += NEAR_STEP_MM
    return 0
