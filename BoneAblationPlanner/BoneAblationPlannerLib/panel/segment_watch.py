"""Listens to the segments of a segmentation, whoever edits them: this panel, another module or a script."""

from collections.abc import Callable
from typing import Any

import qt
import slicer

_EVENTS = ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SourceRepresentationModified")


class SegmentWatch:
    """Calls `changed` at every change, and `rested` when there was none for a while.

    Parameters
    ----------
    panel : VTKObservationMixin
        Whose observers these are.
    changed, rested : callable
    rest_ms : int
        How long it must be quiet.
    """

    def __init__(self, panel: Any, changed: Callable[[], None], rested: Callable[[], None], rest_ms: int) -> None:
        self._panel, self._changed, self._rest_ms = panel, changed, rest_ms
        self._node: Any = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", rested)

    def follow(self, node: Any) -> bool:
        """Listen to this segmentation, or to none, and to no other; whether that is new."""
        if node is not None and not node.IsA("vtkMRMLSegmentationNode"):
            node = None
        if node is self._node:
            return False
        self._timer.stop()
        for owner, change in ((self._node, self._panel.removeObserver), (node, self._panel.addObserver)):
            if owner is not None:
                for event in _EVENTS:
                    change(owner, getattr(slicer.vtkSegmentation, event), self._on_event)
        self._node = node
        return True

    def wait(self) -> None:
        """Call `rested` after a while, as if there had been a change."""
        self._timer.start(self._rest_ms)

    def _on_event(self, caller: Any = None, event: Any = None) -> None:
        self._changed()
        self.wait()
