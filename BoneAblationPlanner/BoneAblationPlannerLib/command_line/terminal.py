"""What every command says on the terminal: progress, failures, defects."""

import os
import sys
import traceback
from types import TracebackType

from BoneAblationPlannerLib.progress import ReportProgress, silent

RESEARCH_USE = "Decision support for research use. Not a medical device."
BAD_INPUT, NO_PLAN, INTERRUPTED, NOBODY_READS = 2, 3, 130, 141  # a defect ends with Python's own 1


def progress_bar() -> ReportProgress:
    """A bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        return silent

    def show(fraction: float, stage: str) -> bool:
        done = round(30 * min(max(fraction, 0.0), 1.0))
        bar = f"\r[{'#' * done}{'.' * (30 - done)}] {fraction:4.0%} {stage[:44]:44}"
        print(bar, end="\n" if fraction >= 1 else "", file=sys.stderr, flush=True)
        return True

    return show


def fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    start = "\n" if sys.stderr.isatty() else ""
    print(f"{start}bone-ablation-planner: {line}", file=sys.stderr)
    return code


def end_quietly() -> int:
    """The reader of our output has gone, as `head` does when it has enough; what is still to print goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOBODY_READS


def report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One line for the user; the details only where they are asked for."""
    print(f"bone-ablation-planner: a defect in the program: {kind.__name__}: {error}", file=sys.stderr)
    if os.environ.get("BONEPLAN_DEBUG"):
        traceback.print_exception(kind, error, trace)
    else:
        print("set BONEPLAN_DEBUG=1 for the details to report", file=sys.stderr)
