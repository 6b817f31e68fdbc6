"""Cement: needles, volume, where it flows, where it may leak."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.section import State, StepState
from BoneAblationPlannerLib.plan import Cement
from CementTrajectoryLib.panel import content
from CementTrajectoryLib.panel.step import RunStep


class CementSection(RunStep):
    """Gauge, filling, viscosity, needles."""

    name, button = "cementSection", "planButton"
    action = _("To plan cement")
    does = _("Look for tracks of cement needles and for gaps in the cortex, and simulate the filling")

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._shown: Cement | None = None

    def connect(self) -> None:
        """Button, tables and slider."""
        super().connect()
        widgets.prepare_table(self.ui.cementTable)
        widgets.prepare_table(self.ui.fillTable)
        self.ui.fillSlider.connect("valueChanged(double)", self.onFill)

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
        self._show_slider(cement)

    def onFill(self, volume_ml: float) -> None:
        """The cement of another volume."""
        plan = self.panel.plan()
        if plan is None or plan.cement is None:
            return
        self.logic.showCementAt(self.parameters.plan, volume_ml)
        self.ui.fillLabel.text = content.fill_words(plan.cement, volume_ml)

    def _show_slider(self, cement: Cement | None) -> None:
        """From nothing to all that was simulated; another plan's cement begins at the advised volume."""
        slider = self.ui.fillSlider
        slider.enabled = cement is not None and bool(cement.steps)
        if cement is None or not cement.steps or cement == self._shown:
            self._shown = cement
            return
        self._shown = cement
        was_blocked = slider.blockSignals(True)
        slider.maximum = cement.steps[-1].injected_ml
        slider.value = cement.stop_ml or 0.0
        slider.blockSignals(was_blocked)
        self.ui.fillLabel.text = content.fill_words(cement, cement.stop_ml or 0.0)

    def state(self) -> StepState:
        """Advised volume; less than wanted asks for attention."""
        plan = self.panel.plan()
        if plan is None or plan.cement is None or plan.cement.stop_ml is None:
            return StepState(State.BLOCKED, _("not planned"))
        cement = plan.cement
        text = _("{count} needle(s), stop at {ml:.1f} ml").format(count=len(cement.needles), ml=cement.stop_ml)
        enough = plan.cement.stop_ml >= cement.fill_ml - 0.1
        return StepState(State.DONE if enough else State.ATTENTION, text)
