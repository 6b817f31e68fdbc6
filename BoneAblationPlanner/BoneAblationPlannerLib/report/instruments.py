"""A page per ablation probe, the order of work, and the angles for scanner and C-arm."""

from collections.abc import Mapping, Sequence

from BoneAblationPlannerLib.access.execution import (
    ORGANS_MOVE,
    REACH,
    Execution,
    execution,
    in_other_positions,
    in_words,
)
from BoneAblationPlannerLib.access.landmarks import EntryLandmarks
from BoneAblationPlannerLib.advice.order import conflicts, work_steps
from BoneAblationPlannerLib.plan import Plan, Point, Probe
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.decision import depth_from_bone, place_of_entry
from BoneAblationPlannerLib.report.words import STATUS_NAMES, UNKNOWN, axes_word, degrees_word, mm, point_word
from BoneAblationPlannerLib.views.picture import Picture


def probe_page(
    plan: Plan, probe: Probe, pictures: Sequence[Picture], landmarks: Mapping[str, EntryLandmarks]
) -> list[Block]:
    """Figures, angles and pictures of one probe."""
    incidence = UNKNOWN if probe.cortex_incidence_deg is None else degrees_word(probe.cortex_incidence_deg)
    dialled = execution(probe.entry_ras_mm, probe.tip_ras_mm, plan.position)
    known = landmarks.get(probe.name)
    device = (
        f"{probe.device_name or probe.device}, {probe.diameter_mm:.1f} mm thick, {mm(probe.shaft_length_mm, 0)} long"
    )
    rows = (
        ("Device", device, "Program", probe.program),
        ("Entry", point_word(probe.entry_ras_mm), "on the scanner", in_words(probe.entry_ras_mm)),
        ("Tip", point_word(probe.tip_ras_mm), "on the scanner", in_words(probe.tip_ras_mm)),
        (
            "Angles",
            f"axial {degrees_word(probe.axial_angle_deg)}, craniocaudal {degrees_word(probe.craniocaudal_angle_deg)}",
            "Entry on the skin",
            place_of_entry(plan, probe, known),
        ),
        ("Depth from skin", mm(probe.depth_mm), "from the cortex", depth_from_bone(probe, known)),
        (
            "Bone",
            f"cortices crossed: {probe.cortices_crossed}; {mm(probe.bone_path_mm)} in bone, incidence {incidence}",
            "Zone",
            f"{axes_word(probe.zone_axes_mm)}, centre {point_word(probe.zone_centre_ras_mm)}",
        ),
        ("C-arm", f"along {dialled.along.words}; across {dialled.across.words}", "Gantry tilt", tilt_word(dialled)),
    )
    blocks: list[Block] = [
        Heading(probe.name, 1, new_page=bool(pictures)),
        Table(("Probe", probe.name, "", ""), rows, widths=(0.9, 2.2, 1, 2.2)),
    ]
    own = tuple(p for p in pictures if p.probe == probe.name)
    return [*blocks, Figures(own)] if own else blocks


def order_of_work(plan: Plan) -> list[Block]:
    """What is done after what, as the plan's parts build on each other."""
    steps = work_steps(plan)
    rows = tuple((str(n), step) for n, step in enumerate(steps, start=1))
    return [
        Heading("Order of work", 1),
        Paragraph("In the order in which the plan lists its parts; the operator decides."),
        Table(("Step", "What"), rows, widths=(0.4, 6)),
        *_conflicts(plan),
    ]


def _conflicts(plan: Plan) -> list[Block]:
    lines = tuple(f"{c.rule} ({c.source}; {STATUS_NAMES[c.status]})" for c in conflicts(plan))
    return [Notice("warning", "Parts of this plan that get in each other's way", lines)] if lines else []


def execution_help(plan: Plan) -> list[Block]:
    """Angles for scanner and C-arm, also for the patient turned."""
    lines = [(p.name, p.entry_ras_mm, p.tip_ras_mm) for p in plan.probes]
    lines += [(n.name, n.entry_ras_mm, n.tip_ras_mm) for n in (plan.cement.needles if plan.cement else ())]
    lines += [(s.name, s.entry_ras_mm, s.tip_ras_mm) for s in plan.screws]
    rows = tuple(row for name, entry, tip in lines for row in _execution_rows(plan, name, entry, tip))
    columns = ("Instrument", "Patient", "Axial angle", "Above horizontal", "Gantry tilt", "C-arm along", "C-arm across")
    return [
        Heading("Angles for scanner and C-arm"),
        Paragraph(
            "For a patient who lies head first. Gantry tilt brings the whole needle into one slice: gantries usually "
            f"reach {REACH['gantry_tilt_deg']:.0f}° either way, and many do not tilt. The C-arm looks along the "
            "needle, or across it from as near to the vertical as it reaches; angles are those of the console. C-arms "
            f"usually reach {REACH['c_arm_sideways_deg']:.0f}° sideways and "
            f"{REACH['c_arm_craniocaudal_deg']:.0f}° to cranial or caudal; table and patient may stop them sooner. "
            "Points on the scanner are the coordinates of the images: patient's right or left, anterior or posterior, "
            "superior or inferior."
        ),
        Table(columns, rows, tuple(n for n, row in enumerate(rows) if row[1] == plan.position)),
        Notice("warning", "If the patient is turned", (ORGANS_MOVE[0].upper() + ORGANS_MOVE[1:] + ".",)),
    ]


def tilt_word(dialled: Execution) -> str:
    """Which way the gantry's top leans."""
    tilt = dialled.gantry_tilt_deg
    if tilt is None:
        return "no tilt holds the needle"
    if abs(tilt) < 0.5:
        return "none needed"
    limit = "" if dialled.tilt_is_usual else f" (beyond the usual {REACH['gantry_tilt_deg']:.0f}°)"
    return f"{abs(tilt):.0f}°, top towards the {'feet' if tilt > 0 else 'head'}{limit}"


def _execution_rows(plan: Plan, name: str, entry: Point, tip: Point) -> list[tuple[str, ...]]:
    every = [execution(entry, tip, plan.position), *in_other_positions(entry, tip, plan.position)]
    return [
        (
            name,
            e.position,
            degrees_word(e.axial_angle_deg),
            degrees_word(e.above_horizontal_deg),
            tilt_word(e),
            e.along.words,
            e.across.words,
        )
        for e in every
    ]
