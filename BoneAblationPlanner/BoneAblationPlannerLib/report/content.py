"""What the report says, once, in reading order. `html` and `pdf` only render its blocks."""

from collections.abc import Mapping, Sequence

from BoneAblationPlannerLib.access.execution import REACH
from BoneAblationPlannerLib.access.landmarks import EntryLandmarks
from BoneAblationPlannerLib.plan import Clearance, Plan
from BoneAblationPlannerLib.report.alternatives import alternatives
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.decision import conventions, decision, not_checked
from BoneAblationPlannerLib.report.instruments import execution_help, order_of_work, probe_page
from BoneAblationPlannerLib.report.simulation import simulation
from BoneAblationPlannerLib.report.stabilisation import stabilisation, stabilisation_provenance
from BoneAblationPlannerLib.report.words import (
    MODALITY_NAMES,
    STATUS_NAMES,
    UNKNOWN,
    counted,
    ml,
    mm,
    modality_name,
    parameter_word,
    point_word,
    spacing_word,
    value_word,
)
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up
from BoneAblationPlannerLib.views.picture import Picture

LISTED_WITHIN_MM = 50.0
"""Clearances up to here are listed; plan.json has all of them."""


def report_content(
    plan: Plan,
    pictures: Sequence[Picture] = (),
    missing_pictures: str = "",
    landmarks: Mapping[str, EntryLandmarks] | None = None,
) -> tuple[Block, ...]:
    """The whole report in reading order.

    `missing_pictures` says why there are none and how to mend it; `landmarks` are those of the entries by probe.
    """
    known = landmarks or {}
    return (
        *decision(plan, known),
        Heading("Lesion"),
        _lesion_table(plan),
        Paragraph(conventions(plan)),
        *_overview(pictures, missing_pictures),
        *order_of_work(plan),
        *execution_help(plan),
        *(block for probe in plan.probes for block in probe_page(plan, probe, pictures, known)),
        *simulation(plan, pictures),
        *alternatives(plan, pictures),
        *stabilisation(plan, pictures),
        *_clearances(plan),
        *_protection(plan),
        *_questions(plan),
        *_advice(plan),
        *_ranking(plan),
        *_provenance(plan),
    )


def _lesion_table(plan: Plan) -> Table:
    lesion = plan.lesion
    density = "" if lesion.mean_hu is None else f", mean {lesion.mean_hu:.0f} HU"
    outline = "given"
    if lesion.outline == "segmented":
        sure = "" if lesion.confidence is None else f", confidence {percent_down(lesion.confidence)}"
        outline = f"computed from the CT{sure}: check it"
    joint = UNKNOWN
    if lesion.nearest_joint is not None and lesion.joint_distance_mm is not None:
        joint = f"{lesion.nearest_joint}, {mm(lesion.joint_distance_mm)}"
        if lesion.joints_known is False:
            joint = f"{UNKNOWN}: not all were found; of those found, {joint}"
    rows = (
        ("Kind", f"{lesion.kind or UNKNOWN}{density}", "Bone", lesion.bone or UNKNOWN),
        ("Volume", ml(lesion.volume_ml), "Diameters", " x ".join(f"{d:.1f}" for d in lesion.diameters_mm) + " mm"),
        ("Centre R, A, S", point_word(lesion.centroid_ras_mm), "Cortical breach", _breach(plan)),
        ("Outline", outline, "Nearest joint", joint),
    )
    return Table(("Lesion", "", "", ""), rows, widths=(1, 2, 0.8, 1.8))


def _breach(plan: Plan) -> str:
    lesion = plan.lesion
    if lesion.cortical_breach_fraction is None:
        return UNKNOWN
    share, open_mm2 = lesion.cortical_breach_fraction, lesion.breached_area_mm2
    area = "" if open_mm2 is None or share == 0 else f", {open_mm2:.0f} of {open_mm2 / share:.0f} mm2"
    outside = "" if lesion.soft_tissue_ml is None else f"; {ml(lesion.soft_tissue_ml)} outside the bone"
    return f"{percent_up(share)} of the bone's surface over the lesion{area}{outside}"


def _advice(plan: Plan) -> list[Block]:
    who = "chosen by the user" if plan.advice.chosen_by == "user" else "chosen by the rules"
    own = [r for r in plan.advice.ranked if r.modality == plan.advice.modality]
    rows = tuple((reason.rule, reason.source, STATUS_NAMES[reason.status]) for r in own for reason in r.reasons)
    blocks: list[Block] = [Heading("Modality"), Paragraph(f"{modality_name(plan)}, {who}.")]
    return [*blocks, Table(("Reason", "Source", "Status"), rows, widths=(3, 1.6, 1.2))] if rows else blocks


def _protection(plan: Plan) -> list[Block]:
    rows = tuple(
        (f"{p.structure} ({p.kind})", mm_down(p.zone_mm), p.measure, p.source, STATUS_NAMES[p.status])
        for p in plan.advice.protection
    )
    if not rows:
        return []
    columns = ("Structure", "From zone", "Proposal", "Source", "Status")
    return [
        Heading("Protection to consider"),
        Paragraph(
            "Proposals for structures that a zone comes near to; structures that were not checked are missing here."
        ),
        Table(columns, rows, widths=(1.5, 0.8, 3, 1.8, 1)),
    ]


def _questions(plan: Plan) -> list[Block]:
    lines = tuple(f"{q.question} ({q.source}; {STATUS_NAMES[q.status]})" for q in plan.advice.questions)
    return [Notice("note", "Questions before the procedure (the planner has no answers)", lines)] if lines else []


def _ranking(plan: Plan) -> list[Block]:
    """One row per modality, its reasons together."""
    rows = tuple(
        (
            MODALITY_NAMES[r.modality] + (" (planned)" if r.modality == plan.advice.modality else ""),
            f"{r.score:.1f}",
            "; ".join(reason.rule for reason in r.reasons) or "no rule speaks for or against it",
            "; ".join(dict.fromkeys(f"{q.source} ({STATUS_NAMES[q.status]})" for q in r.reasons)),
        )
        for r in plan.advice.ranked
    )
    columns = ("Modality", "Points", "Reasons", "Sources")
    return [Heading("Modalities compared"), Table(columns, rows, widths=(1.4, 0.6, 3, 2.5))] if rows else []


def _clearances(plan: Plan) -> list[Block]:
    every = [(p, c) for p in plan.probes for c in p.clearances]
    pairs = [(p, c) for p, c in every if not c.ok or min(c.zone_mm, c.shaft_mm or c.zone_mm) <= LISTED_WITHIN_MM]
    pairs.sort(key=lambda pair: (pair[1].ok, _slack_mm(pair[1])))
    rows = tuple(
        (
            "ok" if c.ok else "FAIL",
            p.name,
            c.structure,
            c.kind,
            mm_down(c.shaft_mm),
            mm(c.required_shaft_mm),
            mm_down(c.zone_mm),
            mm(c.required_zone_mm),
        )
        for p, c in pairs
    )
    columns = ("Result", "Probe", "Structure", "Kind", "Shaft", "Required", "Zone", "Required")
    failing = tuple(n for n, (_, c) in enumerate(pairs) if not c.ok)
    checked = tuple((s.name, s.kind, s.origin) for s in plan.structures.checked)
    ignored = _by_reason(plan)
    blocks: list[Block] = [
        Heading("Clearances", 1),
        Paragraph(
            "Free distance to the needle's shaft and to the zone's edge; negative is inside. Failing rows first. "
            f"{counted(every[len(pairs) :], 'pair')} of probe and structure more than {LISTED_WITHIN_MM:g} mm "
            "apart left out."
        ),
        Table(columns, rows, failing, (0.7, 1, 2, 1.1, 1, 1, 1, 1)) if rows else Paragraph("No structure was checked."),
        Notice("not checked", "NOT CHECKED", not_checked(plan)),
        Heading("Structures of this case", 3),
        Table(("Structure", "Kind", "Origin"), checked, widths=(2, 1, 2)),
    ]
    if plan.structures.estimated:
        blocks.append(Notice("not checked", "EXPECTED NERVES, ESTIMATED FROM BONES: VERIFY", _estimated(plan)))
    if ignored:
        blocks.append(Notice("note", "Labels that were not used", ignored))
    return blocks


def _estimated(plan: Plan) -> tuple[str, ...]:
    names = ", ".join(s.name.removesuffix(" (estimated, verify)") for s in plan.structures.estimated)
    return (names, "They warn where a needle comes near and never reassure: keeping clear of a band proves nothing.")


def _by_reason(plan: Plan) -> tuple[str, ...]:
    """One line per reason: whole-body label maps have dozens of labels."""
    names: dict[str, list[str]] = {}
    for label in plan.structures.ignored:
        names.setdefault(label.reason, []).append(label.name)
    return tuple(f"{reason}: {', '.join(labels)}" for reason, labels in names.items())


def _slack_mm(c: Clearance) -> float:
    return min(c.shaft_mm - c.required_shaft_mm, c.zone_mm - c.required_zone_mm)


def _overview(pictures: Sequence[Picture], missing: str) -> list[Block]:
    if not pictures:
        return [Notice("note", "Pictures are missing", (missing or "No pictures were taken.",))]
    elsewhere = ("stabilisation", "rigidity", "density", "temperature", "access")
    overview = tuple(p for p in pictures if p.probe is None and p.kind not in elsewhere)
    return [Heading("Overview", 1), Figures(overview)]


def _provenance(plan: Plan) -> list[Block]:
    numbers = [*plan.zone.provenance, *plan.zone.together, *plan.provenance, *stabilisation_provenance(plan)]
    numbers += REACH.provenance()
    unverified = tuple(n for n, p in enumerate(numbers) if p.status == "unverified")
    clinical = Table(
        ("Number", "Value", "Source", "Status"),
        tuple((p.name, value_word(p), p.source, STATUS_NAMES[p.status]) for p in numbers),
        unverified,
        (2.7, 0.9, 3.4, 1.1),
        small_print=True,
    )
    grid = plan.input.grid
    spacing = [sum(row[c] ** 2 for row in grid.ijk_to_ras[:3]) ** 0.5 for c in range(3)]
    identity = (
        ("Software", f"{plan.software.name} {plan.software.version}"),
        ("Plan format", plan.schema),
        ("CT", plan.input.ct),
        ("CT identification (SHA-256)", plan.input.sha256),
        ("CT grid", f"{' x '.join(str(n) for n in grid.shape[::-1])} voxels of {spacing_word(spacing)} mm"),
        ("Optimiser", f"{plan.optimiser.description}; {plan.optimiser.evaluations} evaluations"),
        ("Optimality gap", f"{percent_up(plan.optimiser.gap)} of the bound for the discretised problem"),
        ("Computing time", f"{sum(plan.timings_s.values()):.1f} s"),
    )
    parameters = tuple((name, parameter_word(value)) for name, value in plan.parameters.items())
    return [
        Heading("Where the numbers come from", 1),
        Paragraph("Unverified numbers were recalled, not read in a source. Check them before relying on this plan."),
        clinical if numbers else Paragraph("The plan records no clinical number."),
        Heading("Parameters of this plan"),
        Table(("Parameter", "Value"), parameters, widths=(1, 3)),
        Heading("Identification"),
        Table(("Item", "Value"), identity, widths=(1, 3)),
    ]
