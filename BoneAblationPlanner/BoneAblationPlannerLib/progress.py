"""Progress and Cancel, the same for the terminal, the panel and the browser page."""

from collections.abc import Callable

from BoneAblationPlannerLib.errors import Cancelled

ReportProgress = Callable[[float, str], bool]
"""Called with (fraction done 0..1, what is being done); returns False to cancel."""


def silent(fraction: float, stage: str) -> bool:
    """Report nothing and never cancel."""
    return True


def step(report: ReportProgress, fraction: float, stage: str) -> None:
    """Report progress; raise `Cancelled` if the receiver asks to stop."""
    if not report(fraction, stage):
        raise Cancelled(f"cancelled at: {stage}")


def part(report: ReportProgress, start: float, end: float) -> ReportProgress:
    """Map the 0..1 of a sub-task onto start..end of its parent."""
    return lambda fraction, stage: report(start + (end - start) * fraction, stage)
