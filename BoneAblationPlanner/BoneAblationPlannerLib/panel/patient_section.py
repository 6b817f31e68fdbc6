"""Whose scan, and how the patient lies."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.choices import PatientPosition
from BoneAblationPlannerLib.panel.section import Section, State, StepState


class PatientSection(Section):
    """CT, position, sample case."""

    name = "patientSection"

    def connect(self) -> None:
        """The button of the sample."""
        self.ui.sampleButton.connect("clicked(bool)", self.onLoadSample)

    def updateRunning(self) -> None:
        """One thing at a time."""
        self.allow("sampleButton", self.waiting())

    def onLoadSample(self) -> None:
        """Make the phantom in the background and choose its nodes."""
        self.panel.run(lambda: self.logic.makePhantom, self._add)

    def state(self) -> StepState:
        """The CT is needed; its position may be unknown."""
        if self.parameters.ct is None:
            return StepState(State.BLOCKED, _("choose a CT"))
        if self.parameters.position == PatientPosition.AS_SCANNED and not self.logic.scannedPosition(self.parameters):
            return StepState(State.ATTENTION, _("position not known: supine is assumed"))
        return StepState(State.DONE, self.parameters.ct.GetName())

    def _add(self, phantom: object) -> None:
        if self.parameters is not None:
            self.logic.addSample(phantom, self.parameters)
