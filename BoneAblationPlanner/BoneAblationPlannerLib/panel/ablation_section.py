"""Heat or ice, with which device, how far beyond the lesion, and what the rules recommend, before planning too."""

from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import advice_content
from BoneAblationPlannerLib.panel.choices import ModalityChoice
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.widgets import show_text
from BoneAblationPlannerLib.plan import Advice, Lesion

_WATCH_MS = 500


class AblationSection(Section):
    """Modality, advice, device, intent, margin.

    Advice that was asked for follows the lesion and the structures. Segments, curves and volumes say in many ways that
    they changed; comparing what the advice rests on twice a second misses none.
    """

    name = "ablationSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._advice: tuple[Advice, Lesion] | None = None
        self._rests_on: tuple[Any, ...] = ()
        self._tried: tuple[Any, ...] = ()
        self._plan: Any = None
        self._watch = qt.QTimer()
        self._watch.setInterval(_WATCH_MS)
        self._watch.connect("timeout()", self.onWatch)

    def connect(self) -> None:
        """The list of devices is not a plain list of an enumeration."""
        self.ui.deviceCombo.connect("currentIndexChanged(int)", self.onDevice)
        self.ui.adviseButton.connect("clicked(bool)", self.onAdvise)

    def update(self) -> None:
        """Devices of the chosen kind, and the reasons: of the advice that was asked for, else of the chosen plan."""
        modality = self.parameters.modality.value
        devices = {"": _("Any of the catalogue")} | {
            device.id: device.name for device in self.logic.devices() if modality in (None, device.modality)
        }
        if self.parameters.device not in devices:
            self.parameters.device = ""
        show_choices(self.ui.deviceCombo, devices, self.parameters.device)
        if self.parameters.plan is not self._plan:  # a plan has its own advice, with what came of it
            self._plan = self.parameters.plan
            self._advice = None
        self._show_advice()

    def updateRunning(self) -> None:
        """Advice needs a lesion."""
        missing = self.logic.missing(self.parameters)
        self.allow("adviseButton", [*self.waiting(), *missing])
        if missing:
            self._advice = None
        if self._advice is None:
            self._watch.stop()
        elif not self._watch.active:
            self._watch.start()

    def release(self) -> None:
        """Nothing is compared while the panel is left."""
        self._watch.stop()

    def state(self) -> StepState:
        """Who chose, and whether what was advised still holds."""
        chosen = self.parameters.modality
        if self._advice is not None and self._is_outdated():
            return StepState(State.ATTENTION, _("advice is of an earlier state"))
        if chosen != ModalityChoice.AUTO:
            return self._chosen_state(chosen)
        plan = self.panel.plan()
        if self._advice is not None:
            best = self._advice[0].ranked[0].modality.upper()
            return StepState(State.DONE, _("proposed: {modality}").format(modality=best))
        if plan is None:
            return StepState(State.DONE, _("proposed when planning"))
        return StepState(State.DONE, _("proposed: {modality}").format(modality=plan.advice.modality.upper()))

    def onDevice(self, index: int) -> None:
        """Remember the device by its id."""
        if self.parameters is not None and index >= 0:
            self.parameters.device = self.ui.deviceCombo.itemData(index)

    def onAdvise(self) -> None:
        """Ask the rules, in the background."""
        nerves, rests_on = self.panel.nerves(), self._inputs()
        self._tried = rests_on

        def prepare() -> Any:
            case = self.logic.makeCase(self.parameters, nerves)
            return lambda report: self.logic.advise(case, report)

        self.panel.run(prepare, lambda found: self._take(found, rests_on))

    def onWatch(self) -> None:
        """Ask again once the lesion or a structure changed, when nothing else is being done."""
        if self.parameters is None or self._advice is None or not self._is_outdated():
            return
        self.showTitle()
        idle = not self.panel.busy and not self.ui.editButton.checked
        if idle and self._inputs() != self._tried:  # what failed or was cancelled is not tried again as it is
            self.onAdvise()

    def _take(self, found: tuple[Advice, Lesion], rests_on: tuple[Any, ...]) -> None:
        if self.parameters is not None:
            self._advice, self._rests_on = found, rests_on
            self.panel.update()

    def _inputs(self) -> tuple[Any, ...]:
        inputs: tuple[Any, ...] = self.logic.adviceInputs(self.parameters, self.panel.nerves())
        return inputs

    def _is_outdated(self) -> bool:
        return self._inputs() != self._rests_on

    def _chosen_state(self, chosen: ModalityChoice) -> StepState:
        if self._advice is None or chosen.value == self._advice[0].ranked[0].modality:
            return StepState(State.DONE, chosen.label())
        best = self._advice[0].ranked[0].modality.upper()
        return StepState(State.DONE, _("{chosen}; the rules: {best}").format(chosen=chosen.label(), best=best))

    def _show_advice(self) -> None:
        plan, label = self.panel.plan(), self.ui.adviceLabel
        does = self._does.setdefault("adviceLabel", label.toolTip)
        lines: tuple[str, ...] = ()
        advice = None
        if self._advice is not None:
            advice, lesion = self._advice
            lines = advice_content.case_advice_lines(advice, lesion, self.parameters.cement)
        elif plan is not None:
            advice = plan.advice
            lines = advice_content.plan_advice_lines(plan)
        show_text(label, "\n".join(lines))
        label.toolTip = does if advice is None else f"{does}\n{advice_content.sources(advice)}"
