"""Defaults of cement planning, each with provenance in ``defaults.json``."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from BoneAblationPlannerLib.plan import Provenance

GAUGE_DIAMETER_MM = {10: 3.4, 11: 3.05, 13: 2.4}
"""Outer diameters of the hypodermic gauge series."""


def default_value(name: str) -> float:
    """Value of a default; raises KeyError for a name that ``defaults.json`` does not hold."""
    return float({row["name"]: row["value"] for row in _rows()}[name])


def cement_provenance() -> tuple[Provenance, ...]:
    """Sources of all defaults."""
    return tuple(Provenance(r["meaning"], r["value"], r["unit"], r["source"], r["status"]) for r in _rows())


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(files(__package__).joinpath("defaults.json").read_text(encoding="utf-8"))
    return rows
