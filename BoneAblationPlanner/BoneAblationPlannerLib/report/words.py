"""How the report writes figures: rounding that never flatters, units, words for codes."""

import json
from collections.abc import Iterable, Sequence

from BoneAblationPlannerLib.plan import Plan, Point, Probe, Provenance

MODALITY_NAMES = {"rfa": "Radiofrequency ablation", "mwa": "Microwave ablation", "cryo": "Cryoablation"}
ZONE_NAMES = {
    "chart": "ellipsoids from the device's chart",
    "ice": "simulated ice",
    "heat": "simulated heat",
}
STATUS_NAMES = {
    "seen": "read in the source",
    "derived": "derived from the source",
    "unverified": "UNVERIFIED",
    "default": "default of this software",
}
UNKNOWN = "not determined"


def modality_name(plan: Plan) -> str:
    return MODALITY_NAMES[plan.advice.modality]


def counted(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def slice_word(probe: Probe) -> str:
    return UNKNOWN if probe.slice_number is None else str(probe.slice_number)


def point_word(point: Point) -> str:
    return ", ".join(f"{zeroed(c, 1):.1f}" for c in point)


def axes_word(axes: Point) -> str:
    return " x ".join(f"{a:.0f}" for a in axes) + " mm"


def spacing_word(spacing: Iterable[float]) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing)


def mm(value: float, digits: int = 1) -> str:
    return f"{zeroed(value, digits):.{digits}f} mm"


def ml(value: float) -> str:
    return f"{value:.1f} ml" if abs(value) >= 10 else f"{value:.2f} ml"


def percent_word(fraction: float) -> str:
    """One digit, cut rather than rounded near the top: 99.96 % must not read as complete."""
    percent = 100 * fraction
    return f"{min(percent, 99.9):.1f} %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def degrees_word(value: float) -> str:
    return f"{zeroed(value, 1):+.1f}°"


def zeroed(value: float, digits: int) -> float:
    """No minus sign before a zero."""
    return 0.0 if round(value, digits) == 0 else value


def value_word(p: Provenance) -> str:
    if p.value is None:
        return UNKNOWN
    text = f"{p.value:g}" if isinstance(p.value, float) else str(p.value)
    return f"{text} {p.unit}".strip()


def parameter_word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
