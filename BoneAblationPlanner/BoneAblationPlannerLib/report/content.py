"""What the report says, once: headings, tables, notices, pictures. `html` and `pdf` only render these blocks."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from BoneAblationPlannerLib.plan import Clearance, Coverage, Plan, Point, Probe, Provenance
from BoneAblationPlannerLib.views.picture import Picture

LISTED_WITHIN_MM = 50.0
"""Clearances up to here are listed; plan.json has all of them."""
STATEMENT = "Decision support for research use. Not a medical device."

Level = Literal[1, 2, 3]
NoticeKind = Literal["warning", "not checked", "note"]

_MODALITY_NAMES = {"rfa": "Radiofrequency ablation", "mwa": "Microwave ablation", "cryo": "Cryoablation"}
_ZONE_NAMES = {
    "chart": "ellipsoids from the device's chart",
    "ice": "simulated ice",
    "heat": "simulated heat",
}
_STATUS_NAMES = {
    "seen": "read in the source",
    "derived": "derived from the source",
    "unverified": "UNVERIFIED",
    "default": "default of this software",
}
_UNKNOWN = "not determined"


@dataclass(frozen=True)
class Heading:
    """A title; level 1 begins a page and a bookmark."""

    text: str
    level: Level = 2
    new_page: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Notice:
    """A framed list that must be seen."""

    kind: NoticeKind
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Columns and rows of text; `emphasised` are the numbers of rows to set in bold. Widths are relative."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    emphasised: tuple[int, ...] = ()
    widths: tuple[float, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Pictures, to be set two to a row."""

    pictures: tuple[Picture, ...]


Block = Heading | Paragraph | Notice | Table | Figures


def report_content(plan: Plan, pictures: Sequence[Picture] = (), missing_pictures: str = "") -> tuple[Block, ...]:
    """The whole report in reading order; `missing_pictures` says why there are none and how to mend it."""
    return (
        *_decision(plan),
        *_clearances(plan),
        *_protection(plan),
        *_questions(plan),
        *_ranking(plan),
        *_overview(pictures, missing_pictures),
        *(block for probe in plan.probes for block in _probe_page(probe, pictures)),
        *_extras(plan),
        *_provenance(plan),
    )


def _decision(plan: Plan) -> list[Block]:
    return [
        Heading("Ablation plan", 1),
        Paragraph(f"CT {plan.input.ct}, {plan.parameters.get('intent', '')} intent. {_outline(plan)}"),
        Paragraph(f"{_modality(plan)} with {_count(plan.probes, 'probe')}, patient {plan.position}."),
        *_failures(plan),
        Notice("not checked", "NOT CHECKED: no outline was given for these", _not_checked(plan)),
        *_warnings(plan),
        Heading("Probes"),
        _probe_table(plan.probes),
        Paragraph(
            "Axial angle: from the vertical of the room in the axial plane, positive when, seen from the feet with the "
            "table below, the needle goes down towards the right of the picture. Craniocaudal angle: out of the axial "
            "plane, positive when the tip is more cranial than the entry. Points are RAS in mm; slices count from 1."
        ),
        Heading("Coverage"),
        _coverage_table(plan),
        Heading("Modality"),
        *_advice(plan),
        Heading("Lesion"),
        _lesion_table(plan),
    ]


def _outline(plan: Plan) -> str:
    if plan.lesion.outline == "given":
        return "The lesion's outline was given."
    return "The lesion's outline is automatic: confirm it before use."


def _failures(plan: Plan) -> list[Block]:
    lines = tuple(
        f"{p.name}: {c.structure} ({c.kind}), shaft {_mm(c.shaft_mm)} of {_mm(c.required_shaft_mm)} required, "
        f"zone {_mm(c.zone_mm)} of {_mm(c.required_zone_mm)} required"
        for p in plan.probes
        for c in p.clearances
        if not c.ok
    )
    return [Notice("warning", "CLEARANCE NOT MET", lines)] if lines else []


def _not_checked(plan: Plan) -> tuple[str, ...]:
    kinds = plan.structures.not_checked
    if not kinds:
        return ("Every kind of critical anatomy was present in this case.",)
    return (", ".join(kinds), "They may lie in the way: no distance to them was computed.")


def _warnings(plan: Plan) -> list[Block]:
    said = (
        *plan.warnings,
        *plan.advice.warnings,
        *plan.input.notes,
        *(f"lesion outline: {c}" for c in plan.lesion.checks),
    )
    # What was not checked has a box of its own above.
    lines = tuple(line for line in dict.fromkeys(said) if not line.startswith(("not checked", "advice does not know")))
    return [Notice("warning", "Warnings and checks", lines)] if lines else []


def _probe_table(probes: Iterable[Probe]) -> Table:
    columns = (
        "Probe",
        "Device, program",
        "Entry R, A, S",
        "Tip R, A, S",
        "Slice",
        "Axial angle",
        "Cranio- caudal",
        "Depth",
        "Shaft",
    )
    rows = tuple(
        (
            p.name,
            f"{p.device_name or p.device}, {p.program}",
            _point(p.entry_ras_mm),
            _point(p.tip_ras_mm),
            _slice(p),
            _degrees(p.axial_angle_deg),
            _degrees(p.craniocaudal_angle_deg),
            _mm(p.depth_mm),
            _mm(p.shaft_length_mm, 0),
        )
        for p in probes
    )
    return Table(columns, rows, widths=(1, 2.2, 1.65, 1.65, 0.8, 0.9, 1, 1.1, 1))


def _coverage_table(plan: Plan) -> Table:
    c, r = plan.coverage, plan.coverage.robust
    placement = f"{r.samples} placements, {_mm(r.lateral_error_mm)} lateral and {_mm(r.depth_error_mm)} depth error"
    rows = (
        ("Lesion covered", _percent(c.lesion_fraction), f"{_percent(r.p05_lesion_fraction)} (5th percentile)"),
        (f"Lesion + {c.margin_mm:g} mm covered", _percent(c.lesion_plus_margin_fraction), "-"),
        (
            "Minimum signed margin",
            _mm(c.minimum_margin_mm),
            f"{_mm(r.worst_minimum_margin_mm)} (worst), {_mm(r.p05_minimum_margin_mm)} (5th percentile)",
        ),
        ("Lesion not covered", _ml(c.uncovered_ml), "-"),
        (f"Lesion + {c.margin_mm:g} mm not covered", _remainder(c), "-"),
        ("Zone", f"{_ml(plan.zone.volume_ml)}, {_ZONE_NAMES[plan.zone.model]}", "-"),
        ("Zone outside the target", _ml(c.zone_outside_target_ml), "-"),
    )
    return Table(("Figure", "As planned", f"Robust ({placement})"), rows, widths=(1.5, 1.5, 2))


def _remainder(coverage: Coverage) -> str:
    where = f", the largest part {coverage.uncovered_place}" if coverage.uncovered_place else ""
    return f"{_ml(coverage.uncovered_target_ml)}{where}"


def _lesion_table(plan: Plan) -> Table:
    lesion = plan.lesion
    density = "" if lesion.mean_hu is None else f", mean {lesion.mean_hu:.0f} HU"
    outline = "given"
    if lesion.outline == "segmented":
        sure = "" if lesion.confidence is None else f", confidence {_percent(lesion.confidence)}"
        outline = f"computed from the CT{sure}: check it"
    joint = _UNKNOWN
    if lesion.nearest_joint is not None and lesion.joint_distance_mm is not None:
        joint = f"{lesion.nearest_joint}, {_mm(lesion.joint_distance_mm)}"
    rows = (
        ("Kind", f"{lesion.kind or _UNKNOWN}{density}", "Bone", lesion.bone or _UNKNOWN),
        ("Volume", _ml(lesion.volume_ml), "Diameters", " x ".join(f"{d:.1f}" for d in lesion.diameters_mm) + " mm"),
        ("Centre R, A, S", _point(lesion.centroid_ras_mm), "Cortical breach", _breach(plan)),
        ("Outline", outline, "Nearest joint", joint),
    )
    return Table(("Lesion", "", "", ""), rows, widths=(1, 2, 0.8, 1.8))


def _breach(plan: Plan) -> str:
    lesion = plan.lesion
    if lesion.cortical_breach_fraction is None:
        return _UNKNOWN
    area = "" if lesion.breached_area_mm2 is None else f", {lesion.breached_area_mm2:.0f} mm2"
    outside = "" if lesion.soft_tissue_ml is None else f"; {_ml(lesion.soft_tissue_ml)} outside the bone"
    return f"{_percent(lesion.cortical_breach_fraction)} of the bone's surface over the lesion{area}{outside}"


def _advice(plan: Plan) -> list[Block]:
    who = "chosen by the user" if plan.advice.chosen_by == "user" else "chosen by the rules"
    own = [r for r in plan.advice.ranked if r.modality == plan.advice.modality]
    rows = tuple((reason.rule, reason.source, _STATUS_NAMES[reason.status]) for r in own for reason in r.reasons)
    blocks: list[Block] = [Paragraph(f"{_modality(plan)}, {who}.")]
    return [*blocks, Table(("Reason", "Source", "Status"), rows, widths=(3, 1.6, 1.2))] if rows else blocks


def _protection(plan: Plan) -> list[Block]:
    rows = tuple(
        (f"{p.structure} ({p.kind})", _mm(p.zone_mm), p.measure, p.source, _STATUS_NAMES[p.status])
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
    lines = tuple(f"{q.question} ({q.source}; {_STATUS_NAMES[q.status]})" for q in plan.advice.questions)
    return [Notice("note", "Questions before the procedure (the planner has no answers)", lines)] if lines else []


def _ranking(plan: Plan) -> list[Block]:
    """One row per modality, its reasons together."""
    rows = tuple(
        (
            _MODALITY_NAMES[r.modality] + (" (planned)" if r.modality == plan.advice.modality else ""),
            f"{r.score:.1f}",
            "; ".join(reason.rule for reason in r.reasons) or "no rule speaks for or against it",
            "; ".join(dict.fromkeys(f"{q.source} ({_STATUS_NAMES[q.status]})" for q in r.reasons)),
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
            _mm(c.shaft_mm),
            _mm(c.required_shaft_mm),
            _mm(c.zone_mm),
            _mm(c.required_zone_mm),
        )
        for p, c in pairs
    )
    columns = ("Result", "Probe", "Structure", "Kind", "Shaft", "Required", "Zone", "Required")
    failing = tuple(n for n, (_, c) in enumerate(pairs) if not c.ok)
    checked = tuple((s.name, s.kind, s.origin) for s in plan.structures.checked)
    ignored = _by_reason(plan)
    blocks: list[Block] = [
        Heading("Clearances", new_page=True),
        Paragraph(
            "Free distance to the needle's shaft and to the zone's edge; negative is inside. Failing rows first. "
            f"{_count(every[len(pairs) :], 'pair')} of probe and structure more than {LISTED_WITHIN_MM:g} mm "
            "apart left out."
        ),
        Table(columns, rows, failing, (0.7, 1, 2, 1.1, 1, 1, 1, 1)) if rows else Paragraph("No structure was checked."),
        Notice("not checked", "NOT CHECKED", _not_checked(plan)),
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
    return [Heading("Overview", 1, new_page=True), Figures(tuple(p for p in pictures if p.probe is None))]


def _probe_page(probe: Probe, pictures: Sequence[Picture]) -> list[Block]:
    incidence = _UNKNOWN if probe.cortex_incidence_deg is None else _degrees(probe.cortex_incidence_deg)
    rows = (
        (
            "Device",
            f"{probe.device_name or probe.device}, {probe.diameter_mm:.1f} mm thick, "
            f"shaft {_mm(probe.shaft_length_mm, 0)}",
        ),
        ("Program", probe.program),
        (
            "Entry",
            f"{_point(probe.entry_ras_mm)}, slice {_slice(probe)}",
        ),
        ("Tip", _point(probe.tip_ras_mm)),
        (
            "Angles",
            f"axial {_degrees(probe.axial_angle_deg)}, craniocaudal {_degrees(probe.craniocaudal_angle_deg)}",
        ),
        ("Depth from the skin", _mm(probe.depth_mm)),
        (
            "Bone",
            f"{probe.cortices_crossed} cortices crossed, {_mm(probe.bone_path_mm)} in bone, incidence {incidence}",
        ),
        ("Zone", f"{_axes(probe.zone_axes_mm)}, centre {_point(probe.zone_centre_ras_mm)}"),
    )
    blocks: list[Block] = [
        Heading(probe.name, 1, new_page=bool(pictures)),
        Table(("Probe", probe.name), rows, widths=(1, 4)),
    ]
    own = tuple(p for p in pictures if p.probe == probe.name)
    return [*blocks, Figures(own)] if own else blocks


def _extras(plan: Plan) -> list[Block]:
    blocks: list[Block] = []
    if plan.cement is not None:
        blocks += _cement(plan)
    if plan.screws:
        rows = tuple(
            (
                s.name,
                s.corridor,
                f"{s.diameter_mm:.1f} x {s.length_mm:.0f} mm",
                _point(s.entry_ras_mm),
                _point(s.tip_ras_mm),
                _mm(s.cortical_clearance_mm),
            )
            for s in plan.screws
        )
        columns = ("Screw", "Corridor", "Size", "Entry R, A, S", "Tip R, A, S", "Cortical clearance")
        blocks += [Heading("Screws"), Table(columns, rows)]
    rigidity, mirels = plan.stability.rigidity, plan.stability.mirels
    stability = [("Mirels score", str(mirels.total))] if mirels.total is not None else []
    if rigidity is not None:
        stability.append(("Loss of rigidity", _percent(rigidity.reduction_fraction)))
    if stability:
        blocks += [Heading("Stability"), Table(("Figure", "Value"), tuple(stability), widths=(1, 3))]
    return blocks


def _cement(plan: Plan) -> list[Block]:
    cement = plan.cement
    if cement is None:
        return []
    needles = tuple(
        (n.name, f"{n.gauge} G", _point(n.entry_ras_mm), _point(n.tip_ras_mm), n.shares_track_with or "-")
        for n in cement.needles
    )
    leaks = tuple(
        f"Possible leak towards {leak.towards}, {_mm(leak.distance_mm)} away, defect {leak.defect_area_mm2:.0f} mm2"
        for leak in cement.leaks
    )
    blocks: list[Block] = [
        Heading("Cement"),
        Paragraph(f"Fill {_ml(cement.fill_ml)}, {_percent(cement.fill_fraction)} of the lesion's outline."),
        Table(("Needle", "Gauge", "Entry R, A, S", "Tip R, A, S", "Shares the track of"), needles),
    ]
    if leaks or cement.cautions:
        blocks.append(Notice("warning", "Cement: leaks and cautions", (*leaks, *cement.cautions)))
    return blocks


def _provenance(plan: Plan) -> list[Block]:
    numbers = [*plan.zone.provenance, *plan.provenance, *(plan.cement.provenance if plan.cement else ())]
    unverified = tuple(n for n, p in enumerate(numbers) if p.status == "unverified")
    clinical = Table(
        ("Number", "Value", "Source", "Status"),
        tuple((p.name, _value(p), p.source, _STATUS_NAMES[p.status]) for p in numbers),
        unverified,
        (2, 1.2, 3, 1.4),
    )
    grid = plan.input.grid
    spacing = [sum(row[c] ** 2 for row in grid.ijk_to_ras[:3]) ** 0.5 for c in range(3)]
    identity = (
        ("Software", f"{plan.software.name} {plan.software.version}"),
        ("Plan format", plan.schema),
        ("CT", plan.input.ct),
        ("CT identification (SHA-256)", plan.input.sha256),
        ("CT grid", f"{' x '.join(str(n) for n in grid.shape[::-1])} voxels of {_spacing(spacing)} mm"),
        ("Optimiser", f"{plan.optimiser.description}; {plan.optimiser.evaluations} evaluations"),
        ("Optimality gap", f"{_percent(plan.optimiser.gap)} of the bound for the discretised problem"),
        ("Computing time", f"{sum(plan.timings_s.values()):.1f} s"),
    )
    parameters = tuple((name, _parameter(value)) for name, value in plan.parameters.items())
    return [
        Heading("Where the numbers come from", 1, new_page=True),
        Paragraph("Unverified numbers were recalled, not read in a source. Check them before relying on this plan."),
        clinical if numbers else Paragraph("The plan records no clinical number."),
        Heading("Parameters of this plan"),
        Table(("Parameter", "Value"), parameters, widths=(1, 3)),
        Heading("Identification"),
        Table(("Item", "Value"), identity, widths=(1, 3)),
    ]


def _modality(plan: Plan) -> str:
    return _MODALITY_NAMES[plan.advice.modality]


def _count(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _slice(probe: Probe) -> str:
    return _UNKNOWN if probe.slice_number is None else str(probe.slice_number)


def _point(point: Point) -> str:
    return ", ".join(f"{_zeroed(c, 1):.1f}" for c in point)


def _axes(axes: Point) -> str:
    return " x ".join(f"{a:.0f}" for a in axes) + " mm"


def _spacing(spacing: Iterable[float]) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing)


def _mm(value: float, digits: int = 1) -> str:
    return f"{_zeroed(value, digits):.{digits}f} mm"


def _ml(value: float) -> str:
    return f"{value:.1f} ml" if abs(value) >= 10 else f"{value:.2f} ml"


def _percent(fraction: float) -> str:
    """One digit, cut rather than rounded near the top: 99.96 % must not read as complete."""
    percent = 100 * fraction
    return f"{min(percent, 99.9):.1f} %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def _degrees(value: float) -> str:
    return f"{_zeroed(value, 1):+.1f}°"


def _zeroed(value: float, digits: int) -> float:
    """No minus sign before a zero."""
    return 0.0 if round(value, digits) == 0 else value


def _value(p: Provenance) -> str:
    if p.value is None:
        return _UNKNOWN
    text = f"{p.value:g}" if isinstance(p.value, float) else str(p.value)
    return f"{text} {p.unit}".strip()


def _parameter(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
