"""What the report says of other plans that were considered."""

from collections.abc import Sequence

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Paragraph, Table
from BoneAblationPlannerLib.report.words import point_word
from BoneAblationPlannerLib.rounding import mm_down, percent_down
from BoneAblationPlannerLib.views.picture import Picture


def alternatives(plan: Plan, pictures: Sequence[Picture] = ()) -> list[Block]:
    """Where on the skin it is easy; sets of probes that enter elsewhere, how they compare, where they would lie."""
    skin = tuple(p for p in pictures if p.kind == "access")
    blocks: list[Block] = [Figures(skin)] if skin else []
    if plan.alternatives:
        blocks += _compared(plan)
    return [Heading("Other ways in"), *blocks] if blocks else []


def _compared(plan: Plan) -> list[Block]:
    compared = tuple(
        (
            chr(ord("A") + n),
            str(a.probe_count),
            percent_down(a.lesion_fraction),
            percent_down(a.p05_lesion_fraction),
            mm_down(a.minimum_margin_mm),
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
    measured = "measured as the plan itself is"
    if plan.zone.model != "chart":
        measured = "they were not simulated: their figures go together, and not with those of the simulated plan"
    broken = tuple(n for n, a in enumerate(plan.alternatives) if not a.clearances_ok)
    columns = ("Plan", "Probes", "Lesion", "5th percentile", "Smallest margin", "Distances", "Compared with the plan")
    return [
        Paragraph(f"Plans of the same kind of ablation whose probes enter elsewhere; {measured}."),
        Table(columns, compared, broken, (0.5, 0.7, 0.9, 1, 1, 1.1, 3)),
        Table(("Plan", "Device, program", "Entry R, A, S", "Tip R, A, S"), places, widths=(0.5, 2.5, 1.5, 1.5)),
    ]
