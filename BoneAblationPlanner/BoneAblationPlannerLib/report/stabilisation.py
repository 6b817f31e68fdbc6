"""The pages about cement, screws and stability."""

from collections.abc import Sequence

from BoneAblationPlannerLib.advice.order import pull_backs
from BoneAblationPlannerLib.plan import Cement, CementSite, Mirels, Plan, Provenance, Rigidity, Screw
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.words import STATUS_NAMES, UNKNOWN, counted, ml, mm, percent_word, point_word
from BoneAblationPlannerLib.views.picture import Picture

LISTED_WITHIN_MM = 50.0
"""Structures up to here are listed; plan.json has all of them."""
OF_SCREWS = "screws: "
"""How warnings about screws begin."""


def stabilisation(plan: Plan, pictures: Sequence[Picture] = ()) -> list[Block]:
    """Cement, screws and stability, each as far as the plan has it; their pictures begin the pages."""
    blocks = [*_cement(plan), *_screws(plan, pictures), *_stability(plan, pictures)]
    own = tuple(p for p in pictures if p.kind == "stabilisation")
    if not blocks:
        return []
    return [Heading("Cement, screws, stability", 1, new_page=True), *([Figures(own)] if own else []), *blocks]


def stabilisation_provenance(plan: Plan) -> tuple[Provenance, ...]:
    """Where the numbers of cement and stability come from."""
    return (*(plan.cement.provenance if plan.cement else ()), *plan.stability.provenance)


def _cement(plan: Plan) -> list[Block]:
    cement = plan.cement
    if cement is None:
        return []
    needles = tuple(
        (
            str(number),
            n.name,
            f"{n.gauge} G",
            point_word(n.entry_ras_mm),
            "; ".join(point_word(p) for p in n.injects_at_ras_mm or (n.tip_ras_mm,)),
            n.shares_track_with or "a track of its own",
            "" if n.volume_ml is None else ml(n.volume_ml),
        )
        for number, n in enumerate(cement.needles, start=1)
    )
    columns = ("Fill", "Needle", "Gauge", "Entry R, A, S", "Injects with its tip at R, A, S", "Track of", "Volume")
    blocks: list[Block] = [
        Heading("Cement"),
        Paragraph(_volumes(cement)),
        *([Paragraph(_site(cement.site, cement.fill_ml))] if cement.site else []),
        Table(columns, needles, widths=(0.4, 1.3, 0.6, 1.5, 1.5, 1.1, 0.8)),
        *([Paragraph(". ".join(pulled) + ".")] if (pulled := pull_backs(cement)) else []),
    ]
    if cement.leaks:
        leaks = tuple(
            (
                leak.towards,
                mm(leak.distance_mm),
                f"{leak.defect_area_mm2:.0f} mm2",
                f"not up to {ml(cement.fill_ml)}" if leak.at_ml is None else f"from {ml(leak.at_ml)}",
            )
            for leak in cement.leaks
        )
        leaking = tuple(n for n, leak in enumerate(cement.leaks) if leak.at_ml is not None)
        blocks.append(Table(("Gap in the cortex towards", "Distance", "Area", "Cement leaves"), leaks, leaking))
    else:
        blocks.append(Paragraph("No gap in the cortex over the lesion was found."))
    if cement.steps:
        steps = tuple((ml(s.injected_ml), ml(s.lesion_ml), ml(s.bone_ml), ml(s.outside_ml)) for s in cement.steps)
        blocks.append(Table(("Injected", "In the lesion", "In the bone around it", "Outside the bone"), steps))
    return [*blocks, Notice("warning", "Cement: look out for", cement.cautions)] if cement.cautions else blocks


def _volumes(cement: Cement) -> str:
    text = f"Wanted {ml(cement.fill_ml)}, {percent_word(cement.fill_fraction)} of the lesion"
    if cement.stop_ml is not None:
        text += f"; stop at {ml(cement.stop_ml)}"
    if cement.viscosity is not None:
        text += f". Simulated with {cement.viscosity} viscosity, without veins and pressure"
    order = ". Fill in the order of the table: the needle farthest from a leak first" if len(cement.needles) > 1 else ""
    return f"{text}{order}."


def _site(site: CementSite, fill_ml: float) -> str:
    text = f"Site (proposed): {site.name}. Usual approach: {site.approach or UNKNOWN}. "
    if site.usual_ml is None:
        return f"{text}No usual volume is known."
    low, high = site.usual_ml
    return f"{text}Usual volume {low:g} to {high:g} ml; {ml(fill_ml)} wanted here: {site.compared}."


def _screws(plan: Plan, pictures: Sequence[Picture]) -> list[Block]:
    said = {f"no {c.title} screw: {c.reason}" for c in plan.corridors if c.near_lesion}
    found = (w.removeprefix(OF_SCREWS) for w in plan.warnings if w.startswith(OF_SCREWS))
    notes = tuple(note for note in found if note not in said)
    if not (plan.screws or plan.corridors or notes):
        return []
    blocks: list[Block] = [Heading("Screws")]
    if plan.screws:
        density = tuple(p for p in pictures if p.kind == "density")
        blocks += [_screw_places(plan.screws), _screw_bone(plan.screws), *([Figures(density)] if density else [])]
        blocks += _screw_clearances(plan.screws)
    else:
        blocks.append(Paragraph("No screw is planned."))
    near = [c for c in plan.corridors if c.near_lesion]
    if near:
        rows = tuple(
            (
                c.title,
                mm(c.diameter_mm or 0.0),
                UNKNOWN if c.inside_cortex_mm is None else mm(c.inside_cortex_mm),
                mm(c.length_mm or 0.0, 0),
                c.reason or "",
            )
            for c in near
        )
        blocks += [
            Heading("Corridors at the lesion", 3),
            Table(
                ("Corridor", "Diameter", "Inside the cortex", "Length", "Why no screw"),
                rows,
                widths=(1.6, 0.8, 0.9, 0.8, 2.6),
            ),
        ]
    return [*blocks, Notice("warning", "Screws: look out for", notes)] if notes else blocks


def _screw_places(screws: Sequence[Screw]) -> Table:
    rows = tuple(
        (
            s.name,
            s.corridor,
            f"{s.diameter_mm:g} x {s.length_mm:.0f} mm",
            point_word(s.entry_ras_mm),
            point_word(s.tip_ras_mm),
            UNKNOWN if s.skin_to_bone_mm is None else mm(s.skin_to_bone_mm),
        )
        for s in screws
    )
    columns = ("Screw", "Corridor", "Size", "Entry at bone R, A, S", "Tip R, A, S", "Skin to bone")
    return Table(columns, rows, widths=(0.8, 1.6, 1, 1.5, 1.5, 0.9))


def _screw_bone(screws: Sequence[Screw]) -> Table:
    rows = tuple(
        (
            s.name,
            mm(s.cortical_clearance_mm),
            _breaches(s),
            _held(s),
            _density(s),
            ", ".join(s.joints_met) or "none",
        )
        for s in screws
    )
    columns = ("Screw", "Bone around it", "Breach", "Held before, beyond the lesion", "Bone along it", "Joints met")
    return Table(columns, rows, widths=(0.8, 0.9, 1, 1.4, 1.9, 1.2))


def _breaches(s: Screw) -> str:
    found = [f"{what} {mm(depth)}" for what, depth in (("side", s.side_breach_mm), ("tip", s.tip_breach_mm)) if depth]
    return ", ".join(found) or "none"


def _held(s: Screw) -> str:
    if s.purchase_before_lesion_mm is None or s.purchase_beyond_lesion_mm is None:
        return "passes beside the lesion"
    return f"{mm(s.purchase_before_lesion_mm)}, {mm(s.purchase_beyond_lesion_mm)}"


def _density(s: Screw) -> str:
    return ", ".join(f"{percent_word(share)} {kind}" for kind, share in s.hu_shares.items()) or UNKNOWN


def _screw_clearances(screws: Sequence[Screw]) -> list[Block]:
    every = [(s, c) for s in screws for c in s.clearances]
    near = [(s, c) for s, c in every if not c.ok or c.distance_mm <= LISTED_WITHIN_MM]
    near.sort(key=lambda pair: (pair[1].ok, pair[1].distance_mm - pair[1].required_mm))
    rows = tuple(
        ("ok" if c.ok else "FAIL", s.name, c.structure, c.kind, mm(c.distance_mm), mm(c.required_mm)) for s, c in near
    )
    columns = ("Result", "Screw", "Structure", "Kind", "Distance", "Required")
    left_out = counted(every[len(near) :], "structure")
    return [
        Paragraph(
            f"Free distance to screw and access path; failing rows first. {left_out} more than "
            f"{LISTED_WITHIN_MM:g} mm away left out."
        ),
        *(
            [Table(columns, rows, tuple(n for n, pair in enumerate(near) if not pair[1].ok), (0.6, 0.8, 2, 1, 1, 1))]
            if rows
            else []
        ),
    ]


def _stability(plan: Plan, pictures: Sequence[Picture]) -> list[Block]:
    stability = plan.stability
    mirels, rigidity, acetabulum = stability.mirels, stability.rigidity, stability.acetabulum
    rows: list[tuple[str, str]] = _mirels(mirels)
    if acetabulum is not None:
        destroyed = ", ".join(f"{wall} {percent_word(share)}" for wall, share in acetabulum.destroyed.items())
        rows.append(
            ("Acetabulum (proposed)", f"Harrington {acetabulum.harrington}, Levy {acetabulum.levy}; taken: {destroyed}")
        )
    if rigidity is not None:
        rows += _rigidity(rigidity)
    blocks: list[Block] = [Table(("Figure", "Value"), tuple(rows), widths=(1, 3))] if rows else []
    if rigidity is not None:
        blocks.append(_rigidity_table(rigidity))
    curve = tuple(p for p in pictures if p.kind == "rigidity")
    if curve:
        blocks.append(Figures(curve))
    if stability.cautions:
        lines = tuple(f"{c.rule} ({c.source}; {STATUS_NAMES[c.status]})" for c in stability.cautions)
        blocks.append(Notice("warning", "Stability: look out for", lines))
    if not blocks:
        if plan.cement is None and not plan.screws and not plan.corridors:
            return []
        blocks = [Paragraph("Not assessed: the bone of the lesion could not be told on this CT, or nobody asked.")]
    return [Heading("Stability"), *blocks]


def _mirels(mirels: Mirels) -> list[tuple[str, str]]:
    if mirels.lowest is None or mirels.highest is None:
        return []
    single = mirels.lowest == mirels.highest
    total = str(mirels.lowest) if single else f"{mirels.lowest} to {mirels.highest}"
    named = (("site", mirels.site), ("pain", mirels.pain), ("lesion", mirels.lesion), ("size", mirels.size))
    items = ", ".join(f"{name} {'to be asked' if points is None else points}" for name, points in named)
    return [("Mirels score", f"{total} of 12 ({items}): {mirels.risk}")]


def _rigidity(rigidity: Rigidity) -> list[tuple[str, str]]:
    where = UNKNOWN if rigidity.weakest_ras_mm is None else point_word(rigidity.weakest_ras_mm)
    after = rigidity.reduction_after_fraction
    rows = [
        ("Weakest section at R, A, S", where),
        ("Compared with", rigidity.reference_kind or UNKNOWN),
        ("Largest loss by the lesion", percent_word(rigidity.reduction_fraction)),
        ("Loss after treatment", _loss(after)),
    ]
    if rigidity.uncertainty_factor is not None:
        low, high = rigidity.uncertainty_factor
        rows.append(("Absolute figures may be off by", f"a factor of {low:g} to {high:g} (density scale)"))
    if rigidity.validated is False:
        rows.append(("NOT VALIDATED", "this bone is no beam; compare before and after only"))
    return rows


def _loss(fraction: float | None) -> str:
    if fraction is None:
        return UNKNOWN
    return percent_word(fraction) if fraction >= 0 else f"none: {percent_word(-fraction)} stiffer than the reference"


def _rigidity_table(rigidity: Rigidity) -> Table:
    figures = (("Axial EA", "EA", "N"), ("Bending EI, smaller", "EI_min", "N mm2"), ("Torsion GJ", "GJ", "N mm2"))
    rows = tuple(
        (
            f"{name} ({unit})",
            f"{getattr(rigidity.before, key):.3g}",
            f"{getattr(rigidity.after, key):.3g}",
            "-" if rigidity.reference is None else f"{getattr(rigidity.reference, key):.3g}",
        )
        for name, key, unit in figures
    )
    return Table(("Rigidity at the weakest section", "Before", "After treatment", "Reference"), rows)
