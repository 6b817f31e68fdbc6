"""What the page says about a plan, as JSON values: figures against the stored plan, clearances, needles, sources."""

import math
from typing import Any, Literal

from BoneAblationPlannerLib.placement.clearance import FARTHEST_MM
from BoneAblationPlannerLib.plan import Clearance, Coverage, Plan, Probe, Robust
from BoneAblationPlannerLib.report.stabilisation import stabilisation_provenance
from BoneAblationPlannerLib.report.words import STATUS_NAMES, modality_name, percent_word, point_word, value_word

Light = Literal["red", "amber", "green"]
_ORDER = {"red": 0, "amber": 1, "green": 2}


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
    fraction = [
        ("Lesion covered", a.lesion_fraction, b.lesion_fraction),
        (f"Lesion + {a.margin_mm:g} mm covered", a.lesion_plus_margin_fraction, b.lesion_plus_margin_fraction),
        ("Lesion covered, needles off (5th pct.)", a.robust.p05_lesion_fraction, b.robust.p05_lesion_fraction),
    ]
    length = [
        ("Smallest margin", a.minimum_margin_mm, b.minimum_margin_mm, a.margin_mm),
        ("Smallest margin, needles off (worst)", a.robust.worst_minimum_margin_mm, b.robust.worst_minimum_margin_mm, 0),
    ]
    volume = [
        ("Lesion left", a.uncovered_ml, b.uncovered_ml),
        ("Lesion + margin left", a.uncovered_target_ml, b.uncovered_target_ml),
        ("Zone", now.zone.volume_ml, stored.zone.volume_ml),
        ("Zone outside the target", a.zone_outside_target_ml, b.zone_outside_target_ml),
    ]
    rows = [_row(n, percent_word(x), percent_word(y), 100 * (x - y), "%", _short(x, 1.0)) for n, x, y in fraction]
    if a.margin_mm != b.margin_mm:  # another target: nothing to compare with
        rows[1] |= {"stored": f"{rows[1]['stored']} of {b.margin_mm:g} mm", "change": ""}
    if a.lesion_fraction < 1:
        rows[0]["light"] = "red"
    rows += [_row(n, _mm(x), _mm(y), x - y, "mm", "red" if x < 0 else _short(x, wanted)) for n, x, y, wanted in length]
    rows += [_row(n, _ml(x), _ml(y), x - y, "ml", "") for n, x, y in volume]
    return rows


def remainder_text(coverage: Coverage) -> str:
    """Where the largest part of what is left lies."""
    if coverage.uncovered_place is None:
        return "Lesion and margin are covered."
    left = f"{coverage.uncovered_target_ml:.2f} ml of lesion + margin are not covered"
    return f"{left}; the largest part lies {coverage.uncovered_place} (the patient's side)"


def clearance_rows(plan: Plan) -> list[dict[str, Any]]:
    """Every pair of needle and structure: what fails first, then what would fail with a needle off its way."""
    rows = []
    for number, probe in enumerate(plan.probes):
        for c in probe.clearances:
            light = clearance_light(c, plan.coverage.robust)
            rows.append(
                {
                    "light": light,
                    "needle": probe.name,
                    "number": number,
                    "structure": c.structure,
                    "kind": c.kind,
                    "shaft": _distance(c.shaft_mm),
                    "shaft_needed": f"{c.required_shaft_mm:g}",
                    "zone": _distance(c.zone_mm),
                    "zone_needed": f"{c.required_zone_mm:g}",
                    "slack": _slack_mm(c),
                }
            )
    return sorted(rows, key=lambda r: (_ORDER[str(r["light"])], r["slack"]))


def _distance(away_mm: float) -> str:
    """A free distance; beyond what is measured only that it is more."""
    return f"over {FARTHEST_MM:.0f}" if away_mm >= FARTHEST_MM else f"{away_mm:.1f}"


def _slack_mm(clearance: Clearance) -> float:
    """How much of a required distance is to spare; large where none is required."""
    pairs = ((clearance.shaft_mm, clearance.required_shaft_mm), (clearance.zone_mm, clearance.required_zone_mm))
    return min((has - needed for has, needed in pairs if needed > 0), default=1000.0)


def clearance_light(clearance: Clearance, robust: Robust) -> Light:
    """Red where a required distance is not kept, amber where it would not be with a needle off its way."""
    if not clearance.ok:
        return "red"
    off_mm = math.hypot(robust.lateral_error_mm, robust.depth_error_mm)
    zone = clearance.required_zone_mm > 0 and clearance.zone_mm - clearance.required_zone_mm < off_mm
    shaft_slack_mm = clearance.shaft_mm - clearance.required_shaft_mm
    shaft = clearance.required_shaft_mm > 0 and shaft_slack_mm < robust.lateral_error_mm
    return "amber" if zone or shaft else "green"


def needs_reason(plan: Plan) -> bool:
    """Whether approving this plan has to be explained: a clearance fails or lesion is left."""
    return plan.coverage.lesion_fraction < 1 or any(not c.ok for p in plan.probes for c in p.clearances)


def needle_rows(now: Plan, stored: Plan) -> list[dict[str, Any]]:
    """One entry per needle with its figures as pairs of words."""
    before = {p.name: p for p in stored.probes}
    return [_needle(p, before.get(p.name)) for p in now.probes]


def _needle(probe: Probe, before: Probe | None) -> dict[str, Any]:
    incidence = "not known" if probe.cortex_incidence_deg is None else f"{probe.cortex_incidence_deg:.0f}°"
    facts = [
        ("Entry R, A, S", point_word(probe.entry_ras_mm)),
        ("Tip R, A, S", point_word(probe.tip_ras_mm)),
        ("Slice of the entry", "not known" if probe.slice_number is None else str(probe.slice_number)),
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
    said = (*plan.warnings, *plan.advice.warnings, *plan.input.notes, *(f"outline: {c}" for c in plan.lesion.checks))
    return sorted(dict.fromkeys(said), key=lambda line: not any(w.isupper() and len(w) > 3 for w in line.split()))


def _row(name: str, now: str, stored: str, change: float, unit: str, light: str) -> dict[str, str]:
    digits = 2 if unit == "ml" else 1
    shown = "" if round(change, digits) == 0 else f"{change:+.{digits}f} {unit}"
    return {"name": name, "now": now, "stored": stored, "change": shown, "light": light}


def _short(value: float, wanted: float) -> str:
    return "amber" if value < wanted else "green"


def _mm(value: float) -> str:
    return f"{value:+.1f} mm"


def _ml(value: float) -> str:
    if 0 < value < 0.01:
        return "< 0.01 ml"
    return f"{value:.2f} ml" if value < 10 else f"{value:.1f} ml"
