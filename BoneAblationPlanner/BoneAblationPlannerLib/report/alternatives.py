"""What the report says of other plans that were considered."""

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.report.blocks import Block, Heading, Paragraph, Table
from BoneAblationPlannerLib.report.words import mm, percent_word, point_word


def alternatives(plan: Plan) -> list[Block]:
    """Sets of probes that enter elsewhere, how they compare, and where they would lie."""
    if not plan.alternatives:
        return []
    compared = tuple(
        (
            chr(ord("A") + n),
            str(a.probe_count),
            percent_word(a.lesion_fraction),
            percent_word(a.p05_lesion_fraction),
            mm(a.minimum_margin_mm),
            "kept" if a.clearances_ok else "NOT ALL KEPT",
            a.difference,
        )
        for n, a in enumerate(plan.alternatives)
    )
    places = tuple(
        (chr(ord("A") + n), f"{p.device}, {p.program}", point_word(p.entry_ras_mm), point_word(p.tip_ras_mm))
        for n, a in enumerate(plan.alternatives)
        for p in a.probes
    )
    broken = tuple(n for n, a in enumerate(plan.alternatives) if not a.clearances_ok)
    columns = ("Plan", "Probes", "Lesion", "5th percentile", "Smallest margin", "Distances", "Compared with the plan")
    return [
        Heading("Other ways in"),
        Paragraph("Plans of the same kind of ablation whose probes enter elsewhere; measured as the plan itself is."),
        Table(columns, compared, broken, (0.5, 0.7, 0.9, 1, 1, 1.1, 3)),
        Table(("Plan", "Device, program", "Entry R, A, S", "Tip R, A, S"), places, widths=(0.5, 2.5, 1.5, 1.5)),
    ]
