"""What of lesion and margin a simulated zone covers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.coverage import fifth_percentile, place_in_words
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.plan import Coverage
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone
from BoneAblationPlannerLib.zones.heat.programs import lesion_fraction


def simulated_coverage(
    zone: SimulatedZone, target: Target, chart: Coverage, small_lesion: float | None = None
) -> Coverage:
    """Coverage by the simulated zone, fractions rounded down; figures under placement error stay the chart's.

    `small_lesion` is the share of the lesion in the smallest plausible zone, None where that was not simulated.
    """
    covered = zone.covers(target.points_ras_mm, target.grid)
    margins = zone.margins_mm(target.surface_ras_mm)
    left = target.points_ras_mm[~covered]
    voxel_ml = target.grid.voxel_ml
    return replace(
        chart,
        lesion_fraction=lesion_fraction(zone, target),
        lesion_plus_margin_fraction=float(np.floor(covered.mean() * 1e4) / 1e4),
        minimum_margin_mm=float(margins.min()),
        p05_margin_mm=fifth_percentile(margins),
        p50_margin_mm=float(np.percentile(margins, 50, method="lower")),
        uncovered_ml=float((~covered[: target.lesion_count]).sum() * voxel_ml),
        uncovered_target_ml=float(len(left) * voxel_ml),
        uncovered_place=place_in_words(left, target.lesion_ras_mm.mean(axis=0), target.grid) if len(left) else None,
        zone_outside_target_ml=max(0.0, zone.volume_ml - float(covered.sum() * voxel_ml)),
        small_zone_lesion_fraction=small_lesion,
    )


def remainder_of(zone: SimulatedZone, target: Target, grid: Grid) -> NDArray[np.bool_]:
    """Voxels (k, j, i) of the image of which any part of the target is not covered."""
    left = target.points_ras_mm[~zone.covers(target.points_ras_mm, target.grid)]
    mask = np.zeros(target.mask.shape, dtype=np.bool_)
    kji = np.rint(grid.ijk_from_ras(left)[:, ::-1]).astype(np.int64)
    mask[tuple(np.clip(kji, 0, np.array(mask.shape) - 1).T)] = True
    return mask & target.mask
