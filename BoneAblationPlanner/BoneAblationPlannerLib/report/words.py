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
_ENDS = (("left", "right"), ("posterior", "anterior"), ("caudal", "cranial"))
"""Where along R, A and S a count begins that goes up, or down."""


def modality_name(plan: Plan) -> str:
    return MODALITY_NAMES[plan.advice.modality]


def counted(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def slice_word(plan: Plan, probe: Probe) -> str:
    """Number of the slice of a probe's entry, how many there are, and from which end they are counted."""
    if probe.slice_number is None:
        return UNKNOWN
    return f"{probe.slice_number} of {plan.input.grid.shape[0]} from the {first_slice_word(plan)} end"


def first_slice_word(plan: Plan) -> str:
    """At which end of the patient the slice lies that counts as 1."""
    step = [row[2] for row in plan.input.grid.ijk_to_ras[:3]]
    axis = max(range(3), key=lambda n: abs(step[n]))
    return _ENDS[axis][0 if step[axis] > 0 else 1]


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
