"""Defaults of margin and placement error, each with provenance in ``defaults.json``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from BoneAblationPlannerLib.case import Choices
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.plan import Provenance


def default_value(name: str) -> float:
    """Value of a default; raises KeyError for a name that ``defaults.json`` does not hold."""
    return float({row["name"]: row["value"] for row in _rows()}[name])


def placement_error(choices: Choices) -> PlacementError:
    """The placement error that robust figures are computed for: the user's or the default."""
    lateral, depth = choices.lateral_error_mm, choices.depth_error_mm
    return PlacementError(
        default_value("lateral_error_mm") if lateral is None else lateral,
        default_value("depth_error_mm") if depth is None else depth,
        seed=choices.seed,
    )


def defaults_provenance() -> tuple[Provenance, ...]:
    """Sources of all defaults."""
    return tuple(Provenance(r["meaning"], r["value"], r["unit"], r["source"], r["status"]) for r in _rows())


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(files(__package__).joinpath("defaults.json").read_text(encoding="utf-8"))
    return rows
