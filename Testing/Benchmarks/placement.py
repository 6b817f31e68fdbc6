"""Probe sets: our search and bound against HiGHS' optimum on the same blocks and a greedy search in numpy.

1000 random zones on a lesion of 20 ml with a margin of 5 mm, three probes, no collisions. HiGHS
(``scipy.optimize.milp``) solves the choice on every 64th voxel; both answers are compared on all voxels. The greedy
search in numpy is compared with our greedy step alone, which gives the same answer; `ours_s` is the whole search.
Last line: one JSON object. Run: ``python Testing/Benchmarks/placement.py``.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

sys.path.insert(0, str(Path(__file__).parents[1]))
from grids import ball, oblique_grid

from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.placement.bound import bounded
from BoneAblationPlannerLib.placement.candidates import Candidate
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.placement.needles import Spacing
from BoneAblationPlannerLib.placement.optimiser import measured
from BoneAblationPlannerLib.placement.problem import LESION_WEIGHT, build_problem
from BoneAblationPlannerLib.placement.search import Search
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of
from BoneAblationPlannerLib.zones.voxels import covered_voxels

CENTRE = np.array([12.0, -34.0, 56.0])
CANDIDATES, PROBES, EVERY, REPEATS = 1000, 3, 64, 9
TIME_LIMIT_S = 120.0
TARGETS = {"share of the optimum": 0.995, "HiGHS": 100.0, "numpy greedy": 15.0}


def instance():
    """Candidates and target."""
    rng = np.random.default_rng(0)
    grid = oblique_grid((60, 60, 60), (1.0, 1.0, 1.0), CENTRE)
    target = build_target(ball(grid, CENTRE, 13.0) | ball(grid, CENTRE + [9.0, 4, 0], 11.0), grid, 5.0)
    device, candidates = builtin_devices()[0], []
    for _ in range(CANDIDATES):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        size = rng.choice([20.0, 24.0, 28.0])
        zone = Spheroid(CENTRE + [3.0, 1, 0] + rng.normal(size=3) * 8, axis, size, size + 8)
        candidates.append(Candidate(device, device.programs[0], zone.centre_ras_mm - 90 * axis, zone.centre_ras_mm,
                                    zone, zone, float(rng.random())))  # fmt: skip
    return candidates, target


def voxel_masks(candidates, target):
    """Covered voxels (C, N) as booleans, and what a voxel is worth (N,)."""
    masks = np.stack([covered_voxels(target.points_ras_mm, target.grid, rows_of([c.zone])) for c in candidates])
    worth = np.ones(masks.shape[1])
    worth[: target.lesion_count] = LESION_WEIGHT
    return masks, worth


def solve_with_highs(masks, worth, cost):
    """Rows of the best set on every 64th voxel, and the seconds that it took."""
    masks, worth = masks[:, ::EVERY], worth[::EVERY] * EVERY
    count, voxels = masks.shape
    covered = sparse.hstack([sparse.csr_array(-masks.T.astype(float)), sparse.eye_array(voxels)], format="csr")
    chosen = np.concatenate([np.ones(count), np.zeros(voxels)])
    start = time.perf_counter()
    found = milp(np.concatenate([cost, -worth]), integrality=chosen, bounds=Bounds(0, 1),
                 constraints=[LinearConstraint(covered, -np.inf, 0), LinearConstraint(chosen[None], -np.inf, PROBES)],
                 options={"mip_rel_gap": 1e-3, "time_limit": TIME_LIMIT_S})  # fmt: skip
    seconds = time.perf_counter() - start
    return [int(row) for row in np.flatnonzero(found.x[:count] > 0.5)], seconds, found.status == 0


def greedy_in_numpy(masks, worth, cost):
    """As many rows, each the best after those before; masks and worth as float32, which is fastest."""
    rows, left = [], worth.copy()
    for _ in range(PROBES):
        rows.append(int((masks @ left - cost).argmax()))
        left[masks[rows[-1]] > 0] = 0.0
    return rows


def timed(run):
    """Result and median seconds of several runs."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return result, float(np.median(seconds))


def main():
    candidates, target = instance()
    free = Spacing(-1e3, 0.0, 0.0)
    build_problem(candidates[:9], target, free)
    problem, raster_s = timed(lambda: build_problem(candidates, target, free))
    Search(problem).local_optima(2, np.random.default_rng(0), [])

    def ours():
        return Search(problem).local_optima(PROBES, np.random.default_rng(0), [])[0]

    rows, ours_s = timed(ours)
    search = Search(problem)
    selection, bound_s = timed(
        lambda: bounded(problem, measured(search, rows, candidates, target, PlacementError(4.0, 3.0), ()))
    )
    masks, worth = voxel_masks(candidates, target)
    highs_rows, highs_s, proven = solve_with_highs(masks, worth, problem.cost)

    single = masks.astype(np.float32), worth.astype(np.float32)
    greedy_rows, greedy_s = timed(lambda: greedy_in_numpy(*single, problem.cost))
    value, optimum = search.value(rows), search.value(highs_rows)
    own_greedy, own_greedy_s = timed(lambda: Search(problem).fill([], PROBES))
    same = own_greedy == greedy_rows
    ratios = {"HiGHS": highs_s / ours_s, "numpy greedy": greedy_s / own_greedy_s}
    share = value / optimum
    print(f"{len(target.points_ras_mm)} voxels; HiGHS {'proved' if proven else 'stopped at'} its optimum on every "
          f"{EVERY}th; greedy reaches {search.value(greedy_rows) / optimum:.4f} of it")  # fmt: skip
    print(json.dumps({
        "name": "placement", "input": f"{CANDIDATES} candidates, {PROBES} probes", "ours_s": ours_s,
        "greedy_s": own_greedy_s,
        "same greedy answer": same, "rasterising_s": raster_s, "bound_s": bound_s,
        "gap": 1 - selection.value / selection.bound,
        "peers": {"HiGHS": highs_s, "numpy greedy": greedy_s}, "ratios": ratios, "share of the optimum": share,
        "targets": {**TARGETS, "gap": 0.02},
        "ok": share >= TARGETS["share of the optimum"] and ratios["HiGHS"] >= TARGETS["HiGHS"]
        and ratios["numpy greedy"] >= TARGETS["numpy greedy"] and same and selection.value >= 0.98 * selection.bound,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
