"""No set of as many probes can be worth more than this: a bound by Lagrangian relaxation.

Voxels are taken in blocks of neighbours. Probes S cover of a block B, worth w a voxel, at most min(|B|, sum over S of
what each covers alone); collisions are left out. Prices y (0 <= y_B <= w_B) for block coverage split the maximum of
this over all S of n candidates in two: (w_B - y_B) |B| for every block, and the n best candidates at these prices. For
any prices the sum bounds the true optimum from above; subgradient steps (Held, Wolfe and Crowder 1974) lower it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.placement.optimiser import Selection
from BoneAblationPlannerLib.placement.problem import LESION_WEIGHT, Problem

BLOCKS: tuple[type[np.uint64] | type[np.uint16], ...] = (np.uint64, np.uint16)
"""Voxels a block, coarse first; the finer one only where the coarser leaves a gap."""
STEPS = (200, 150)
CLOSE = 0.004
"""Relative gap at which the search ends."""
PATIENCE = 12
UNIT = 1024
"""Prices are whole multiples of 1/1024, so that sums are exact."""


def bounded(problem: Problem, selection: Selection) -> Selection:
    """The selection with the tightest bound found; it holds for every set of at most as many of the candidates."""
    value = selection.value * problem.whole
    bound, prices = problem.whole, None
    for kind, steps in zip(BLOCKS, STEPS, strict=True):
        counts, sizes, weights = _blocks(problem, kind)
        start = weights // 2 if prices is None else np.repeat(prices, len(weights) // len(prices))
        found, prices = _lowest_bound(
            counts, sizes, weights, problem.cost, len(selection.rows), value - problem.fixed_value, start, steps
        )
        bound = min(bound, problem.fixed_value + found)
        if bound - value <= CLOSE * bound:
            break
    return replace(selection, bound=max(selection.value, min(selection.bound, bound / problem.whole)))


def _blocks(
    problem: Problem, kind: type[np.uint64] | type[np.uint16]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
    """Voxels that each candidate covers of each block (C, B), that any covers (B,), and a voxel's worth (B,)."""
    counts = np.bitwise_count(problem.bits.view(kind))
    reachable = np.bitwise_or.reduce(problem.bits, axis=0).view(kind)
    parts = len(reachable) // problem.bits.shape[1]
    weights = np.full(len(reachable), UNIT, dtype=np.int32)
    weights[: problem.lesion_words * parts] = round(LESION_WEIGHT * UNIT)
    return counts, np.bitwise_count(reachable).astype(np.int64), weights


def _lowest_bound(
    counts: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    weights: NDArray[np.int32],
    cost: NDArray[np.float64],
    count: int,
    value: float,
    prices: NDArray[np.int32],
    steps: int,
) -> tuple[float, NDArray[np.int32]]:
    """Bound and the prices that give it; `value` is what some set is known to be worth."""
    best, best_prices = np.inf, prices
    length, waited = 1.0, 0
    income = np.empty(len(cost), dtype=np.int64)
    for _ in range(steps):
        _income(counts, prices, income)
        worth = income / UNIT - cost
        chosen = np.argsort(-worth, kind="stable")[:count]
        chosen = chosen[worth[chosen] > 0]
        bound = float((weights - prices) @ sizes) / UNIT + float(worth[chosen].sum())
        if bound < best:
            best, best_prices, waited = bound, prices, 0
        else:
            waited += 1
            if waited > PATIENCE:
                length, waited, prices = length * 0.6, 0, best_prices
                continue
        if best - value <= CLOSE * best:
            break
        slope = counts[chosen].sum(axis=0, dtype=np.float64) - np.where(prices < weights, sizes, 0)
        slope[((prices <= 0) & (slope > 0)) | ((prices >= weights) & (slope < 0))] = 0.0
        size = float(slope @ slope)
        if size == 0:
            break
        steps_down = np.rint(UNIT * length * (bound - value) / size * slope)
        prices = np.clip(prices - steps_down, 0, weights).astype(np.int32)
    return best, best_prices


@parallel_kernel
def _income(counts, prices, income):  # type: ignore[no-untyped-def]
    """What the blocks that each candidate covers pay at these prices."""
    for c in prange(counts.shape[0]):
        total = np.int64(0)
        for b in range(np.uint64(counts.shape[1])):
            total += np.int64(np.int32(counts[c, b]) * prices[b])
        income[c] = total
