"""Limits on a straight path from skin to target, each with provenance in ``limits.json``."""

from dataclasses import dataclass
from functools import cache

from BoneAblationPlannerLib.plan import Provenance
from BoneAblationPlannerLib.sourced import SourcedNumbers


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
    entry_gap_mm: float
    gantry_bore_mm: float
    handle_mm: float
    entry_spacing_mm: float


_NUMBERS = SourcedNumbers("BoneAblationPlannerLib.access", "limits.json")


@cache
def default_limits() -> AccessLimits:
    """The shipped limits."""
    return AccessLimits(**_NUMBERS.values())


def limits_provenance() -> tuple[Provenance, ...]:
    """Sources of the shipped limits."""
    return _NUMBERS.provenance()
