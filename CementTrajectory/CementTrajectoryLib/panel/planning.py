"""The panel: its steps in the order of thought."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.figures_section import FiguresSection
from BoneAblationPlannerLib.panel.lifecycle import PlanningPanel
from CementTrajectoryLib.panel.cement_section import CementSection
from CementTrajectoryLib.panel.order_section import OrderSection
from CementTrajectoryLib.panel.plan_section import PlanSection
from CementTrajectoryLib.panel.screws_section import ScrewsSection
from CementTrajectoryLib.panel.stability_section import StabilitySection

STEPS = (PlanSection, CementSection, ScrewsSection, StabilitySection, FiguresSection, OrderSection)


class CementPanel(PlanningPanel):
    """What the steps ask of each other."""

    def add(self, prepare: Any, document: Any = None) -> None:
        """Add something to a plan, by default the chosen one; `prepare` gets its document and the parameters."""
        document, parameters = document or self.parameters.plan, self.parameters
        self.run(lambda: prepare(document, parameters), lambda result: self._show(document, result))

    def _show(self, document: Any, result: Any) -> None:
        lost = self.section(ScrewsSection).show(document, result)
        self.update()
        if lost:
            text = _("{names}: moved while screws were planned, and not among the new ones.")
            self.showMessage(text.format(names=", ".join(lost)))
