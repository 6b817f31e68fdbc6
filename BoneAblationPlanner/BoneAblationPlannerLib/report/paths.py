"""Free distances of instruments without a zone: cement needles and screws with their ways in."""

from collections.abc import Sequence

from BoneAblationPlannerLib.plan import PathClearance, Plan
from BoneAblationPlannerLib.report.blocks import Block, Paragraph, Table
from BoneAblationPlannerLib.report.words import counted
from BoneAblationPlannerLib.rounding import mm_down

LISTED_WITHIN_MM = 50.0
"""Structures up to here are listed; plan.json has all of them."""
NOT_MEASURED = "Distances of the cement needles to structures were not measured when this plan was made."

Named = tuple[str, Sequence[PathClearance]]


def path_table(instruments: Sequence[Named], what: str) -> list[Block]:
    """One row per near structure, failing ones first; `what` names the instruments in the sentence above."""
    every = [(name, c) for name, clearances in instruments for c in clearances]
    near = [(name, c) for name, c in every if not c.ok or c.distance_mm <= LISTED_WITHIN_MM]
    near.sort(key=lambda pair: (pair[1].ok, pair[1].distance_mm - pair[1].required_mm))
    rows = tuple(
        ("ok" if c.ok else "FAIL", name, c.structure, c.kind, mm_down(c.distance_mm), mm_down(c.required_mm))
        for name, c in near
    )
    failing = tuple(n for n, (_, c) in enumerate(near) if not c.ok)
    columns = ("Result", "Instrument", "Structure", "Kind", "Distance", "Required")
    left_out = counted(every[len(near) :], "structure")
    said = f"Free distance to {what}; failing rows first. {left_out} more than {LISTED_WITHIN_MM:g} mm away left out."
    return [Paragraph(said), *([Table(columns, rows, failing, (0.6, 1.2, 2, 1, 1, 1))] if rows else [])]


def failing_paths(plan: Plan) -> tuple[str, ...]:
    """Cement needles and screws that do not keep a required distance, a line each."""
    named: list[Named] = [(n.name, n.clearances or ()) for n in (plan.cement.needles if plan.cement else ())]
    named += [(s.name, s.clearances) for s in plan.screws]
    return tuple(
        f"{name}: {c.structure} ({c.kind}), {mm_down(c.distance_mm)} of {mm_down(c.required_mm)} required"
        for name, clearances in named
        for c in clearances
        if not c.ok
    )
