"""How many probes, and which: safety is in the candidates, then coverage under placement error, then few probes."""

from dataclasses import dataclass

import numpy as np

from BoneAblationPlannerLib.placement.candidates import Candidate, cranial_first
from BoneAblationPlannerLib.placement.coverage import PlacementError, displaced_rows, fifth_percentile, lesion_fractions
from BoneAblationPlannerLib.placement.problem import Problem
from BoneAblationPlannerLib.placement.robust import RobustSearch
from BoneAblationPlannerLib.placement.search import Search
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.progress import ReportProgress, step
from BoneAblationPlannerLib.zones.spheroid import Spheroid

MOST_PROBES = 6
MANY_PROBES = 4
"""More are placed only where these do not cover the lesion and more do."""
ENOUGH_LESION = 0.99
ENOUGH_TARGET = 0.9
ENOUGH_ROBUST = 0.95
"""Coverage of the lesion that must remain in the 5th percentile of placement errors."""
WORTH_A_PROBE = 0.02
"""Gain in value, or in lesion coverage, that justifies one more probe where nothing is enough."""
NEARLY = 0.95
"""Sets that cover less of the lesion in place are not made robust."""
OPTIMA = 2
"""Local optima of each size that are made robust."""


@dataclass(frozen=True)
class Selection:
    """Chosen candidates; `value` and `bound` are shares of the value of covering the whole target for free."""

    rows: tuple[int, ...]
    lesion_fraction: float
    target_fraction: float
    robust_fraction: float
    value: float
    bound: float
    evaluations: int

    @property
    def covers(self) -> bool:
        """Enough of the lesion, in place and under placement error."""
        return self.lesion_fraction >= ENOUGH_LESION and self.robust_fraction >= ENOUGH_ROBUST

    @property
    def enough(self) -> bool:
        """Enough of lesion + margin too."""
        return self.covers and self.target_fraction >= ENOUGH_TARGET

    @property
    def shortfall(self) -> float:
        """Lesion coverage that is missing, in place and under placement error."""
        return max(0.0, ENOUGH_LESION - self.lesion_fraction) + max(0.0, ENOUGH_ROBUST - self.robust_fraction)


def select_probes(
    problem: Problem,
    candidates: list[Candidate],
    target: Target,
    error: PlacementError,
    report: ReportProgress,
    fixed: tuple[Spheroid, ...] = (),
) -> Selection:
    """The smallest number of probes that covers enough, else the best set of up to six with those that are `fixed`.

    Enough is 99 % of the lesion, 95 % of it under placement error (5th percentile), and 90 % of lesion + margin.
    Deterministic for a seed.

    Raises
    ------
    ValueError
        Without candidates.
    Cancelled
        If `report` returned False.
    """
    if not candidates:
        raise ValueError("candidates: empty; expected at least one")
    search, robust = Search(problem), RobustSearch(candidates, target, error, fixed)
    rng = np.random.default_rng(error.seed)
    best: Selection | None = None
    if fixed:
        best = measured(search, [], candidates, target, error, fixed)
        if best.enough:
            return best
    optima: list[list[int]] = []
    most = max(1, MOST_PROBES - len(fixed))
    for count in range(1, most + 1):
        best_text = "" if best is None else f", {best.lesion_fraction:.0%} of the lesion covered so far"
        step(report, (count - 1) / most, f"placing {count} probe{'s' * (count > 1)}{best_text}")
        optima = search.local_optima(count, rng, optima[:1])
        if not optima:
            break
        found = _most_robust(search, robust, optima, candidates, target, error, fixed)
        if found.enough:
            return found
        if best is None or _worth_more(found, best):
            best = found
    if best is None:
        raise ValueError("candidates: none fits; expected at least one")
    return best


def _worth_more(found: Selection, best: Selection) -> bool:
    """Whether a set with one probe more is worth it: coverage of the lesion goes before margin."""
    if found.covers != best.covers:
        return found.covers
    if len(found.rows) > MANY_PROBES:
        return False
    if not best.covers and abs(found.shortfall - best.shortfall) > WORTH_A_PROBE:
        return found.shortfall < best.shortfall
    return found.value > best.value + WORTH_A_PROBE


def _most_robust(
    search: Search,
    robust: RobustSearch,
    optima: list[list[int]],
    candidates: list[Candidate],
    target: Target,
    error: PlacementError,
    fixed: tuple[Spheroid, ...],
) -> Selection:
    """The best local optimum if it covers enough; else the best of several after swaps that make them robust."""
    found = measured(search, optima[0], candidates, target, error, fixed)
    if found.covers or found.lesion_fraction < NEARLY:
        return found
    for rows in optima[:OPTIMA]:
        swapped = robust.improve(search, rows, ENOUGH_ROBUST, ENOUGH_LESION)
        other = measured(search, swapped, candidates, target, error, fixed)
        if (other.covers, -other.shortfall, other.value) > (found.covers, -found.shortfall, found.value):
            found = other
        if found.covers:
            break
    return found


def measured(
    search: Search,
    rows: list[int],
    candidates: list[Candidate],
    target: Target,
    error: PlacementError,
    fixed: tuple[Spheroid, ...],
) -> Selection:
    """Figures of a set of rows, those under placement error as the plan gives them; the bound is the trivial one."""
    figures = search.figures(rows)
    zones = [*fixed, *(c.zone for c in cranial_first([candidates[row] for row in rows]))]
    fractions = lesion_fractions(target, displaced_rows(zones, error))
    return Selection(
        rows=tuple(rows),
        lesion_fraction=figures.lesion_fraction,
        target_fraction=figures.target_fraction,
        robust_fraction=fifth_percentile(fractions),
        value=figures.value,
        bound=1.0,
        evaluations=search.evaluations,
    )
