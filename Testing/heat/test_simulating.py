"""Plans with a simulation: the same code for clearances and coverage, again and again, the shortest program."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from phantoms import coarse_result

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.command_line.heat import add_heat_arguments, add_placing_argument, heat_options
from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.reevaluation import evaluate_placements, placements_of_plan, prepared_of
from BoneAblationPlannerLib.simulating import NONE_DOES, simulate_result
from BoneAblationPlannerLib.zones.heat.cautions import CHART_AGAIN, LARGEST_STATED, STATED
from BoneAblationPlannerLib.zones.heat.options import HeatOptions, thermocouples_of

VOXEL_MM = 4.0


@cache
def one_probe():
    """The coarse phantom's plan with its first probe only: quick to simulate."""
    made = coarse_result()
    probe = placements_of_plan(made.plan)[:1]
    return evaluate_placements(made.plan, prepared_of(made), probe)


@cache
def simulated():
    probe = one_probe().plan.probes[0]
    tip = np.array(probe.tip_ras_mm)
    beyond = tip + 20 * (tip - probe.entry_ras_mm) / probe.depth_mm
    points = {"tip": tuple(tip), "beyond": tuple(np.round(beyond, 2))}
    options = HeatOptions(VOXEL_MM, with_spread=True, thermocouples=points)
    return simulate_result(one_probe(), builtin_devices(), options=options)


def test_clearances_come_from_the_simulated_zone():
    chart, plan = one_probe().plan, simulated().plan
    before = {c.structure: c for c in chart.probes[0].clearances}
    for row in plan.probes[0].clearances:
        assert row.shaft_mm == before[row.structure].shaft_mm
        assert row.ok == (row.shaft_mm >= row.required_shaft_mm
                          and (row.zone_mm >= row.required_zone_mm or row.required_zone_mm == 0))  # fmt: skip
    effects = {e.structure: e for e in plan.simulation.effects}
    for row in plan.probes[0].clearances:
        if row.structure in effects:
            assert max(0.0, row.zone_mm) == pytest.approx(effects[row.structure].zone_mm, abs=0.011)
    failing = [c for c in plan.probes[0].clearances if not c.ok and c.shaft_mm >= c.required_shaft_mm]
    for row in failing:
        assert any("ZONE" in w and row.structure in w for w in plan.warnings)


def test_structures_are_measured_to_the_largest_plausible_zone_and_coverage_is_not():
    without = simulate_result(one_probe(), builtin_devices(), options=HeatOptions(VOXEL_MM, with_spread=False)).plan
    plan = simulated().plan
    assert (plan.simulation.distances_to, without.simulation.distances_to) == ("largest", "nominal")
    assert (LARGEST_STATED in plan.warnings, LARGEST_STATED in without.warnings) == (True, False)
    nominal = {c.structure: c for c in without.probes[0].clearances}
    assert nominal
    nearer = 0
    for row in plan.probes[0].clearances:
        assert row.zone_mm <= nominal[row.structure].zone_mm
        assert row.shaft_mm == nominal[row.structure].shaft_mm
        nearer += row.zone_mm < nominal[row.structure].zone_mm
    assert nearer > 0
    alike = replace(plan.coverage, small_zone_lesion_fraction=None)
    assert alike == replace(without.coverage, small_zone_lesion_fraction=None)
    assert type(plan).from_json(plan.to_json()).simulation == plan.simulation


def test_the_worst_over_the_plausible_range_is_never_milder():
    plan = simulated().plan
    assert plan.simulation.effects
    for effect in plan.simulation.effects:
        worst = effect.at_worst
        assert worst.hottest_celsius >= effect.hottest_celsius
        assert worst.coldest_celsius <= effect.coldest_celsius
        assert worst.cem43_min >= effect.cem43_min
        assert not (effect.ok is False and worst.ok)
        said = any("AT THE END OF WHAT IS PLAUSIBLE" in w and effect.structure in w for w in plan.warnings)
        assert said == (effect.may_break and effect.structure in {s.name for s in one_probe().anatomy.structures})
    assert plan.simulation.largest_ml > plan.zone.volume_ml > plan.simulation.smallest_ml


def test_coverage_and_remainder_agree():
    result = simulated()
    left = result.plan.coverage.uncovered_target_ml
    assert (left > 0) == bool(result.remainder.any())
    assert result.plan.coverage.lesion_plus_margin_fraction <= 1


def test_thermocouples_and_fields():
    result = simulated()
    tip, beyond = result.plan.simulation.thermocouples
    assert (tip.name, beyond.name) == ("tip", "beyond")
    assert tip.highest_celsius > beyond.highest_celsius > 37
    assert len(tip.times_s) == len(tip.celsius) == len(tip.cem43_min)
    assert np.diff(tip.cem43_min).min() >= 0
    fields = result.temperatures
    assert fields.frames_celsius.shape == (len(fields.frame_times_s), *fields.frame_grid.shape)
    assert not (fields.small_zone & ~fields.large_zone).any()
    assert thermocouples_of(result.plan) == {t.name: t.point_ras_mm for t in result.plan.simulation.thermocouples}


def test_the_band_of_an_expected_nerve_is_listed_and_warned_of_but_gives_no_clearance():
    """A band over the whole lesion, where tissue dies, breaks any nerve's limit; it is no structure of the plan."""
    one = one_probe()
    name = "sciatic nerve right (estimated, verify)"
    band = Structure(name, "nerve", one.anatomy.lesion, 5.0, 10.0, "estimated")
    anatomy = replace(one.anatomy, structures=(), estimates=(band,))
    done = simulate_result(replace(one, anatomy=anatomy), builtin_devices(), options=HeatOptions(VOXEL_MM, False))
    (effect,) = done.plan.simulation.effects
    assert (effect.structure, effect.ok) == (name, False)
    assert any(w.startswith(f"SIMULATED: somewhere in its band the {name} ") for w in done.plan.warnings)
    assert name not in {c.structure for p in done.plan.probes for c in p.clearances}


def test_measured_by_the_chart_it_says_so_and_simulated_again_it_does_not():
    """A stored plan goes through the charts first, which warns; the next simulation takes the warning back."""
    first = simulated()
    measured = evaluate_placements(first.plan, prepared_of(first), placements_of_plan(first.plan))
    assert CHART_AGAIN in measured.plan.warnings
    options = HeatOptions(VOXEL_MM, thermocouples=thermocouples_of(first.plan))
    again = simulate_result(measured, builtin_devices(), options=options)
    assert CHART_AGAIN not in again.plan.warnings
    assert sorted(again.plan.warnings) == sorted(first.plan.warnings)
    assert again.plan.warnings.count(STATED) == 1
    assert again.plan.coverage == first.plan.coverage
    assert again.plan.probes == first.plan.probes


def test_the_shortest_program_is_taken_and_what_was_tried_is_kept(monkeypatch):
    monkeypatch.setattr("BoneAblationPlannerLib.simulating.WANTED_FRACTION", 0.05)
    free = one_probe()
    free = replace(free, anatomy=replace(free.anatomy, structures=()))
    options = HeatOptions(VOXEL_MM, with_spread=False, shortest=True)
    done = simulate_result(free, builtin_devices(), options=options)
    search = done.plan.simulation.search
    assert search.limits_at == "nominal"
    assert [t.minutes for t in search.tried] == sorted(t.minutes for t in search.tried)
    assert search.chosen == search.tried[-1].program == done.plan.probes[0].program
    assert all(t.lesion_fraction < 0.05 for t in search.tried[:-1])
    monkeypatch.setattr("BoneAblationPlannerLib.simulating.WANTED_FRACTION", 1.1)
    none = simulate_result(free, builtin_devices(), options=options)
    assert none.plan.simulation.search.chosen is None
    assert NONE_DOES in none.plan.warnings
    assert none.plan.probes[0].program == free.plan.probes[0].program


def options_of(*texts):
    import argparse

    parser = argparse.ArgumentParser()
    add_heat_arguments(parser)
    add_placing_argument(parser)
    return heat_options(parser.parse_args(texts))


def test_what_the_command_line_says():
    assert options_of() is None
    asked = options_of(
        "--heat", "--thermocouple=nerve=-12.5,3,40", "--thermocouple", "skin=1,2,3", "--shortest-program"
    )
    assert asked.thermocouples == {"nerve": (-12.5, 3.0, 40.0), "skin": (1.0, 2.0, 3.0)}
    assert asked.shortest
    assert asked.keep
    assert options_of("--heat").thermocouples is None
    assert not options_of("--heat", "--no-cache").keep
    assert options_of("--heat", "--together").together
    assert options_of("--heat", "--keep-placement").keep_placement
    assert not options_of("--heat").keep_placement


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("--shortest-program",), "without --heat"),
        (("--keep-placement",), "without --heat"),
        (("--thermocouple", "a=1,2,3"), "without --heat"),
        (("--heat", "--thermocouple", "a=1,2"), "three numbers"),
        (("--heat", "--thermocouple", "a=1,2,inf"), "finite"),
        (("--heat", "--thermocouple", "=1,2,3"), "name"),
        (("--heat", "--thermocouple", "a=1,2,3", "--thermocouple", "a=4,5,6"), "each name once"),
    ],
)
def test_bad_arguments_are_one_line(texts, said):
    with pytest.raises(InputError, match=said):
        options_of(*texts)
