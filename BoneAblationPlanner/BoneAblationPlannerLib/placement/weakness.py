"""Why a plan does not stand placement errors: which probe matters most, and what keeps it from doing better."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.coverage import (
    PlacementError,
    displaced_rows,
    fifth_percentile,
    lesion_fractions,
)
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_ROBUST, MOST_PROBES
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.plan import Probe
from BoneAblationPlannerLib.rounding import percent_down
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of

MOST_NAMED = 3


def fractions_of_each(target: Target, zones: Sequence[Spheroid], error: PlacementError) -> NDArray[np.float64]:
    """Lesion covered (Z,), 5th percentile, where only this one zone is off its way."""
    moved, still = displaced_rows(zones, error), rows_of(zones)
    found = np.empty(len(zones))
    for n in range(len(zones)):
        sets = np.repeat(still[None], error.samples, axis=0)
        sets[:, n] = moved[:, n]
        found[n] = fifth_percentile(lesion_fractions(target, sets))
    return found


def weakness_warnings(
    target: Target, zones: Sequence[Spheroid], probes: Sequence[Probe], error: PlacementError, p05_fraction: float
) -> list[str]:
    """One warning that names why less than enough of the lesion stays covered under placement error; else none."""
    if p05_fraction >= ENOUGH_ROBUST:
        return []
    alone = fractions_of_each(target, zones, error)
    weakest = probes[int(alone.argmin())]
    reasons = _held_back_by(weakest, error)
    if len(probes) >= MOST_PROBES:
        reasons.append(f"no more than {MOST_PROBES} probes are placed")
    if not reasons:
        reasons = ["no structure does: a larger zone, another probe or guidance with less error may help"]
    return [
        f"under placement error {percent_down(p05_fraction)} of the lesion stays covered, "
        f"{percent_down(ENOUGH_ROBUST, 0)} are wanted; {weakest.name} matters most "
        f"({percent_down(float(alone.min()))} if it alone is off); held back by: {'; '.join(reasons)}"
    ]


def _held_back_by(probe: Probe, error: PlacementError) -> list[str]:
    """Structures that leave no room for a zone that reaches farther by the placement error, the nearest first."""
    room = [(c.zone_mm - c.required_zone_mm, c) for c in probe.clearances if c.required_zone_mm > 0]
    near = sorted((row for row in room if row[0] < error.lateral_mm), key=lambda row: row[0])
    return [f"{c.structure} ({c.zone_mm:.1f} mm from the zone, {c.required_zone_mm:g} mm wanted)"
            for _, c in near[:MOST_NAMED]]  # fmt: skip
