"""The panel: its steps in the order of thought."""

from typing import Any

from BoneAblationPlannerLib.panel import content
from BoneAblationPlannerLib.panel.figures_section import FiguresSection
from BoneAblationPlannerLib.panel.lifecycle import PlanningPanel
from BoneAblationPlannerLib.plan import Plan
from CementTrajectoryLib.panel.cement_section import CementSection
from CementTrajectoryLib.panel.order_section import OrderSection
from CementTrajectoryLib.panel.plan_section import PlanSection
from CementTrajectoryLib.panel.screws_section import ScrewsSection
from CementTrajectoryLib.panel.stability_section import StabilitySection

STEPS = (PlanSection, CementSection, ScrewsSection, StabilitySection, FiguresSection, OrderSection)


class CementPanel(PlanningPanel):
    """What the steps ask of each other."""

    def plan(self) -> Plan | None:
        """The chosen plan as it is stored now."""
        return content.plan_of(self.parameters.plan) if self.parameters is not None else None

    def add(self, prepare: Any) -> None:
        """Add something to the chosen plan in the background; `prepare` gets document and parameters."""
        document, parameters = self.parameters.plan, self.parameters
        self.run(lambda: prepare(document, parameters), lambda result: self._show(document, result))

    def _show(self, document: Any, result: Any) -> None:
        self.logic.show(document, result)
        self.update()
