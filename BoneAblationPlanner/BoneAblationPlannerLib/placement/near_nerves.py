"""Warnings where target, needles or screws come near to the bands in which nerves are expected."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.clearance import StructureSurface, clearances, path_clearances
from BoneAblationPlannerLib.rounding import mm_down
from BoneAblationPlannerLib.zones.spheroid import Spheroid


def target_warnings(estimates: Sequence[Structure], target: NDArray[np.bool_], grid: Grid) -> list[str]:
    """Warnings on bands that come near to what is to be treated, whatever the needles."""
    warnings = []
    for structure, away in bands_near(estimates, target, grid):
        where = "crosses the target" if away == 0 else f"lies {mm_down(away, 0)} from the target"
        warnings.append(f"{structure.name}: the expected course {where}; find the nerve before treatment")
    return warnings


def bands_near(
    estimates: Sequence[Structure], target: NDArray[np.bool_], grid: Grid, reach_mm: float | None = None
) -> list[tuple[Structure, float]]:
    """Bands nearer to a target than `reach_mm`, else than a zone may come to a nerve, with their distance in mm."""
    near = []
    for structure in estimates:
        reach = structure.required_zone_mm if reach_mm is None else reach_mm
        region = grid.region_around(grid.ras_of_mask(target), reach + 2 * float(grid.spacing_ijk_mm.max()))
        band = structure.mask[region]
        if not band.any():
            continue
        away = float(distance_mm(np.ascontiguousarray(target[region]), grid.spacing_kji_mm)[band].min())
        if away < reach:
            near.append((structure, away))
    return near


def needle_warnings(
    estimates: Sequence[Structure],
    grid: Grid,
    needles: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64], float, Spheroid]],
) -> list[str]:
    """Warnings on needles whose shaft or zone comes within the wanted distance of a band.

    Parameters
    ----------
    estimates : sequence of Structure
    grid : Grid
    needles : sequence of (name, entry_ras_mm, tip_ras_mm, shaft_radius_mm, outer_zone)
    """
    surfaces = [StructureSurface.of(structure) for structure in estimates]
    warnings = []
    for name, entry, tip, radius, zone in needles:
        for c in clearances(surfaces, grid, entry, tip, radius, zone):
            near = [
                _from_band(what, mm)
                for what, mm, wanted in (
                    ("shaft", c.shaft_mm, c.required_shaft_mm),
                    ("zone", c.zone_mm, c.required_zone_mm),
                )
                if mm < wanted
            ]
            if near:
                warnings.append(f"{name}: {' and '.join(near)} of the {c.structure}")
    return warnings


def path_warnings(
    estimates: Sequence[Structure], grid: Grid, paths: Sequence[tuple[str, ArrayLike, ArrayLike, float]]
) -> list[str]:
    """Warnings on instruments without a zone, (name, start_ras_mm, tip_ras_mm, radius_mm), too near to a band."""
    surfaces = [StructureSurface.of(structure) for structure in estimates]
    return [
        f"{name}: {_from_band('shaft', c.distance_mm)} of the {c.structure}"
        for name, start, tip, radius in paths
        for c in path_clearances(surfaces, grid, start, tip, radius)
        if not c.ok
    ]


def _from_band(what: str, away_mm: float) -> str:
    return f"{what} {'inside the band' if away_mm <= 0 else f'{mm_down(away_mm, 0)} from the band'}"
