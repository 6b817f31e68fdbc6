"""A finished plan with its chart zones replaced by what is simulated in the patient's tissues."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.case import PlanningResult, TemperatureFields
from BoneAblationPlannerLib.devices.catalogue import Device, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import coverage_warnings, probe_warnings
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.coverage import fifth_percentile, place_in_words
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import (
    Coverage,
    Extremes,
    Inserted,
    Plan,
    Point,
    Probe,
    Simulation,
    StructureEffect,
    Thermocouple,
)
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.zones.heat.clearance import with_simulated_clearances
from BoneAblationPlannerLib.zones.heat.effects import (
    Effect,
    Limit,
    compare_with_chart,
    effects_on,
    limits_provenance,
    worst_effects,
)
from BoneAblationPlannerLib.zones.heat.inserted import provenance_of_inserted
from BoneAblationPlannerLib.zones.heat.patient import (
    VOXEL_MM,
    PlacedProbe,
    SimulatedZone,
    provenance_of_simulation,
    simulate_in_patient,
)
from BoneAblationPlannerLib.zones.heat.programs import Spread, lesion_fraction, spread_of
from BoneAblationPlannerLib.zones.spheroid import Spheroid

STATED = (
    "zone simulated in this patient's tissues with properties from tables: their spread is large, and figures under "
    "placement error are still the chart's"
)
LARGEST_STATED = (
    "clearances of the simulated zone are to the largest that is plausible (strong device, weak perfusion), coverage "
    "and margins are those of the nominal one"
)
CHART_AGAIN = "heat or ice was simulated for this plan; these figures are the charts': simulate again"
"""Said of a plan that was simulated and then measured by the charts."""

LARGEST_DOSE_MIN = 1e6
"""Doses beyond this are given as this: dead many times over."""
LARGER_FROM = 1.1
"""Ratio of volumes from which a simulated zone counts as larger than the chart's."""


@dataclass(frozen=True)
class HeatOptions:
    """How to simulate.

    Parameters
    ----------
    voxel_mm : float
    with_spread : bool
        Whether to simulate the ends of the plausible ranges too.
    thermocouples : {name: RAS mm} or None
        Points to read; None takes those of the plan's earlier simulation.
    shortest : bool
        Whether to look first for the shortest program that covers the lesion and breaks no limit.
    keep : bool
        Whether results are kept on disk between sessions.
    together : bool
        Whether probes of heat run at the same time, not one after the other as charts imply.
    """

    voxel_mm: float = VOXEL_MM
    with_spread: bool = True
    thermocouples: Mapping[str, Point] | None = None
    shortest: bool = False
    keep: bool = True
    together: bool = False


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
    probes = placed_probes(plan, devices)
    zone = simulate_in_patient(
        anatomy,
        probes,
        voxel_mm=options.voxel_mm,
        thermocouples=thermocouples_of(plan) if options.thermocouples is None else options.thermocouples,
        report=part(report, 0.0, 0.4),
        keep=options.keep,
        together=options.together,
    )
    target = build_target(anatomy.lesion, grid, plan.coverage.margin_mm)
    spread = _spread(result, probes, target, options, part(report, 0.4, 1.0))
    largest = [row.zone for row in spread[-1:]]
    effects = effects_on(zone, anatomy.structures, grid, largest)
    bands = effects_on(zone, anatomy.estimates, grid, largest)
    every = (*anatomy.structures, *anatomy.estimates)
    worst = worst_effects((zone, *(row.zone for row in spread)), every, grid) if spread else {}
    coverage = _coverage(zone, target, plan.coverage, spread[0].lesion_fraction if spread else None)
    measured = with_simulated_clearances(plan.probes, (zone, *largest), anatomy.structures, grid)
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
        simulation=_record(zone, (*effects, *bands), worst, spread, options, result),
        provenance=tuple(dict.fromkeys((*plan.provenance, *limits_provenance()))),
    )
    new = replace(new, warnings=_warnings(plan, new, effects, bands, worst))
    return replace(
        result,
        plan=new,
        zone=zone.mask_on(grid, zone.killed),
        visible_zone=None if frozen is None else zone.mask_on(grid, frozen),
        remainder=_remainder(zone, target, grid),
        surface_points_ras_mm=target.surface_ras_mm,
        surface_margins_mm=zone.margins_mm(target.surface_ras_mm),
        temperatures=_fields(zone, spread),
    )


def thermocouples_of(plan: Plan) -> dict[str, Point]:
    """The points that a plan's simulation read."""
    return {} if plan.simulation is None else {t.name: t.point_ras_mm for t in plan.simulation.thermocouples}


def placed_probes(plan: Plan, devices: tuple[Device, ...]) -> list[PlacedProbe]:
    """A plan's probes with their devices; raises InputError for those that are not of the catalogue."""
    return [_placed(p, devices) for p in plan.probes]


def _spread(
    result: PlanningResult, probes: list[PlacedProbe], target: Target, options: HeatOptions, report: ReportProgress
) -> tuple[Spread, ...]:
    if not options.with_spread:
        return ()
    return spread_of(result.anatomy, probes, target, options.voxel_mm, report, options.keep, options.together)


def _placed(probe: Probe, devices: tuple[Device, ...]) -> PlacedProbe:
    device = find_device(probe.device, devices)
    program = next((p for p in device.programs if p.id == probe.program), None)
    if program is None:
        raise InputError(f"device {device.id}: program {probe.program!r} is not in the catalogue")
    return PlacedProbe(device, program, probe.entry_ras_mm, probe.tip_ras_mm)


def _coverage(zone: SimulatedZone, target: Target, chart: Coverage, small_lesion: float | None) -> Coverage:
    """Coverage by the simulated zone; fractions are rounded down."""
    covered = zone.covers(target.points_ras_mm, target.grid)
    margins = zone.margins_mm(target.surface_ras_mm)
    left = target.points_ras_mm[~covered]
    voxel_ml = target.grid.voxel_ml
    return replace(
        chart,
        lesion_fraction=lesion_fraction(zone, target),
        lesion_plus_margin_fraction=float(np.floor(covered.mean() * 1e4) / 1e4),
        minimum_margin_mm=float(margins.min()),
        p05_margin_mm=fifth_percentile(margins),
        p50_margin_mm=float(np.percentile(margins, 50, method="lower")),
        uncovered_ml=float((~covered[: target.lesion_count]).sum() * voxel_ml),
        uncovered_target_ml=float(len(left) * voxel_ml),
        uncovered_place=place_in_words(left, target.lesion_ras_mm.mean(axis=0), target.grid) if len(left) else None,
        zone_outside_target_ml=max(0.0, zone.volume_ml - float(covered.sum() * voxel_ml)),
        small_zone_lesion_fraction=small_lesion,
    )


def _remainder(zone: SimulatedZone, target: Target, grid: Grid) -> NDArray[np.bool_]:
    """Voxels (k, j, i) of the image of which any part of the target is not covered."""
    left = target.points_ras_mm[~zone.covers(target.points_ras_mm, target.grid)]
    mask = np.zeros(target.mask.shape, dtype=np.bool_)
    kji = np.rint(grid.ijk_from_ras(left)[:, ::-1]).astype(np.int64)
    mask[tuple(np.clip(kji, 0, np.array(mask.shape) - 1).T)] = True
    return mask & target.mask


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


def _record(
    zone: SimulatedZone,
    effects: tuple[Effect, ...],
    worst: Mapping[tuple[str, str], Extremes],
    spread: tuple[Spread, ...],
    options: HeatOptions,
    result: PlanningResult,
) -> Simulation:
    chart = [
        Spheroid.around_needle(
            p.entry_ras_mm, p.tip_ras_mm, p.program.short_mm, p.program.long_mm, p.program.beyond_tip_mm
        )
        for p in zone.probes
    ]
    difference = compare_with_chart(zone, chart)
    voxel_ml = result.anatomy.ct.grid.voxel_ml
    return Simulation(
        voxel_mm=options.voxel_mm,
        in_turn=zone.treatment.frozen is None and len(zone.probes) > 1 and not options.together,
        distances_to="largest" if spread else "nominal",
        chart_dice=round(difference.dice, 3),
        chart_mean_surface_mm=round(difference.mean_surface_mm, 2),
        chart_largest_surface_mm=round(difference.largest_surface_mm, 2),
        chart_ml=round(difference.second_ml, 2),
        effects=tuple(
            StructureEffect(
                e.structure,
                e.kind,
                round(e.extremes.coldest_celsius, 1),
                round(e.extremes.hottest_celsius, 1),
                _rounded_dose(e.extremes.cem43_min),
                round(e.distance_mm, 2),
                e.extremes.ok,
                _rounded(worst.get((e.structure, e.kind))),
            )
            for e in effects
        ),
        smallest_ml=round(spread[0].zone.volume_ml, 2) if spread else None,
        smallest_lesion_fraction=spread[0].lesion_fraction if spread else None,
        largest_ml=round(spread[1].zone.volume_ml, 2) if spread else None,
        thermocouples=tuple(_thermocouple(zone, n, name) for n, name in enumerate(zone.thermocouples)),
        inserted=tuple(
            Inserted(item.name, item.tissue, round(float(item.mask.sum() * voxel_ml), 2))
            for item in result.anatomy.inserted
        ),
    )


def _rounded(extremes: Extremes | None) -> Extremes | None:
    if extremes is None:
        return None
    return Extremes(
        round(extremes.coldest_celsius, 1),
        round(extremes.hottest_celsius, 1),
        _rounded_dose(extremes.cem43_min),
        extremes.ok,
    )


def _rounded_dose(cem43_min: float | None) -> float | None:
    return None if cem43_min is None else round(min(cem43_min, LARGEST_DOSE_MIN), 2)


def _thermocouple(zone: SimulatedZone, number: int, name: str) -> Thermocouple:
    record = zone.treatment.recording
    celsius = np.round(record.curves_celsius[str(number)], 1)
    dose = np.round(np.minimum(record.curves_cem43_min.get(str(number), np.zeros(0)), LARGEST_DOSE_MIN), 2)
    return Thermocouple(
        name=name,
        point_ras_mm=zone.thermocouples[name],
        lowest_celsius=float(celsius.min()),
        highest_celsius=float(celsius.max()),
        times_s=tuple(float(s) for s in np.round(record.times_s, 1)),
        celsius=tuple(float(c) for c in celsius),
        cem43_min=tuple(float(d) for d in dose),
    )


def _larger_than_chart(plan: Plan, simulated_ml: float) -> list[str]:
    """Bone is not known to give larger zones than the chart's medium: what only the simulation covers is not safe."""
    chart = plan.coverage
    if simulated_ml <= LARGER_FROM * plan.zone.volume_ml:
        return []
    return [
        f"THE SIMULATED ZONE IS LARGER THAN THE CHART ({simulated_ml:.0f} against {plan.zone.volume_ml:.0f} ml): do "
        f"not rely on the extra reach; by the chart {chart.lesion_fraction:.1%} of the lesion and "
        f"{chart.lesion_plus_margin_fraction:.1%} of lesion + margin are covered, smallest margin "
        f"{chart.minimum_margin_mm:.1f} mm"
    ]


def _warnings(
    chart: Plan,
    new: Plan,
    effects: tuple[Effect, ...],
    bands: tuple[Effect, ...],
    worst: Mapping[tuple[str, str], Extremes],
) -> tuple[str, ...]:
    """Those of the charts' coverage and clearances give way to the simulation's; the rest stays, each once."""
    limits = access_limits(chart.parameters.get("limits") or {})

    def of_zones(plan: Plan) -> list[str]:
        return [
            *coverage_warnings(plan.coverage),
            *probe_warnings(plan.probes, limits, plan.position, plan.coverage.robust),
        ]

    cold = new.advice.modality == "cryo"
    outdated = {*of_zones(chart), CHART_AGAIN}
    kept = [w for w in chart.warnings if w not in outdated]
    said = (
        *of_zones(new),
        *kept,
        *_larger_than_chart(chart, new.zone.volume_ml),
        *_small_zone_warnings(new.coverage),
        *_effect_warnings(effects, "", cold),
        *_effect_warnings(bands, "somewhere in its band the ", cold),
        *_plausible_warnings(effects, worst, cold),
        *([LARGEST_STATED] if new.simulation is not None and new.simulation.distances_to == "largest" else []),
        STATED,
    )
    return tuple(dict.fromkeys(said))


def _small_zone_warnings(coverage: Coverage) -> list[str]:
    share = coverage.small_zone_lesion_fraction
    if share is None or share >= 1:
        return []
    return [f"with strong perfusion and weak conduction the simulated zone covers {share:.1%} of the lesion"]


def _effect_warnings(effects: tuple[Effect, ...], where: str, cold: bool) -> list[str]:
    broken = [e for e in effects if e.extremes.ok is False and e.limit is not None]
    return [f"SIMULATED: {where}{e.structure} {_broken(e.extremes, e.limit, cold)}" for e in broken]


def _plausible_warnings(
    effects: tuple[Effect, ...], worst: Mapping[tuple[str, str], Extremes], cold: bool
) -> list[str]:
    """Limits that hold as simulated, but not over the whole plausible range."""
    said = []
    for effect in effects:
        extremes = worst.get((effect.structure, effect.kind))
        if effect.extremes.ok and effect.limit is not None and extremes is not None and extremes.ok is False:
            how = _broken(extremes, effect.limit, cold)
            said.append(f"SIMULATED, AT THE END OF WHAT IS PLAUSIBLE: {effect.structure} {how}")
    return said


def _broken(extremes: Extremes, limit: Limit | None, cold: bool) -> str:
    assert limit is not None  # only broken limits are told
    extreme, bound = (
        (extremes.coldest_celsius, limit.coldest_celsius) if cold else (extremes.hottest_celsius, limit.hottest_celsius)
    )
    if (extreme < bound) if cold else (extreme > bound):
        return f"reaches {extreme:.0f} degrees (limit {bound:g})"
    return f"takes a dose of {extremes.cem43_min:.0f} CEM43 min (limit {limit.largest_cem43_min:g})"
