"""Heat or ice for a plan as every host asks for it: the shortest program first where wanted, then the simulation."""

from dataclasses import replace

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.evaluation import HAND_MADE
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.plan import ProgramSearch, ZoneEnd
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.reevaluation import evaluate_placements, placements_of_plan, prepared_of
from BoneAblationPlannerLib.zones.heat.options import HeatOptions, thermocouples_of
from BoneAblationPlannerLib.zones.heat.placed import placed_probes
from BoneAblationPlannerLib.zones.heat.planned import simulate_plan
from BoneAblationPlannerLib.zones.heat.programs import shortest_program

WANTED_FRACTION = 1.0
"""Of the lesion that a program must cover to do."""
SEARCHED = 0.7
"""Of the time, when programs are tried."""
BY_SIMULATION = replace(HAND_MADE, description="by simulation: the shortest program that does")
NONE_DOES = "no program of the device covers the lesion without breaking a limit: see what was tried"


def simulate_result(
    result: PlanningResult,
    devices: tuple[Device, ...],
    report: ReportProgress = silent,
    options: HeatOptions | None = None,
) -> PlanningResult:
    """A measured plan with heat or ice simulated, on request with the shortest program that does.

    Where no program does, the plan keeps its own; the plan says what was tried either way.

    Raises
    ------
    InputError, Cancelled
        As `simulate_plan`.
    """
    options = options or HeatOptions()
    if options.thermocouples is None:
        options = replace(options, thermocouples=thermocouples_of(result.plan))
    if not options.shortest:
        return simulate_plan(result, devices, report, options)
    chosen, search = _search(result, devices, options, part(report, 0.0, SEARCHED))
    if chosen is not None:
        result = with_program(result, devices, chosen)
    done = simulate_plan(result, devices, part(report, SEARCHED, 1.0), options)
    simulation, warnings = done.plan.simulation, done.plan.warnings
    assert simulation is not None  # just simulated
    if chosen is None:
        warnings = (*warnings, NONE_DOES)
    return replace(done, plan=replace(done.plan, simulation=replace(simulation, search=search), warnings=warnings))


def with_program(result: PlanningResult, devices: tuple[Device, ...], program: Program) -> PlanningResult:
    """The plan with another program of its device for every probe, measured anew by the charts."""
    before = placements_of_plan(result.plan, devices)
    after = [replace(p, program=program) for p in before]
    if after == before:
        return result
    new = evaluate_placements(result.plan, prepared_of(result), after, devices)
    return replace(new, plan=replace(new.plan, optimiser=BY_SIMULATION), skin=result.skin)


def _search(
    result: PlanningResult, devices: tuple[Device, ...], options: HeatOptions, report: ReportProgress
) -> tuple[Program | None, ProgramSearch]:
    anatomy = result.anatomy
    target = build_target(anatomy.lesion, anatomy.ct.grid, 0.0)
    chosen, tried = shortest_program(
        anatomy,
        placed_probes(result.plan, devices),
        target,
        WANTED_FRACTION,
        options.voxel_mm,
        report,
        options.keep,
        options.together,
        options.with_spread,
    )
    limits_at: ZoneEnd = "largest" if options.with_spread else "nominal"
    return chosen, ProgramSearch(WANTED_FRACTION, None if chosen is None else chosen.id, tried, limits_at)
