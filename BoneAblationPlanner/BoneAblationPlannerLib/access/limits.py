"""Limits on a straight path from skin to target, each with provenance in ``limits.json``."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from BoneAblationPlannerLib.plan import Provenance


@dataclass(frozen=True)
class AccessLimits:
    """See ``limits.json`` for the meaning, source and status of each limit."""

    hub_mm: float
    longest_depth_mm: float
    craniocaudal_limit_deg: float
    craniocaudal_preferred_deg: float
    incidence_limit_deg: float
    incidence_preferred_deg: float
    below_horizontal_deg: float
    bone_path_limit_mm: float
    probe_gap_mm: float
    entry_spacing_mm: float


@cache
def default_limits() -> AccessLimits:
    """The shipped limits."""
    return AccessLimits(**{row["name"]: row["value"] for row in _rows()})


def limits_provenance() -> tuple[Provenance, ...]:
    """Sources of the shipped limits."""
    return tuple(Provenance(r["meaning"], r["value"], r["unit"], r["source"], r["status"]) for r in _rows())


@cache
def _rows() -> list[dict]:
    rows: list[dict] = json.loads(files(__package__).joinpath("limits.json").read_text(encoding="utf-8"))
    return rows
