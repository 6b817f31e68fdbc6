"""What the panels say about a plan, as rows of text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Cement, Clearance, Plan, Point, Probe


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


def coverage_table(plan: Plan) -> Table:
    """Coverage and margins: as planned, and with needles displaced."""
    c, robust = plan.coverage, plan.coverage.robust
    rows = [
        (_("Modality"), f"{plan.advice.modality.upper()} ({_chosen_by(plan)})"),
        (_("Lesion"), _lesion(plan)),
        (_("Lesion covered"), _percent(c.lesion_fraction)),
        (_("Lesion + {margin:g} mm covered").format(margin=c.margin_mm), _percent(c.lesion_plus_margin_fraction)),
        (_("Smallest margin"), f"{c.minimum_margin_mm:+.1f} mm"),
        (
            _("Smallest margin, needles {lateral:g} mm off").format(lateral=robust.lateral_error_mm),
            _("{p05:+.1f} mm (worst {worst:+.1f})").format(
                p05=robust.p05_minimum_margin_mm, worst=robust.worst_minimum_margin_mm
            ),
        ),
    ]
    return Table((_("Figure"), _("Value")), (), tuple(rows))


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


def cement_table(cement: Cement) -> Table:
    """Needles, volume and leaks."""
    rows = [
        (
            n.name,
            _("{gauge} G, tip {tip}").format(gauge=n.gauge, tip=_point(n.tip_ras_mm)) + _shared(n.shares_track_with),
        )
        for n in cement.needles
    ]
    rows.append(
        (
            _("Cement"),
            _("{ml:.1f} ml ({percent} of the lesion)").format(
                ml=cement.fill_ml, percent=_percent(cement.fill_fraction)
            ),
        )
    )
    for leak in cement.leaks:
        where = _("{distance:.0f} mm away, through a gap of {area:.0f} mm²")
        rows.append(
            (
                _("Leak towards {what}").format(what=leak.towards),
                where.format(distance=leak.distance_mm, area=leak.defect_area_mm2),
            )
        )
    if not cement.leaks:
        rows.append((_("Leaks"), _("no gap in the cortex found")))
    return Table((_("Figure"), _("Value")), (), tuple(rows))


def bullets(lines: Sequence[str]) -> str:
    """Lines as one text with bullets."""
    return "\n".join(f"• {line}" for line in lines)


def _shared(probe: str | None) -> str:
    return "" if probe is None else _(", along {probe}").format(probe=probe)


def _chosen_by(plan: Plan) -> str:
    return _("chosen by you") if plan.advice.chosen_by == "user" else _("proposed")


def _lesion(plan: Plan) -> str:
    lesion = plan.lesion
    return ", ".join(part for part in (lesion.kind, f"{lesion.volume_ml:.1f} ml", _plain(lesion.bone or "")) if part)


def _percent(fraction: float) -> str:
    """Rounded down: 99.96 % is not all of it."""
    return f"{int(fraction * 1000) / 10:.1f} %"


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
    return f"{verdict}{distance:.0f} mm, {_plain(tightest.structure)}"


def _plain(name: str) -> str:
    """Names of segmentation tools for people: ``iliac_artery_left``."""
    return name.replace("_", " ")
