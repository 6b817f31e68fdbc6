"""The pages about cement, screws and stability."""

from collections.abc import Sequence

from BoneAblationPlannerLib.plan import Mirels, Plan, Provenance, Rigidity, Screw
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.cement import cement_pages
from BoneAblationPlannerLib.report.paths import path_table
from BoneAblationPlannerLib.report.words import STATUS_NAMES, UNKNOWN, mm, point_word
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up
from BoneAblationPlannerLib.views.picture import Picture

OF_SCREWS = "screws: "
"""How warnings about screws begin."""


def stabilisation(plan: Plan, pictures: Sequence[Picture] = ()) -> list[Block]:
    """Cement, screws and stability, each as far as the plan has it; their pictures begin the pages."""
    blocks = [*cement_pages(plan), *_screws(plan, pictures), *_stability(plan, pictures)]
    own = tuple(p for p in pictures if p.kind == "stabilisation")
    if not blocks:
        return []
    return [Heading("Cement, screws, stability", 1), *([Figures(own)] if own else []), *blocks]


def stabilisation_provenance(plan: Plan) -> tuple[Provenance, ...]:
    """Where the numbers of cement and stability come from."""
    return (*(plan.cement.provenance if plan.cement else ()), *plan.stability.provenance)


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
        blocks += path_table([(s.name, s.clearances) for s in plan.screws], "screws and their ways in")
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
            mm_down(s.cortical_clearance_mm),
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
    return ", ".join(f"{percent_down(share)} {kind}" for kind, share in s.hu_shares.items()) or UNKNOWN


def _stability(plan: Plan, pictures: Sequence[Picture]) -> list[Block]:
    stability = plan.stability
    mirels, rigidity, acetabulum = stability.mirels, stability.rigidity, stability.acetabulum
    rows: list[tuple[str, str]] = _mirels(mirels)
    if acetabulum is not None:
        destroyed = ", ".join(f"{wall} {percent_up(share)}" for wall, share in acetabulum.destroyed.items())
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
        ("Largest loss by the lesion", percent_up(rigidity.reduction_fraction)),
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
    return percent_up(fraction) if fraction >= 0 else f"none: {percent_down(-fraction)} stiffer than the reference"


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
