"""Curves as the page draws them: polylines in one drawing, and what its edges mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDE, HIGH = 400, 160
"""Of the drawing, in its own units."""
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#aaaaaa")


@dataclass(frozen=True)
class Curve:
    """Values along something that begins at 0, of equal length, and what is said of them."""

    along: Sequence[float]
    values: Sequence[float]
    text: str


def drawing(curves: Sequence[Curve], low: float, high: float, unit: str, along_word: str) -> dict[str, Any]:
    """Curves on one scale from `low` to `high`; `along_word` says where the right edge is. Empty without any."""
    if not curves:
        return {}
    last = max(max(c.along) for c in curves) or 1.0
    lines = []
    for number, curve in enumerate(curves):
        points = " ".join(
            f"{at / last * WIDE:.1f},{HIGH - (value - low) / (high - low) * HIGH:.1f}"
            for at, value in zip(curve.along, curve.values, strict=True)
        )
        lines.append({"points": points, "colour": _COLOURS[number % len(_COLOURS)], "text": curve.text})
    return {"lines": lines, "last": along_word, "low": f"{low:.0f} {unit}", "high": f"{high:.0f} {unit}"}
