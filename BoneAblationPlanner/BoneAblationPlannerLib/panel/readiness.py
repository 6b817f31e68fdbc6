"""Getting a plan ready for dragging: a plan that was opened from a file has nothing that figures could follow with."""

from collections.abc import Callable
from typing import Any

from BoneAblationPlannerLib.panel.tracker import LineTracker


class Readiness:
    """Computes what a drag starts from, once per plan, with the panel's progress.

    Parameters
    ----------
    panel : PlanningPanel
    tracker : LineTracker
        Knows whether a line moves while this is computed.
    moving : callable
        Then shows where it is.
    """

    def __init__(self, panel: Any, tracker: LineTracker, moving: Callable[[], None]) -> None:
        self._panel, self._tracker, self._moving = panel, tracker, moving
        self._failed: Any = None

    def forget_failure(self) -> None:
        """The scene changed: what could not be computed may be tried again."""
        self._failed = None

    def get_ready(self, document: Any) -> None:
        """Start computing unless that is done, under way, or failed before."""
        panel, logic = self._panel, self._panel.logic
        if document is None or document is self._failed or panel.busy or panel.plan() is None:
            return
        if logic.isReadyToDrag(document):
            return
        self._failed = document  # until it went well

        def finish(prepared: Any) -> None:
            self._failed = None
            logic.keepForDragging(prepared)
            if self._tracker.moved:
                self._moving()

        panel.run(lambda: logic.prepareDragging(document), finish)
