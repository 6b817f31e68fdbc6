"""A finished plan with its chart zones replaced by what is simulated in the patient's tissues."""

from dataclasses import replace

import numpy as np

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.devices.catalogue import Device, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.coverage import place_in_words
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import Coverage, Plan, Probe, Simulation, StructureEffect
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.zones.heat.effects import Effect, compare_with_chart, effects_on, limits_provenance
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

LARGER_FROM = 1.1
"""Ratio of volumes from which a simulated zone counts as larger than the chart's."""


def simulate_plan(
    result: PlanningResult,
    devices: tuple[Device, ...],
    report: ReportProgress = silent,
    voxel_mm: float = VOXEL_MM,
    with_spread: bool = True,
) -> PlanningResult:
    """Simulate a plan's probes and take zone, coverage and margins from that; clearances of shafts stay.

    Raises
    ------
    InputError
        If a probe's device or program cannot be simulated.
    Cancelled
        If `report` returned False.
    """
    anatomy, plan = result.anatomy, result.plan
    grid = anatomy.ct.grid
    probes = [_placed(p, devices) for p in plan.probes]
    zone = simulate_in_patient(anatomy, probes, voxel_mm=voxel_mm, report=part(report, 0.0, 0.4))
    target = build_target(anatomy.lesion, grid, plan.coverage.margin_mm)
    spread = spread_of(anatomy, probes, target, voxel_mm, part(report, 0.4, 1.0)) if with_spread else ()
    effects = effects_on(zone, anatomy.structures, grid)
    small = spread[0].lesion_fraction if spread else None
    coverage = _coverage(zone, target, plan.coverage, small)
    margins = zone.margins_mm(target.surface_ras_mm)
    frozen = zone.treatment.frozen
    rows = (*plan.provenance, *limits_provenance())
    new = replace(
        plan,
        zone=replace(
            plan.zone,
            model="heat" if frozen is None else "ice",
            volume_ml=zone.volume_ml,
            provenance=(*plan.zone.provenance, *provenance_of_simulation(zone)),
        ),
        coverage=coverage,
        simulation=_record(zone, effects, spread, voxel_mm),
        warnings=(
            *plan.warnings,
            *_larger_than_chart(plan, zone.volume_ml),
            *_warnings(plan, coverage, effects),
            STATED,
        ),
        provenance=rows,
    )
    return replace(
        result,
        plan=new,
        zone=zone.mask_on(grid, zone.killed),
        visible_zone=None if frozen is None else zone.mask_on(grid, frozen),
        surface_points_ras_mm=target.surface_ras_mm,
        surface_margins_mm=margins,
    )


def _placed(probe: Probe, devices: tuple[Device, ...]) -> PlacedProbe:
    device = find_device(probe.device, devices)
    program = next((p for p in device.programs if p.id == probe.program), None)
    if program is None:
        raise InputError(f"device {device.id}: program {probe.program!r} is not in the catalogue")
    return PlacedProbe(device, program, probe.entry_ras_mm, probe.tip_ras_mm)


def _coverage(zone: SimulatedZone, target: Target, chart: Coverage, small_lesion: float | None) -> Coverage:
    """Coverage by the simulated zone; fractions are rounded down."""
    covered = zone.at(zone.killed, target.points_ras_mm, False)
    left = target.points_ras_mm[~covered]
    voxel_ml = target.grid.voxel_ml
    return replace(
        chart,
        lesion_fraction=lesion_fraction(zone, target),
        lesion_plus_margin_fraction=float(np.floor(covered.mean() * 1e4) / 1e4),
        minimum_margin_mm=float(zone.margins_mm(target.surface_ras_mm).min()),
        uncovered_ml=float((~covered[: target.lesion_count]).sum() * voxel_ml),
        uncovered_target_ml=float(len(left) * voxel_ml),
        uncovered_place=place_in_words(left, target.lesion_ras_mm.mean(axis=0), target.grid) if len(left) else None,
        zone_outside_target_ml=max(0.0, zone.volume_ml - float(covered.sum() * voxel_ml)),
        small_zone_lesion_fraction=small_lesion,
    )


def _record(
    zone: SimulatedZone, effects: tuple[Effect, ...], spread: tuple[Spread, ...], voxel_mm: float
) -> Simulation:
    chart = [
        Spheroid.around_needle(
            p.entry_ras_mm, p.tip_ras_mm, p.program.short_mm, p.program.long_mm, p.program.beyond_tip_mm
        )
        for p in zone.probes
    ]
    difference = compare_with_chart(zone, chart)
    return Simulation(
        voxel_mm=voxel_mm,
        chart_dice=round(difference.dice, 3),
        chart_mean_surface_mm=round(difference.mean_surface_mm, 2),
        chart_largest_surface_mm=round(difference.largest_surface_mm, 2),
        chart_ml=round(difference.second_ml, 2),
        effects=tuple(
            StructureEffect(
                e.structure,
                e.kind,
                round(e.coldest_celsius, 1),
                round(e.hottest_celsius, 1),
                None if e.cem43_min is None else round(e.cem43_min, 2),
                round(e.distance_mm, 2),
                e.ok,
            )
            for e in effects
        ),
        smallest_ml=round(spread[0].volume_ml, 2) if spread else None,
        smallest_lesion_fraction=spread[0].lesion_fraction if spread else None,
        largest_ml=round(spread[1].volume_ml, 2) if spread else None,
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


def _warnings(plan: Plan, coverage: Coverage, effects: tuple[Effect, ...]) -> list[str]:
    found = []
    if coverage.lesion_fraction < 1:
        place = coverage.uncovered_place
        found.append(f"SIMULATED ZONE LEAVES LESION: {coverage.uncovered_ml:.2f} ml, most of it {place}")
    if coverage.small_zone_lesion_fraction is not None and coverage.small_zone_lesion_fraction < 1:
        share = coverage.small_zone_lesion_fraction
        found.append(f"with strong perfusion and weak conduction the simulated zone covers {share:.1%} of the lesion")
    for e in effects:
        if e.ok is False and e.limit is not None:
            extreme = e.coldest_celsius if plan.advice.modality == "cryo" else e.hottest_celsius
            bound = e.limit.coldest_celsius if plan.advice.modality == "cryo" else e.limit.hottest_celsius
            found.append(f"SIMULATED: {e.structure} reaches {extreme:.0f} degrees (limit {bound:g})")
    return found
