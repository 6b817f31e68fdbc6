"""Stability: score, class and rigidity before and after cement and screws."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.section import State, StepState
from CementTrajectoryLib.panel import content
from CementTrajectoryLib.panel.step import RunStep


class StabilitySection(RunStep):
    """Pain has to be asked; the rest comes from the scan."""

    name, button = "stabilitySection", "stabilityButton"
    action = _("To assess stability")
    does = _("Fracture score, class of the acetabulum, and rigidity before and after the planned cement and screws")

    def connect(self) -> None:
        """Button and table."""
        super().connect()
        widgets.prepare_table(self.ui.stabilityTable)

    def prepare(self) -> Any:
        """Stability."""
        return self.logic.prepareStability

    def update(self) -> None:
        """Figures, or nothing."""
        table = self._table()
        self.ui.stabilityTable.setVisible(table is not None)
        if table is not None:
            widgets.fill_table(self.ui.stabilityTable, table)

    def state(self) -> StepState:
        """The score, or the loss of rigidity."""
        plan, table = self.panel.plan(), self._table()
        if plan is None or table is None:
            return StepState(State.BLOCKED, _("not assessed"))
        total = content.mirels_total(plan.stability.mirels)
        text = _("assessed") if total is None else _("Mirels {total}").format(total=total)
        return StepState(State.ATTENTION if plan.stability.cautions else State.DONE, text)

    def _table(self) -> Any:
        plan = self.panel.plan()
        table = content.stability_table(plan.stability) if plan is not None else None
        return table if table is not None and table.cells else None
