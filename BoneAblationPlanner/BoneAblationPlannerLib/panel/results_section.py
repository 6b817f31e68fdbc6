"""What the plan covers, what is close, what to look at."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import content, widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.rounding import percent_down


class ResultsSection(Section):
    """Figures of the chosen plan."""

    name = "resultsSection"

    def connect(self) -> None:
        """Tables, and the list of warnings that leads to their places."""
        for table in (self.ui.coverageTable, self.ui.probeTable):
            widgets.prepare_table(table)
        self.ui.warningsList.connect("itemClicked(QListWidgetItem*)", self.onWarning)
        self.ui.warningsList.connect("itemActivated(QListWidgetItem*)", self.onWarning)  # the Enter key

    def update(self) -> None:
        """The figures, or an empty section."""
        plan = self.panel.plan()
        widgets.show_text(self.ui.unreadableLabel, content.why_unreadable(self.parameters.plan))
        self.ui.resultsBody.setVisible(plan is not None)
        if plan is None:
            return
        widgets.show_text(self.ui.notCheckedLabel, content.not_checked_line(plan))
        widgets.fill_table(self.ui.coverageTable, content.coverage_table(plan))
        widgets.fill_table(self.ui.probeTable, content.probe_table(plan))
        widgets.fill_places(self.ui.warningsList, content.warning_places(plan))

    def showMoving(self, plan: Plan | None) -> None:
        """The figures that follow a drag; the others are measured when it is over."""
        if plan is not None:
            widgets.fill_table(self.ui.coverageTable, content.coverage_table(plan, moving=True))
            widgets.fill_table(self.ui.probeTable, content.probe_table(plan))

    def state(self) -> StepState:
        """Coverage in the title; a broken distance or a gap asks for attention."""
        plan = self.panel.plan()
        if plan is None:
            no_plan = self.parameters.plan is None
            return StepState(State.BLOCKED, _("no plan yet") if no_plan else _("the plan cannot be read"))
        text = _("lesion {share}").format(share=percent_down(plan.coverage.lesion_fraction))
        broken = sum(not c.ok for probe in plan.probes for c in probe.clearances)
        if broken:
            return StepState(State.ATTENTION, _("{text}, {count} too close").format(text=text, count=broken))
        complete = plan.coverage.lesion_fraction >= content.COMPLETE
        return StepState(State.DONE if complete else State.ATTENTION, text)

    def onWarning(self, item: Any) -> None:
        """Show the place that a warning is about."""
        point = widgets.place_of(item)
        if point is not None:
            self.panel.jump(point)
