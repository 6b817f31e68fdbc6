"""Heat or ice, with which device, how far beyond the lesion, and why."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.choices import ModalityChoice
from BoneAblationPlannerLib.panel.content import advice_lines, bullets
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.widgets import show_text


class AblationSection(Section):
    """Modality, device, intent, margin; the reasons come with the plan."""

    name = "ablationSection"

    def connect(self) -> None:
        """The list of devices is not a plain list of an enumeration."""
        self.ui.deviceCombo.connect("currentIndexChanged(int)", self.onDevice)

    def update(self) -> None:
        """Devices of the chosen kind, and the reasons of the chosen plan."""
        modality = self.parameters.modality.value
        devices = {"": _("Any of the catalogue")} | {
            device.id: device.name for device in self.logic.devices() if modality in (None, device.modality)
        }
        if self.parameters.device not in devices:
            self.parameters.device = ""
        show_choices(self.ui.deviceCombo, devices, self.parameters.device)
        plan = self.panel.plan()
        show_text(self.ui.adviceLabel, "" if plan is None else bullets(advice_lines(plan)))

    def state(self) -> StepState:
        """Who chose."""
        if self.parameters.modality != ModalityChoice.AUTO:
            return StepState(State.DONE, self.parameters.modality.label())
        plan = self.panel.plan()
        if plan is None:
            return StepState(State.DONE, _("proposed when planning"))
        return StepState(State.DONE, _("proposed: {modality}").format(modality=plan.advice.modality.upper()))

    def onDevice(self, index: int) -> None:
        """Remember the device by its id."""
        if self.parameters is not None and index >= 0:
            self.parameters.device = self.ui.deviceCombo.itemData(index)
