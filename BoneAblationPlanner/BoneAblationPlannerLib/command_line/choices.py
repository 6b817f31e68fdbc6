"""Choices that `plan` and `evaluate` share: modality, device, margin, errors, limits."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.case import Choices
from BoneAblationPlannerLib.command_line.values import finite
from BoneAblationPlannerLib.devices.catalogue import Device, builtin_devices, read_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import INTENTS, MODALITIES, POSITIONS

LARGEST_MARGIN_MM = 30.0
LARGEST_ERROR_MM = 20.0


def add_choice_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--modality", choices=("auto", *MODALITIES), default="auto")
    parser.add_argument("--device", metavar="ID", help="see 'devices'")
    add_catalogue_argument(parser)
    parser.add_argument("--intent", choices=INTENTS, default="curative")
    parser.add_argument("--margin-mm", type=finite, help="margin around the lesion; default by intent")
    parser.add_argument("--position", choices=POSITIONS, help="default: as scanned, else supine with a warning")
    parser.add_argument("--lateral-error-mm", type=finite, help="placement error across the needle")
    parser.add_argument("--depth-error-mm", type=finite, help="placement error along the needle")
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=VALUE",
                        help="change a limit or weight of access, for instance bone_path_limit_mm=80")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="randomness")


def add_catalogue_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--catalogue", type=Path, metavar="FILE.json", help="devices to add or replace")


def choices_of(options: argparse.Namespace) -> Choices:
    """The choices of the command line; raises InputError for numbers that make no sense."""
    for name, largest in (("margin_mm", LARGEST_MARGIN_MM), ("lateral_error_mm", LARGEST_ERROR_MM),
                          ("depth_error_mm", LARGEST_ERROR_MM)):  # fmt: skip
        value = getattr(options, name)
        if value is not None and not 0 <= value <= largest:
            raise InputError(f"--{name.replace('_', '-')}: {value:g} mm; expected 0 to {largest:g}")
    if options.seed < 0:
        raise InputError(f"--seed: {options.seed}; expected 0 or more")
    return Choices(
        modality=None if options.modality == "auto" else options.modality,
        device=options.device,
        intent=options.intent,
        margin_mm=options.margin_mm,
        position=options.position,
        lateral_error_mm=options.lateral_error_mm,
        depth_error_mm=options.depth_error_mm,
        cement=getattr(options, "cement", False),
        screws=getattr(options, "screws", False),
        seed=options.seed,
        limits=_limits(options.limit),
        parallel=getattr(options, "parallel", False),
        strict=getattr(options, "strict", False),
        barred_bones=tuple(getattr(options, "barred_bones", ())),
    )


def _limits(texts: Sequence[str]) -> dict[str, float]:
    """Limits as NAME=VALUE; raises InputError for what is not one."""
    limits = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            limits[name.strip()] = float(value)
        except ValueError:
            raise InputError(f"--limit {text}: expected NAME=VALUE with a number") from None
    access_limits(limits)
    return limits


def catalogue_of(options: argparse.Namespace) -> tuple[Device, ...]:
    """The shipped devices, with the user's file on top."""
    return builtin_devices() if options.catalogue is None else read_devices(options.catalogue)
