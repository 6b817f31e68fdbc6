"""Lines that a person moves while a run goes on: they stay where they were put, and are measured anew."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from BoneAblationPlannerLib.plan import Point

Ends = tuple[Point, Point]
"""Entry and tip in RAS mm."""
MOVED_MM = 0.05
"""A hand moves by more; above the rounding of stored points and below what changes a figure."""


class Instrument(Protocol):
    """A needle or screw of a plan."""

    @property
    def name(self) -> str: ...
    @property
    def entry_ras_mm(self) -> Point: ...
    @property
    def tip_ras_mm(self) -> Point: ...


def moved_lines(lines: Iterable[Any], *known: Iterable[Instrument]) -> dict[str, Ends]:
    """Where the lines are that a person moved while a run went on, by name.

    Parameters
    ----------
    lines : iterable of vtkMRMLMarkupsLineNode
        As they are when the result arrives, before it is shown.
    *known : iterable of Instrument
        Of the plan as it is stored, of what was measured, of the result. A line that is where one of them has it was
        not moved, or its move is in the result.
    """
    from BoneAblationPlannerLib.scene.convert import printable

    places = [{printable(part.name): (part.entry_ras_mm, part.tip_ras_mm) for part in parts} for parts in known]
    found = {}
    for line in lines:
        name = line.GetAttribute("BonePlan.Name") or line.GetName()
        if line.GetNumberOfDefinedControlPoints() == 2 and not any(_is_there(line, ends.get(name)) for ends in places):
            found[name] = _ends(line)
    return found


def put_back(lines: Iterable[Any], moved: Mapping[str, Ends]) -> None:
    """Move the lines of these names to where the person had them."""
    for line in lines:
        for n, point in enumerate(moved.get(line.GetAttribute("BonePlan.Name"), ())):
            line.SetNthControlPointPositionWorld(n, *point)


def _ends(line: Any) -> Ends:
    (a, b, c), (d, e, f) = (line.GetNthControlPointPositionWorld(n) for n in range(2))
    return (a, b, c), (d, e, f)


def _is_there(line: Any, ends: Ends | None) -> bool:
    return ends is not None and all(
        math.dist(now, planned) < MOVED_MM for now, planned in zip(_ends(line), ends, strict=True)
    )
