"""Several ice probes beside each other: how far apart, and what is published of them together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.placement.needles import segment_distance
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Provenance
from BoneAblationPlannerLib.sourced import SourcedNumbers

ICE = SourcedNumbers("BoneAblationPlannerLib.placement", "ice.json")


def ice_spacing_mm(placements: Sequence[Placement]) -> NDArray[np.float64]:
    """Distance (P,) of each probe's zone axis to that of the nearest other; infinite for a single probe."""
    ends = [_axis_ends(p) for p in placements]
    nearest = np.full(len(ends), np.inf)
    for n, (a, b) in enumerate(ends):
        for m, (c, d) in enumerate(ends):
            if m != n:
                nearest[n] = min(nearest[n], float(segment_distance(a, b, c, d)))
    return nearest


def ice_warnings(placements: Sequence[Placement]) -> list[str]:
    """Ice probes that are too near to each other, or too far apart to freeze as one."""
    ice = [p for p in placements if p.device.modality == "cryo"]
    warnings: list[str] = []
    if len(ice) < 2:
        return warnings
    for placement, gap_mm in zip(ice, ice_spacing_mm(ice), strict=True):
        if gap_mm > ICE["farthest_mm"]:
            warnings.append(
                f"{placement.name}: {gap_mm:.0f} mm from the next ice probe; more than {ICE['farthest_mm']:g} mm leave "
                "an hourglass or a warm core between them"
            )
        elif gap_mm < ICE["closest_mm"]:
            warnings.append(
                f"{placement.name}: {gap_mm:.0f} mm from the next ice probe; nearer than {ICE['closest_mm']:g} mm adds "
                "little"
            )
    return warnings


def ice_together(placements: Sequence[Placement]) -> tuple[Provenance, ...]:
    """Published lethal diameter of as many ice probes, where these lie as the published ones did or closer.

    For information: coverage counts the zones of single probes, because gel and other probes do not tell of this case.
    """
    ice = [p for p in placements if p.device.modality == "cryo"]
    name = f"together_{len(ice)}_mm"
    if name not in ICE.values() or ice_spacing_mm(ice).max() > ICE["farthest_mm"]:
        return ()
    return (ICE.row(name),)


def _axis_ends(placement: Placement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    zone = placement.zone
    half = zone.axis * zone.along_mm / 2
    return zone.centre_ras_mm - half, zone.centre_ras_mm + half
