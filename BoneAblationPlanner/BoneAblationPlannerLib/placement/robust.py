"""Swaps that raise how much of the lesion stays covered when every needle lands off its way."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.candidates import Candidate
from BoneAblationPlannerLib.placement.coverage import PlacementError, displaced, error_draws, fifth_percentile
from BoneAblationPlannerLib.placement.search import Search
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.zones.spheroid import Spheroid
from BoneAblationPlannerLib.zones.voxels import cover_bits

POINTS = 1024
"""Lesion voxels, evenly spread, on which displaced zones are counted."""
STREAMS = 16
"""Candidates share this many sequences of displacements; two of one set rarely share one."""
TRIED = 24
"""Best candidates by value that are tried in each place."""
ROUNDS = 3
SPARE = 0.01
"""Coverage aimed at beyond what is enough: the plan is measured with other displacements."""


class RobustSearch:
    """Lesion coverage of candidates under sampled placement errors, as bitsets that are made when first needed."""

    def __init__(
        self, candidates: list[Candidate], target: Target, error: PlacementError, fixed: tuple[Spheroid, ...] = ()
    ) -> None:
        step = max(1, target.lesion_count // POINTS)
        self._points = np.ascontiguousarray(target.lesion_ras_mm[step // 2 :: step])
        self._candidates, self._grid, self._error = candidates, target.grid, error
        self._bits: dict[int, NDArray[np.uint64]] = {}
        words = (len(self._points) + 63) // 64
        self._draws = error_draws(error, STREAMS)
        self._fixed = np.zeros((error.samples, words), dtype=np.uint64)
        for n, zone in enumerate(fixed):
            self._fixed |= self._displaced([(zone, n)])[0]

    def fraction(self, rows: list[int]) -> float:
        """5th percentile of the lesion's coverage by a set of rows."""
        return self._percentile(self._union(rows))

    def improve(self, search: Search, rows: list[int], enough: float, enough_nominal: float) -> list[int]:
        """Swap rows until `enough` of the lesion stays covered, without giving up nominal coverage or distances."""
        best = self._score(search, rows, self.fraction(rows), enough, enough_nominal)
        for _ in range(ROUNDS):
            if best[0] >= enough_nominal and best[1] >= enough + SPARE:
                break
            found = rows
            for place in range(len(rows)):
                others = rows[:place] + rows[place + 1 :]
                gains = np.where(search.allowed(others), search.gains(others), -np.inf)
                union = self._union(others)
                tried = [int(row) for row in np.argsort(-gains, kind="stable")[:TRIED] if np.isfinite(gains[row])]
                self._make(tried)
                for row in tried:
                    swapped = [*others, row]
                    robust = self._percentile(union | self._bits[row])
                    score = self._score(search, swapped, robust, enough, enough_nominal)
                    if score > best:
                        found, best = swapped, score
            if found is rows:
                break
            rows = found
        return sorted(rows)

    @staticmethod
    def _score(
        search: Search, rows: list[int], robust: float, enough: float, enough_nominal: float
    ) -> tuple[float, float, float]:
        figures = search.figures(rows)
        return min(figures.lesion_fraction, enough_nominal), min(robust, enough + SPARE), figures.value

    def _make(self, rows: list[int]) -> None:
        missing = [row for row in rows if row not in self._bits]
        if missing:
            found = self._displaced([(self._candidates[row].zone, row) for row in missing])
            self._bits.update(zip(missing, found, strict=True))

    def _displaced(self, zones: list[tuple[Spheroid, int]]) -> NDArray[np.uint64]:
        """Bits (Z, samples, words) of zones, each with the stream that moves it."""
        rows = [displaced(zone, self._draws[stream % STREAMS], self._error) for zone, stream in zones]
        bits = cover_bits(self._points, self._grid, np.concatenate(rows))
        return bits.reshape(len(zones), self._error.samples, -1)

    def _union(self, rows: list[int]) -> NDArray[np.uint64]:
        self._make(rows)
        union = self._fixed.copy()
        for row in rows:
            union |= self._bits[row]
        return union

    def _percentile(self, union: NDArray[np.uint64]) -> float:
        return fifth_percentile(np.bitwise_count(union).sum(axis=1, dtype=np.int64) / len(self._points))
