"""The figures of placements that a person edited: in a plan.json, in a saved scene, or as lines without any CT."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion import (
    LesionOutline,
    LesionReport,
    describe_outline,
    diameters_mm,
    lesion_kind,
)
from BoneAblationPlannerLib.anatomy.structure_table import kind_rules
from BoneAblationPlannerLib.case import Anatomy, Case, CementBody, Choices, PlanningResult, Structure
from BoneAblationPlannerLib.ct import CtVolume, ct_sha256
from BoneAblationPlannerLib.devices.catalogue import Device, Program, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import HAND_MADE, evaluate
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.probe_figures import Placement, rounded_point
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.plan import INTENTS, Advice, Lesion, Plan, Structures
from BoneAblationPlannerLib.preparation import PreparedCase, lesion_record
from BoneAblationPlannerLib.scene.stored import StoredPlan
from BoneAblationPlannerLib.zones.heat.cautions import CHART_AGAIN

LESION_EDITED = "the lesion outline was edited after the plan was made: the probes were chosen for another outline"
SAME_CENTRE_MM = 0.02
"""Twice the rounding of stored points."""
NO_CT = "no CT was given: bone, skin and every critical structure are not checked"


def evaluate_stored(
    stored: StoredPlan, placements: Sequence[Placement] | None = None, devices: tuple[Device, ...] | None = None
) -> PlanningResult:
    """Recompute every figure of a stored plan for its probes as they are now.

    Parameters
    ----------
    stored : StoredPlan
        Read from a scene; its lines may have been dragged and its lesion edited.
    placements : sequence of Placement, optional
        Probes to use instead of the scene's lines.
    devices : tuple of Device, optional
        The catalogue that the probes are looked up in; the shipped one by default.

    Raises
    ------
    InputError
        If the scene lacks a mask, or a line names a device or program that the catalogue does not hold.
    """
    lines = [placement(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm, devices) for p in stored.probes]
    result = evaluate_placements(stored.plan, prepare_stored(stored), placements or lines, devices)
    return replace(result, cement=_stored_cement(stored, result.plan))


def _stored_cement(stored: StoredPlan, plan: Plan) -> CementBody | None:
    """The order of filling as it was stored; from scenes without it the cement's segment, filled at once."""
    if plan.cement is not None and stored.cement is not None:
        return stored.cement
    mask = stored.masks.get("cement")
    if plan.cement is None or plan.cement.stop_ml is None or mask is None or not mask.any():
        return None
    region = stored.ct.grid.region_around(stored.ct.grid.ras_of_mask(mask), 0.0)
    return CementBody(region, np.where(mask[region], np.float32(plan.cement.stop_ml), np.float32(np.inf)))


def evaluate_placements(
    plan: Plan,
    prepared: PreparedCase,
    placements: Sequence[Placement],
    devices: tuple[Device, ...] | None = None,
    live: LivePlacements | None = None,
) -> PlanningResult:
    """Every figure of probes in a stored plan's anatomy; what is not measured here is kept from that plan.

    `live` is that of the same case, where there is one already.
    """
    moved = list(placements) != placements_of_plan(plan, devices)
    edited = moved or LESION_EDITED in prepared.warnings
    result = evaluate(prepared, placements, plan.advice, HAND_MADE if edited else plan.optimiser, live=live)
    return replace(result, plan=_with_the_rest(result.plan, plan, edited))


def prepare_stored(stored: StoredPlan) -> PreparedCase:
    """The case of a stored plan with its anatomy as the scene has it now; raises InputError where a mask is missing."""
    plan = stored.plan
    for role in ("skin", "bone", "lesion"):
        if role not in stored.masks:
            raise InputError(f"scene: the plan has no segment with role {role!r}; expected one")
    lesion = stored.masks["lesion"]
    if not lesion.any():
        raise InputError("scene: the lesion segment is empty; expected at least one voxel")
    structures = tuple(_structure(plan, s.name, s.kind, s.mask) for s in stored.structures)
    estimates = tuple(_structure(plan, s.name, s.kind, s.mask) for s in stored.estimates)
    bone = stored.masks["bone"] | lesion
    choices = choices_of(plan)
    edited_lesion = _lesion_was_edited(plan, lesion, stored.ct.grid)
    given = lesion if plan.lesion.outline == "given" or edited_lesion else None
    case = Case(stored.ct, plan.lesion.seed_ras_mm, given, None, (), choices)
    measured = describe_outline(stored.ct, bone, _outline(plan, stored.ct, lesion, edited_lesion))
    anatomy = Anatomy(
        stored.ct,
        stored.masks["skin"],
        bone,
        lesion,
        structures,
        estimates,
        stored.bones,
        measured.breach.on_grid(stored.ct.grid),
        stored.inserted,
        stored.by_hand,
    )
    margin = float(plan.coverage.margin_mm)
    return PreparedCase(
        case=case,
        anatomy=anatomy,
        structures=plan.structures,
        lesion=_lesion_record(plan, case, lesion, measured, edited_lesion),
        position=plan.position,
        margin_mm=margin,
        target=build_target(lesion, stored.ct.grid, margin),
        warnings=(*plan.case_warnings, *((LESION_EDITED,) if edited_lesion else ())),
    )


def prepared_of(result: PlanningResult) -> PreparedCase:
    """The case that a result stands on, as evaluation takes it."""
    plan, anatomy = result.plan, result.anatomy
    given = anatomy.lesion if plan.lesion.outline == "given" else None
    return PreparedCase(
        case=Case(anatomy.ct, plan.lesion.seed_ras_mm, given, choices=choices_of(plan)),
        anatomy=anatomy,
        structures=plan.structures,
        lesion=plan.lesion,
        position=plan.position,
        margin_mm=plan.coverage.margin_mm,
        target=build_target(anatomy.lesion, anatomy.ct.grid, plan.coverage.margin_mm),
        warnings=plan.case_warnings,
    )


def _with_the_rest(measured: Plan, stored: Plan, edited: bool) -> Plan:
    """What is not measured here is kept, except cement along tracks that are no longer there."""
    cement, stability, warnings = stored.cement, stored.stability, measured.warnings
    if stored.simulation is not None:
        warnings = (*warnings, CHART_AGAIN)
    if edited and cement is not None:
        cement, stability = None, replace(stability, rigidity=None)
        warnings = (*warnings, "cement was planned for other probes and left out, with the rigidity: plan it again")
    return replace(
        measured,
        cement=cement,
        screws=stored.screws,
        corridors=stored.corridors,
        stability=stability,
        timings_s=stored.timings_s,
        warnings=warnings,
        alternatives=() if edited else stored.alternatives,
    )


def _lesion_was_edited(plan: Plan, lesion: NDArray[np.bool_], grid: Grid) -> bool:
    """Whether the outline is no longer the one that the plan was made for, by volume and centre."""
    centre = rounded_point(grid.ras_of_mask(lesion).mean(axis=0))
    volume_differs = abs(float(lesion.sum() * grid.voxel_ml) - plan.lesion.volume_ml) > grid.voxel_ml / 2
    return volume_differs or bool(np.abs(np.subtract(centre, plan.lesion.centroid_ras_mm)).max() > SAME_CENTRE_MM)


def _outline(plan: Plan, ct: CtVolume, lesion: NDArray[np.bool_], edited: bool) -> LesionOutline:
    if edited or plan.lesion.confidence is None:
        return LesionOutline(lesion, lesion_kind(ct, lesion), () if edited else plan.lesion.checks)
    return LesionOutline(lesion, lesion_kind(ct, lesion), plan.lesion.checks, plan.lesion.confidence)


def _lesion_record(plan: Plan, case: Case, lesion: NDArray[np.bool_], measured: LesionReport, edited: bool) -> Lesion:
    """The outline's figures; the bone's name stays.

    The stored bone holds the lesion, so that what lies outside the bone cannot be told any more, nor, of an edited
    outline, how far it is from a joint.
    """
    outline = _outline(plan, case.ct, lesion, edited)
    record = lesion_record(case, outline, measured, plan.lesion.bone, None, False)
    if edited:
        return replace(record, soft_tissue_ml=None)
    stored = plan.lesion
    return replace(
        record,
        nearest_joint=stored.nearest_joint,
        joint_distance_mm=stored.joint_distance_mm,
        joints_known=stored.joints_known,
        soft_tissue_ml=stored.soft_tissue_ml,
    )


def evaluate_lines(
    lesion: NDArray[np.bool_], grid: Grid, placements: Sequence[Placement], choices: Choices, source: str
) -> PlanningResult:
    """Figures of probes around a lesion outline without any CT: only coverage and margins mean something."""
    if not placements:
        raise InputError("probes: none given; expected at least one line from entry to tip")
    if not lesion.any():
        raise InputError(f"{source}: the outline is empty; expected at least one voxel")
    hu = np.zeros(grid.shape, dtype=np.int16)
    ct = CtVolume(grid, hu, source, ct_sha256(grid, lesion.astype(np.int16)), notes=(NO_CT,))
    nothing = np.zeros(grid.shape, dtype=bool)
    margin = DEFAULTS[f"margin_{choices.intent}_mm"] if choices.margin_mm is None else choices.margin_mm
    prepared = PreparedCase(
        case=Case(ct, None, lesion, None, (), choices),
        anatomy=Anatomy(ct, nothing, nothing, lesion, ()),
        structures=Structures((), tuple(kind_rules())),
        lesion=Lesion(
            volume_ml=float(lesion.sum() * grid.voxel_ml),
            kind=None,
            diameters_mm=diameters_mm(lesion, grid),
            centroid_ras_mm=rounded_point(grid.ras_of_mask(lesion).mean(axis=0)),
            seed_ras_mm=None,
            cortical_breach_fraction=None,
            bone=None,
            mean_hu=None,
            outline="given",
        ),
        position=choices.position or "supine",
        margin_mm=margin,
        target=build_target(lesion, grid, margin),
        warnings=(NO_CT,),
    )
    advice = Advice(placements[0].device.modality, "user", ())
    return evaluate(prepared, placements, advice, HAND_MADE)


def placement(
    name: str,
    device_id: str,
    program_id: str,
    entry_ras_mm: Any,
    tip_ras_mm: Any,
    devices: tuple[Device, ...] | None = None,
) -> Placement:
    """A placement from what a line or a plan stores; raises InputError naming what the catalogue does not hold."""
    device = find_device(device_id, devices)
    entry = rounded_point(np.asarray(entry_ras_mm, dtype=np.float64))
    tip = rounded_point(np.asarray(tip_ras_mm, dtype=np.float64))
    if entry == tip:
        raise InputError(f"{name}: entry and tip are the same point; expected a line")
    return Placement(name, device, find_program(device, program_id), entry, tip)


def find_program(device: Device, program_id: str | None) -> Program:
    """A device's program; without an id only if there is no choice to make."""
    if program_id is None and len(device.programs) == 1:
        return device.programs[0]
    for program in device.programs:
        if program.id == program_id:
            return program
    known = ", ".join(repr(program.id) for program in device.programs)
    raise InputError(f"device {device.id}: program {program_id!r}; expected one of {known}")


def placements_of_plan(plan: Plan, devices: tuple[Device, ...] | None = None) -> list[Placement]:
    """The probes that a plan.json holds."""
    return [placement(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm, devices) for p in plan.probes]


def choices_of(plan: Plan) -> Choices:
    """The choices that a plan was made with, as far as figures depend on them."""
    parameters = plan.parameters
    intent = next((i for i in INTENTS if i == parameters.get("intent")), None)
    if intent is None:
        raise InputError(f"plan.parameters.intent: {parameters.get('intent')!r}; expected one of {', '.join(INTENTS)}")
    return Choices(
        modality=plan.advice.modality if plan.advice.chosen_by == "user" else None,
        device=parameters.get("device_asked"),
        intent=intent,
        margin_mm=plan.coverage.margin_mm,
        position=plan.position,
        lateral_error_mm=plan.coverage.robust.lateral_error_mm,
        depth_error_mm=plan.coverage.robust.depth_error_mm,
        limits=parameters.get("limits") or {},
        cement=bool(parameters.get("cement", False)),
        seed=int(parameters.get("seed", 1)),
    )


def _structure(plan: Plan, name: str, kind: str, mask: NDArray[np.bool_]) -> Structure:
    """A structure of the scene with the distances that the plan was made with, or those of its kind if it is new."""
    stored = next((s for s in plan.structures.checked if s.name == name and s.kind == kind), None)
    if stored is not None and stored.required_shaft_mm is not None and stored.required_zone_mm is not None:
        shaft, zone, touch = stored.required_shaft_mm, stored.required_zone_mm, stored.zone_may_touch
    else:
        rule = kind_rules().get(kind, kind_rules()["other"])
        kind, shaft, zone, touch = rule.kind, rule.shaft_mm, rule.zone_mm, rule.zone_may_touch
    return Structure(name, kind, mask, shaft, zone, stored.origin if stored else "edited in the scene", touch)
