"""When to stop cement, and what to look out for."""

from collections.abc import Sequence

from BoneAblationPlannerLib.plan import CementNeedle, Plan
from CementTrajectoryLib.cement.defaults import DEFAULTS
from CementTrajectoryLib.cement.defects import Defect
from CementTrajectoryLib.cement.filling import Fill
from CementTrajectoryLib.cement.sites import Site


def advised_stop_ml(fill: Fill, wanted_ml: float) -> float:
    """The wanted volume, or a share of what is in at the first leak."""
    first = min((ml for ml in fill.leak_ml if ml is not None), default=None)
    return min(fill.injected_ml, wanted_ml) if first is None else min(first * DEFAULTS["stop_before_leak"], wanted_ml)


def fill_cautions(fill: Fill, wanted_ml: float, stop_ml: float) -> list[str]:
    """What the simulated fill warns of."""
    cautions = []
    if fill.injected_ml < wanted_ml - 0.05:
        cautions.append(f"bone takes only {fill.injected_ml:.1f} of {wanted_ml:.1f} ml in the simulation")
    if any(ml is not None for ml in fill.leak_ml):
        cautions.append(
            f"simulated cement leaves the bone before {wanted_ml:.1f} ml are in: stop at {stop_ml:.1f} ml, look, "
            "and go on only where nothing leaks"
        )
    cautions.append("the simulation knows no veins: watch for venous leaks from the first drop")
    return cautions


def site_cautions(site: Site | None, wanted_ml: float) -> list[str]:
    """What is unusual for the part of the skeleton, or that it could not be told."""
    if site is None:
        return ["the bone of the lesion or the place in it could not be told: no usual approach and volume to compare"]
    usual = None if site.usual_ml is None else site.usual_ml.value
    if usual is None or wanted_ml <= usual[1]:
        return []
    return [
        f"{site.name}: {wanted_ml:.1f} ml is more than usual ({usual[0]:g} to {usual[1]:g} ml): "
        "inject in parts and look at each"
    ]


def plan_cautions(plan: Plan, needles: Sequence[CementNeedle], defects: Sequence[Defect]) -> list[str]:
    """What speaks for care with needles that take the tracks of probes."""
    probes = {probe.name: probe.diameter_mm for probe in plan.probes}
    cautions = []
    if plan.lesion.kind == "sclerotic":
        cautions.append("sclerotic bone takes little cement: plan it only where the bone is weak, and go by what flows")
    thicker = [
        n.name
        for n in needles
        if n.diameter_mm is not None and n.diameter_mm > probes.get(n.shares_track_with or "", n.diameter_mm)
    ]
    if thicker:
        cautions.append(
            f"{', '.join(thicker)} ({max(n.diameter_mm or 0.0 for n in needles):g} mm): thicker than the probe whose "
            "track is taken; widen the track or use an access set"
        )
    if plan.structures.not_checked:
        cautions.append(f"leaks towards {', '.join(plan.structures.not_checked)} cannot be told: not checked")
    total = sum(d.area_mm2 for d in defects)
    if defects:
        cautions.append(
            f"cement can leave the bone through {len(defects)} cortical defect(s), {total:.0f} mm2 in all, "
            f"the largest towards {defects[0].towards}: inject slowly under fluoroscopy and stop at the first leak"
        )
    if plan.advice.modality == "cryo":
        cautions.append("after cryoablation wait for the full thaw before injecting, or stage the cement")
    if plan.lesion.bone and plan.lesion.bone.startswith("femur"):
        cautions.append(
            "proximal femur: cement alone is contraindicated where the cortex is involved over more than 30 mm "
            "(fractures in 40.6 % within a year; Deschamps 2012): consider screws"
        )
    return cautions
