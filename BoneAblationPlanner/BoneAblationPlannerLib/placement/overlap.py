"""Several probes beside each other: how zones join, what spacing does to them, and what is published of them together.

Coverage always counts the union of single charts: what probes gain from each other was measured in gel and in liver
and is never credited. What they gain may injure, though, and is warned of.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.needles import segment_distance
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import MODALITIES, Modality, Probe, Provenance
from BoneAblationPlannerLib.sourced import SourcedNumbers

OVERLAP = SourcedNumbers("BoneAblationPlannerLib.placement", "overlap.json")
MOST_PUBLISHED = 4
_HOT: dict[Modality, str] = {"rfa": "electrodes", "mwa": "antennas"}


def zone_spacing_mm(placements: Sequence[Placement]) -> NDArray[np.float64]:
    """Distance (P,) of each probe's zone axis to that of the nearest other; infinite for a single probe."""
    ends = [_axis_ends(p) for p in placements]
    nearest = np.full(len(ends), np.inf)
    for n, (a, b) in enumerate(ends):
        for m, (c, d) in enumerate(ends):
            if m != n:
                nearest[n] = min(nearest[n], float(segment_distance(a, b, c, d)))
    return nearest


def overlap_warnings(placements: Sequence[Placement], probes: Sequence[Probe]) -> list[str]:
    """What the rules of each modality say of its probes beside each other; `probes` are the placements' figures."""
    warnings = _ice_spacing_warnings(_of(placements, "cryo"))
    warnings += _ice_growth_warnings(_of(placements, "cryo"), probes)
    for modality, noun in _HOT.items():
        hot = _of(placements, modality)
        farthest = OVERLAP[f"{modality}_farthest_mm"]
        near = int((zone_spacing_mm(hot) <= farthest).sum())
        if near:
            warnings.append(
                f"{near} {noun} lie within {farthest:g} mm of each other: the charts, and the distances to structures, "
                "hold for one after the other; at the same time they heat more than the charts tell"
            )
    return warnings


def published_together(placements: Sequence[Placement]) -> tuple[Provenance, ...]:
    """What is published of as many probes of the modality, where these lie as the published ones did or closer.

    For information: coverage counts the zones of single probes, because gel, liver and other probes do not tell of
    this case.
    """
    ice, electrodes = _of(placements, "cryo"), _of(placements, "rfa")
    if 2 <= len(ice) <= MOST_PUBLISHED and zone_spacing_mm(ice).max() <= OVERLAP["cryo_farthest_mm"]:
        return (OVERLAP.row(f"cryo_together_{len(ice)}_mm"), OVERLAP.row(f"cryo_visible_growth_{len(ice)}_mm"))
    if len(electrodes) == 3 and zone_spacing_mm(electrodes).max() <= OVERLAP["rfa_farthest_mm"]:
        return (OVERLAP.row("rfa_volume_gain"),)
    return ()


def overlap_provenance(placements: Sequence[Placement]) -> tuple[Provenance, ...]:
    """Sources of the spacing rules that were asked, for every modality with several probes."""
    asked = [m for m in MODALITIES if len(_of(placements, m)) > 1]
    names = [f"{m}_{rule}_mm" for m in asked for rule in ("closest", "farthest")]
    return tuple(OVERLAP.row(name) for name in names if name in OVERLAP.values())


def _ice_spacing_warnings(ice: Sequence[Placement]) -> list[str]:
    """Ice probes that are too near to each other, or too far apart to freeze as one."""
    warnings: list[str] = []
    closest, farthest = OVERLAP["cryo_closest_mm"], OVERLAP["cryo_farthest_mm"]
    for placement, gap_mm in zip(ice, zone_spacing_mm(ice), strict=True):
        if gap_mm > farthest and len(ice) > 1:
            warnings.append(
                f"{placement.name}: {gap_mm:.0f} mm from the next ice probe; more than {farthest:g} mm leave an "
                "hourglass or a warm core between them"
            )
        elif gap_mm < closest:
            warnings.append(
                f"{placement.name}: {gap_mm:.0f} mm from the next ice probe; nearer than {closest:g} mm adds little"
            )
    return warnings


def _ice_growth_warnings(ice: Sequence[Placement], probes: Sequence[Probe]) -> list[str]:
    """Structures whose wanted distance would not be kept if the ice grows as several probes' ice did in gel."""
    joined = int((zone_spacing_mm(ice) <= OVERLAP["cryo_farthest_mm"]).sum())
    if joined < 2:
        return []
    growth_mm = OVERLAP[f"cryo_visible_growth_{min(joined, MOST_PUBLISHED)}_mm"]
    names = {p.name for p in ice}
    nearest: dict[str, float] = {}
    for clearance in (c for probe in probes if probe.name in names for c in probe.clearances):
        if 0 < clearance.required_zone_mm <= clearance.zone_mm < clearance.required_zone_mm + growth_mm:
            nearest[clearance.structure] = min(clearance.zone_mm, nearest.get(clearance.structure, np.inf))
    if not nearest:
        return []
    named = ", ".join(f"{name} ({mm:.1f} mm)" for name, mm in sorted(nearest.items(), key=lambda row: row[1]))
    return [
        f"the ice of {joined} probes together reached about {growth_mm:g} mm beyond that of single ones in gel: the "
        f"wanted distance may then not be kept to {named}; watch the edge of the ice there"
    ]


def _of(placements: Sequence[Placement], modality: Modality) -> list[Placement]:
    return [p for p in placements if p.device.modality == modality]


def _axis_ends(placement: Placement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    zone = placement.zone
    half = zone.axis * zone.along_mm / 2
    return zone.centre_ras_mm - half, zone.centre_ras_mm + half
