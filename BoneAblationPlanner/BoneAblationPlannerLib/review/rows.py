"""What the page says about a plan, as JSON values: figures against the stored plan, clearances, needles, sources."""

import math
from typing import Any

from BoneAblationPlannerLib.plan import Coverage, Plan, Probe
from BoneAblationPlannerLib.report.decision import said_once
from BoneAblationPlannerLib.report.stabilisation import stabilisation_provenance
from BoneAblationPlannerLib.report.words import STATUS_NAMES, modality_name, point_word, slice_word, value_word
from BoneAblationPlannerLib.rounding import mm_down, percent_down

BY_CHART = ", by the chart's zones"
"""Placement errors are sampled on the charts' zones also where the others are simulated."""


def summary(plan: Plan) -> dict[str, Any]:
    """What is planned, in a line or two."""
    lesion = plan.lesion
    size = " x ".join(f"{d:.0f}" for d in lesion.diameters_mm)
    return {
        "ct": plan.input.ct,
        "modality": modality_name(plan).lower(),
        "position": plan.position,
        "lesion": f"{lesion.kind or 'kind not known'}, {lesion.volume_ml:.1f} ml, {size} mm",
        "place": lesion.bone or "",
        "outline": "outline given" if lesion.outline == "given" else "automatic outline: confirm it",
        "zone": {"chart": "chart", "ice": "simulated ice", "heat": "simulated heat"}[plan.zone.model],
    }


def figure_rows(now: Plan, stored: Plan) -> list[dict[str, str]]:
    """Coverage and margins now, as stored, and the change; `light` marks what falls short."""
    a, b = now.coverage, stored.coverage
    chart = "" if now.zone.model == "chart" else BY_CHART
    off_a, off_b = a.robust, b.robust
    fraction = [
        ("Lesion covered", a.lesion_fraction, b.lesion_fraction),
        (f"Lesion + {a.margin_mm:g} mm covered", a.lesion_plus_margin_fraction, b.lesion_plus_margin_fraction),
        (f"Lesion covered, needles off (5th pct.){chart}", off_a.p05_lesion_fraction, off_b.p05_lesion_fraction),
    ]
    worst = off_a.worst_minimum_margin_mm, off_b.worst_minimum_margin_mm
    length = [
        ("Smallest margin", a.minimum_margin_mm, b.minimum_margin_mm, a.margin_mm),
        (f"Smallest margin, needles off (worst){chart}", *worst, 0.0),
    ]
    volume = [
        ("Lesion left", _up(a.uncovered_ml), _up(b.uncovered_ml)),
        ("Lesion + margin left", _up(a.uncovered_target_ml), _up(b.uncovered_target_ml)),
        ("Zone", now.zone.volume_ml, stored.zone.volume_ml),
        ("Zone outside the target", a.zone_outside_target_ml, b.zone_outside_target_ml),
    ]
    rows = [_row(n, percent_down(x), percent_down(y), 100 * (x - y), "%", _short(x, 1.0)) for n, x, y in fraction]
    if a.margin_mm != b.margin_mm:  # another target: nothing to compare with
        rows[1] |= {"stored": f"{rows[1]['stored']} of {b.margin_mm:g} mm", "change": ""}
    if a.lesion_fraction < 1:
        rows[0]["light"] = "red"
    for name, x, y, wanted in length:
        light = "red" if x < 0 else _short(x, wanted)
        rows.append(_row(name, mm_down(x, sign=True), mm_down(y, sign=True), x - y, "mm", light))
    rows += [_row(n, _ml(x), _ml(y), x - y, "ml", "") for n, x, y in volume]
    return rows


def remainder_text(coverage: Coverage) -> str:
    """Where the largest part of what is left lies."""
    if coverage.uncovered_place is None:
        return "Lesion and margin are covered."
    left = f"{coverage.uncovered_target_ml:.2f} ml of lesion + margin are not covered"
    return f"{left}; the largest part lies {coverage.uncovered_place} (the patient's side)"


def needle_rows(now: Plan, stored: Plan) -> list[dict[str, Any]]:
    """One entry per needle with its figures as pairs of words."""
    before = {p.name: p for p in stored.probes}
    return [_needle(now, p, before.get(p.name)) for p in now.probes]


def _needle(plan: Plan, probe: Probe, before: Probe | None) -> dict[str, Any]:
    incidence = "not known" if probe.cortex_incidence_deg is None else f"{probe.cortex_incidence_deg:.0f}°"
    facts = [
        ("Entry R, A, S", point_word(probe.entry_ras_mm)),
        ("Tip R, A, S", point_word(probe.tip_ras_mm)),
        ("Slice of the entry", slice_word(plan, probe)),
        ("Depth from the skin", f"{probe.depth_mm:.1f} mm"),
        ("Needle", f"{probe.shaft_length_mm:.0f} mm long, {probe.diameter_mm:.1f} mm thick"),
        ("Axial angle", f"{probe.axial_angle_deg:+.1f}°"),
        ("Craniocaudal angle", f"{probe.craniocaudal_angle_deg:+.1f}°"),
        ("Bone", f"{probe.cortices_crossed} cortices, {probe.bone_path_mm:.0f} mm in bone, meets at {incidence}"),
        ("Zone", " x ".join(f"{a:.0f}" for a in probe.zone_axes_mm) + " mm"),
    ]
    if before is not None:
        moved = [math.dist(a, b) for a, b in ((probe.entry_ras_mm, before.entry_ras_mm),
                                             (probe.tip_ras_mm, before.tip_ras_mm))]  # fmt: skip
        if max(moved) >= 0.05:
            facts.append(("Moved", f"entry {moved[0]:.1f} mm, tip {moved[1]:.1f} mm"))
    return {
        "name": probe.name,
        "device": probe.device,
        "device_name": probe.device_name or probe.device,
        "program": probe.program,
        "facts": [{"what": what, "value": value} for what, value in facts],
    }


def source_rows(plan: Plan) -> list[dict[str, str]]:
    """Every clinical number with where it comes from; unverified ones first."""
    numbers = [*plan.zone.provenance, *plan.zone.together, *plan.provenance, *stabilisation_provenance(plan)]
    rows = [
        {
            "name": p.name,
            "value": value_word(p),
            "source": p.source,
            "status": STATUS_NAMES[p.status],
        }
        for p in numbers
    ]
    return sorted(rows, key=lambda r: r["status"] != STATUS_NAMES["unverified"])


def estimated_names(plan: Plan) -> list[str]:
    """Expected nerves without the remark that their names carry; the page says it once."""
    return [s.name.removesuffix(" (estimated, verify)") for s in plan.structures.estimated]


def all_warnings(plan: Plan) -> list[str]:
    """Every warning once: capitals first, as those name what is reached or left."""
    return sorted(said_once(plan), key=lambda line: not any(w.isupper() and len(w) > 3 for w in line.split()))


def _row(name: str, now: str, stored: str, change: float, unit: str, light: str) -> dict[str, str]:
    digits = 2 if unit == "ml" else 1
    shown = "" if round(change, digits) == 0 else f"{change:+.{digits}f} {unit}"
    return {"name": name, "now": now, "stored": stored, "change": shown, "light": light}


def _short(value: float, wanted: float) -> str:
    return "amber" if value < wanted else "green"


def _up(left_ml: float) -> float:
    """What is left, never less than it is."""
    return math.ceil(100 * left_ml) / 100


def _ml(value: float) -> str:
    return f"{value:.2f} ml" if value < 10 else f"{value:.1f} ml"
