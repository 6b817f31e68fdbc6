"""How large zones are in this patient, and what zones of that size cover under placement error."""

import numpy as np

from BoneAblationPlannerLib.placement.coverage import (
    PlacementError,
    displaced_rows,
    fifth_percentile,
    lesion_fractions,
)
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.plan import SizeInPatient
from BoneAblationPlannerLib.zones.heat.fitting import fit_scale
from BoneAblationPlannerLib.zones.heat.patient import SimulatedZone
from BoneAblationPlannerLib.zones.heat.placed import chart_outer_zone, chart_zone
from BoneAblationPlannerLib.zones.reach import ZoneScale


def size_in_patient(zone: SimulatedZone, target: Target, error: PlacementError) -> SizeInPatient:
    """The simulated zone's size against the chart's.

    A simulation of every displaced needle would take hours: the chart's zones in that size, at most as large as the
    chart says, stand for it.
    """
    chart = [chart_zone(p) for p in zone.probes]
    scale = fit_scale(zone.killed, zone.grid, chart)
    covers = ZoneScale(min(1.0, scale.across), min(1.0, scale.along))
    fractions = lesion_fractions(target, displaced_rows([covers.of(one) for one in chart], error))
    return SizeInPatient(scale.across, scale.along, float(np.floor(fifth_percentile(fractions) * 1e4) / 1e4))


def outer_scale(zone: SimulatedZone) -> ZoneScale:
    """Factors of what may injure: the visible ice, or where tissue dies."""
    return fit_scale(zone.outer, zone.grid, [chart_outer_zone(p) for p in zone.probes])
