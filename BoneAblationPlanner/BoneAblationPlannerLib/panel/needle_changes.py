"""Other needles of a plan: measured in the background, shown, kept for undo."""

from collections.abc import Callable
from typing import Any

from BoneAblationPlannerLib.panel.content import plan_line, plan_of
from BoneAblationPlannerLib.panel.history import Histories, History
from BoneAblationPlannerLib.panel.moved_lines import moved_lines, put_back
from BoneAblationPlannerLib.panel.tracker import LineTracker
from BoneAblationPlannerLib.panel.unmeasured import Unmeasured

Needles = tuple[Any, ...]
"""Placements of all probes of a plan."""


class NeedleChanges:
    """Changes of the needles of plans, one after the other.

    Parameters
    ----------
    panel : PlannerPanel
    tracker : LineTracker
        Paused while lines are moved here.

    Attributes
    ----------
    unmeasured : Unmeasured
        Plans whose needles were moved and not measured yet.
    """

    def __init__(self, panel: Any, tracker: LineTracker) -> None:
        self._panel, self._tracker = panel, tracker
        self._histories: Histories[Needles] = Histories()
        self.unmeasured = Unmeasured(panel, self._measure)

    def history(self, document: Any) -> History[Needles]:
        """Of a plan; one that keeps nothing without a plan."""
        return self._histories.of(document)

    def _measure(self, document: Any) -> None:
        self.apply(document, lambda: self._panel.logic.placements(document))

    def show(self, document: Any, result: Any, measured: Needles) -> bool:
        """Show a result of a plan, measured with some needles; those that were moved meanwhile stay there.

        They are measured anew. Returns whether there are any.
        """
        self._panel.logic.requirePlan(document)
        before = plan_of(document)
        known = (() if before is None else before.probes, measured, result.plan.probes)
        moved = moved_lines(self._panel.logic.probeLines(document), *known)
        with self._tracker.paused():
            self._panel.logic.showResult(document, result)
            put_back(self._panel.logic.probeLines(document), moved)
        if moved:
            self.unmeasured.add(document)
        return bool(moved)

    def apply(
        self,
        document: Any,
        wanted: Callable[[], Needles],
        remember: Callable[[Needles], Any] | None = None,
        read_outlines: bool = False,
    ) -> None:
        """Measure the plan with the wanted needles in the background, show it, and `remember` them for undo."""
        keep = remember or self._histories.of(document).record
        needles: Needles = ()

        def prepare() -> Any:
            nonlocal needles
            needles = wanted()
            return self._panel.logic.prepareMeasure(document, needles, read_outlines)

        def finish(result: Any) -> None:
            self.show(document, result, needles)
            keep(needles)
            self._panel.update()
            self._panel.say(plan_line(document.GetName(), result.plan))

        self._panel.run(prepare, finish)
