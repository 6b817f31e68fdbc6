"""Which ablation plan the rest is added to."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import content, widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState


class PlanSection(Section):
    """The plan, and what nobody looked for in it."""

    name = "planSection"

    def update(self) -> None:
        """What the plan did not check."""
        plan = self.panel.plan()
        widgets.show_text(self.ui.notCheckedLabel, "" if plan is None else content.not_checked_line(plan))

    def state(self) -> StepState:
        """Without a plan nothing can be added."""
        plan = self.panel.plan()
        if plan is None:
            return StepState(State.BLOCKED, _("make one with Bone Ablation Planner"))
        return StepState(State.DONE, f"{plan.lesion.volume_ml:.1f} ml, {plan.advice.modality.upper()}")
