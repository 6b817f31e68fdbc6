"""The figures of a whole plan for given placements, whoever made them: the optimiser, a dragged line, a stored plan."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from BoneAblationPlannerLib.access.limits import AccessLimits, default_limits, limits_provenance
from BoneAblationPlannerLib.advice.protection import patient_questions, propose_protection
from BoneAblationPlannerLib.anatomy.structures import provenance_of
from BoneAblationPlannerLib.case import Choices, PlanningResult
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.placement.coverage import PlacementError, margins_mm, measure_coverage, union_ml
from BoneAblationPlannerLib.placement.defaults import DEFAULTS, placement_error
from BoneAblationPlannerLib.placement.probe_figures import Placement, measure_probe, zone_mask
from BoneAblationPlannerLib.plan import Advice, GridRecord, InputRecord, Optimiser, Plan, Probe, Software, Zone
from BoneAblationPlannerLib.preparation import PreparedCase


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
) -> PlanningResult:
    """All figures of the given placements, as a plan."""
    limits = default_limits()
    anatomy, choices = prepared.anatomy, prepared.case.choices
    grid = anatomy.ct.grid
    surfaces = [StructureSurface.of(structure) for structure in anatomy.structures]
    probes = tuple(measure_probe(p, anatomy, surfaces, prepared.position, limits) for p in placements)
    zones = [p.zone for p in placements]
    error = placement_error(choices)
    coverage = measure_coverage(prepared.target, zones, prepared.margin_mm, error)
    ice = any(p.visible_axes_mm for p in probes)
    provenance = (*DEFAULTS.provenance(), *limits_provenance(), *provenance_of(anatomy.structures))
    every = [c for probe in probes for c in probe.clearances]
    advice = replace(advice, protection=propose_protection(every, advice.modality), questions=patient_questions())
    zone_rows = {row.name: row for p in placements for row in p.device.provenance(p.program)}
    plan = Plan(
        software=Software("BoneAblationPlanner", software_version()),
        input=InputRecord(anatomy.ct.source, _grid_record(prepared), anatomy.ct.sha256, anatomy.ct.notes),
        parameters=_parameters(choices, prepared, error),
        timings_s={},
        position=prepared.position,
        lesion=prepared.lesion,
        advice=advice,
        probes=probes,
        zone=Zone("chart", union_ml(zones), tuple(zone_rows.values())),
        coverage=coverage,
        structures=prepared.structures,
        optimiser=optimiser,
        warnings=tuple(dict.fromkeys((*_probe_warnings(probes, limits), *warnings, *prepared.warnings))),
        provenance=provenance,
    )
    visible = zone_mask(grid, [p.outer_zone for p in placements]) if ice else None
    target = dilate(anatomy.lesion, prepared.margin_mm, grid.spacing_kji_mm) if prepared.margin_mm else anatomy.lesion
    return PlanningResult(
        plan=plan,
        anatomy=anatomy,
        target=target,
        zone=zone_mask(grid, zones),
        visible_zone=visible,
        surface_points_ras_mm=prepared.target.surface_ras_mm,
        surface_margins_mm=margins_mm(prepared.target, zones),
    )


def _probe_warnings(probes: Sequence[Probe], limits: AccessLimits) -> list[str]:
    warnings = []
    for probe in probes:
        for c in probe.clearances:
            if not c.ok:
                what = (
                    f"shaft {c.shaft_mm:.1f} mm from {c.structure} ({c.required_shaft_mm:g} mm wanted)"
                    if c.shaft_mm < c.required_shaft_mm
                    else f"zone {c.zone_mm:.1f} mm from {c.structure} ({c.required_zone_mm:g} mm wanted)"
                )
                warnings.append(f"{probe.name}: {what}")
        if abs(probe.craniocaudal_angle_deg) > limits.craniocaudal_preferred_deg:
            warnings.append(f"{probe.name}: {abs(probe.craniocaudal_angle_deg):.0f} degrees out of the axial plane")
        if probe.cortex_incidence_deg is not None and probe.cortex_incidence_deg > limits.incidence_preferred_deg:
            warnings.append(f"{probe.name}: meets the cortex at {probe.cortex_incidence_deg:.0f} degrees: may skive")
    return warnings


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
    }
