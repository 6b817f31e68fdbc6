"""Command `devices`: the probe catalogue."""

import argparse
import json
from dataclasses import asdict

from BoneAblationPlannerLib.command_line.choices import add_catalogue_argument, catalogue_of
from BoneAblationPlannerLib.command_line.values import Commands


def add_devices_command(commands: Commands) -> None:
    parser = commands.add_parser("devices", help="list the probe catalogue")
    parser.add_argument("--json", action="store_true")
    add_catalogue_argument(parser)
    parser.set_defaults(run=_devices)


def _devices(options: argparse.Namespace) -> int:
    catalogue = catalogue_of(options)
    if options.json:
        print(json.dumps([asdict(device) for device in catalogue], indent=1))
        return 0
    print(f"{'device':22}{'program':22}{'across x along mm':>18}{'beyond tip':>12}  status      source")
    for device in catalogue:
        for p in device.programs:
            size = f"{p.short_mm:.0f} x {p.long_mm:.0f}"
            print(f"{device.id:22}{p.id:22}{size:>18}{p.beyond_tip_mm:>10.1f}    {p.status:12}{p.source}")
    return 0
