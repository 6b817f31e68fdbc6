"""A needle by hand: two clicks in the views, target first."""

from collections.abc import Callable
from typing import Any

import qt

_RETRY_MS = 100


class NeedlePlacer:
    """Waits for the two points of a new line.

    Parameters
    ----------
    panel : PlanningPanel
        Its logic makes the line and takes it away; its observers listen.
    placed : callable
        Gets the line once both points are there and the placing is over.
    """

    def __init__(self, panel: Any, placed: Callable[[Any], None]) -> None:
        self._panel, self._placed = panel, placed
        self._line: Any = None
        self._listening = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._finish)

    @property
    def active(self) -> bool:
        """Whether points are waited for."""
        return self._line is not None

    def start(self) -> None:
        """Let the next two clicks place a line."""
        self._line = self._panel.logic.placeNeedle()
        self._panel.addObserver(self._line, self._line.PointPositionDefinedEvent, self._on_point)
        self._listening = True

    def stop(self) -> None:
        """Give up; the unfinished line goes."""
        line, self._line = self._line, None
        if line is not None:
            self._stop_listening(line)
            self._panel.logic.dropNeedle(line)

    def forget_deleted(self) -> None:
        """The user deleted the unfinished line: nothing is waited for any more."""
        if self._line is not None and self._line.GetScene() is None:
            self._stop_listening(self._line)
            self._line = None

    def _stop_listening(self, line: Any) -> None:
        if self._listening:
            self._panel.removeObserver(line, line.PointPositionDefinedEvent, self._on_point)
        self._listening = False

    def _on_point(self, caller: Any, event: Any) -> None:
        if caller.GetNumberOfDefinedControlPoints() < 2:
            return
        self._stop_listening(caller)
        # The line is still being placed: take it out of the scene when that is over.
        self._timer.start(0)

    def _finish(self) -> None:
        if self._line is not None and self._panel.busy:  # a run started meanwhile: the needle comes after it
            self._timer.start(_RETRY_MS)
            return
        line, self._line = self._line, None
        if line is not None and line.GetScene() is not None:
            self._placed(line)
