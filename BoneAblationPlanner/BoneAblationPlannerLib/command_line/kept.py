"""Probes that stay where they are, from lines or from a plan."""

import argparse
from pathlib import Path

from BoneAblationPlannerLib.case import FixedProbe
from BoneAblationPlannerLib.devices.catalogue import Device, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import read_plan


def kept_probes(options: argparse.Namespace, devices: tuple[Device, ...]) -> tuple[FixedProbe, ...]:
    """Probes that stay where they are: lines with the device of --device, or those of a plan."""
    from BoneAblationPlannerLib.reevaluation import placements_of_plan

    kept = []
    if options.keep is not None:
        if options.device is None:
            raise InputError("--keep: given without --device; expected the device of the lines")
        kept += placed_lines(options.keep, options, devices)
    elif options.program is not None:
        raise InputError("--program: given without --keep; expected the lines that it belongs to")
    if options.keep_plan is not None:
        kept += placements_of_plan(read_plan(options.keep_plan), devices)
    names = [p.name for p in kept]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"probes to keep: two are called {twice!r}; expected each name once")
    return tuple(FixedProbe(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm) for p in kept)


def placed_lines(path: Path, options: argparse.Namespace, devices: tuple[Device, ...]) -> list[Placement]:
    """Lines from entry to tip as probes with the device and program of the command line."""
    from BoneAblationPlannerLib.reading import read_nerve_curve
    from BoneAblationPlannerLib.reevaluation import find_program, placement

    device = find_device(options.device, devices)
    program = find_program(device, options.program)
    placed = []
    for name, points in read_nerve_curve(path):
        if len(points) != 2:
            raise InputError(f"{path}: {name} has {len(points)} points; expected lines from entry to tip")
        placed.append(placement(name, device.id, program.id, points[0], points[1], devices))
    return placed
