"""Plans of which a person moved a line: measured one after the other, when nothing else runs."""

from collections.abc import Callable
from typing import Any

import qt


class Unmeasured:
    """The plans that wait to be measured.

    Parameters
    ----------
    panel : PlanningPanel
    measure : callable
        Starts measuring the plan of a document.
    """

    def __init__(self, panel: Any, measure: Callable[[Any], None]) -> None:
        self._panel, self._measure = panel, measure
        self._documents: list[Any] = []

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, document: Any) -> None:
        """Measure this plan as soon as `measure_next` can."""
        if document is not None and document not in self._documents:
            self._documents.append(document)

    def measure_next(self) -> None:
        """Start with the first that is still there, unless something runs or the panel is not bound to a scene."""
        self._documents = [node for node in self._documents if node.GetScene() is not None]
        if self._documents and self._panel.parameters is not None and not self._panel.busy:
            self._measure(self._documents.pop(0))

    def measure_soon(self) -> None:
        """The same once the present event is over; called after every step of a run."""
        if self._documents and not self._panel.busy:
            qt.QTimer.singleShot(0, self.measure_next)
