"""Clearances of a simulated zone, per probe and structure, voxel box to voxel box, rounded down.

The zone of several probes is one body: each of its voxels counts as the zone of the probe whose active part is nearest,
so the smallest of the probes' clearances is that of the whole. Where the largest plausible zone was simulated too, the
nearer of both zones counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.clearance import FARTHEST_MM, StructureSurface
from BoneAblationPlannerLib.plan import Clearance, Probe
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone, active_part

REACHES_IN_MM = 0.01
"""A zone that overlaps a structure reaches into it by this at least."""


def with_simulated_clearances(
    probes: Sequence[Probe], zones: Sequence[SimulatedZone], structures: Sequence[Structure], ct_grid: Grid
) -> tuple[Probe, ...]:
    """The probes with each clearance's zone replaced by the nearest of the simulated ones; those of shafts stay.

    Order as that of charts: failing ones first, then nearest to their limit first.
    """
    parts = [parts_of_probes(zone) for zone in zones]

    def nearest_mm(structure: Structure, probe: int) -> float:
        surface = StructureSurface.of(structure)
        own = zip(parts, zones, strict=True)
        return min(zone_distance_mm(masks[probe], zone, surface, ct_grid) for masks, zone in own)

    distances = {(s.name, s.kind): [nearest_mm(s, n) for n in range(len(probes))] for s in structures}
    return tuple(
        replace(
            probe,
            clearances=_ordered(
                _with_zone(c, distances[c.structure, c.kind][n]) if (c.structure, c.kind) in distances else c
                for c in probe.clearances
            ),
        )
        for n, probe in enumerate(probes)
    )


def parts_of_probes(zone: SimulatedZone) -> list[NDArray[np.bool_]]:
    """The outer zone (k, j, i) cut into one mask per probe."""
    points = zone.grid.ras_of_mask(zone.outer)
    away = np.array([active_part(p).distance_mm(points) for p in zone.probes])
    nearest = away.argmin(axis=0) if len(points) else np.zeros(0, dtype=int)
    masks = []
    for n in range(len(zone.probes)):
        mask = np.zeros(zone.grid.shape, dtype=bool)
        mask[zone.outer] = nearest == n
        masks.append(mask)
    return masks


def zone_distance_mm(part: NDArray[np.bool_], zone: SimulatedZone, surface: StructureSurface, ct_grid: Grid) -> float:
    """Smallest distance (mm) of a part of the zone to a structure; negative where it reaches in.

    Exact between voxel boxes, because both grids have the CT's axes; infinite for an empty zone or structure.
    """
    if not part.any() or len(surface.voxels_kji) == 0:
        return np.inf
    deepest = _depth_in_structure_mm(part, zone, surface.structure, ct_grid)
    if deepest > 0:
        return -deepest
    outer = np.argwhere(part & ~ndimage.binary_erosion(part))
    edges = (zone.grid.spacing_kji_mm + ct_grid.spacing_kji_mm) / 2
    frame = ct_grid.ijk_to_ras[:3, :3] / ct_grid.spacing_ijk_mm  # columns are the common axes
    ours = zone.grid.ras_from_ijk(outer[:, ::-1]) @ frame[:, ::-1]
    theirs = ct_grid.ras_from_ijk(surface.voxels_kji[:, ::-1]) @ frame[:, ::-1]
    away, _ = cKDTree(ours).query(theirs)
    near = theirs[away <= away.min() + 2 * float(np.linalg.norm(edges))]
    best = np.inf
    for point in near:
        gap = np.maximum(np.abs(ours - point) - edges, 0)
        best = min(best, float((gap**2).sum(axis=1).min()))
    return float(np.sqrt(best))


def _depth_in_structure_mm(part: NDArray[np.bool_], zone: SimulatedZone, structure: Structure, ct_grid: Grid) -> float:
    """How far the zone reaches over a structure: the deepest point of it in the zone; 0 where they do not meet."""
    points = zone.grid.ras_of_mask(part)
    kji = np.rint(ct_grid.ijk_from_ras(points)).astype(int)[:, ::-1]
    kji = np.clip(kji, 0, np.array(ct_grid.shape) - 1)
    shared = np.zeros(zone.grid.shape, dtype=bool)
    shared[part] = structure.mask[tuple(kji.T)]
    if not shared.any():
        return 0.0
    inside = distance_mm(~np.pad(zone.outer, 1), zone.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    return max(REACHES_IN_MM, float(inside[shared].max()) - zone.grid.half_diagonal_mm)


def _with_zone(clearance: Clearance, zone_mm: float) -> Clearance:
    zone = float(np.floor(min(FARTHEST_MM, zone_mm) * 100 + 1e-6) / 100)
    kept = zone >= clearance.required_zone_mm or clearance.required_zone_mm == 0
    return replace(clearance, zone_mm=zone, ok=bool(kept and clearance.shaft_mm >= clearance.required_shaft_mm))


def _ordered(rows: Iterable[Clearance]) -> tuple[Clearance, ...]:
    return tuple(
        sorted(rows, key=lambda c: (c.ok, min(c.shaft_mm - c.required_shaft_mm, c.zone_mm - c.required_zone_mm)))
    )
