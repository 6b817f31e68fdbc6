"""The first page: what is decided, at a glance, and everything that speaks against it."""

import math
from collections.abc import Mapping

from BoneAblationPlannerLib.access.angles import axial_angle_deg, craniocaudal_angle_deg
from BoneAblationPlannerLib.access.landmarks import EntryLandmarks
from BoneAblationPlannerLib.plan import Coverage, Plan, Point, Probe
from BoneAblationPlannerLib.report.blocks import Block, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.paths import failing_paths
from BoneAblationPlannerLib.report.words import (
    UNKNOWN,
    ZONE_NAMES,
    counted,
    degrees_word,
    first_slice_word,
    ml,
    mm,
    modality_name,
    point_word,
    slice_word,
)
from BoneAblationPlannerLib.rounding import mm_down, percent_down

_ESTIMATED = "(estimated, verify)"
CHART_ZONES = "the chart's zones, not the simulated ones"


def decision(plan: Plan, landmarks: Mapping[str, EntryLandmarks]) -> list[Block]:
    """Patient, instruments, coverage, and what fails, was not checked or is warned of."""
    return [
        Heading("Ablation plan", 1),
        Paragraph(f"CT {plan.input.ct}, {plan.parameters.get('intent', '')} intent. {_outline(plan)}"),
        Table(
            ("Patient", "Lesion", "Modality"), ((_patient(plan), _lesion(plan), _modality(plan)),), (0,), (1, 1.6, 2)
        ),
        Heading("Instruments, in the order they go in"),
        instrument_table(plan, landmarks),
        _coverage_table(plan),
        *_failures(plan),
        Notice("not checked", "NOT CHECKED: no outline was given for these at this site", not_checked(plan)),
        *_warnings(plan),
    ]


def conventions(plan: Plan) -> str:
    """How angles, points and slices are to be read."""
    return (
        "Axial angle: from the vertical of the room in the axial plane, positive when, seen from the feet with the "
        "table below, the needle goes down towards the right of the picture. Craniocaudal angle: out of the axial "
        "plane, positive when the tip is more cranial than the entry. Points are RAS in mm. Slices are those of the CT "
        f"named above, counted from 1 for the most {first_slice_word(plan)} one; a viewer may count from the other end."
    )


def instrument_table(plan: Plan, landmarks: Mapping[str, EntryLandmarks]) -> Table:
    """One row per instrument: ablation probes, then cement needles, then screws."""
    rows = [_probe_row(number, plan, p, landmarks.get(p.name)) for number, p in enumerate(plan.probes, start=1)]
    for needle in plan.cement.needles if plan.cement else ():
        shared = f", along {needle.shares_track_with}" if needle.shares_track_with else ""
        what = f"cement needle {needle.gauge} G{shared}"
        rows.append(_other_row(len(rows) + 1, needle.name, what, plan, needle.entry_ras_mm, needle.tip_ras_mm))
    for screw in plan.screws:
        what = f"screw {screw.diameter_mm:.1f} x {screw.length_mm:.0f} mm, {screw.corridor}"
        rows.append(_other_row(len(rows) + 1, screw.name, what, plan, screw.entry_ras_mm, screw.tip_ras_mm))
    columns = (
        "No.",
        "Instrument",
        "Device, program",
        "Entry R, A, S",
        "Tip R, A, S",
        "Axial, cranio- caudal",
        "Depth from skin, bone",
        "Needle",
    )
    return Table(columns, tuple(rows), widths=(0.45, 1.2, 1.6, 3.2, 1.5, 0.9, 1, 0.9))


def place_of_entry(plan: Plan, probe: Probe, landmarks: EntryLandmarks | None) -> str:
    """Where the entry is, for a finger on the skin: slice, above the table, from the middle, from the lesion."""
    parts = [f"slice {slice_word(plan, probe)}"]
    if landmarks is not None:
        if landmarks.above_table_mm is not None:
            parts.append(f"{landmarks.above_table_mm:.0f} mm above the lowest skin")
        if landmarks.right_of_middle_mm is not None:
            side = "right" if landmarks.right_of_middle_mm >= 0 else "left"
            parts.append(f"{abs(landmarks.right_of_middle_mm):.0f} mm {side} of the body's middle")
        level = "above" if landmarks.superior_to_lesion_mm >= 0 else "below"
        parts.append(f"{abs(landmarks.superior_to_lesion_mm):.0f} mm {level} the lesion's centre")
    return "; ".join(parts)


def depth_from_bone(probe: Probe, landmarks: EntryLandmarks | None) -> str:
    """How deep the tip lies under the first cortex."""
    if landmarks is None or landmarks.skin_to_bone_mm is None:
        return UNKNOWN
    return mm(probe.depth_mm - landmarks.skin_to_bone_mm)


def not_checked(plan: Plan) -> tuple[str, ...]:
    """Kinds of anatomy that this case does not contain."""
    kinds = plan.structures.not_checked
    if not kinds:
        return ("Every kind of critical anatomy was present in this case.",)
    return (", ".join(kinds), "They may lie in the way: no distance to them was computed.")


def _probe_row(number: int, plan: Plan, p: Probe, landmarks: EntryLandmarks | None) -> tuple[str, ...]:
    entry = f"{point_word(p.entry_ras_mm)}; {place_of_entry(plan, p, landmarks)}"
    return (
        str(number),
        p.name,
        f"{p.device_name or p.device}, {p.program}",
        entry,
        point_word(p.tip_ras_mm),
        f"{degrees_word(p.axial_angle_deg)}, {degrees_word(p.craniocaudal_angle_deg)}",
        f"{mm(p.depth_mm)}, {depth_from_bone(p, landmarks)}",
        mm(p.shaft_length_mm, 0),
    )


def _other_row(number: int, name: str, what: str, plan: Plan, entry: Point, tip: Point) -> tuple[str, ...]:
    """An instrument of which the plan holds no more than its path."""
    axial, craniocaudal = axial_angle_deg(entry, tip, plan.position), craniocaudal_angle_deg(entry, tip)
    angles = f"{degrees_word(axial)}, {degrees_word(craniocaudal)}"
    return (
        str(number),
        name,
        what,
        point_word(entry),
        point_word(tip),
        angles,
        f"{mm(math.dist(entry, tip))} path",
        "-",
    )


def _patient(plan: Plan) -> str:
    return f"{plan.position.upper()}{_side(plan)}"


def _side(plan: Plan) -> str:
    """The patient's side in words, where the bone's name tells it."""
    words = (plan.lesion.bone or "").lower().replace("_", " ").split()
    side = next((w.upper() for w in words if w in ("left", "right")), "")
    return f", lesion on the patient's {side}" if side else ""


def _lesion(plan: Plan) -> str:
    lesion = plan.lesion
    size = " x ".join(f"{d:.0f}" for d in lesion.diameters_mm)
    bone = f", {lesion.bone.replace('_', ' ')}" if lesion.bone else ""
    return f"{lesion.kind or UNKNOWN}, {ml(lesion.volume_ml)}, {size} mm{bone}"


def _modality(plan: Plan) -> str:
    who = "chosen by the user" if plan.advice.chosen_by == "user" else "chosen by the rules"
    return f"{modality_name(plan)} with {counted(plan.probes, 'probe')}, {who}"


def _outline(plan: Plan) -> str:
    if plan.lesion.outline == "given":
        return "The lesion's outline was given."
    return "The lesion's outline is automatic: confirm it before use."


def _failures(plan: Plan) -> list[Block]:
    lines = tuple(
        f"{p.name}: {c.structure} ({c.kind}), shaft {mm_down(c.shaft_mm)} of {mm(c.required_shaft_mm)} required, "
        f"zone {mm_down(c.zone_mm)} of {mm(c.required_zone_mm)} required"
        for p in plan.probes
        for c in p.clearances
        if not c.ok
    )
    lines += failing_paths(plan)
    return [Notice("warning", "CLEARANCE NOT MET", lines)] if lines else []


def said_once(plan: Plan) -> list[str]:
    """Every warning, note and check once; what was not checked has a box of its own wherever they are shown."""
    said = (
        *plan.warnings,
        *plan.advice.warnings,
        *plan.input.notes,
        *(f"lesion outline: {c}" for c in plan.lesion.checks),
    )
    return [line for line in dict.fromkeys(said) if not line.startswith(("not checked", "advice does not know"))]


def _warnings(plan: Plan) -> list[Block]:
    lines = said_once(plan)
    nerves = tuple(line for line in lines if _ESTIMATED in line)
    others = tuple(line for line in lines if line not in nerves)
    blocks: list[Block] = [Notice("warning", "Warnings and checks", others)] if others else []
    return [*blocks, Notice("warning", "Expected nerves, from bony landmarks: verify", nerves)] if nerves else blocks


def _coverage_table(plan: Plan) -> Table:
    c, r, by_chart = plan.coverage, plan.coverage.robust, plan.zone.model == "chart"
    zone = (
        f"{ml(plan.zone.volume_ml)}, {ZONE_NAMES[plan.zone.model]}; {ml(c.zone_outside_target_ml)} outside the target"
    )
    planned = (
        "As planned" if by_chart else f"As planned, {ZONE_NAMES[plan.zone.model]}",
        percent_down(c.lesion_fraction),
        percent_down(c.lesion_plus_margin_fraction),
        mm_down(c.minimum_margin_mm),
        f"lesion {ml(math.ceil(100 * c.uncovered_ml) / 100)}, lesion + {c.margin_mm:g} mm {_remainder(c)}",
        zone,
    )
    robust = (
        f"With needles off{'' if by_chart else f', {CHART_ZONES}'}: 5th percentile of {r.samples} placements",
        percent_down(r.p05_lesion_fraction),
        "-",
        f"{mm_down(r.p05_minimum_margin_mm)} (worst {mm_down(r.worst_minimum_margin_mm)})"
        f"{'' if by_chart else ', by the chart'}",
        f"needles {mm(r.lateral_error_mm)} to the side and up to {mm(r.depth_error_mm)} too deep or shallow",
        "-" if by_chart else ZONE_NAMES["chart"],
    )
    columns = ("Coverage", "Lesion", f"Lesion + {c.margin_mm:g} mm", "Smallest margin", "Not covered", "Zone")
    return Table(columns, (planned, robust), widths=(1.5, 0.8, 0.9, 1.1, 2.2, 2))


def _remainder(coverage: Coverage) -> str:
    where = f", the largest part {coverage.uncovered_place}" if coverage.uncovered_place else ""
    return f"{ml(coverage.uncovered_target_ml)}{where}"
