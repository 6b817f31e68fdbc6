"""How far from the best possible a chosen set of probes is: a bound from a mixed-integer program (HiGHS).

Voxels are taken 64 at a time, as the bitsets hold them: neighbours by construction. For a block B of such voxels and
probes S, the covered share of B is at most min(1, sum over S of the share that each covers alone). Maximising the
objective with these shares in place of voxels therefore bounds the true objective from above, for every set of the
same number of candidates, and is small enough to solve.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from BoneAblationPlannerLib.placement.candidates import Candidate
from BoneAblationPlannerLib.placement.optimiser import LESION_WEIGHT, Problem, Search, Selection, build_problem
from BoneAblationPlannerLib.placement.target import Target

NODE_LIMIT = 100
"""Ends the search after the same work on any machine, so that a case always gives the same plan."""
RELATIVE_GAP = 1e-3
MOST_CANDIDATES = 500
"""Beyond this only a bound without the program is given: it would not be solved in seconds."""


def certify(candidates: list[Candidate], target: Target, gap_mm: float, selection: Selection) -> Selection:
    """Tighten a selection's bound; take the program's probes instead if they are worth more.

    The bound holds for every set of at most as many of these candidates, collisions allowed. It is never loosened.
    """
    if len(candidates) > MOST_CANDIDATES:
        return selection
    problem = build_problem(candidates, target, gap_mm)
    bound, rows = _solve(problem, len(selection.rows))
    selection = replace(selection, bound=max(selection.value, min(selection.bound, bound / problem.whole)))
    better = Search(problem).selection(rows) if _compatible(problem, rows) else None
    if better is None or better.value <= selection.value or better.lesion_fraction < selection.lesion_fraction:
        return selection
    return replace(better, bound=max(better.value, selection.bound), evaluations=selection.evaluations)


def _solve(problem: Problem, count: int) -> tuple[float, list[int]]:
    """Upper bound of the value of `count` candidates, and the program's choice (empty if it found none)."""
    shares, sizes = _block_shares(problem)
    candidates, blocks = shares.shape
    value = np.concatenate([-problem.cost, sizes])
    covered = sparse.hstack([sparse.csr_array(-shares.T), sparse.eye_array(blocks)], format="csr")
    chosen = np.concatenate([np.ones(candidates), np.zeros(blocks)])
    found = milp(
        -value,
        constraints=[LinearConstraint(covered, -np.inf, 0), LinearConstraint(chosen[None], -np.inf, count)],
        integrality=chosen,
        bounds=Bounds(0, 1),
        options={"node_limit": NODE_LIMIT, "mip_rel_gap": RELATIVE_GAP},
    )
    bound = problem.whole if found.mip_dual_bound is None else -float(found.mip_dual_bound)
    rows = [] if found.x is None else [int(row) for row in np.flatnonzero(found.x[:candidates] > 0.5)]
    return bound, rows


def _block_shares(problem: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of each block that each candidate covers alone (C, B), and what covering the whole block is worth (B,)."""
    shares, worth = [], []
    parts = (
        (problem.lesion_bits, problem.lesion_count, LESION_WEIGHT),
        (problem.margin_bits, problem.margin_count, 1.0),
    )
    for bits, count, weight in parts:
        size = np.full(bits.shape[1], 64.0)
        if len(size):
            size[-1] = count - 64 * (len(size) - 1)
        shares.append(np.bitwise_count(bits) / size)
        worth.append(weight * size)
    return np.hstack(shares), np.concatenate(worth)


def _compatible(problem: Problem, rows: list[int]) -> bool:
    return bool(rows) and all(problem.compatible[a, b] for a in rows for b in rows if a != b)
