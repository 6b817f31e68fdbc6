"""Listens to the lines of a plan while a person drags them, without a pile of events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import qt
import slicer

_DRAG_MS, _REST_MS = 15, 400


class LineTracker:
    """Calls `moving` during a drag, at most every few milliseconds, and `rested` when it is over.

    Parameters
    ----------
    panel : VTKObservationMixin
        Whose observers these are.
    moving, rested : callable
    """

    def __init__(self, panel: Any, moving: Callable[[], None], rested: Callable[[], None]) -> None:
        self._panel, self._moving, self._rested = panel, moving, rested
        self._lines: list[Any] = []
        self._paused = False
        self._drag, self._rest = self._timer(self._on_drag), self._timer(self._on_rest)

    def follow(self, lines: list[Any]) -> bool:
        """Listen to these lines, and to no others; whether moves of the former ones were not over yet."""
        if lines == self._lines:
            return False
        moved = self.moved
        self._drag.stop()
        self._rest.stop()
        for line, change in [(n, self._panel.removeObserver) for n in self._lines] + [
            (n, self._panel.addObserver) for n in lines
        ]:
            change(line, slicer.vtkMRMLMarkupsNode.PointModifiedEvent, self._on_moved)
            change(line, slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, self._on_dropped)
        self._lines = list(lines)
        return moved

    @property
    def moved(self) -> bool:
        """Whether moves are not over yet."""
        return bool(self._rest.active)

    def stop(self) -> bool:
        """Listen to nothing; whether moves were not over yet."""
        return self.follow([])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Moves made in here are the planner's own."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def _timer(self, slot: Callable[[], None]) -> Any:
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.connect("timeout()", slot)
        return timer

    def _on_moved(self, caller: Any, event: Any) -> None:
        if self._paused:
            return
        if not self._drag.active:
            self._drag.start(_DRAG_MS)
        self._rest.start(_REST_MS)  # anew: a person who types coordinates or uses a script ends no interaction

    def _on_dropped(self, caller: Any, event: Any) -> None:
        if not self._paused:
            self._rest.start(_DRAG_MS)

    def _on_drag(self) -> None:
        self._moving()

    def _on_rest(self) -> None:
        self._drag.stop()
        self._rested()
