"""The command line: ``bone-ablation-planner COMMAND``.

Exit codes: 0 plan made; 2 bad input; 3 no admissible plan; 1 a defect.
"""

import argparse
import sys
from collections.abc import Sequence

from BoneAblationPlannerLib.command_line.corridors import add_corridors_command
from BoneAblationPlannerLib.command_line.devices import add_devices_command
from BoneAblationPlannerLib.command_line.doctor import add_doctor_command
from BoneAblationPlannerLib.command_line.evaluating import add_evaluate_command
from BoneAblationPlannerLib.command_line.planning import add_demo_command, add_plan_command
from BoneAblationPlannerLib.command_line.review import add_review_command
from BoneAblationPlannerLib.command_line.terminal import (
    BAD_INPUT,
    INTERRUPTED,
    NO_PLAN,
    RESEARCH_USE,
    end_quietly,
    fail,
    report_defect,
)
from BoneAblationPlannerLib.errors import Cancelled, InputError, PlanningError
from BoneAblationPlannerLib.evaluation import software_version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    sys.excepthook = report_defect
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except InputError as error:
        return fail(str(error), BAD_INPUT)
    except PlanningError as error:
        return fail(error.reason, NO_PLAN)
    except (KeyboardInterrupt, Cancelled):
        return fail("cancelled; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        return end_quietly()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bone-ablation-planner",
        description=f"Plan percutaneous ablation of bone metastases on CT. {RESEARCH_USE}",
    )
    parser.add_argument("--version", action="version", version=software_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in (
        add_demo_command,
        add_plan_command,
        add_evaluate_command,
        add_corridors_command,
        add_devices_command,
        add_review_command,
        add_doctor_command,
    ):
        add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
