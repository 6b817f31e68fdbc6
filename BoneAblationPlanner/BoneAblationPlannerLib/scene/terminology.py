"""What a segment is by its terminology: coded meanings with a side, as Slicer stores them in a tag."""

from typing import Any

from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import tag

_TYPE, _REGION = 2, 5
"""Places in an entry; each is followed by its modifier. Context and category come first."""
_SIDES = ("left", "right")


def meanings(segment: Any) -> tuple[str, ...]:
    """Names that a segment's terminology gives it, the most direct one first, as ``hip bone left``.

    The entry is ``context~category~type~modifier~context~region~modifier``, each code ``scheme^value^meaning``.
    """
    entry = tag(segment, slicer_module().vtkSegment.GetTerminologyEntryTagName()) or ""
    codes = entry.split("~")
    found = (_named(codes, place) for place in (_TYPE, _REGION))
    return tuple(name for name in found if name)


def _named(codes: list[str], place: int) -> str:
    """Meaning and side of the code at a place; empty where there is none."""
    meaning, modifier = (_meaning(codes[n]) if n < len(codes) else "" for n in (place, place + 1))
    side = modifier if modifier in _SIDES else ""
    return f"{meaning} {side}".strip() if meaning else ""


def _meaning(code: str) -> str:
    parts = code.split("^")
    return parts[2].strip().lower() if len(parts) == 3 else ""
