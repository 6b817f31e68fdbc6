"""What to protect and how, and what to ask before the procedure: data with sources, proposals and never answers."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from BoneAblationPlannerLib.plan import Clearance, Modality, Protection, Question


def propose_protection(clearances: Sequence[Clearance], modality: Modality) -> tuple[Protection, ...]:
    """Measures for every structure that the zones of this modality come near to, nearest first.

    Parameters
    ----------
    clearances : sequence of Clearance
        Of all probes; each structure counts with its smallest distance to a zone.
    """
    nearest: dict[str, Clearance] = {}
    for c in clearances:
        if c.structure not in nearest or c.zone_mm < nearest[c.structure].zone_mm:
            nearest[c.structure] = c
    proposals = [
        Protection(c.structure, c.kind, c.zone_mm, row["measure"], row["source"], row["status"])
        for c in sorted(nearest.values(), key=lambda c: c.zone_mm)
        for row in _rows("protection.json")
        if c.kind in row["kinds"] and modality in row["modalities"] and c.zone_mm <= row["within_mm"]
    ]
    return tuple(proposals)


def patient_questions() -> tuple[Question, ...]:
    """What the team should have an answer to; the planner has none."""
    return tuple(Question(**row) for row in _rows("questions.json"))


@cache
def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return rows
