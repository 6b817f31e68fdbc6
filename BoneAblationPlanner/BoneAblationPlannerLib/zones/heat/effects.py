"""What a simulated treatment does to critical structures, and how it differs from the chart's zone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.plan import Extremes, Provenance, Status
from BoneAblationPlannerLib.zones.heat.clearance import zone_distance_mm
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone
from BoneAblationPlannerLib.zones.heat.tissue_map import FREE, VESSEL
from BoneAblationPlannerLib.zones.spheroid import Spheroid, depth_mm, rows_of


@dataclass(frozen=True)
class Limit:
    """What a kind of structure stands; None where no limit is known."""

    kind: str
    coldest_celsius: float
    hottest_celsius: float
    largest_cem43_min: float | None
    source: str
    status: Status


@dataclass(frozen=True)
class Effect:
    """What a treatment does to one structure; `distance_mm` is that to the outer zone."""

    structure: str
    kind: str
    extremes: Extremes
    distance_mm: float
    limit: Limit | None


@dataclass(frozen=True)
class Difference:
    """Two zones against each other: Dice, mean and largest distance between their surfaces."""

    dice: float
    mean_surface_mm: float
    largest_surface_mm: float
    first_ml: float
    second_ml: float


@cache
def limits() -> dict[str, Limit]:
    """Limits by kind of structure."""
    rows = json.loads(files(__package__).joinpath("limits.json").read_text(encoding="utf-8"))
    return {row["kind"]: Limit(**row) for row in rows}


def limits_provenance() -> tuple[Provenance, ...]:
    """Where the limits come from."""
    return tuple(
        Provenance(
            f"{row.kind}: temperature",
            f"{row.coldest_celsius:g} to {row.hottest_celsius:g}",
            "degree C",
            row.source,
            row.status,
        )
        for row in limits().values()
    )


def effects_on(
    zone: SimulatedZone,
    structures: Sequence[Structure],
    ct_grid: Grid,
    others: Sequence[SimulatedZone] = (),
) -> tuple[Effect, ...]:
    """Extremes in every structure that reaches into the simulated block; those that break a limit first.

    Structures outside the block keep body temperature and are not listed. Distances are to the nearest of the zone and
    `others`.
    """
    found = []
    for structure, reached in _reached(zone, structures, ct_grid):
        surface = StructureSurface.of(structure)
        away = min(zone_distance_mm(z.outer, z, surface, ct_grid) for z in (zone, *others))
        limit = limits().get(structure.kind)
        found.append(Effect(structure.name, structure.kind, reached, max(0.0, away), limit))
    return tuple(sorted(found, key=lambda e: (e.extremes.ok is not False, e.distance_mm)))


def worst_effects(
    zones: Sequence[SimulatedZone], structures: Sequence[Structure], ct_grid: Grid
) -> dict[tuple[str, str], Extremes]:
    """The worst over several simulations in every structure that they reach, by name and kind."""
    worst: dict[tuple[str, str], Extremes] = {}
    for zone in zones:
        for structure, reached in _reached(zone, structures, ct_grid):
            key = (structure.name, structure.kind)
            worst[key] = _worse(worst[key], reached) if key in worst else reached
    return worst


def _worse(a: Extremes, b: Extremes) -> Extremes:
    dose = None if a.cem43_min is None or b.cem43_min is None else max(a.cem43_min, b.cem43_min)
    ok = None if a.ok is None else a.ok and bool(b.ok)
    hottest = max(a.hottest_celsius, b.hottest_celsius)
    return Extremes(min(a.coldest_celsius, b.coldest_celsius), hottest, dose, ok)


def _reached(
    zone: SimulatedZone, structures: Sequence[Structure], ct_grid: Grid
) -> Iterator[tuple[Structure, Extremes]]:
    """Every structure that reaches into the simulated block, with its extremes there."""
    box = ct_grid.region_around(
        zone.grid.ras_from_ijk(np.array([(0, 0, 0), zone.grid.shape[::-1]]) - [[0.0], [1.0]]), 0.0
    )
    local = ct_grid.crop(box)
    for structure in structures:
        points = local.ras_of_mask(structure.mask[box])
        if len(points):
            yield structure, _extremes(zone, structure.kind, _beside_blood(zone, _split(points, local)))


def _beside_blood(zone: SimulatedZone, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 3) with the tissue at the wall in place of flowing blood, whose temperature is held."""
    kji = np.rint(zone.grid.ijk_from_ras(points)[:, ::-1]).astype(np.intp)
    inside = ((kji >= 0) & (kji < np.array(zone.grid.shape))).all(axis=1)
    blood = np.zeros(zone.grid.shape, dtype=bool)
    blood[tuple(kji[inside].T)] = True
    held = zone.treatment.medium.held
    blood &= held == VESSEL
    if not blood.any():
        return points
    wall = ndimage.binary_dilation(blood) & (held == FREE)
    return np.concatenate([points, zone.grid.ras_of_mask(wall)])


def _split(points: NDArray[np.float64], grid: Grid, finest_mm: float = 1.0) -> NDArray[np.float64]:
    """Points spread over the voxels that have the given centres, so that thick slices are not missed."""
    steps = [(np.arange(f) + 0.5) / f - 0.5 for f in grid.refinement(finest_mm)]
    offsets = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)[:, ::-1] @ grid.ijk_to_ras[:3, :3].T
    return (points[:, None, :] + offsets).reshape(-1, 3)


def _extremes(zone: SimulatedZone, kind: str, points: NDArray[np.float64]) -> Extremes:
    treatment = zone.treatment
    rest = treatment.medium.rest_celsius
    hottest = float(zone.at(treatment.hottest_celsius, points, rest).max())
    coldest = float(zone.at(treatment.coldest_celsius, points, rest).min())
    dose = None if treatment.cem43_min is None else float(zone.at(treatment.cem43_min, points, 0.0).max())
    limit = limits().get(kind)
    ok = None
    if limit is not None:
        ok = limit.coldest_celsius <= coldest and hottest <= limit.hottest_celsius
        ok = ok and (dose is None or limit.largest_cem43_min is None or dose <= limit.largest_cem43_min)
    return Extremes(coldest, hottest, dose, ok)


def compare_with_chart(zone: SimulatedZone, chart: Sequence[Spheroid]) -> Difference:
    """The simulated zone (first) against the union of chart zones (second), on the simulation's grid."""
    points = zone.grid.ras_of_mask(np.ones(zone.grid.shape, dtype=bool))
    drawn = (depth_mm(points, rows_of(chart)) >= 0).reshape(zone.grid.shape)
    return compare(zone.killed, drawn, zone.grid)


def compare(first: NDArray[np.bool_], second: NDArray[np.bool_], grid: Grid) -> Difference:
    """Dice and surface distances of two masks; distances are infinite if one is empty."""
    total = int(first.sum() + second.sum())
    dice = 2 * float((first & second).sum()) / total if total else 1.0
    ml = grid.voxel_ml
    if not first.any() or not second.any():
        far = np.inf if total else 0.0
        return Difference(dice, far, far, float(first.sum() * ml), float(second.sum() * ml))
    a, b = first & ~ndimage.binary_erosion(first), second & ~ndimage.binary_erosion(second)
    apart = np.concatenate([distance_mm(b, grid.spacing_kji_mm)[a], distance_mm(a, grid.spacing_kji_mm)[b]])
    return Difference(dice, float(apart.mean()), float(apart.max()), float(first.sum() * ml), float(second.sum() * ml))
