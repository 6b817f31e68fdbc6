"""Limits on a straight path from skin to target, and what makes one easier, each with provenance in ``limits.json``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Provenance
from BoneAblationPlannerLib.sourced import SourcedNumbers


@dataclass(frozen=True)
class AccessLimits:
    """See ``limits.json`` for the meaning, source and status of each number."""

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
    parallel_deg: float
    gantry_bore_mm: float
    handle_mm: float
    entry_spacing_mm: float
    free_beyond_required_mm: float
    length_weight: float
    craniocaudal_weight: float
    clearance_weight: float
    bone_path_weight: float
    incidence_weight: float


_NUMBERS = SourcedNumbers("BoneAblationPlannerLib.access", "limits.json")


def access_limits(chosen: Mapping[str, float]) -> AccessLimits:
    """The shipped limits with the user's on top; raises InputError for a name or a value that cannot be used."""
    values = _NUMBERS.values()
    for name, value in chosen.items():
        if name not in values:
            raise InputError(f"limit {name!r}: not known; expected one of {', '.join(values)}")
        lowest, highest = _NUMBERS.range(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value <= highest:
            raise InputError(f"limit {name}: {value!r}; expected {lowest:g} to {highest:g}")
        values[name] = float(value)
    return AccessLimits(**values)


def limits_provenance(chosen: Mapping[str, float]) -> tuple[Provenance, ...]:
    """Sources of the limits; what the user chose says so, and what is shipped."""
    rows = dict(zip(_NUMBERS.values(), _NUMBERS.provenance(), strict=True))
    for name, value in chosen.items():
        shipped = rows[name]
        rows[name] = replace(
            shipped, value=float(value), source=f"chosen for this case; {shipped.value:g} by default", status="default"
        )
    return tuple(rows.values())
