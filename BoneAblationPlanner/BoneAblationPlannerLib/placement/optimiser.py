"""Choosing the fewest candidate probes that cover the target: greedy, then swaps, with an upper bound.

Value of a set = 5 x lesion voxels covered + margin voxels covered - small costs per probe (healthy tissue, effort).
Coverage is submodular, so for any set S and number of probes n no set of n can be worth more than the value of S
plus the n largest gains of single candidates at S.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.placement.candidates import Candidate
from BoneAblationPlannerLib.placement.coverage import PlacementError, robust_figures
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.progress import ReportProgress
from BoneAblationPlannerLib.zones.spheroid import cover_bits, rows_of

LESION_WEIGHT = 5.0
HEALTHY_COST = 0.05
"""Cost of a voxel ablated outside the target, against 1 for a margin voxel gained."""
EFFORT_COST = 0.002
"""Cost of one unit of effort, as a share of the whole target's value."""
MOST_PROBES = 6
ENOUGH_LESION = 0.99
ENOUGH_TARGET = 0.9
ENOUGH_ROBUST = 0.95
"""Coverage of the lesion that must remain in the 5th percentile of placement errors."""
WORTH_A_PROBE = 0.004
"""Gain in value that justifies one more probe where nothing is enough."""
STARTS = 6
"""As many sets are built on the best single candidates, and as many on random promising ones."""


@dataclass(frozen=True)
class Selection:
    """Chosen candidates; `value` and `bound` are shares of the value of covering the whole target for free."""

    rows: tuple[int, ...]
    lesion_fraction: float
    target_fraction: float
    value: float
    bound: float
    evaluations: int


@dataclass(frozen=True, eq=False)
class Problem:
    """Bitsets (C, W) of what each candidate covers, its cost (C,), and which pairs (C, C) do not collide."""

    lesion_bits: NDArray[np.uint64]
    margin_bits: NDArray[np.uint64]
    cost: NDArray[np.float64]
    compatible: NDArray[np.bool_]
    lesion_count: int
    margin_count: int

    @property
    def whole(self) -> float:
        """Value of covering the whole target for free."""
        return LESION_WEIGHT * self.lesion_count + self.margin_count


def select_probes(
    candidates: list[Candidate], target: Target, gap_mm: float, error: PlacementError, report: ReportProgress
) -> Selection:
    """The smallest number of probes that covers enough, else the best set of up to six.

    Enough is 99 % of the lesion, 90 % of lesion + margin, and 95 % of the lesion under placement error (5th
    percentile). Deterministic for a seed.
    """
    problem = build_problem(candidates, target, gap_mm)
    rng = np.random.default_rng(error.seed)
    best: Selection | None = None
    for count in range(1, MOST_PROBES + 1):
        if not report((count - 1) / MOST_PROBES, f"placing {count} probe{'s' * (count > 1)}"):
            raise Cancelled("cancelled while placing probes")
        found = _best_of_starts(problem, count, rng)
        if found is None:
            break
        if _enough(found, candidates, target, error):
            return found
        if best is None or found.value > best.value + WORTH_A_PROBE:
            best = found
    if best is None:
        raise ValueError("candidates: empty; expected at least one")
    return best


def _enough(found: Selection, candidates: list[Candidate], target: Target, error: PlacementError) -> bool:
    if found.lesion_fraction < ENOUGH_LESION or found.target_fraction < ENOUGH_TARGET:
        return False
    zones = [candidates[row].zone for row in found.rows]
    return robust_figures(target, zones, error).p05_lesion_fraction >= ENOUGH_ROBUST


def build_problem(candidates: list[Candidate], target: Target, gap_mm: float) -> Problem:
    """Rasterise the candidates' zones on the target; shafts must leave `gap_mm` between them."""
    rows = rows_of([c.zone for c in candidates])
    lesion_points = target.points_ras_mm[: target.lesion_count]
    margin_points = target.points_ras_mm[target.lesion_count :]
    lesion = cover_bits(lesion_points, target.grid, rows)
    margin = cover_bits(margin_points, target.grid, rows)
    covered_ml = (_popcounts(lesion) + _popcounts(margin)) * target.grid.voxel_ml
    outside = np.array([c.zone.volume_ml for c in candidates]) - covered_ml
    whole = LESION_WEIGHT * target.lesion_count + len(margin_points)
    effort = np.array([c.effort for c in candidates])
    cost = HEALTHY_COST * np.maximum(outside, 0) / target.grid.voxel_ml + EFFORT_COST * whole * effort
    return Problem(
        lesion, margin, cost, _compatible(candidates, gap_mm), target.lesion_count, len(margin_points))  # fmt: skip


def _compatible(candidates: list[Candidate], gap_mm: float) -> NDArray[np.bool_]:
    """Which pairs of candidates (C, C) leave `gap_mm` between their shafts."""
    entries = np.array([c.entry_ras_mm for c in candidates])
    tips = np.array([c.tip_ras_mm for c in candidates])
    radius = np.array([c.device.diameter_mm / 2 for c in candidates])
    apart = np.zeros((len(candidates), len(candidates)), dtype=np.bool_)
    _shafts_apart(entries, tips, radius, gap_mm, apart)
    return apart


@parallel_kernel
def _shafts_apart(entries, tips, radius, gap, apart):  # type: ignore[no-untyped-def]
    for a in prange(entries.shape[0]):
        for b in range(entries.shape[0]):
            apart[a, b] = a != b and (
                segment_distance(entries[a], tips[a], entries[b], tips[b]) >= radius[a] + radius[b] + gap
            )


@kernel
def segment_distance(p0, p1, q0, q1):  # type: ignore[no-untyped-def]
    """Smallest distance between segments p0-p1 and q0-q1, each (3,); Ericson, Real-Time Collision Detection 5.1.9."""
    a = b = c = d = e = 0.0
    for n in range(3):
        u, v, w = p1[n] - p0[n], q1[n] - q0[n], p0[n] - q0[n]
        a += u * u
        b += u * v
        c += v * v
        d += u * w
        e += v * w
    s, t = 0.0, 0.0
    if a > 1e-12 and c > 1e-12:
        det = a * c - b * b
        s = min(max((b * e - c * d) / det, 0.0), 1.0) if det > 1e-12 else 0.0
        t = (b * s + e) / c
        if t < 0:
            t, s = 0.0, min(max(-d / a, 0.0), 1.0)
        elif t > 1:
            t, s = 1.0, min(max((b - d) / a, 0.0), 1.0)
    elif a > 1e-12:
        s = min(max(-d / a, 0.0), 1.0)
    elif c > 1e-12:
        t = min(max(e / c, 0.0), 1.0)
    total = 0.0
    for n in range(3):
        gap = p0[n] + s * (p1[n] - p0[n]) - q0[n] - t * (q1[n] - q0[n])
        total += gap * gap
    return np.sqrt(total)


@kernel
def _popcount(word):  # type: ignore[no-untyped-def]
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@parallel_kernel
def _new_bits(bits, covered, counts):  # type: ignore[no-untyped-def]
    for c in prange(bits.shape[0]):
        total = np.uint64(0)
        for w in range(bits.shape[1]):
            total += _popcount(bits[c, w] & ~covered[w])
        counts[c] = total


def _popcounts(bits: NDArray[np.uint64], covered: NDArray[np.uint64] | None = None) -> NDArray[np.float64]:
    """How many bits of each row (C,) are not covered yet."""
    counts = np.zeros(len(bits), dtype=np.uint64)
    if bits.size:
        _new_bits(bits, np.zeros(bits.shape[1], dtype=np.uint64) if covered is None else covered, counts)
    return counts.astype(np.float64)


class Search:
    """Greedy and swap search over one problem, counting evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.evaluations = 0

    def gains(self, rows: list[int]) -> NDArray[np.float64]:
        """Value added by each candidate (C,) to a set of rows."""
        p = self.problem
        self.evaluations += len(p.cost)
        lesion = _popcounts(p.lesion_bits, self._covered(p.lesion_bits, rows))
        margin = _popcounts(p.margin_bits, self._covered(p.margin_bits, rows))
        return LESION_WEIGHT * lesion + margin - p.cost

    def allowed(self, rows: list[int]) -> NDArray[np.bool_]:
        """Candidates (C,) that collide with none of the rows."""
        allowed = np.ones(len(self.problem.cost), dtype=bool)
        for row in rows:
            allowed &= self.problem.compatible[row]
        return allowed

    def value(self, rows: list[int]) -> float:
        """Objective of a set of rows."""
        p = self.problem
        lesion, margin = self.covered_counts(rows)
        return LESION_WEIGHT * lesion + margin - float(p.cost[rows].sum())

    def covered_counts(self, rows: list[int]) -> tuple[int, int]:
        """Covered voxels of lesion and of margin."""
        p = self.problem
        return _ones(self._covered(p.lesion_bits, rows)), _ones(self._covered(p.margin_bits, rows))

    def fill(self, rows: list[int], count: int) -> list[int]:
        """Add the best allowed candidates until there are `count`."""
        rows = list(rows)
        while len(rows) < count:
            gains = np.where(self.allowed(rows), self.gains(rows), -np.inf)
            best = int(gains.argmax())
            if not np.isfinite(gains[best]):
                break
            rows.append(best)
        return rows

    def improve(self, rows: list[int]) -> list[int]:
        """Replace one row at a time by the best candidate in its place until nothing gets better."""
        value = self.value(rows)
        improved = True
        while improved:
            improved = False
            for place in range(len(rows)):
                others = rows[:place] + rows[place + 1 :]
                swapped = self.fill(others, len(rows))
                if len(swapped) == len(rows) and self.value(swapped) > value + 1e-6:
                    rows, value, improved = swapped, self.value(swapped), True
        return rows

    def selection(self, rows: list[int]) -> Selection:
        """Figures of a set of rows; the bound is that of covering everything for free."""
        p = self.problem
        lesion, margin = self.covered_counts(rows)
        return Selection(
            rows=tuple(rows),
            lesion_fraction=lesion / p.lesion_count,
            target_fraction=(lesion + margin) / (p.lesion_count + p.margin_count),
            value=self.value(rows) / p.whole,
            bound=1.0,
            evaluations=self.evaluations,
        )

    @staticmethod
    def _covered(bits: NDArray[np.uint64], rows: list[int]) -> NDArray[np.uint64]:
        return np.bitwise_or.reduce(bits[rows], axis=0) if rows else np.zeros(bits.shape[1], dtype=np.uint64)


def _ones(bits: NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(bits).sum())


def _best_of_starts(problem: Problem, count: int, rng: np.random.Generator) -> Selection | None:
    search = Search(problem)
    starts = _starts(search.gains([]), rng) if count > 1 else [[]]
    best: list[int] | None = None
    for start in starts:
        rows = search.fill(start, count)
        if len(rows) < count:
            continue
        rows = search.improve(rows)
        if best is None or search.value(rows) > search.value(best):
            best = rows
    if best is None:
        return None
    bound = min(problem.whole, *(_bound(search, rows, count) for rows in ([], best)))
    return replace(search.selection(best), bound=bound / problem.whole)


def _starts(first_gains: NDArray[np.float64], rng: np.random.Generator) -> list[list[int]]:
    """First candidates to build sets on: the best ones and random promising ones; all of them where there are few."""
    order = np.argsort(-first_gains, kind="stable")
    if len(order) <= 2 * STARTS:
        return [[int(row)] for row in order]
    promising = order[STARTS : max(4 * STARTS, len(order) // 10)]
    return [[int(row)] for row in (*order[:STARTS], *rng.choice(promising, size=STARTS, replace=False))]


def _bound(search: Search, rows: list[int], count: int) -> float:
    """Value of a set plus the `count` largest single gains at it: no set of that size is worth more."""
    gains = np.sort(search.gains(rows))[::-1][:count]
    covered = sum(w * n for w, n in zip((LESION_WEIGHT, 1.0), search.covered_counts(rows), strict=True))
    return covered + float(np.maximum(gains, 0).sum())
