"""What is done after what, and which parts of a plan get in each other's way."""

import json
import math
from functools import cache
from importlib.resources import files

from BoneAblationPlannerLib.plan import Cement, CementNeedle, Plan, Reason


def work_steps(plan: Plan) -> tuple[str, ...]:
    """The order of work: probes, energy, probes out, cement needles in, screws over their wires, cement."""
    steps = [f"Place the patient {plan.position}, scan, and compare the scan with this plan"]
    steps += [f"Place {p.name}: {p.device_name or p.device}" for p in plan.probes]
    steps.append("Confirm the position of every probe on a scan before any energy")
    measures = dict.fromkeys(f"{p.structure}: {p.measure}" for p in plan.advice.protection)
    steps += [f"Protect if so decided: {m}" for m in measures]
    steps += _energy(plan)
    needles = plan.cement.needles if plan.cement else ()
    if plan.advice.modality == "cryo" and (needles or plan.screws):
        steps.append("Wait for the full thaw")
    steps += [_needle_in(n) for n in needles]
    shared = {n.shares_track_with for n in needles}
    rest = [p.name for p in plan.probes if p.name not in shared]
    if rest and plan.screws:
        steps.append(f"Take out {', '.join(rest)}")
    for s in plan.screws:
        steps.append(f"Place {s.name} over its wire: {s.corridor}, {s.diameter_mm:g} x {s.length_mm:.0f} mm")
    steps += [_inject(n) for n in needles]
    steps += pull_backs(plan.cement) if plan.cement else ()
    if plan.cement is not None and plan.cement.stop_ml is not None:
        stop_ml = tenths_below(plan.cement.stop_ml)
        steps.append(f"Stop at {stop_ml} ml in all, or at the first leak; take needles out before it sets")
    if needles or plan.screws:
        steps.append("Scan for cement and screws where they are meant to be, and nowhere else")
    return tuple(steps)


def _energy(plan: Plan) -> list[str]:
    """Ice grows around all probes at once; the charts of heat hold for one probe after the other."""
    if plan.advice.modality != "cryo" or len(plan.probes) == 1:
        return [f"Ablate with {p.name}: {p.program}" for p in plan.probes]
    programs = ", ".join(f"{p.name} {p.program}" for p in plan.probes)
    return [f"Ablate with all probes at the same time: {programs}"]


def conflicts(plan: Plan) -> tuple[Reason, ...]:
    """The rules of ``order.json`` that hold for this plan."""
    needles = plan.cement.needles if plan.cement else ()
    metal = bool(plan.screws) or any(s.kind == "implant" for s in plan.structures.checked)
    holds = {
        "metal_rfa": metal and plan.advice.modality == "rfa",
        "metal_mwa": metal and plan.advice.modality == "mwa",
        "frozen_cement": bool(needles) and plan.advice.modality == "cryo",
        "frozen_screws": bool(plan.screws) and plan.advice.modality == "cryo",
        "cement_sets": bool(needles) and bool(plan.screws),
        "needles_first": len(needles) > 1,
    }
    return tuple(reason for rule, reason in _rules() if holds[rule])


def tenths_below(volume_ml: float) -> str:
    """A volume to one decimal, rounded down: shares never add up to more than the advised volume."""
    return f"{math.floor(10 * volume_ml + 1e-6) / 10:.1f}"


def _needle_in(needle: CementNeedle) -> str:
    if needle.shares_track_with is None:
        return f"Place {needle.name}, {needle.gauge} G, on a track of its own"
    return f"Take out {needle.shares_track_with}; place {needle.name}, {needle.gauge} G, along its track"


def _inject(needle: CementNeedle) -> str:
    volume = "" if needle.volume_ml is None else f", {tenths_below(needle.volume_ml)} ml"
    return f"Inject cement through {needle.name}{volume}"


def pull_backs(cement: Cement) -> tuple[str, ...]:
    """When needles are pulled back while cement goes in, as far as the advised volume gets there."""
    stop_ml = cement.fill_ml if cement.stop_ml is None else cement.stop_ml
    steps = []
    for number, after_ml in enumerate(cement.pull_back_after_ml, start=1):
        back = [
            f"{n.name} by {math.dist(n.injects_at_ras_mm[number - 1], n.injects_at_ras_mm[number]):.0f} mm"
            for n in cement.needles
            if number < len(n.injects_at_ras_mm)
        ]
        if after_ml < stop_ml and back:
            steps.append(f"When {after_ml:.1f} ml in all are in, pull back {', '.join(back)}, and go on")
    return tuple(steps)


@cache
def _rules() -> tuple[tuple[str, Reason], ...]:
    rows = json.loads(files(__package__).joinpath("order.json").read_text(encoding="utf-8"))
    return tuple((row["id"], Reason(row["rule"], row["source"], row["status"])) for row in rows)
