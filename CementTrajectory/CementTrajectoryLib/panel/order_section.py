"""What is done after what, and what to look out for."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from CementTrajectoryLib.panel import content


class OrderSection(Section):
    """Order of work and warnings."""

    name = "orderSection"

    def connect(self) -> None:
        """The list of warnings leads to their places."""
        self.ui.cautionsList.connect("itemClicked(QListWidgetItem*)", self.onCaution)
        self.ui.cautionsList.connect("itemActivated(QListWidgetItem*)", self.onCaution)  # the Enter key

    def update(self) -> None:
        """Both lists, or nothing without a plan."""
        from BoneAblationPlannerLib.advice.order import work_steps

        plan = self.panel.plan()
        steps = () if plan is None else work_steps(plan)
        self.ui.orderList.clear()
        for n, line in enumerate(steps, start=1):
            self.ui.orderList.addItem(f"{n}. {line}")
        self.ui.orderList.setVisible(bool(steps))
        widgets.fill_places(self.ui.cautionsList, [] if plan is None else content.caution_places(plan))

    def state(self) -> StepState:
        """How much there is to look out for."""
        plan = self.panel.plan()
        if plan is None:
            return StepState(State.BLOCKED, _("no plan yet"))
        count = len(content.cautions(plan))
        if count:
            return StepState(State.ATTENTION, _("{count} warning(s)").format(count=count))
        return StepState(State.DONE, "")

    def onCaution(self, item: Any) -> None:
        """Show the place that a warning is about."""
        from BoneAblationPlannerLib.scene.slices import jump

        point = widgets.place_of(item)
        if point is not None:
            jump(slicer.mrmlScene, point)
