"""The figures of a whole plan for given placements, whoever made them: the optimiser, a dragged line, a stored plan."""

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.angles import towards_table
from BoneAblationPlannerLib.access.limits import AccessLimits, access_limits, limits_provenance
from BoneAblationPlannerLib.advice.protection import patient_questions, propose_protection
from BoneAblationPlannerLib.anatomy.nerves import bands_provenance
from BoneAblationPlannerLib.anatomy.structures import provenance_of
from BoneAblationPlannerLib.case import Choices, PlanningResult
from BoneAblationPlannerLib.placement.clearance import shaft_too_near
from BoneAblationPlannerLib.placement.coverage import PlacementError, remainder_mask
from BoneAblationPlannerLib.placement.defaults import DEFAULTS, placement_error
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.near_metal import metal_warnings
from BoneAblationPlannerLib.placement.near_nerves import needle_warnings
from BoneAblationPlannerLib.placement.overlap import overlap_provenance, overlap_warnings, published_together
from BoneAblationPlannerLib.placement.probe_figures import Placement, zone_mask
from BoneAblationPlannerLib.placement.weakness import weakness_warnings
from BoneAblationPlannerLib.plan import (
    Advice,
    Coverage,
    GridRecord,
    InputRecord,
    Optimiser,
    Plan,
    Position,
    Probe,
    Robust,
    Software,
    Structures,
    Zone,
)
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up
from BoneAblationPlannerLib.zones.spheroid import Spheroid

_ON_DEEP_WAYS = {"bowel": "bowel", "vessel": "vessels"}
HAND_MADE = Optimiser(0.0, 0.0, 0.0, 0, "placed by hand: nothing was optimised")


def software_version() -> str:
    """Version of the installed package; inside Slicer the extension is not pip-installed."""
    try:
        return version("bone-ablation-planner")
    except PackageNotFoundError:
        return "0.1.0"


def evaluate(
    prepared: PreparedCase,
    placements: Sequence[Placement],
    advice: Advice,
    optimiser: Optimiser,
    warnings: Sequence[str] = (),
    live: LivePlacements | None = None,
) -> PlanningResult:
    """All figures of the given placements, as a plan; `live` is that of the same case, where there is one already."""
    anatomy, choices = prepared.anatomy, prepared.case.choices
    limits = access_limits(choices.limits)
    grid = anatomy.ct.grid
    live = live or LivePlacements(prepared)
    figures = live.figures(placements)
    probes, coverage = figures.probes, live.coverage(placements, figures)
    zones = [p.zone for p in placements]
    error = placement_error(choices)
    ice = any(p.visible_axes_mm for p in probes)
    provenance = (
        *DEFAULTS.provenance(),
        *limits_provenance(choices.limits),
        *provenance_of(anatomy.structures, prepared.case.structure_table),
        *bands_provenance(anatomy.estimates),
        *overlap_provenance(placements),
    )
    every = [c for probe in probes for c in probe.clearances]
    advice = replace(advice, protection=propose_protection(every, advice.modality), questions=patient_questions())
    zone_rows = {row.name: row for p in placements for row in p.device.provenance(p.program)}
    measured = [
        *coverage_warnings(coverage),
        *probe_warnings(probes, limits, prepared.position, coverage.robust),
        *metal_warnings(placements, probes),
        *painted_warnings(prepared, placements),
        *unchecked_way_warnings(probes, prepared.structures),
        *weakness_warnings(prepared.target, zones, probes, error, coverage.robust.p05_lesion_fraction),
        *overlap_warnings(placements, probes),
        *_unverified_warnings(placements),
        *needle_warnings(anatomy.estimates, grid, [_needle(p) for p in placements]),
    ]
    plan = Plan(
        software=Software("BoneAblationPlanner", software_version()),
        input=InputRecord(anatomy.ct.source, _grid_record(prepared), anatomy.ct.sha256, anatomy.ct.notes),
        parameters=_parameters(choices, prepared, error),
        timings_s={},
        position=prepared.position,
        lesion=prepared.lesion,
        advice=advice,
        probes=probes,
        zone=Zone("chart", figures.nominal.zone_ml, tuple(zone_rows.values()), published_together(placements)),
        coverage=coverage,
        structures=prepared.structures,
        optimiser=optimiser,
        warnings=tuple(dict.fromkeys((*measured, *warnings, *prepared.warnings))),
        provenance=provenance,
        case_warnings=(*warnings, *prepared.warnings),
    )
    visible = zone_mask(grid, [p.outer_zone for p in placements]) if ice else None
    return PlanningResult(
        plan=plan,
        anatomy=anatomy,
        target=prepared.target.mask,
        zone=zone_mask(grid, zones),
        visible_zone=visible,
        surface_points_ras_mm=prepared.target.surface_ras_mm,
        surface_margins_mm=figures.nominal.surface_margins_mm,
        remainder=remainder_mask(prepared.target, zones, grid),
    )


def coverage_warnings(coverage: Coverage) -> list[str]:
    """What is left uncovered, and what a smaller zone or a needle off its way would leave: said, never implied."""
    warnings = []
    place = f", most of it {coverage.uncovered_place}" if coverage.uncovered_place else ""
    if coverage.lesion_fraction < 1:
        left_ml = math.ceil(100 * coverage.uncovered_ml) / 100  # what is left never reads as nothing
        warnings.append(f"LESION NOT COVERED: {left_ml:.2f} ml of lesion lie outside the zones{place}")
    if coverage.minimum_margin_mm < coverage.margin_mm:
        warnings.append(
            f"margin: {mm_down(coverage.minimum_margin_mm)} at the narrowest, {coverage.margin_mm:g} mm wanted; "
            f"{percent_down(coverage.lesion_plus_margin_fraction)} of lesion + margin covered{place}"
        )
    robust = coverage.robust
    if robust.p05_lesion_fraction < 1:
        left = percent_up(1 - robust.p05_lesion_fraction)
        warnings.append(f"a needle {robust.lateral_error_mm:g} mm off may leave {left} of the lesion (5th percentile)")
    small = coverage.small_zone_lesion_fraction
    if small is not None and small < 1:
        warnings.append(
            f"if the zones turn out smaller by their uncertainty, {percent_down(small)} of the lesion is covered"
        )
    return warnings


def _unverified_warnings(placements: Sequence[Placement]) -> list[str]:
    """Zones whose size was not read in a source: one warning for each device and program."""
    used = {(p.device.name, p.program.id): p.program for p in placements if p.program.status == "unverified"}
    return [
        f"zone of {name}, {program}, is not verified ({row.source}): check the manufacturer's instructions"
        for (name, program), row in used.items()
    ]


def probe_warnings(probes: Sequence[Probe], limits: AccessLimits, position: Position, robust: Robust) -> list[str]:
    """Clearances that are not kept, and ways in that are awkward."""
    warnings = []
    for probe in probes:
        warnings += [f"{probe.name}: {text}" for text in _clearance_warnings(probe, robust)]
        warnings += [f"{probe.name}: {text}" for text in _path_warnings(probe, limits, position)]
    return warnings


def _clearance_warnings(probe: Probe, robust: Robust) -> list[str]:
    """Clearances that are not kept, and those that a placement error could use up."""
    warnings = []
    off_mm = math.hypot(robust.lateral_error_mm, robust.depth_error_mm)
    for c in probe.clearances:
        if not c.ok and c.shaft_mm < c.required_shaft_mm:
            warnings.append(shaft_too_near(c.structure, c.shaft_mm, c.required_shaft_mm))
        elif not c.ok:
            state = f"reaches into {c.structure}" if c.zone_mm < 0 else f"is {c.zone_mm:.2f} mm from {c.structure}"
            warnings.append(f"ZONE {state} ({c.required_zone_mm:g} mm wanted)")
        elif c.required_zone_mm > 0 and c.zone_mm < off_mm:
            warnings.append(
                f"zone {mm_down(c.zone_mm)} from {c.structure}: a needle {off_mm:.0f} mm off could touch it"
            )
        elif c.required_shaft_mm > 0 and c.shaft_mm < robust.lateral_error_mm:
            warnings.append(f"shaft {mm_down(c.shaft_mm)} from {c.structure}: within the placement error")
    return warnings


def _path_warnings(probe: Probe, limits: AccessLimits, position: Position) -> list[str]:
    warnings = []
    if abs(probe.craniocaudal_angle_deg) > limits.craniocaudal_preferred_deg:
        warnings.append(f"{abs(probe.craniocaudal_angle_deg):.0f} degrees out of the axial plane")
    if probe.cortex_incidence_deg is not None and probe.cortex_incidence_deg > limits.incidence_preferred_deg:
        warnings.append(f"meets the cortex at {probe.cortex_incidence_deg:.0f} degrees: may skive")
    if probe.bones_met is not None and probe.bones_met > 1:
        warnings.append(f"meets bone {probe.bones_met} times: possibly another bone or a joint on the way")
    if probe.depth_mm + limits.hub_mm > probe.shaft_length_mm:
        warnings.append(f"the longest shaft ({probe.shaft_length_mm:.0f} mm) is too short for {probe.depth_mm:.0f} mm")
    outward = np.subtract(probe.entry_ras_mm, probe.tip_ras_mm) / probe.depth_mm
    below = math.degrees(math.asin(min(1.0, max(-1.0, float(outward @ towards_table(position))))))
    if below >= 0.5:
        warnings.append(f"comes {below:.0f} degrees from below the horizontal: raise or turn the patient")
    return warnings


def painted_warnings(prepared: PreparedCase, placements: Sequence[Placement]) -> list[str]:
    """Needles that a person put through skin where no needle is to enter."""
    if prepared.no_entry is None:
        return []
    grid, last = prepared.anatomy.ct.grid, np.array(prepared.no_entry.shape) - 1
    warnings = []
    for placement in placements:
        index = np.rint(grid.ijk_from_ras(placement.entry_ras_mm)[0][::-1])
        if prepared.no_entry[tuple(np.clip(index, 0, last).astype(int))]:
            warnings.append(f"{placement.name}: ENTERS WHERE THE SKIN WAS PAINTED AS NO ENTRY")
    return warnings


def unchecked_way_warnings(probes: Sequence[Probe], structures: Structures) -> list[str]:
    """Deep needles where nobody outlined what a way through belly or pelvis crosses."""
    unknown = [word for kind, word in _ON_DEEP_WAYS.items() if kind in structures.not_checked]
    limit_mm = DEFAULTS["unchecked_way_mm"]
    return [
        f"{probe.name}: {probe.depth_mm:.0f} mm deep, and {' and '.join(unknown)} on the way are not checked: look at "
        "every slice along it, or plan for another position"
        for probe in probes
        if unknown and probe.depth_mm > limit_mm
    ]


def _needle(placement: Placement) -> tuple[str, NDArray[np.float64], NDArray[np.float64], float, Spheroid]:
    """A placement as `needle_warnings` takes it."""
    entry, tip = np.array(placement.entry_ras_mm), np.array(placement.tip_ras_mm)
    return placement.name, entry, tip, placement.device.diameter_mm / 2, placement.outer_zone


def _grid_record(prepared: PreparedCase) -> GridRecord:
    grid = prepared.anatomy.ct.grid
    rows = [tuple(float(v) for v in row) for row in grid.ijk_to_ras]
    return GridRecord(grid.shape, tuple(rows))  # type: ignore[arg-type]


def _parameters(choices: Choices, prepared: PreparedCase, error: PlacementError) -> dict[str, object]:
    return {
        "intent": choices.intent,
        "margin_mm": prepared.margin_mm,
        "position": prepared.position,
        "modality_asked": choices.modality or "auto",
        "device_asked": choices.device,
        "lateral_error_mm": error.lateral_mm,
        "depth_error_mm": error.depth_mm,
        "cement": choices.cement,
        "seed": choices.seed,
        "parallel": choices.parallel,
        "strict": choices.strict,
        "barred_bones": list(choices.barred_bones),
        "limits": dict(choices.limits),
    }
