"""Exact clearances of a needle and its zone to every structure, to the boxes of the structure's voxels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.compute import kernel
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Clearance, PathClearance
from BoneAblationPlannerLib.regions import bounding_region
from BoneAblationPlannerLib.zones.spheroid import Spheroid, depth_and_normal
from BoneAblationPlannerLib.zones.voxels import half_edges_mm

FARTHEST_MM = 100.0
"""Clearances beyond this are given as this, which reads "at least"."""
NEEDLE_STEP_MM = 0.25
EXACT_TO_MM = 0.01
"""How far below the exact one a distance to a voxel box may be given."""
BOX_STEPS = 40


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


def path_clearances(
    surfaces: Sequence[StructureSurface],
    grid: Grid,
    start_ras_mm: ArrayLike,
    tip_ras_mm: ArrayLike,
    radius_mm: float,
) -> tuple[PathClearance, ...]:
    """Clearances of an instrument without a zone on its way to the tip, failing ones first, then the least to spare.

    Structures that a shaft may pass (required 0: skin) have no row.
    """
    rows = []
    for surface in surfaces:
        structure, required = surface.structure, surface.structure.required_shaft_mm
        if required <= 0 or len(surface.voxels_kji) == 0:
            continue
        free = _floor(shaft_distance_mm(surface.voxels_kji, grid, start_ras_mm, tip_ras_mm) - radius_mm)
        rows.append(PathClearance(structure.name, structure.kind, free, required, free >= required))
    return tuple(sorted(rows, key=lambda c: (c.ok, c.distance_mm - c.required_mm)))


def shaft_too_near(structure: str, free_mm: float, required_mm: float) -> str:
    """What is said of a shaft that does not keep its distance."""
    state = f"passes through {structure}" if free_mm < 0 else f"is {free_mm:.2f} mm from {structure}"
    return f"SHAFT {state} ({required_mm:g} mm wanted)"


def shaft_distance_mm(voxels_kji: NDArray, grid: Grid, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike) -> float:
    """Smallest distance from a needle's axis to voxel boxes (indices (V, 3) in k, j, i); 0 if it passes through one."""
    if len(voxels_kji) == 0:
        return float("inf")
    ends = grid.ijk_from_ras(np.array([entry_ras_mm, tip_ras_mm], dtype=np.float64))[:, ::-1]
    return float(_needle_to_boxes(voxels_kji, ends * grid.spacing_kji_mm, grid.spacing_kji_mm))


@kernel
def _needle_to_boxes(voxels, ends, spacing):  # type: ignore[no-untyped-def]
    """Smallest distance of a segment to boxes, both in mm along k, j, i; the segment is sampled."""
    axis = ends[1] - ends[0]
    length = np.sqrt((axis * axis).sum())
    steps = max(1, int(np.ceil(length / NEEDLE_STEP_MM)))
    reach = np.sqrt((spacing * spacing).sum()) / 2
    from_axis, beside = np.empty(voxels.shape[0]), np.empty(voxels.shape[0])
    nearest = np.inf
    for v in range(voxels.shape[0]):
        along = 0.0
        for n in range(3):
            along += (voxels[v, n] * spacing[n] - ends[0, n]) * axis[n]
        along = min(max(along / max(length * length, 1e-12), 0.0), 1.0)
        beside[v] = along * steps
        total = 0.0
        for n in range(3):
            total += (voxels[v, n] * spacing[n] - ends[0, n] - along * axis[n]) ** 2
        from_axis[v] = np.sqrt(total)
        nearest = min(nearest, from_axis[v])
    best = (nearest + reach) ** 2
    for v in range(voxels.shape[0]):
        if from_axis[v] > reach and (from_axis[v] - reach) ** 2 >= best:
            continue
        # The nearest point of the segment to any point of the box lies within its half diagonal of that to its centre.
        around = reach / max(length, 1e-12) * steps
        for step in range(max(0, int(beside[v] - around)), min(steps, int(beside[v] + around) + 1) + 1):
            total = 0.0
            for n in range(3):
                sample = ends[0, n] + axis[n] * step / steps
                beyond = max(abs(sample - voxels[v, n] * spacing[n]) - spacing[n] / 2, 0.0)
                total += beyond * beyond
            best = min(best, total)
    return np.sqrt(best)


def zone_distance_mm(voxels_kji: NDArray, grid: Grid, zone: Spheroid) -> float:
    """Smallest distance from a zone's surface to voxel boxes, negative where they overlap: by that much at least."""
    if len(voxels_kji) == 0:
        return float("inf")
    matrix = np.ascontiguousarray(grid.ijk_to_ras[:3])
    return float(_zone_to_boxes(voxels_kji, matrix, half_edges_mm(grid), zone.row))


@kernel
def _zone_to_boxes(voxels, matrix, half, zone):  # type: ignore[no-untyped-def]
    """Smallest signed distance to boxes of half edges (3, 3); only boxes that could be nearest are measured."""
    reach, longest = 0.0, max(zone[6], zone[7])
    for axis in range(3):
        reach += np.sqrt(half[axis, 0] ** 2 + half[axis, 1] ** 2 + half[axis, 2] ** 2)
    away = np.empty(voxels.shape[0])
    first = 0
    for v in range(voxels.shape[0]):
        k, j, i = voxels[v, 0], voxels[v, 1], voxels[v, 2]
        total = 0.0
        for axis in range(3):
            offset = matrix[axis, 0] * i + matrix[axis, 1] * j + matrix[axis, 2] * k + matrix[axis, 3] - zone[axis]
            total += offset * offset
        # No point of the box is nearer than this: the zone lies within a ball of its longer semi-axis.
        away[v] = np.sqrt(total) - longest - reach
        if away[v] < away[first]:
            first = v
    best = np.inf
    for n in range(-1, voxels.shape[0]):
        v = first if n < 0 else n
        if away[v] >= best:
            continue
        k, j, i = voxels[v, 0], voxels[v, 1], voxels[v, 2]
        x = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2] * k + matrix[0, 3]
        y = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2] * k + matrix[1, 3]
        z = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2] * k + matrix[2, 3]
        best = min(best, _zone_to_box(x, y, z, half, zone, best))
    return best


@kernel
def _zone_to_box(x, y, z, half, zone, enough):  # type: ignore[no-untyped-def]
    """Signed distance of a zone to one box, understated by at most `EXACT_TO_MM`; stops where it exceeds `enough`.

    The signed distance to a convex body is convex: at any point its tangent plane lies below it, and the lowest corner
    of that plane over the box bounds the minimum (the method of Frank and Wolfe, with a line search).
    """
    s0 = s1 = s2 = 0.0
    lower = -np.inf
    for _ in range(BOX_STEPS):
        px = x + s0 * half[0, 0] + s1 * half[1, 0] + s2 * half[2, 0]
        py = y + s0 * half[0, 1] + s1 * half[1, 1] + s2 * half[2, 1]
        pz = z + s0 * half[0, 2] + s1 * half[1, 2] + s2 * half[2, 2]
        depth, nx, ny, nz = depth_and_normal(px, py, pz, zone)
        g0 = nx * half[0, 0] + ny * half[0, 1] + nz * half[0, 2]
        g1 = nx * half[1, 0] + ny * half[1, 1] + nz * half[1, 2]
        g2 = nx * half[2, 0] + ny * half[2, 1] + nz * half[2, 2]
        d0, d1, d2 = -np.sign(g0) - s0, -np.sign(g1) - s1, -np.sign(g2) - s2
        lower = max(lower, -depth + g0 * d0 + g1 * d1 + g2 * d2)
        if lower >= enough or -depth - lower <= EXACT_TO_MM:
            break
        low, high = 0.0, 1.0
        for _ in range(12):
            t = (low + high) / 2
            _, nx, ny, nz = depth_and_normal(
                px + t * (d0 * half[0, 0] + d1 * half[1, 0] + d2 * half[2, 0]),
                py + t * (d0 * half[0, 1] + d1 * half[1, 1] + d2 * half[2, 1]),
                pz + t * (d0 * half[0, 2] + d1 * half[1, 2] + d2 * half[2, 2]),
                zone,
            )
            slope = 0.0
            for axis, d in enumerate((d0, d1, d2)):
                slope += d * (nx * half[axis, 0] + ny * half[axis, 1] + nz * half[axis, 2])
            if slope < 0:
                low = t
            else:
                high = t
        t = high if low > 0.999 else (low + high) / 2
        s0, s1, s2 = s0 + t * d0, s1 + t * d1, s2 + t * d2
    return lower


def _boundary(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices (V, 3) of mask voxels with a background neighbour; the inside is never nearest from outside.

    Voxels at the image's faces count as boundary.
    """
    box = bounding_region(mask)
    if box is None:
        return np.zeros((0, 3), dtype=np.int64)
    inner = mask[box]
    return np.argwhere(inner & ~ndimage.binary_erosion(inner)) + [s.start for s in box]


def _floor(value_mm: float) -> float:
    """Round a clearance down to 0.01 mm."""
    return float(np.floor(value_mm * 100 + 1e-6) / 100)
