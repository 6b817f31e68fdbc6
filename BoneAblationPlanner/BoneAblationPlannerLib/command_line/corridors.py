"""Command `corridors`: where the bone has room for screws."""

import argparse
from pathlib import Path

from BoneAblationPlannerLib.command_line.terminal import RESEARCH_USE, progress_bar
from BoneAblationPlannerLib.command_line.values import Commands


def add_corridors_command(commands: Commands) -> None:
    parser = commands.add_parser("corridors", help="screw corridors of a pelvis")
    parser.add_argument("bones", type=Path, metavar="CT|BONES", help="a CT, or a label map of bones")
    parser.add_argument("--names", type=Path, metavar="JSON", help='names of the labels: {"1": "hip_left"}')
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.set_defaults(run=_corridors)


def _corridors(options: argparse.Namespace) -> int:
    from CementTrajectoryLib.screws.corridor_file import check_corridor_output, write_corridors
    from CementTrajectoryLib.workflow import corridors_of_file

    check_corridor_output(options.out)
    report = progress_bar()
    document = corridors_of_file(options.bones, options.names, report)
    write_corridors(document, options.out)
    report(1.0, "done")
    for row in document["corridors"]:
        print(f"{row['name']}, {row['side']}: {row['diameter_mm']:.1f} mm wide, {row['length_mm']:.0f} mm long")
    for row in document["not_found"]:
        print(f"{row['name']}, {row['side']}: {row['reason']}")
    for note in document["notes"]:
        print(f"note: {note}")
    print(RESEARCH_USE)
    return 0
