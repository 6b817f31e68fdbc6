"""Warnings where heat comes near to metal: what the charts show does not hold there."""

from collections.abc import Sequence

from BoneAblationPlannerLib.anatomy.names import words_of
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Probe
from BoneAblationPlannerLib.rounding import mm_down

WHAT_HAPPENS = {
    "rfa": "radiofrequency current follows metal and burns where it leaves it; choose ice, or keep the zone away",
    "mwa": "metal reflects microwaves, so the zone has another shape there; choose ice, or keep the zone away",
}
NO_METAL = "cement"


def metal_warnings(placements: Sequence[Placement], probes: Sequence[Probe]) -> list[str]:
    """One warning for each probe of heat and each piece of metal that its zone reaches or nearly reaches."""
    limit_mm = DEFAULTS["heat_to_metal_mm"]
    warnings = []
    for placement, probe in zip(placements, probes, strict=True):
        what = WHAT_HAPPENS.get(placement.device.modality)
        for c in probe.clearances if what is not None else ():
            if c.kind == "implant" and NO_METAL not in words_of(c.structure) and c.zone_mm < limit_mm:
                where = "TOUCHES" if c.zone_mm <= 0 else f"is {mm_down(c.zone_mm)} from"
                warnings.append(f"{probe.name}: ZONE OF HEAT {where} {c.structure.upper()}: {what}")
    return warnings
