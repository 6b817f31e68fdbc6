"""Command `doctor`: what this machine lacks."""

import argparse

from BoneAblationPlannerLib.command_line.terminal import BAD_INPUT
from BoneAblationPlannerLib.command_line.values import Commands


def add_doctor_command(commands: Commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine lacks and how to mend it")
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok     ' if finding.ok else 'MISSING'} {finding.name:18} {finding.seen}")
        if not finding.ok:
            print(f"        {finding.mend}")
    bad = sum(not finding.ok for finding in findings)
    print(f"{bad} to mend" if bad else "everything is there")
    return BAD_INPUT if bad else 0
