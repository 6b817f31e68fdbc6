"""Correcting the lesion's outline: a click where it is wrong, and it is made anew."""

from collections.abc import Callable
from typing import Any

import qt

from BoneAblationPlannerLib.panel.choices import LesionSource

_RETRY_MS = 100


class Corrections:
    """Two buttons; each waits for one click in a view, which is added to the points inside or outside the lesion.

    Parameters
    ----------
    panel : PlanningPanel
    outline : callable
        Outlines the lesion from its point and these. Called once the placing is over.
    """

    def __init__(self, panel: Any, outline: Callable[[], None]) -> None:
        self._panel, self._outline = panel, outline
        self._node: Any = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._finish)

    def connect(self) -> None:
        """Take in, leave out."""
        ui = self._panel.ui
        ui.takeInButton.connect("clicked(bool)", lambda checked=False: self._wait_for("insideMarks", ui.insideSelector))
        ui.leaveOutButton.connect(
            "clicked(bool)", lambda checked=False: self._wait_for("outsideMarks", ui.outsideSelector)
        )

    def release(self) -> None:
        """Wait for no click any more."""
        self._timer.stop()
        self._follow(None)

    def _wait_for(self, name: str, selector: Any) -> None:
        parameters = self._panel.parameters
        if getattr(parameters, name) is None:
            setattr(parameters, name, selector.addNode())
        node = getattr(parameters, name)
        self._follow(node)
        self._panel.logic.addPoint(node)

    def _follow(self, node: Any) -> None:
        """Listen to the list that gets the next click, and to no other."""
        if self._node is not None:
            self._panel.removeObserver(self._node, self._node.PointPositionDefinedEvent, self._on_point)
        self._node = node
        if node is not None:
            self._panel.addObserver(node, node.PointPositionDefinedEvent, self._on_point)

    def _on_point(self, caller: Any, event: Any) -> None:
        self._follow(None)
        self._timer.start(0)  # the point is still being placed

    def _finish(self) -> None:
        parameters = self._panel.parameters
        if parameters is None:
            return
        if self._panel.busy:
            self._timer.start(_RETRY_MS)
            return
        # The case is read before this returns; until the new outline is there, also if none comes, the old one is it.
        before = parameters.lesionSource
        parameters.lesionSource = LesionSource.POINT
        self._outline()
        parameters.lesionSource = before
