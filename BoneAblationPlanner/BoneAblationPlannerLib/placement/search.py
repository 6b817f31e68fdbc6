"""Greedy and swap search for sets of candidates of a given size."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.problem import (
    LESION_WEIGHT,
    Problem,
    best_gain,
    count_covered,
    new_lesion,
    new_margin,
)

STARTS = 5
"""As many sets are built on the best single candidates, and as many on random promising ones."""
PAIR_STARTS = 12
"""First candidates that are tried where two of a set are replaced."""
PAIRED = 4
FEW = 500
"""With as many candidates at most, several local optima are bettered by pairs; else only the best."""
ENUMERATED = 2000
"""Sets are all looked at where there are at most as many."""
HOPELESS = 0.9
"""Where the first two starts cover less of the lesion, the others are not tried."""


@dataclass(frozen=True)
class Figures:
    """Covered shares of lesion and target, and the value as a share of the whole target's."""

    lesion_fraction: float
    target_fraction: float
    value: float


class Search:
    """Searches of one problem, counting evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.evaluations = 0
        self._margin_alone = new_margin(problem, np.zeros(problem.bits.shape[1], dtype=np.uint64))
        self._best_addition: dict[frozenset[int], int | None] = {}

    def gains(self, rows: list[int]) -> NDArray[np.float64]:
        """Value added by each candidate (C,) to a set of rows."""
        self.evaluations += len(self.problem.cost)
        covered = self.covered(rows)
        return LESION_WEIGHT * new_lesion(self.problem, covered) + new_margin(self.problem, covered) - self.problem.cost

    def allowed(self, rows: list[int]) -> NDArray[np.bool_]:
        """Candidates (C,) that collide with none of the rows."""
        allowed = np.ones(len(self.problem.cost), dtype=bool)
        for row in rows:
            allowed &= self.problem.compatible(row)
        return allowed

    def covered(self, rows: list[int]) -> NDArray[np.uint64]:
        """Words (W,) of the voxels that rows cover."""
        bits = self.problem.bits
        return np.bitwise_or.reduce(bits[rows], axis=0) if rows else np.zeros(bits.shape[1], dtype=np.uint64)

    def counts(self, rows: list[int]) -> tuple[int, int]:
        """Covered voxels of lesion and of margin, those of fixed probes included."""
        p = self.problem
        lesion, margin = count_covered(p, rows)
        return lesion + p.fixed_lesion, margin + p.fixed_margin

    def value(self, rows: list[int]) -> float:
        """Objective of a set of rows."""
        lesion, margin = self.counts(rows)
        return LESION_WEIGHT * lesion + margin - float(self.problem.cost[rows].sum())

    def figures(self, rows: list[int]) -> Figures:
        """Figures of a set of rows."""
        p = self.problem
        lesion, margin = self.counts(rows)
        target = (lesion + margin) / (p.lesion_count + p.margin_count)
        return Figures(lesion / p.lesion_count, target, self.value(rows) / p.whole)

    def fill(self, rows: list[int], count: int) -> list[int]:
        """Add the best allowed candidates until there are `count`."""
        rows = list(rows)
        while len(rows) < count:
            best = self.best_addition(rows)
            if best is None:
                break
            rows.append(best)
        return rows

    def best_addition(self, rows: list[int]) -> int | None:
        """The allowed candidate that adds most to a set of rows; None where none is allowed. Asked for once each."""
        key = frozenset(rows)
        if key not in self._best_addition:
            self.evaluations += len(self.problem.cost)
            self._best_addition[key] = best_gain(
                self.problem, self.covered(rows), self.allowed(rows), self._margin_alone
            )
        return self._best_addition[key]

    def improve(self, rows: list[int]) -> list[int]:
        """Replace one row at a time by the best candidate in its place until nothing gets better."""
        value = self.value(rows)
        improved = True
        while improved:
            improved = False
            for place in range(len(rows)):
                others = rows[:place] + rows[place + 1 :]
                swapped = self.fill(others, len(rows))
                found = self.value(swapped) if len(swapped) == len(rows) else -np.inf
                if found > value + 1e-6:
                    rows, value, improved = swapped, found, True
        return rows

    def improve_pairs(self, rows: list[int]) -> list[int]:
        """Replace two rows at a time, where a collision may keep single swaps from getting better."""
        value = self.value(rows)
        for first, second in itertools.combinations(range(len(rows)), 2):
            others = [row for n, row in enumerate(rows) if n not in (first, second)]
            gains = np.where(self.allowed(others), self.gains(others), -np.inf)
            for row in np.argsort(-gains, kind="stable")[:PAIR_STARTS]:
                if not np.isfinite(gains[row]):
                    break
                swapped = self.fill([*others, int(row)], len(rows))
                if len(swapped) == len(rows) and self.value(swapped) > value + 1e-6:
                    return self.improve_pairs(self.improve(swapped))
        return rows

    def local_optima(self, count: int, rng: np.random.Generator, known: list[list[int]]) -> list[list[int]]:
        """Different sets of `count` rows that no single swap betters, best first; empty if none fits together.

        `known` are smaller sets to build on before all others.
        """
        if math.comb(len(self.problem.cost), count) <= ENUMERATED:
            return self._every_set(count)
        found: dict[frozenset[int], float] = {}
        hopeless, few = False, len(self.problem.cost) <= FEW
        for n, start in enumerate((*known, *self._starts(count, rng))):
            rows = self.fill(start, count)
            if len(rows) == count:
                rows = self.improve(rows)
                found[frozenset(rows)] = self.value(rows)
            hopeless = (
                not few and bool(found) and max(self.figures(sorted(rows)).lesion_fraction for rows in found) < HOPELESS
            )
            if n >= 1 + len(known) and hopeless:
                break
        if count > 1 and not hopeless:
            for best in _best_first(found)[: PAIRED if few else 1]:
                rows = self.improve_pairs(best)
                found[frozenset(rows)] = self.value(rows)
        return _best_first(found)

    def _every_set(self, count: int) -> list[list[int]]:
        """All sets of `count` rows that fit together, best first, where there are few."""
        found = {}
        for rows in itertools.combinations(range(len(self.problem.cost)), count):
            if all(self.problem.compatible(a)[b] for a, b in itertools.combinations(rows, 2)):
                found[frozenset(rows)] = self.value(list(rows))
        self.evaluations += len(found)
        return _best_first(found)

    def _starts(self, count: int, rng: np.random.Generator) -> list[list[int]]:
        """First candidates to build sets on: the best ones and random promising ones; all where there are few."""
        if count == 1:
            return [[]]
        order = np.argsort(-self.gains([]), kind="stable")
        if len(order) <= 12 * STARTS:
            return [[int(row)] for row in order]
        promising = order[STARTS : max(4 * STARTS, len(order) // 10)]
        return [[int(row)] for row in (*order[:STARTS], *rng.choice(promising, size=STARTS, replace=False))]


def _best_first(found: dict[frozenset[int], float]) -> list[list[int]]:
    return [sorted(rows) for rows, _ in sorted(found.items(), key=lambda row: (-row[1], sorted(row[0])))]
