"""What the command line says of cement, screws and stability."""

import argparse
from dataclasses import dataclass, field
from typing import Any

from BoneAblationPlannerLib.command_line.values import finite
from BoneAblationPlannerLib.errors import InputError


@dataclass(frozen=True)
class Stabilising:
    """What the command line says of cement (fields of ``CementChoices``), screws and stability, where it does."""

    cement: dict[str, Any] = field(default_factory=dict)
    screw_clearance_mm: float | None = None
    pain: int | None = None


CEMENT_OPTIONS = {
    "cement_gauge": "gauge",
    "cement_filling": "filling_fraction",
    "cement_viscosity": "viscosity",
    "cement_needles": "needles",
    "pull_back_times": "pull_back_times",
    "pull_back_mm": "pull_back_mm",
}


def add_stabilising_arguments(plan: argparse.ArgumentParser) -> None:
    plan.add_argument("--cement", action="store_true", help="plan cement after ablation")
    plan.add_argument("--cement-gauge", type=int, metavar="G", help="with --cement: needle; default by site, else 11")
    plan.add_argument("--cement-needles", type=int, metavar="N", help="with --cement: 1 to 3; default as few as do")
    plan.add_argument("--cement-filling", type=finite, metavar="SHARE",
                      help="with --cement: share of the lesion to fill, up to 1; default 0.55")  # fmt: skip
    plan.add_argument("--cement-viscosity", choices=("low", "medium", "high"), help="with --cement; default medium")
    plan.add_argument("--pull-back-times", type=int, metavar="N",
                      help="with --cement: how often needles are pulled back; default 2, near a leak 0")  # fmt: skip
    plan.add_argument("--pull-back-mm", type=finite, metavar="MM",
                      help="with --cement: how far each time; default 4")  # fmt: skip
    plan.add_argument("--screws", action="store_true", help="plan screws after ablation")
    plan.add_argument("--screw-clearance-mm", type=finite, metavar="MM",
                      help="with --screws: bone kept around a screw; default 2")  # fmt: skip
    plan.add_argument("--pain", type=int, choices=(1, 2, 3),
                      help="with --cement or --screws: Mirels' points, 1 mild, 2 moderate, 3 when used")  # fmt: skip


def stabilising_of(options: argparse.Namespace) -> Stabilising:
    """Checked before any work is done."""
    from CementTrajectoryLib.workflow import CementChoices, check_cement_choices, check_screw_clearance

    needs = {**dict.fromkeys(CEMENT_OPTIONS, ("cement",)), "screw_clearance_mm": ("screws",),
             "pain": ("cement", "screws")}  # fmt: skip
    for name, wanted in needs.items():
        if getattr(options, name) is not None and not any(getattr(options, other) for other in wanted):
            others = " or ".join(f"--{other}" for other in wanted)
            raise InputError(f"--{name.replace('_', '-')}: given without {others}")
    given = {to: getattr(options, name) for name, to in CEMENT_OPTIONS.items() if getattr(options, name) is not None}
    check_cement_choices(CementChoices(**given))
    check_screw_clearance(options.screw_clearance_mm)
    return Stabilising(given, options.screw_clearance_mm, options.pain)
