"""Probes placed by the simulated zone, end to end on the phantom, with a chart that promises too much."""

import json
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
from phantoms import coarse_case

from BoneAblationPlannerLib.anatomy.structure_table import builtin_table, with_distances
from BoneAblationPlannerLib.case import FixedProbe
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.planning_with_heat import place_by_simulation, plan_with_heat
from BoneAblationPlannerLib.reevaluation import placements_of_plan
from BoneAblationPlannerLib.workflow import place_case
from BoneAblationPlannerLib.zones.heat.options import HeatOptions

PROMISED = 1.4
OPTIONS = HeatOptions(voxel_mm=4.0, with_spread=False, keep=False)


def promising():
    """An ice probe of the catalogue whose chart says that zones are larger in the patient than on the bench."""
    device = find_device("cryo-iceforce-14g")
    return replace(
        device,
        in_vivo_factor=PROMISED * device.in_vivo_factor,
        programs=tuple(
            replace(
                p,
                short_mm=PROMISED * p.short_mm,
                long_mm=PROMISED * p.long_mm,
                beyond_tip_mm=p.beyond_tip_mm + (PROMISED - 1) * p.long_mm / 2,
                visible_short_mm=max(PROMISED * p.short_mm, p.visible_short_mm),
                visible_long_mm=max(PROMISED * p.long_mm, p.visible_long_mm),
            )
            for p in device.programs
        ),
    )


@cache
def case():
    """Away from nerves and the joint, whose distances would leave no other place."""
    near = with_distances(builtin_table(), {"joint": [0.1, 0.1]})
    return replace(coarse_case("cryo"), devices=(promising(),), organs=None, nerves=(), structure_table=near)


@cache
def by_chart():
    return place_case(case())


def placed_with(**changes):
    """Placed by the chart in the same anatomy, with other wishes."""
    prepared = by_chart().placer.prepared
    asked = replace(case(), **changes)
    with patch("BoneAblationPlannerLib.workflow.prepare_case", lambda _case, _report: replace(prepared, case=asked)):
        return place_case(asked)


def planned(**options):
    """Planned from the chart's probes, which are looked for once."""
    with patch("BoneAblationPlannerLib.planning_with_heat.place_case", lambda _case, _report: by_chart()):
        return plan_with_heat(case(), replace(OPTIONS, **options))


@cache
def by_simulation():
    return planned()


def lines(plan):
    return [(p.entry_ras_mm, p.tip_ras_mm) for p in plan.probes]


def test_probes_are_placed_again_where_the_chart_promises_too_much():
    plan = by_simulation().plan
    placement = plan.simulation.placement
    chart, taken = placement.rounds[0], placement.rounds[placement.taken]
    assert (chart.across, chart.along, chart.probes) == (1, 1, len(by_chart().result.plan.probes))
    assert chart.lesion_fraction < 0.99 <= taken.lesion_fraction
    assert placement.taken > 0
    assert (taken.lesion_fraction, taken.lesion_plus_margin_fraction, taken.probes) == (
        plan.coverage.lesion_fraction,
        plan.coverage.lesion_plus_margin_fraction,
        len(plan.probes),
    )
    assert lines(plan) != lines(by_chart().result.plan)
    assert plan.simulation.size == taken.size


def test_the_plan_says_for_which_zones_and_what_the_chart_would_have_covered():
    plan = by_simulation().plan
    (said,) = [w for w in plan.warnings if w.startswith("PLACED BY THE SIMULATED ZONE")]
    row = plan.simulation.placement.rounds[0]
    assert f"{row.size.across:.0%} of the chart's across" in said
    assert f"{row.lesion_fraction * 100:.1f}"[:4] in said
    assert "as they were simulated in this patient" in plan.optimiser.description
    added = [row for row in plan.provenance if row.name.startswith("zones in this patient")]
    taken = plan.simulation.placement.rounds[plan.simulation.placement.taken]
    assert [row.value for row in added] == pytest.approx([taken.across, taken.along], abs=0.01)


def test_smaller_zones_leave_more_where_a_needle_is_off_its_way_and_the_plan_says_so():
    """The same displacements with zones inside the chart's cover no more of the lesion."""
    plan = planned(keep_placement=True).plan
    size, robust = plan.simulation.size, plan.coverage.robust
    assert max(size.across, size.along) < 1
    assert size.p05_lesion_fraction < robust.p05_lesion_fraction
    (said,) = [w for w in plan.warnings if w.startswith("with zones of the simulated size")]
    assert f"{robust.lateral_error_mm:g} mm off" in said


def test_devices_and_chart_figures_are_the_catalogues():
    """Nothing of the smaller zones is left in the probes: their axes are the chart's."""
    program = promising().programs[0]
    for probe in by_simulation().plan.probes:
        assert (probe.device, probe.program) == (promising().id, program.id)
        assert probe.zone_axes_mm == pytest.approx((program.short_mm, program.short_mm, program.long_mm))


def test_stored_and_read_again_and_plans_of_before_are_read_too():
    plan = by_simulation().plan
    document = json.loads(json.dumps(plan.to_json()))
    again = type(plan).from_json(document)
    assert [r.probes for r in again.simulation.placement.rounds] == [r.probes for r in plan.simulation.placement.rounds]
    assert again.simulation.placement.taken == plan.simulation.placement.taken
    for key in ("placement", "size"):
        del document["simulation"][key]
    older = type(plan).from_json(document).simulation
    assert (older.placement, older.size) == (None, None)


def test_the_placement_can_be_kept():
    plan = planned(keep_placement=True).plan
    assert lines(plan) == lines(by_chart().result.plan)
    assert plan.simulation.placement is None
    assert plan.coverage.lesion_fraction == by_simulation().plan.simulation.placement.rounds[0].lesion_fraction


def test_the_shortest_program_is_looked_for_where_the_probes_are_then():
    plan = planned(shortest=True).plan
    assert plan.simulation.search is not None
    assert plan.simulation.placement == by_simulation().plan.simulation.placement
    assert lines(plan) == lines(by_simulation().plan)


def test_fixed_probes_stay_where_they_are():
    first = placements_of_plan(by_chart().result.plan, case().devices)[0]
    fixed = FixedProbe("Kept", first.device, first.program, first.entry_ras_mm, first.tip_ras_mm)
    placed, record = place_by_simulation(placed_with(fixed=(fixed,)), OPTIONS)
    assert record is not None
    assert record.taken > 0
    kept = placed.result.plan.probes[0]
    assert (kept.name, kept.entry_ras_mm, kept.tip_ras_mm) == ("Kept", first.entry_ras_mm, first.tip_ras_mm)


def test_strict_and_parallel_hold_for_probes_that_are_placed_again_too():
    """By the chart every wanted distance is kept, and the needles lie within 10 degrees of each other."""
    choices = replace(case().choices, parallel=True, strict=True)
    placed, record = place_by_simulation(placed_with(choices=choices), OPTIONS)
    assert record is not None
    assert record.taken > 0
    probes = placed.result.plan.probes
    assert all(c.ok for p in probes for c in p.clearances)
    ways = [np.subtract(p.tip_ras_mm, p.entry_ras_mm) / p.depth_mm for p in probes]
    assert min(float(a @ b) for a in ways for b in ways) >= np.cos(np.radians(10.1))  # points are rounded to 0.01 mm


def test_cancelled_at_any_step_nothing_is_changed():
    placed, steps = by_chart(), []
    before = placed.result.plan
    place_by_simulation(placed, OPTIONS, lambda _fraction, stage: steps.append(stage) or True)
    assert len({*steps}) > 2
    for last in np.linspace(0, len(steps) - 1, 4).astype(int):
        left = iter(range(last))
        with pytest.raises(Cancelled):
            place_by_simulation(placed, OPTIONS, lambda _fraction, _stage, left=left: next(left, None) is not None)
        assert placed.result.plan is before


def test_the_same_case_gives_the_same_plan():
    again, record = place_by_simulation(by_chart(), OPTIONS)
    assert lines(again.result.plan) == lines(by_simulation().plan)
    assert record == by_simulation().plan.simulation.placement
