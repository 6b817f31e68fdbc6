"""What the panels say about a plan, as rows of text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import SCHEMA, Clearance, Plan, Point, Probe
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up

if TYPE_CHECKING:
    from BoneAblationPlannerLib.anatomy.lesion import LesionReport

COMPLETE = 0.99
"""Share of the lesion from which its coverage needs no attention."""


@dataclass(frozen=True)
class Table:
    """Rows of text: `columns` and `titles` head the columns and the rows; `cells` has one tuple per row."""

    columns: tuple[str, ...]
    titles: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


def plan_of(document: Any) -> Plan | None:
    """The plan of a text node; None without a node or if it holds no plan."""
    if document is None:
        return None
    try:
        return Plan.from_json(json.loads(document.GetText() or "null"))
    except (InputError, json.JSONDecodeError):
        return None


def why_unreadable(document: Any) -> str:
    """One line on why a text node's plan cannot be shown; empty where it can, or without a node."""
    if document is None:
        return ""
    try:
        stored = json.loads(document.GetText() or "null")
        Plan.from_json(stored)
    except json.JSONDecodeError:
        return _("{name}: is damaged. Expected a plan of this planner.").format(name=document.GetName())
    except InputError as error:
        schema = str(stored.get("schema")) if isinstance(stored, dict) else ""
        if schema.startswith(SCHEMA.split("/")[0]) and schema != SCHEMA:
            return _(
                "{name}: has the format {theirs}, this planner reads {ours}. Open it with the version that made it; "
                "here it stays as it is."
            ).format(name=document.GetName(), theirs=schema, ours=SCHEMA)
        return str(error)
    return ""


def probe_table(plan: Plan) -> Table:
    """One column per probe: what to take, where to enter, how deep, at which angles, what is close."""
    rows: list[tuple[str, list[str]]] = [
        (_("Device"), [p.device_name or p.device for p in plan.probes]),
        (_("Program"), [p.program for p in plan.probes]),
        (_("Entry R, A, S (mm)"), [_point(p.entry_ras_mm) for p in plan.probes]),
        (_("Tip R, A, S (mm)"), [_point(p.tip_ras_mm) for p in plan.probes]),
        (_("Depth, skin to tip"), [f"{p.depth_mm:.0f} mm" for p in plan.probes]),
        (_("Angle in the axial plane"), [f"{p.axial_angle_deg:+.0f}°" for p in plan.probes]),
        (_("Angle to the head"), [f"{p.craniocaudal_angle_deg:+.0f}°" for p in plan.probes]),
        (_("Path in bone"), [f"{p.bone_path_mm:.0f} mm" for p in plan.probes]),
        (_("Nearest to the shaft"), [_nearest(p, "shaft") for p in plan.probes]),
        (_("Nearest to the zone"), [_nearest(p, "zone") for p in plan.probes]),
    ]
    return Table(tuple(p.name for p in plan.probes), tuple(r[0] for r in rows), tuple(tuple(r[1]) for r in rows))


def coverage_table(plan: Plan, moving: bool = False) -> Table:
    """Coverage and margins as planned and with needles displaced; the latter wait while a needle is moving."""
    c, robust = plan.coverage, plan.coverage.robust
    displaced = _("{share} (smallest margin {p05}, worst {worst})").format(
        share=percent_down(robust.p05_lesion_fraction),
        p05=mm_down(robust.p05_minimum_margin_mm, sign=True),
        worst=mm_down(robust.worst_minimum_margin_mm, sign=True),
    )
    if plan.zone.model != "chart":
        displaced = _("{figures}, by the chart's zones and not the simulated ones").format(figures=displaced)
    rows = [
        (_("Modality"), f"{plan.advice.modality.upper()} ({_chosen_by(plan)})"),
        (_("Lesion"), _lesion(plan)),
        (_("Lesion covered"), percent_down(c.lesion_fraction)),
        (_("Lesion + {margin:g} mm covered").format(margin=c.margin_mm), percent_down(c.lesion_plus_margin_fraction)),
        (_("Smallest margin"), mm_down(c.minimum_margin_mm, sign=True)),
        (
            _("Lesion covered, needles {lateral:g} mm off").format(lateral=robust.lateral_error_mm),
            _("measured when the needle rests") if moving else displaced,
        ),
        (_("Lesion not covered"), _left(plan)),
        (_("Healthy tissue in the zone"), f"{c.zone_outside_target_ml:.0f} ml"),
    ]
    return Table((_("Figure"), _("Value")), (), tuple(rows))


def plan_line(name: str, plan: Plan) -> str:
    """A plan in one line, for the status bar."""
    return _("{name}: {count} needles, {share} of the lesion covered").format(
        name=name, count=len(plan.probes), share=percent_down(plan.coverage.lesion_fraction)
    )


def _left(plan: Plan) -> str:
    c = plan.coverage
    place = f", {c.uncovered_place}" if c.uncovered_ml and c.uncovered_place else ""
    return f"{c.uncovered_ml:.2f} ml{place}"


def not_checked_line(plan: Plan) -> str:
    """The kinds of anatomy that nobody looked for; empty only if everything was there."""
    if not plan.structures.not_checked:
        return ""
    kinds = ", ".join(plan.structures.not_checked)
    return _("NOT CHECKED: {kinds}. Not in this case, so not kept clear of: look for them yourself.").format(
        kinds=kinds
    )


def warning_lines(plan: Plan) -> tuple[str, ...]:
    """Warnings, without the one that `not_checked_line` says."""
    both = (*plan.warnings, *plan.advice.warnings)
    return tuple(dict.fromkeys(w for w in both if not w.startswith("not checked")))


def warning_places(plan: Plan) -> list[tuple[str, Point]]:
    """Warnings with the place to look at: the tip of the needle they name, else the lesion's centre."""
    places = []
    for text in warning_lines(plan):
        named = next((p for p in plan.probes if p.name in text), None)
        places.append((text, plan.lesion.centroid_ras_mm if named is None else named.tip_ras_mm))
    return places


def lesion_lines(report: "LesionReport", by_hand: bool = False) -> tuple[str, ...]:
    """Kind and volume, sizes, then what to check; how sure an outline is says only one that was computed."""
    a, b, c = report.diameters_mm
    sure = _("confidence {share}").format(share=percent_down(report.confidence))
    words = _(
        "{a:.0f} x {b:.0f} x {c:.0f} mm, cortex open on {share}, {area:.0f} mm2; {soft:.1f} ml beyond bone; {source}"
    )
    size = words.format(
        a=a,
        b=b,
        c=c,
        share=percent_up(report.breached_fraction),
        area=report.breached_area_mm2,
        soft=report.soft_tissue_ml,
        source=_("edited by hand") if by_hand else sure,
    )
    # A percent sign does not stand alone on a line.
    return (f"{report.kind}, {report.volume_ml:.1f} ml", size.replace(" %", "\u00a0%"), *report.checks)


def compare_table(plans: Sequence[tuple[str, Plan]]) -> Table:
    """One column per plan."""
    rows: list[tuple[str, list[str]]] = [
        (_("Lesion"), [_lesion(p) for _name, p in plans]),
        (_("Needles"), [str(len(p.probes)) for _name, p in plans]),
        (_("Device"), [", ".join(dict.fromkeys(x.device_name or x.device for x in p.probes)) for _name, p in plans]),
        (_("Lesion covered"), [percent_down(p.coverage.lesion_fraction) for _name, p in plans]),
        (_("With margin"), [percent_down(p.coverage.lesion_plus_margin_fraction) for _name, p in plans]),
        (_("Smallest margin"), [mm_down(p.coverage.minimum_margin_mm, sign=True) for _name, p in plans]),
        (_("Covered, needles off"), [percent_down(p.coverage.robust.p05_lesion_fraction) for _name, p in plans]),
        (_("Too close"), [str(sum(not c.ok for x in p.probes for c in x.clearances)) for _name, p in plans]),
        (_("Healthy tissue"), [f"{p.coverage.zone_outside_target_ml:.0f} ml" for _name, p in plans]),
        (_("Warnings"), [str(len(warning_lines(p))) for _name, p in plans]),
    ]
    heads = tuple(name.replace(", ", ",\n") for name, _plan in plans)  # headers do not wrap by themselves
    return Table(heads, tuple(r[0] for r in rows), tuple(tuple(r[1]) for r in rows))


def alternative_lines(plan: Plan) -> dict[str, str]:
    """Other ways in, by their place in the plan."""
    return {
        str(n): _("{count} needles: {difference}").format(count=a.probe_count, difference=a.difference)
        for n, a in enumerate(plan.alternatives)
    }


def _chosen_by(plan: Plan) -> str:
    return _("chosen by you") if plan.advice.chosen_by == "user" else _("proposed")


def _lesion(plan: Plan) -> str:
    lesion = plan.lesion
    return ", ".join(part for part in (lesion.kind, f"{lesion.volume_ml:.1f} ml", plain(lesion.bone or "")) if part)


def _point(point: Point) -> str:
    return ", ".join(f"{v:.0f}" for v in point)


def _nearest(probe: Probe, what: str) -> str:
    """The structure with the least room beyond what is required of it."""
    checked = [c for c in probe.clearances if c.kind != "skin" or what == "zone"]  # every shaft goes through the skin
    if not checked:
        return _("nothing checked")

    def room(c: Clearance) -> float:
        return c.shaft_mm - c.required_shaft_mm if what == "shaft" else c.zone_mm - c.required_zone_mm

    tightest = min(checked, key=room)
    distance = tightest.shaft_mm if what == "shaft" else tightest.zone_mm
    verdict = "" if room(tightest) >= 0 else _("TOO CLOSE: ")
    return f"{verdict}{distance:.0f} mm, {plain(tightest.structure)}"


def plain(name: str) -> str:
    """Names of segmentation tools for people: ``iliac_artery_left``."""
    return name.replace("_", " ")
