"""From a case to a plan whose probes cover the lesion by the zone that is simulated in this patient."""

from dataclasses import replace

from BoneAblationPlannerLib.case import Case, PlanningResult
from BoneAblationPlannerLib.placement.defaults import placement_error
from BoneAblationPlannerLib.placement.rounds import Round, Seen, Wanted, place_in_rounds
from BoneAblationPlannerLib.plan import PlacementRound, Provenance, SimulatedPlacement
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.simulating import simulate_result
from BoneAblationPlannerLib.workflow import Clock, PlacedCase, place_case, with_alternatives
from BoneAblationPlannerLib.zones.heat.cautions import placement_warning
from BoneAblationPlannerLib.zones.heat.clearance import with_simulated_clearances
from BoneAblationPlannerLib.zones.heat.covered import simulated_coverage
from BoneAblationPlannerLib.zones.heat.effects import effects_on
from BoneAblationPlannerLib.zones.heat.options import HeatOptions
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone
from BoneAblationPlannerLib.zones.heat.planned import nominal_zone
from BoneAblationPlannerLib.zones.heat.size import outer_scale, size_in_patient

FITTED = "the chart's zones fitted to the one that was simulated in this patient (largest Dice)"


def plan_with_heat(case: Case, options: HeatOptions | None = None, report: ReportProgress = silent) -> PlanningResult:
    """Plan a case by the charts, simulate it, and place its probes again where the simulated zone leaves lesion.

    Probes that the case fixes stay. Where no other set does better by the simulation, the chart's plan stays, and the
    plan says what was tried. With `keep_placement` nothing is placed again.

    Raises
    ------
    InputError, PlanningError, Cancelled
        As `plan_case` and `simulate_result`.
    """
    options = options or HeatOptions()
    placed, record, clock = place_case(case, part(report, 0.0, 0.3)), None, Clock()
    if not options.keep_placement:
        with clock.stage("placing by simulation"):
            placed, record = place_by_simulation(placed, options, part(report, 0.3, 0.7))
    result = with_alternatives(placed, part(report, 0.7, 0.75))
    with clock.stage("simulation"):
        done = simulate_result(result, case.devices, part(report, 0.75, 1.0), options)
    done = replace(done, plan=replace(done.plan, timings_s={**done.plan.timings_s, **clock.seconds}))
    return done if record is None else with_placement(done, record)


def place_by_simulation(
    placed: PlacedCase, options: HeatOptions, report: ReportProgress = silent
) -> tuple[PlacedCase, SimulatedPlacement | None]:
    """The set of probes that does best by the simulation, and what was tried; None where the chart's covers enough.

    Raises
    ------
    InputError
        If the probes cannot be simulated, or a thermocouple lies far away.
    Cancelled
        If `report` returned False.
    """

    def simulate(one: PlacedCase, own: ReportProgress) -> Seen:
        return seen_of(one, nominal_zone(one.result, one.placer.prepared.case.devices, options, own))

    seen = simulate(placed, part(report, 0.0, 0.25))
    wanted = Wanted.of_chart(placed.result.plan.coverage)
    rounds, taken = place_in_rounds(placed, seen, wanted, placed.placed_again, simulate, part(report, 0.25, 1.0))
    if len(rounds) == 1:
        return placed, None
    chosen = rounds[taken].placed
    assert chosen is not None  # only simulated rounds are taken
    return chosen, SimulatedPlacement(tuple(_recorded(row) for row in rounds), taken)


def seen_of(placed: PlacedCase, zone: SimulatedZone) -> Seen:
    """What the simulated zone of a plan's probes covers and harms, and how it differs from the chart."""
    prepared, plan = placed.placer.prepared, placed.result.plan
    anatomy, grid = prepared.anatomy, prepared.anatomy.ct.grid
    covered = simulated_coverage(zone, prepared.target, plan.coverage)
    effects = effects_on(zone, (*anatomy.structures, *anatomy.estimates), grid)
    probes = with_simulated_clearances(plan.probes, (zone,), anatomy.structures, grid)
    harmed = {(e.structure, e.kind) for e in effects if e.extremes.ok is False}
    harmed |= {(c.structure, c.kind) for probe in probes for c in probe.clearances if not c.ok}
    return Seen(
        probes=len(plan.probes),
        lesion_fraction=covered.lesion_fraction,
        target_fraction=covered.lesion_plus_margin_fraction,
        harmed=len(harmed),
        size=size_in_patient(zone, prepared.target, placement_error(prepared.case.choices)),
        outer=outer_scale(zone),
    )


def with_placement(result: PlanningResult, record: SimulatedPlacement) -> PlanningResult:
    """A simulated plan that says how its probes were placed by the simulation."""
    plan = result.plan
    assert plan.simulation is not None  # just simulated
    return replace(
        result,
        plan=replace(
            plan,
            simulation=replace(plan.simulation, placement=record),
            warnings=(placement_warning(record), *plan.warnings),
            provenance=(*plan.provenance, *_provenance(record)),
        ),
    )


def _recorded(row: Round[PlacedCase]) -> PlacementRound:
    covers, seen = row.reach.covers, row.seen
    if seen is None:
        return PlacementRound(covers.across, covers.along, reason=row.reason)
    return PlacementRound(
        across=covers.across,
        along=covers.along,
        probes=seen.probes,
        lesion_fraction=seen.lesion_fraction,
        lesion_plus_margin_fraction=seen.target_fraction,
        harmed=seen.harmed,
        size=seen.size,
    )


def _provenance(record: SimulatedPlacement) -> tuple[Provenance, ...]:
    """For how large zones the plan's probes were placed."""
    if record.taken == 0:
        return ()
    row = record.rounds[record.taken]
    return tuple(
        Provenance(f"zones in this patient {name} the needle, of the chart's", round(factor, 2), "", FITTED, "derived")
        for name, factor in (("across", row.across), ("along", row.along))
    )
