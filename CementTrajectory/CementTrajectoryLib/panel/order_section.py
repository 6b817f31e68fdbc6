"""What is done after what, and what to look out for."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.section import Section, State, StepState
from CementTrajectoryLib.panel import content


class OrderSection(Section):
    """Order of work and warnings."""

    name = "orderSection"

    def update(self) -> None:
        """Both lists, or nothing without a plan."""
        from BoneAblationPlannerLib.advice.order import work_steps

        plan = self.panel.plan()
        steps = () if plan is None else work_steps(plan)
        warnings = () if plan is None else content.cautions(plan)
        for widget, lines in (
            (self.ui.orderList, [f"{n}. {line}" for n, line in enumerate(steps, start=1)]),
            (self.ui.cautionsList, warnings),
        ):
            widget.clear()
            for line in lines:
                widget.addItem(line)
            widget.setVisible(bool(lines))

    def state(self) -> StepState:
        """How much there is to look out for."""
        plan = self.panel.plan()
        if plan is None:
            return StepState(State.BLOCKED, _("no plan yet"))
        count = len(content.cautions(plan))
        if count:
            return StepState(State.ATTENTION, _("{count} warning(s)").format(count=count))
        return StepState(State.DONE, "")
