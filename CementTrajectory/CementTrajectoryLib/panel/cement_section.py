"""Cement: needles, volume, where it flows, where it may leak."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.section import State, StepState
from CementTrajectoryLib.panel import content
from CementTrajectoryLib.panel.step import RunStep


class CementSection(RunStep):
    """Gauge, filling, viscosity, needles."""

    name, button = "cementSection", "planButton"
    action = _("To plan cement")
    does = _("Look for tracks of cement needles and for gaps in the cortex, and simulate the filling")

    def connect(self) -> None:
        """Button and tables."""
        super().connect()
        widgets.prepare_table(self.ui.cementTable)
        widgets.prepare_table(self.ui.fillTable)

    def prepare(self) -> Any:
        """Cement."""
        return self.logic.prepare

    def update(self) -> None:
        """Figures of the cement, or nothing."""
        plan = self.panel.plan()
        cement = plan.cement if plan is not None else None
        self.ui.resultsBody.setVisible(cement is not None)
        if cement is not None:
            widgets.fill_table(self.ui.cementTable, content.cement_table(cement))
            widgets.fill_table(self.ui.fillTable, content.fill_table(cement))

    def state(self) -> StepState:
        """Advised volume; less than wanted asks for attention."""
        plan = self.panel.plan()
        if plan is None or plan.cement is None or plan.cement.stop_ml is None:
            return StepState(State.BLOCKED, _("not planned"))
        cement = plan.cement
        text = _("{count} needle(s), stop at {ml:.1f} ml").format(count=len(cement.needles), ml=cement.stop_ml)
        enough = plan.cement.stop_ml >= cement.fill_ml - 0.1
        return StepState(State.DONE if enough else State.ATTENTION, text)
