"""The record of a simulation as plans store it."""

from collections.abc import Mapping

import numpy as np

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.plan import Extremes, Inserted, Simulation, SizeInPatient, StructureEffect, Thermocouple
from BoneAblationPlannerLib.rounding import LARGEST_DOSE_MIN
from BoneAblationPlannerLib.zones.heat.effects import Effect, compare_with_chart
from BoneAblationPlannerLib.zones.heat.options import HeatOptions
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone
from BoneAblationPlannerLib.zones.heat.placed import chart_zone
from BoneAblationPlannerLib.zones.heat.programs import Spread


def simulation_record(
    zone: SimulatedZone,
    effects: tuple[Effect, ...],
    worst: Mapping[tuple[str, str], Extremes],
    spread: tuple[Spread, ...],
    options: HeatOptions,
    result: PlanningResult,
    size: SizeInPatient,
) -> Simulation:
    """What was simulated, what it does to structures and points, and how it differs from the chart."""
    difference = compare_with_chart(zone, [chart_zone(p) for p in zone.probes])
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
        size=size,
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
