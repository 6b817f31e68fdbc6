"""Exact clearances of a needle and its zone to every structure, to the boxes of the structure's voxels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Clearance
from BoneAblationPlannerLib.zones.spheroid import Spheroid, depth_mm, rows_of

FARTHEST_MM = 100.0
"""Clearances beyond this are given as this, which reads "at least"."""
NEEDLE_STEP_MM = 0.5
LATTICE = 5
"""Points per voxel edge, corners included, at which the zone's distance is evaluated."""


@dataclass(frozen=True, eq=False)
class StructureSurface:
    """A structure and the indices (V, 3) in k, j, i of its outer voxels, found once for all probes."""

    structure: Structure
    voxels_kji: NDArray[np.int64]

    @classmethod
    def of(cls, structure: Structure) -> "StructureSurface":
        """Find the outer voxels."""
        return cls(structure, _boundary(structure.mask))


def clearances(
    surfaces: Sequence[StructureSurface],
    grid: Grid,
    entry_ras_mm: ArrayLike,
    tip_ras_mm: ArrayLike,
    shaft_radius_mm: float,
    outer_zone: Spheroid,
) -> tuple[Clearance, ...]:
    """Clearances of one probe, failing ones first, then nearest first.

    A structure that the shaft may pass (skin: required 0) has the shaft distance 0 by convention.
    """
    rows = []
    for surface in surfaces:
        structure, voxels = surface.structure, surface.voxels_kji
        shaft = 0.0
        if structure.required_shaft_mm > 0:
            shaft = min(FARTHEST_MM, shaft_distance_mm(voxels, grid, entry_ras_mm, tip_ras_mm) - shaft_radius_mm)
        zone = min(FARTHEST_MM, zone_distance_mm(voxels, grid, outer_zone))
        ok = bool(shaft >= structure.required_shaft_mm and zone >= structure.required_zone_mm)
        if structure.required_zone_mm == 0:
            ok = bool(shaft >= structure.required_shaft_mm)
        rows.append(Clearance(structure.name, structure.kind, _floor(shaft), _floor(zone),
                              structure.required_shaft_mm, structure.required_zone_mm, ok))  # fmt: skip
    return tuple(
        sorted(rows, key=lambda c: (c.ok, min(c.shaft_mm - c.required_shaft_mm, c.zone_mm - c.required_zone_mm)))
    )


def shaft_distance_mm(voxels_kji: NDArray, grid: Grid, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike) -> float:
    """Smallest distance from a needle's axis to voxel boxes (indices (V, 3) in k, j, i); 0 if it passes through one."""
    ends = grid.ijk_from_ras(np.array([entry_ras_mm, tip_ras_mm], dtype=np.float64))[:, ::-1]
    spacing = grid.spacing_kji_mm
    length = float(np.linalg.norm((ends[1] - ends[0]) * spacing))
    count = max(2, int(np.ceil(length / NEEDLE_STEP_MM)) + 1)
    samples = ends[0] + np.linspace(0, 1, count)[:, None] * (ends[1] - ends[0])
    if len(voxels_kji) == 0:
        return float("inf")
    axis = (ends[1] - ends[0]) * spacing
    offset = (voxels_kji - ends[0]) * spacing
    along = np.clip(offset @ axis / max(float(axis @ axis), 1e-12), 0, 1)
    from_axis = np.linalg.norm(offset - along[:, None] * axis, axis=1)
    near = voxels_kji[from_axis <= from_axis.min() + 2 * grid.half_diagonal_mm]
    nearest = np.empty(len(samples))
    _box_distance(samples, near.astype(np.float64), spacing, nearest)
    return float(nearest.min())


@parallel_kernel
def _box_distance(samples, voxels, spacing, nearest):  # type: ignore[no-untyped-def]
    for n in prange(samples.shape[0]):
        best = np.inf
        for v in range(voxels.shape[0]):
            total = 0.0
            for axis in range(3):
                beyond = max(abs(samples[n, axis] - voxels[v, axis]) - 0.5, 0.0) * spacing[axis]
                total += beyond * beyond
            best = min(best, total)
        nearest[n] = np.sqrt(best)


def zone_distance_mm(voxels_kji: NDArray, grid: Grid, zone: Spheroid) -> float:
    """Smallest distance from a zone's surface to voxel boxes, negative where they overlap: by that much at least."""
    if len(voxels_kji) == 0:
        return float("inf")
    row = rows_of([zone])
    centres = grid.ras_from_ijk(voxels_kji[:, ::-1])
    away = np.linalg.norm(centres - zone.centre_ras_mm, axis=1)
    thickness = abs(zone.across_mm - zone.along_mm) / 2
    # The surface lies between the inscribed and the circumscribed sphere: only these voxels can be nearest.
    maybe = away <= away.min() + thickness + 2 * grid.half_diagonal_mm
    outside = -depth_mm(centres[maybe], row)
    near = voxels_kji[maybe][outside <= outside.min() + 2 * grid.half_diagonal_mm]
    steps = np.linspace(-0.5, 0.5, LATTICE)
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (near[:, None, :] + lattice).reshape(-1, 3)
    return float((-depth_mm(grid.ras_from_ijk(points[:, ::-1]), row)).min())


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices (V, 3) of mask voxels with a background neighbour; the inside is never nearest from outside.

    Voxels at the image's faces count as boundary.
    """
    box = ndimage.find_objects(mask.view(np.uint8))
    if not box or box[0] is None:
        return np.zeros((0, 3), dtype=np.int64)
    inner = mask[box[0]]
    return np.argwhere(inner & ~ndimage.binary_erosion(inner)) + [s.start for s in box[0]]


def _floor(value_mm: float) -> float:
    """Round a clearance down to 0.01 mm."""
    return float(np.floor(value_mm * 100 + 1e-6) / 100)
