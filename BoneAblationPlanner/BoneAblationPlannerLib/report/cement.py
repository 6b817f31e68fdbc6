"""The page about cement: through which needles, how much, where it may leave the bone."""

from BoneAblationPlannerLib.advice.order import pull_backs
from BoneAblationPlannerLib.plan import Cement, CementSite, Plan
from BoneAblationPlannerLib.report.blocks import Block, Heading, Notice, Paragraph, Table
from BoneAblationPlannerLib.report.paths import NOT_MEASURED, path_table
from BoneAblationPlannerLib.report.words import UNKNOWN, ml, mm, point_word
from BoneAblationPlannerLib.rounding import percent_down


def cement_pages(plan: Plan) -> list[Block]:
    """Needles, volumes, gaps in the cortex, millilitre by millilitre, distances; nothing without cement."""
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
        *_distances(cement),
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
    text = f"Wanted {ml(cement.fill_ml)}, {percent_down(cement.fill_fraction)} of the lesion"
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


def _distances(cement: Cement) -> list[Block]:
    if any(n.clearances is None for n in cement.needles):
        return [Paragraph(NOT_MEASURED)]
    return path_table([(n.name, n.clearances or ()) for n in cement.needles], "the cement needles' shafts")
