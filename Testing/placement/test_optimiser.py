"""The optimiser against brute force on small instances."""

import itertools

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.placement.bound import bounded
from BoneAblationPlannerLib.placement.candidates import Candidate, spread_points
from BoneAblationPlannerLib.placement.coverage import PlacementError, robust_figures
from BoneAblationPlannerLib.placement.needles import Needles, Spacing, segment_distance
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_ROBUST, measured, select_probes
from BoneAblationPlannerLib.placement.problem import EFFORT_COST, HEALTHY_COST, LESION_WEIGHT, build_problem
from BoneAblationPlannerLib.placement.robust import RobustSearch
from BoneAblationPlannerLib.placement.search import Search
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.progress import silent
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of
from BoneAblationPlannerLib.zones.voxels import covered_voxels

CENTRE = np.array([12.0, -34.0, 56.0])
DEVICE = builtin_devices()[0]
ERROR = PlacementError(4.0, 3.0)
FREE = Spacing(0.0, 0.0, 0.0)


def select(candidates, target, spacing=FREE, report=silent, fixed=()):
    return select_probes(build_problem(candidates, target, spacing, fixed), candidates, target, ERROR, report, fixed)


def best_by_brute_force(built, candidates, target, count):
    """Largest value of the sets of `count` candidates that do not collide, and the largest with collisions."""
    values = {}
    for rows in itertools.combinations(range(len(candidates)), count):
        apart = all(built.compatible(a)[b] for a, b in itertools.combinations(rows, 2))
        values[rows] = (value_by_hand(candidates, target, rows), apart)
    return max(v for v, apart in values.values() if apart), max(v for v, _ in values.values())


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
@pytest.mark.parametrize("enumerated", [0, 2000])
def test_finds_the_optimum_and_bounds_it(seed, count, enumerated, monkeypatch):
    """The same by enumeration as by search, which small instances would never need."""
    monkeypatch.setattr("BoneAblationPlannerLib.placement.search.ENUMERATED", enumerated)
    candidates, target = problem(12, seed)
    built = build_problem(candidates, target, Spacing(3.0, 5.0, 20.0))
    best, best_colliding = best_by_brute_force(built, candidates, target, count)
    search = Search(built)
    rows = search.local_optima(count, np.random.default_rng(0), [])[0]
    found = measured(search, rows, candidates, target, ERROR, ())
    assert found.value == pytest.approx(best, abs=1e-9)
    assert found.value == pytest.approx(value_by_hand(candidates, target, found.rows), abs=1e-9)
    # The bound leaves collisions out and holds for fewer probes too.
    assert best_colliding - 1e-9 <= bounded(built, found).bound <= 1.0


def test_the_bound_is_tight_where_zones_do_not_overlap():
    """The value is then the sum of the parts, so that the best single candidates are the best set."""
    grid = oblique_grid((20, 40, 50), (1.0, 1.0, 1.0))
    target = build_target(ball(grid, CENTRE, 18.0), grid, 0.0)
    axis = np.array([0.0, 0, 1])
    candidates = []
    for offset, size in (([8.0, 0, 0], 14.0), ([-8.0, 0, 0], 12.0), ([0.0, 8, 0], 6.0), ([0.0, -8, 0], 8.0)):
        zone = Spheroid(CENTRE + offset, axis, size, size)
        candidates.append(Candidate(DEVICE, DEVICE.programs[0], zone.centre_ras_mm - 80 * axis, zone.centre_ras_mm,
                                    zone, zone, 0.0))  # fmt: skip
    built = build_problem(candidates, target, FREE)
    poor = bounded(built, measured(Search(built), [2, 3], candidates, target, ERROR, ()))
    best = value_by_hand(candidates, target, [0, 1])
    assert best <= poor.bound <= best * 1.01
    assert bounded(built, measured(Search(built), [0, 1], candidates, target, ERROR, ())).bound <= best * 1.005


@pytest.mark.parametrize("seed", range(4))
def test_a_wider_pool_never_lowers_the_best_value(seed):
    candidates, target = problem(60, seed)
    values = []
    for many in (20, 60):
        search = Search(build_problem(candidates[:many], target, FREE))
        values.append(search.value(search.local_optima(2, np.random.default_rng(0), [])[0]))
    assert values[1] >= values[0]


def test_swaps_raise_the_coverage_that_placement_error_leaves():
    """Two zones that just cover the lesion against two that overlap it widely, at a higher cost."""
    grid = oblique_grid((30, 50, 60), (1.0, 1.0, 1.4))
    target = build_target(ball(grid, CENTRE, 9.0), grid, 0.0)
    axis = np.array([0.0, 0, 1])
    candidates = []
    for offset, size, effort in (([5.0, 0, 0], 21.0, 0.0), ([-5.0, 0, 0], 21.0, 0.0), ([4.0, 0, 0], 30.0, 9.0),
                                 ([-4.0, 0, 0], 30.0, 9.0)):  # fmt: skip
        zone = Spheroid(CENTRE + offset, axis, size, size)
        candidates.append(Candidate(DEVICE, DEVICE.programs[0], zone.centre_ras_mm - 80 * axis, zone.centre_ras_mm,
                                    zone, zone, effort))  # fmt: skip
    search = Search(build_problem(candidates, target, FREE))
    robust = RobustSearch(candidates, target, ERROR)
    rows = robust.improve(search, [0, 1], ENOUGH_ROBUST, 0.9)
    before, after = (
        robust_figures(target, [candidates[r].zone for r in chosen], ERROR).p05_lesion_fraction
        for chosen in ([0, 1], rows)
    )
    assert after > before
    assert after >= ENOUGH_ROBUST
    assert robust.fraction(rows) == pytest.approx(after, abs=0.03)


def test_fixed_probes_count_and_nothing_more_is_placed_where_they_are_enough():
    candidates, target = problem(30, 5, radius=9.0)
    axis = np.array([0.0, 0, 1])
    whole = (Spheroid(CENTRE, axis, 50, 50),)
    assert select(candidates, target, fixed=whole).rows == ()
    half = (Spheroid(CENTRE + [9.0, 0, 0], axis, 30, 30),)
    built = build_problem(candidates, target, FREE, half)
    alone = covered_voxels(target.points_ras_mm, target.grid, rows_of(half))
    assert built.fixed_lesion == alone[: target.lesion_count].sum()
    found = select(candidates, target, fixed=half)
    together = covered_voxels(target.points_ras_mm, target.grid, rows_of(
        [*half, *(candidates[r].zone for r in found.rows)]))  # fmt: skip
    assert found.lesion_fraction == pytest.approx(together[: target.lesion_count].mean())
    assert found.target_fraction == pytest.approx(together.mean())


def test_hubs_entries_and_shafts_keep_apart():
    """Two parallel needles 12 mm apart; then tilted so that they cross outside the skin only."""
    up = np.array([0.0, 0, 1])

    def pair(lean_mm):
        first = (np.array([0.0, 0, 0]), -80 * up, 2.0)
        second = (np.array([12.0, 0, 0]), -80 * up + [12.0 + lean_mm, 0, 0], 2.0)
        return Needles.of([first, second])

    def apart(needles, spacing):
        return bool(needles.apart_from(needles, 0, spacing)[1])

    assert apart(pair(0.0), Spacing(9.9, 11.9, 40.0))
    assert not apart(pair(0.0), Spacing(10.1, 11.9, 40.0))
    assert not apart(pair(0.0), Spacing(9.9, 12.1, 40.0))
    # Leaning by 30 mm over 80 mm of depth, the second comes 15 mm nearer over 40 mm outside the skin.
    assert apart(pair(30.0), Spacing(2.0, 5.0, 0.0))
    assert not apart(pair(30.0), Spacing(2.0, 5.0, 40.0))


def test_shafts_that_collide_are_never_chosen_together():
    candidates, target = problem(30, 3)
    gap = 25.0
    selection = select(candidates, target, Spacing(gap, 0.0, 0.0))
    for a, b in itertools.combinations(selection.rows, 2):
        apart = segment_distance(candidates[a].entry_ras_mm, candidates[a].tip_ras_mm,
                                 candidates[b].entry_ras_mm, candidates[b].tip_ras_mm)  # fmt: skip
        assert apart >= gap + DEVICE.diameter_mm - 1e-9


def test_one_probe_where_one_is_enough():
    candidates, target = problem(10, 0, radius=5.0)
    axis = np.array([0.0, 0, 1])
    big = Spheroid(CENTRE, axis, 26, 30)
    candidates.append(Candidate(DEVICE, DEVICE.programs[0], CENTRE - 80 * axis, CENTRE, big, big, 0.5))
    selection = select(candidates, target, Spacing(4.0, 0.0, 20.0))
    assert selection.rows == (10,)
    assert selection.lesion_fraction == 1.0


def test_same_seed_same_answer():
    candidates, target = problem(40, 7)
    assert select(candidates, target) == select(candidates, target)


def test_cancel_stops():
    candidates, target = problem(5, 0)
    with pytest.raises(Cancelled):
        select(candidates, target, report=lambda fraction, stage: False)


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
