"""The choice of probes as a problem on bitsets: what each candidate covers, what it costs, what it collides with.

Value of a set = 5 x lesion voxels covered + margin voxels covered - small costs per probe (healthy tissue, effort,
distances given up). Coverage is submodular: a candidate never adds more to a larger set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel
from BoneAblationPlannerLib.placement.candidates import Candidate
from BoneAblationPlannerLib.placement.coverage import covered_in
from BoneAblationPlannerLib.placement.needles import Needles, Spacing
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of
from BoneAblationPlannerLib.zones.voxels import cover_bits

LESION_WEIGHT = 5.0
HEALTHY_COST = 0.05
"""Cost of a voxel ablated outside the target, against 1 for a margin voxel gained."""
EFFORT_COST = 0.002
"""Cost of one unit of effort, as a share of the whole target's value."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Candidates as bitsets, without what fixed probes cover already.

    Parameters
    ----------
    bits : (C, W) uint64
        Lesion voxels in the first `lesion_words` words, margin voxels in the rest.
    cost : (C,) float64
    lesion_count, margin_count : int
        Voxels of the whole target.
    fixed_lesion, fixed_margin : int
        Those of them that fixed probes cover.
    """

    bits: NDArray[np.uint64]
    lesion_words: int
    cost: NDArray[np.float64]
    needles: Needles
    spacing: Spacing
    lesion_count: int
    margin_count: int
    fixed_lesion: int = 0
    fixed_margin: int = 0
    _apart: dict[int, NDArray[np.bool_]] = field(default_factory=dict, init=False)

    @property
    def whole(self) -> float:
        """Value of covering the whole target for free."""
        return LESION_WEIGHT * self.lesion_count + self.margin_count

    @property
    def fixed_value(self) -> float:
        """Value of what fixed probes cover."""
        return LESION_WEIGHT * self.fixed_lesion + self.fixed_margin

    def compatible(self, row: int) -> NDArray[np.bool_]:
        """Candidates (C,) that do not collide with one of them; not itself."""
        if row not in self._apart:
            apart = self.needles.apart_from(self.needles, row, self.spacing)
            apart[row] = False
            self._apart[row] = apart
        return self._apart[row]

    def take(self, rows: NDArray[np.int64], extra_cost: NDArray[np.float64]) -> "Problem":
        """The problem of some of the candidates, each at a further cost (C,)."""
        n = self.needles
        needles = Needles(n.entries_ras_mm[rows], n.tips_ras_mm[rows], n.radius_mm[rows])
        return Problem(self.bits[rows], self.lesion_words, self.cost[rows] + extra_cost, needles, self.spacing,
                       self.lesion_count, self.margin_count, self.fixed_lesion, self.fixed_margin)  # fmt: skip


def build_problem(
    candidates: Sequence[Candidate], target: Target, spacing: Spacing, fixed_zones: Sequence[Spheroid] = ()
) -> Problem:
    """Rasterise the candidates' zones on the target; voxels in `fixed_zones` are worth nothing more."""
    rows = rows_of([c.zone for c in candidates])
    covered = covered_in(target, fixed_zones)
    parts, fixed, inside = [], [], np.zeros(len(candidates), dtype=np.int64)
    for part in (slice(0, target.lesion_count), slice(target.lesion_count, None)):
        bits = cover_bits(target.points_ras_mm[part], target.grid, rows)
        inside += np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
        taken = np.packbits(covered[part], bitorder="little")
        words = np.zeros(8 * bits.shape[1], dtype=np.uint8)
        words[: len(taken)] = taken
        parts.append(bits & ~words.view(np.uint64))
        fixed.append(int(covered[part].sum()))
    bits = np.ascontiguousarray(np.hstack(parts))
    margin_count = len(target.points_ras_mm) - target.lesion_count
    whole = LESION_WEIGHT * target.lesion_count + margin_count
    outside = np.array([c.zone.volume_ml for c in candidates]) / target.grid.voxel_ml - inside
    effort = np.array([c.effort for c in candidates])
    cost = HEALTHY_COST * np.maximum(outside, 0) + EFFORT_COST * whole * effort
    return Problem(
        bits,
        parts[0].shape[1],
        cost,
        Needles.of([(c.entry_ras_mm, c.tip_ras_mm, c.device.diameter_mm) for c in candidates]),
        spacing,
        target.lesion_count,
        margin_count,
        fixed[0],
        fixed[1],
    )


@kernel
def popcount(word):  # type: ignore[no-untyped-def]
    """How many bits of a 64-bit word are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel
def _new_in_row(row, covered, start, stop):  # type: ignore[no-untyped-def]
    """Unsigned bounds: signed ones would allow for negative indices and keep the loop from being vectorised."""
    found = np.uint64(0)
    for w in range(np.uint64(start), np.uint64(stop)):
        found += popcount(row[w] & ~covered[w])
    return found


@kernel
def _new_bits(bits, covered, start, stop, found):  # type: ignore[no-untyped-def]
    """One thread: a sweep takes less time than threads take to start on a busy machine."""
    for c in range(bits.shape[0]):
        found[c] = _new_in_row(bits[c], covered, start, stop)


def new_lesion(problem: Problem, covered: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Lesion voxels (C,) that every candidate adds to covered words (W,)."""
    return _new_between(problem, covered, 0, problem.lesion_words)


def new_margin(problem: Problem, covered: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Margin voxels (C,) that every candidate adds to covered words (W,)."""
    return _new_between(problem, covered, problem.lesion_words, problem.bits.shape[1])


def _new_between(problem: Problem, covered: NDArray[np.uint64], start: int, stop: int) -> NDArray[np.uint64]:
    found = np.zeros(len(problem.cost), dtype=np.uint64)
    if problem.bits.size:
        _new_bits(problem.bits, covered, start, stop, found)
    return found


def count_covered(problem: Problem, rows: list[int]) -> tuple[int, int]:
    """Voxels of lesion and of margin that the rows cover together."""
    chosen = np.array(rows, dtype=np.int64)
    split, words = problem.lesion_words, problem.bits.shape[1]
    return int(_in_any(problem.bits, chosen, 0, split)), int(_in_any(problem.bits, chosen, split, words))


@kernel
def _in_any(bits, rows, start, stop):  # type: ignore[no-untyped-def]
    found = np.uint64(0)
    for w in range(np.uint64(start), np.uint64(stop)):
        word = np.uint64(0)
        for row in rows:
            word |= bits[row, w]
        found += popcount(word)
    return found


def best_gain(
    problem: Problem, covered: NDArray[np.uint64], allowed: NDArray[np.bool_], margin_alone: NDArray[np.uint64]
) -> int | None:
    """The allowed candidate whose value adds most to covered words (W,), the first of equals; None if none is allowed.

    Margin is counted only for candidates that could still be best if all margin that they cover alone were new.
    """
    if not allowed.any():
        return None
    return int(_best(problem.bits, covered, problem.lesion_words, problem.cost, allowed, margin_alone))


@kernel
def _best(bits, covered, split, cost, allowed, margin_alone):  # type: ignore[no-untyped-def]
    words, candidates = bits.shape[1], bits.shape[0]
    lesion, most = np.empty(candidates), np.full(candidates, -np.inf)
    for c in range(candidates):
        if allowed[c]:
            lesion[c] = LESION_WEIGHT * _new_in_row(bits[c], covered, 0, split)
            most[c] = lesion[c] + margin_alone[c] - cost[c]
    first = int(most.argmax())
    best, value = first, lesion[first] + _new_in_row(bits[first], covered, split, words) - cost[first]
    for c in range(candidates):
        if most[c] >= value and c != first:
            gain = lesion[c] + _new_in_row(bits[c], covered, split, words) - cost[c]
            if gain > value or (gain == value and c < best):
                best, value = c, gain
    return best
