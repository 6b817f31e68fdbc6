"""The optimiser against brute force on small instances."""

import itertools

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.placement.candidates import Candidate, spread_points
from BoneAblationPlannerLib.placement.certificate import certify
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.placement.optimiser import (
    EFFORT_COST,
    HEALTHY_COST,
    LESION_WEIGHT,
    Search,
    _best_of_starts,
    build_problem,
    segment_distance,
    select_probes,
)
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.progress import silent
from BoneAblationPlannerLib.zones.spheroid import Spheroid, covered_voxels, rows_of

CENTRE = np.array([12.0, -34.0, 56.0])
DEVICE = builtin_devices()[0]
ERROR = PlacementError(4.0, 3.0)


def problem(count, seed, radius=11.0, zone_mm=16.0):
    rng = np.random.default_rng(seed)
    grid = oblique_grid((14, 30, 40), (1.2, 1.4, 2.9))
    target = build_target(ball(grid, CENTRE, radius), grid, 3.0)
    candidates = []
    for _ in range(count):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        zone = Spheroid(CENTRE + rng.normal(size=3) * 6, axis, zone_mm, zone_mm + 4)
        tip = zone.centre_ras_mm + axis * 4
        candidates.append(Candidate(DEVICE, DEVICE.programs[0], tip - 80 * axis, tip, zone, zone, float(rng.random())))
    return candidates, target


def value_by_hand(candidates, target, rows):
    """The objective's definition, without bitsets."""
    covered = covered_voxels(target.points_ras_mm, target.grid, rows_of([candidates[r].zone for r in rows]))
    value = LESION_WEIGHT * covered[: target.lesion_count].sum() + covered[target.lesion_count :].sum()
    whole = LESION_WEIGHT * target.lesion_count + len(covered) - target.lesion_count
    for row in rows:
        alone = covered_voxels(target.points_ras_mm, target.grid, rows_of([candidates[row].zone])).sum()
        outside = max(candidates[row].zone.volume_ml / target.grid.voxel_ml - alone, 0)
        value -= HEALTHY_COST * outside + EFFORT_COST * whole * candidates[row].effort
    return value / whole


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_finds_the_optimum_and_bounds_it(seed, count):
    candidates, target = problem(12, seed)
    built = build_problem(candidates, target, 0.0)
    best = max(
        value_by_hand(candidates, target, rows)
        for rows in itertools.combinations(range(len(candidates)), count)
        if all(built.compatible[a, b] for a, b in itertools.combinations(rows, 2))
    )
    found = _best_of_starts(built, count, np.random.default_rng(0))
    assert found.value == pytest.approx(best, abs=1e-9)
    assert found.value == pytest.approx(value_by_hand(candidates, target, found.rows), abs=1e-9)
    assert found.bound >= best - 1e-9
    certified = certify(candidates, target, 0.0, found)
    assert best - 1e-9 <= certified.bound <= found.bound
    assert certified.value == pytest.approx(best, abs=1e-9)


def test_the_certificate_closes_the_gap_and_mends_a_poor_choice():
    """Zones that do not overlap: the value is the sum of the parts, so the bound is the optimum."""
    grid = oblique_grid((20, 40, 50), (1.0, 1.0, 1.0))
    target = build_target(ball(grid, CENTRE, 18.0), grid, 0.0)
    axis = np.array([0.0, 0, 1])
    candidates = []
    for offset, size in (([8.0, 0, 0], 14.0), ([-8.0, 0, 0], 12.0), ([0.0, 8, 0], 6.0), ([0.0, -8, 0], 8.0)):
        zone = Spheroid(CENTRE + offset, axis, size, size)
        candidates.append(Candidate(DEVICE, DEVICE.programs[0], zone.centre_ras_mm - 80 * axis, zone.centre_ras_mm,
                                    zone, zone, 0.0))  # fmt: skip
    problem_ = build_problem(candidates, target, 0.0)
    poor = Search(problem_).selection([2, 3])
    certified = certify(candidates, target, 0.0, poor)
    assert set(certified.rows) == {0, 1}
    assert certified.bound == pytest.approx(certified.value, rel=2e-3)


def test_shafts_that_collide_are_never_chosen_together():
    candidates, target = problem(30, 3)
    gap = 25.0
    selection = select_probes(candidates, target, gap, ERROR, silent)
    for a, b in itertools.combinations(selection.rows, 2):
        apart = segment_distance(candidates[a].entry_ras_mm, candidates[a].tip_ras_mm,
                                 candidates[b].entry_ras_mm, candidates[b].tip_ras_mm)  # fmt: skip
        assert apart >= gap + DEVICE.diameter_mm - 1e-9


def test_one_probe_where_one_is_enough():
    candidates, target = problem(10, 0, radius=5.0)
    axis = np.array([0.0, 0, 1])
    big = Spheroid(CENTRE, axis, 26, 30)
    candidates.append(Candidate(DEVICE, DEVICE.programs[0], CENTRE - 80 * axis, CENTRE, big, big, 0.5))
    selection = select_probes(candidates, target, 4.0, ERROR, silent)
    assert selection.rows == (10,)
    assert selection.lesion_fraction == 1.0


def test_same_seed_same_answer():
    candidates, target = problem(40, 7)
    assert select_probes(candidates, target, 4.0, ERROR, silent) == select_probes(
        candidates, target, 4.0, ERROR, silent
    )


def test_cancel_stops():
    candidates, target = problem(5, 0)
    with pytest.raises(Cancelled):
        select_probes(candidates, target, 4.0, ERROR, lambda fraction, stage: False)


@pytest.mark.parametrize("seed", range(6))
def test_segment_distance_matches_dense_sampling(seed):
    rng = np.random.default_rng(seed)
    p0, p1, q0, q1 = rng.normal(size=(4, 3)) * 10
    t = np.linspace(0, 1, 600)[:, None]
    dense = np.linalg.norm((p0 + t * (p1 - p0))[:, None] - (q0 + t * (q1 - q0)), axis=2).min()
    assert segment_distance(p0, p1, q0, q1) == pytest.approx(dense, abs=0.05)


def test_segment_distance_of_parallel_crossing_and_single_points():
    x, y, o = np.array([10.0, 0, 0]), np.array([0.0, 3, 0]), np.zeros(3)
    assert segment_distance(o, x, y, x + y) == pytest.approx(3)
    assert segment_distance(o, x, x + y, y) == pytest.approx(3)
    assert segment_distance(o, x, np.array([5.0, -1, 0]), np.array([5.0, 1, 0])) == pytest.approx(0)
    assert segment_distance(o, o, y, y) == pytest.approx(3)
    assert segment_distance(o, o, y - x, y + x) == pytest.approx(3)


def test_spread_points_are_apart_and_start_in_the_middle():
    points = np.random.default_rng(0).normal(size=(500, 3)) * 10
    chosen = spread_points(points, 20, 4.0)
    assert len(chosen) <= 20
    gaps = np.linalg.norm(chosen[:, None] - chosen, axis=2) + np.eye(len(chosen)) * 99
    assert gaps.min() >= 4.0
    middle = np.linalg.norm(points - points.mean(axis=0), axis=1).min()
    assert np.linalg.norm(chosen[0] - points.mean(axis=0)) == pytest.approx(middle)
