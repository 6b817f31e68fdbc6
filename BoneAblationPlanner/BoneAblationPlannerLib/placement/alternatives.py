"""Other good plans that come in another way, for when the first cannot be carried out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.chosen import ChosenProbes, fixed_zones, placements_of
from BoneAblationPlannerLib.placement.defaults import placement_error
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.optimiser import Selection, measured
from BoneAblationPlannerLib.placement.search import Search
from BoneAblationPlannerLib.plan import Alternative, AlternativeProbe
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.rounding import percent_down

MOST = 3
ELSEWHERE_MM = 25.0
"""An alternative has a probe whose entry is at least as far from every entry of the plan and of better ones."""
LEAST_LESION_FRACTION = 0.95
MORE_PROBES = 1
_SIDES = ((0, "right", "left"), (1, "anterior", "posterior"), (2, "superior", "inferior"))


def find_alternatives(
    prepared: PreparedCase, chosen: ChosenProbes, report: ReportProgress = silent
) -> tuple[Alternative, ...]:
    """Up to three sets of the same device that cover the lesion from elsewhere, the best first."""
    entries = chosen.problem.needles.entries_ras_mm
    taken = [list(chosen.selection.rows)]
    found: list[tuple[Selection, str]] = []
    pool = [s for n in range(len(taken[0])) if (s := _without(prepared, chosen, taken[0], [n])) is not None]
    if len(taken[0]) > 1:
        everywhere = _without(prepared, chosen, taken[0], list(range(len(taken[0]))))
        pool += [] if everywhere is None else [everywhere]
    step(report, 0.5, "comparing other ways in")
    for selection in sorted(pool, key=lambda s: (not s.covers, len(s.rows), -s.value)):
        rows = list(selection.rows)
        if all(_differs(entries[rows], entries[other]) for other in taken) and len(found) < MOST:
            found.append((selection, _way_in(entries[rows], entries[taken[0]])))
            taken.append(rows)
    live = LivePlacements(prepared)
    planned = live.figures(placements_of(chosen)).nominal.lesion_fraction  # by the charts, for whatever zones placed
    return tuple(_described(live, chosen, planned, selection, way) for selection, way in found)


def _without(prepared: PreparedCase, chosen: ChosenProbes, rows: list[int], places: list[int]) -> Selection | None:
    """The best set that does not enter near the given probes of the plan, or None if none covers the lesion."""
    entries = chosen.problem.needles.entries_ras_mm
    away = np.min([np.linalg.norm(entries - entries[rows[n]], axis=1) for n in places], axis=0)
    kept = np.flatnonzero(away >= ELSEWHERE_MM)
    error, zones = placement_error(prepared.case.choices), fixed_zones(chosen.fixed, chosen.reach)
    best: Selection | None = None
    while len(kept):
        search = Search(chosen.problem.take(kept, np.zeros(len(kept))))
        candidates = [chosen.candidates[row] for row in kept]
        best = None
        for count in range(max(1, len(rows)), len(rows) + MORE_PROBES + 1):
            optima = search.local_optima(count, np.random.default_rng(error.seed), [])
            if optima:
                found = measured(search, optima[0], candidates, prepared.target, error, zones)
                if best is None or (found.covers, found.lesion_fraction) > (best.covers, best.lesion_fraction):
                    best = found
            if best is not None and best.covers:
                break
        if best is None or best.lesion_fraction < LEAST_LESION_FRACTION:
            return None
        bad = [n for n in best.rows if not chosen.exact.keeps(candidates[n], chosen.tier)]
        if not bad:
            return replace(best, rows=tuple(int(kept[n]) for n in best.rows))
        kept = np.delete(kept, bad)
    return None


def _differs(entries: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether one of the entries is elsewhere than all others."""
    return bool(np.linalg.norm(entries[:, None] - others, axis=2).min(axis=1).max() >= ELSEWHERE_MM)


def _way_in(entries: NDArray[np.float64], plan: NDArray[np.float64]) -> str:
    """Where the entry that differs most lies, as seen from the nearest one of the plan."""
    apart = np.linalg.norm(entries[:, None] - plan, axis=2)
    row = int(apart.min(axis=1).argmax())
    offset = entries[row] - plan[apart[row].argmin()]
    axis, plus, minus = max(_SIDES, key=lambda side: abs(float(offset[side[0]])))
    return f"enters {np.linalg.norm(offset):.0f} mm away, further {plus if offset[axis] > 0 else minus}"


def _described(
    live: LivePlacements, chosen: ChosenProbes, planned_fraction: float, selection: Selection, way: str
) -> Alternative:
    placements = placements_of(chosen, selection.rows)
    figures = live.figures(placements)
    probes = len(selection.rows) - len(chosen.selection.rows)
    parts = [
        way,
        f"covers {percent_down(figures.nominal.lesion_fraction)} of the lesion "
        f"({percent_down(planned_fraction)} in the plan)",
    ]
    if probes:
        parts.append(f"{abs(probes)} probe{'s' * (abs(probes) > 1)} {'more' if probes > 0 else 'fewer'}")
    return Alternative(
        probes=tuple(AlternativeProbe(p.device.id, p.program.id, p.entry_ras_mm, p.tip_ras_mm) for p in placements),
        lesion_fraction=figures.nominal.lesion_fraction,
        p05_lesion_fraction=live.coverage(placements, figures).robust.p05_lesion_fraction,
        minimum_margin_mm=figures.nominal.minimum_margin_mm,
        clearances_ok=all(c.ok for probe in figures.probes for c in probe.clearances),
        difference=", ".join(parts),
    )
