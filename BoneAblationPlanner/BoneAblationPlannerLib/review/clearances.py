"""What the page says of free distances: every pair of instrument and structure, and what a red one asks for."""

import math
from typing import Any, Literal

from BoneAblationPlannerLib.placement.clearance import FARTHEST_MM
from BoneAblationPlannerLib.plan import Clearance, PathClearance, Plan, Point, Robust
from BoneAblationPlannerLib.rounding import mm_down

Light = Literal["red", "amber", "green"]
_ORDER = {"red": 0, "amber": 1, "green": 2}
NO_ZONE = "-"


def clearance_rows(plan: Plan) -> list[dict[str, Any]]:
    """What fails first, then what would fail with an instrument off its way."""
    rows = [_probe_row(p.name, p.tip_ras_mm, c, plan.coverage.robust) for p in plan.probes for c in p.clearances]
    rows += [_path_row(name, tip, c, plan.coverage.robust) for name, tip, c in _paths(plan)]
    return sorted(rows, key=lambda r: (_ORDER[str(r["light"])], r["slack"]))


def unmeasured_needles(plan: Plan) -> list[str]:
    """Cement needles of plans that did not measure their distances."""
    return [n.name for n in (plan.cement.needles if plan.cement else ()) if n.clearances is None]


def needs_reason(plan: Plan) -> bool:
    """Whether approving this plan has to be explained: a clearance fails or lesion is left."""
    kept = all(c.ok for p in plan.probes for c in p.clearances) and all(c.ok for _, _, c in _paths(plan))
    return plan.coverage.lesion_fraction < 1 or not kept


def clearance_light(clearance: Clearance, robust: Robust) -> Light:
    """Red where a required distance is not kept, amber where it would not be with a needle off its way."""
    if not clearance.ok:
        return "red"
    off_mm = math.hypot(robust.lateral_error_mm, robust.depth_error_mm)
    zone = clearance.required_zone_mm > 0 and clearance.zone_mm - clearance.required_zone_mm < off_mm
    shaft_slack_mm = clearance.shaft_mm - clearance.required_shaft_mm
    shaft = clearance.required_shaft_mm > 0 and shaft_slack_mm < robust.lateral_error_mm
    return "amber" if zone or shaft else "green"


def path_light(clearance: PathClearance, robust: Robust) -> Light:
    """The same of an instrument without a zone."""
    if not clearance.ok:
        return "red"
    return "amber" if clearance.distance_mm - clearance.required_mm < robust.lateral_error_mm else "green"


def _paths(plan: Plan) -> list[tuple[str, Point, PathClearance]]:
    """Every measured distance of cement needles and screws."""
    needles = [(n.name, n.tip_ras_mm, n.clearances or ()) for n in (plan.cement.needles if plan.cement else ())]
    screws = [(s.name, s.tip_ras_mm, s.clearances) for s in plan.screws]
    return [(name, tip, c) for name, tip, clearances in (*needles, *screws) for c in clearances]


def _probe_row(name: str, tip_ras_mm: Point, c: Clearance, robust: Robust) -> dict[str, Any]:
    return {
        "light": clearance_light(c, robust),
        "needle": name,
        "tip": list(tip_ras_mm),
        "structure": c.structure,
        "kind": c.kind,
        "shaft": _distance(c.shaft_mm),
        "shaft_needed": f"{c.required_shaft_mm:g}",
        "zone": _distance(c.zone_mm),
        "zone_needed": f"{c.required_zone_mm:g}",
        "slack": _slack_mm(c),
    }


def _path_row(name: str, tip_ras_mm: Point, c: PathClearance, robust: Robust) -> dict[str, Any]:
    return {
        "light": path_light(c, robust),
        "needle": name,
        "tip": list(tip_ras_mm),
        "structure": c.structure,
        "kind": c.kind,
        "shaft": _distance(c.distance_mm),
        "shaft_needed": f"{c.required_mm:g}",
        "zone": NO_ZONE,
        "zone_needed": NO_ZONE,
        "slack": c.distance_mm - c.required_mm,
    }


def _distance(away_mm: float) -> str:
    """A free distance; beyond what is measured only that it is more."""
    return f"over {FARTHEST_MM:.0f}" if away_mm >= FARTHEST_MM else mm_down(away_mm).removesuffix(" mm")


def _slack_mm(clearance: Clearance) -> float:
    """How much of a required distance is to spare; large where none is required."""
    pairs = ((clearance.shaft_mm, clearance.required_shaft_mm), (clearance.zone_mm, clearance.required_zone_mm))
    return min((has - needed for has, needed in pairs if needed > 0), default=1000.0)
