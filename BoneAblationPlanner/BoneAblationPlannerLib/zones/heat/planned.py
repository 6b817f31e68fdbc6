"""A finished plan with its chart zones replaced by what is simulated in the patient's tissues."""

from dataclasses import replace

from BoneAblationPlannerLib.case import PlanningResult, TemperatureFields
from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import Plan, SizeInPatient
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.zones.heat.cautions import simulation_warnings
from BoneAblationPlannerLib.zones.heat.clearance import with_simulated_clearances
from BoneAblationPlannerLib.zones.heat.covered import remainder_of, simulated_coverage
from BoneAblationPlannerLib.zones.heat.effects import effects_on, limits_provenance, worst_effects
from BoneAblationPlannerLib.zones.heat.inserted import provenance_of_inserted
from BoneAblationPlannerLib.zones.heat.options import HeatOptions, thermocouples_of
from BoneAblationPlannerLib.zones.heat.patient import (
    PlacedProbe,
    SimulatedZone,
    provenance_of_simulation,
    simulate_in_patient,
)
from BoneAblationPlannerLib.zones.heat.placed import placed_probes
from BoneAblationPlannerLib.zones.heat.programs import Spread, spread_of
from BoneAblationPlannerLib.zones.heat.record import simulation_record
from BoneAblationPlannerLib.zones.heat.size import size_in_patient


def simulate_plan(
    result: PlanningResult,
    devices: tuple[Device, ...],
    report: ReportProgress = silent,
    options: HeatOptions | None = None,
) -> PlanningResult:
    """Simulate a plan's probes; take zone, coverage, margins and clearances of zones from that. Those of shafts stay.

    Coverage and margins are those of the nominal zone; structures are measured to the largest plausible zone where the
    spread is simulated.

    The plan's figures must be the charts', as evaluation gives them: they are what the simulation is compared with.

    Raises
    ------
    InputError
        If a probe's device or program cannot be simulated, or a thermocouple lies far away.
    Cancelled
        If `report` returned False.
    """
    options = options or HeatOptions()
    anatomy, plan = result.anatomy, result.plan
    grid = anatomy.ct.grid
    zone = nominal_zone(result, devices, options, part(report, 0.0, 0.4))
    target = build_target(anatomy.lesion, grid, plan.coverage.margin_mm)
    spread = _spread(result, zone.probes, target, options, part(report, 0.4, 1.0))
    largest = [row.zone for row in spread[-1:]]
    effects = effects_on(zone, anatomy.structures, grid, largest)
    bands = effects_on(zone, anatomy.estimates, grid, largest)
    every = (*anatomy.structures, *anatomy.estimates)
    worst = worst_effects((zone, *(row.zone for row in spread)), every, grid) if spread else {}
    coverage = simulated_coverage(zone, target, plan.coverage, spread[0].lesion_fraction if spread else None)
    measured = with_simulated_clearances(plan.probes, (zone, *largest), anatomy.structures, grid)
    size = _size(plan, zone, target)
    frozen = zone.treatment.frozen
    new = replace(
        plan,
        probes=measured,
        zone=replace(
            plan.zone,
            model="heat" if frozen is None else "ice",
            volume_ml=zone.volume_ml,
            provenance=tuple(
                dict.fromkeys(
                    (
                        *plan.zone.provenance,
                        *provenance_of_simulation(zone),
                        *provenance_of_inserted(anatomy.inserted),
                    )
                )
            ),
        ),
        coverage=coverage,
        simulation=simulation_record(zone, (*effects, *bands), worst, spread, options, result, size),
        provenance=tuple(dict.fromkeys((*plan.provenance, *limits_provenance()))),
    )
    new = replace(new, warnings=simulation_warnings(plan, new, effects, bands, worst))
    return replace(
        result,
        plan=new,
        zone=zone.mask_on(grid, zone.killed),
        visible_zone=None if frozen is None else zone.mask_on(grid, frozen),
        remainder=remainder_of(zone, target, grid),
        surface_points_ras_mm=target.surface_ras_mm,
        surface_margins_mm=zone.margins_mm(target.surface_ras_mm),
        temperatures=_fields(zone, spread),
    )


def nominal_zone(
    result: PlanningResult, devices: tuple[Device, ...], options: HeatOptions, report: ReportProgress
) -> SimulatedZone:
    """The zone of a plan's probes with tissues and devices as they are tabled.

    Raises
    ------
    InputError, Cancelled
        As `simulate_plan`.
    """
    plan = result.plan
    return simulate_in_patient(
        result.anatomy,
        placed_probes(plan, devices),
        voxel_mm=options.voxel_mm,
        thermocouples=thermocouples_of(plan) if options.thermocouples is None else options.thermocouples,
        report=report,
        keep=options.keep,
        together=options.together,
    )


def _spread(
    result: PlanningResult,
    probes: tuple[PlacedProbe, ...],
    target: Target,
    options: HeatOptions,
    report: ReportProgress,
) -> tuple[Spread, ...]:
    if not options.with_spread:
        return ()
    return spread_of(result.anatomy, probes, target, options.voxel_mm, report, options.keep, options.together)


def _size(plan: Plan, zone: SimulatedZone, target: Target) -> SizeInPatient:
    robust = plan.coverage.robust
    seed = int(plan.parameters.get("seed", 1))
    error = PlacementError(robust.lateral_error_mm, robust.depth_error_mm, robust.samples, seed)
    return size_in_patient(zone, target, error)


def _fields(zone: SimulatedZone, spread: tuple[Spread, ...]) -> TemperatureFields:
    treatment = zone.treatment
    small, large = (row.zone.killed for row in spread) if spread else (None, None)
    return TemperatureFields(
        grid=zone.grid,
        hottest_celsius=treatment.hottest_celsius,
        coldest_celsius=treatment.coldest_celsius,
        cem43_min=treatment.cem43_min,
        small_zone=small,
        large_zone=large,
        frame_grid=treatment.recording.frame_grid,
        frame_times_s=treatment.recording.frame_times_s,
        frames_celsius=treatment.recording.frames_celsius,
    )
