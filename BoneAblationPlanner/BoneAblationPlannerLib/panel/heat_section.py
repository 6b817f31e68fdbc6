"""Heat or ice simulated in this patient's tissues, beside the charts."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import heat_content, widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState
from BoneAblationPlannerLib.plan import Plan


class HeatSection(Section):
    """Simulate the chosen plan; its zone, coverage and temperatures take the place of the chart's. Or plan by it.

    Planning by the simulation adds a plan of its own: needles of the chosen plan stay where they are. While either
    runs, its button stops it and the text below says how far it is: the panel's own bar may be out of sight.
    """

    name = "heatSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._started = ""  # the button of what runs
        self._lapsed: Any = None  # the plan whose simulation came too late

    def connect(self) -> None:
        """The button and the table."""
        for table in (self.ui.effectTable, self.ui.thermocoupleTable):
            widgets.prepare_table(table)
        self.ui.simulateButton.connect("clicked(bool)", self.onSimulate)
        self.ui.heatPlanButton.connect("clicked(bool)", self.onPlan)
        self.ui.thermocoupleButton.connect("clicked(bool)", self.onPlaceThermocouple)

    def update(self) -> None:
        """What the simulation of the chosen plan says."""
        plan = self.panel.plan()
        simulation = None if plan is None else plan.simulation
        self.ui.effectTable.setVisible(simulation is not None)
        self.ui.thermocoupleTable.setVisible(simulation is not None and bool(simulation.thermocouples))
        if not self._simulating:
            widgets.show_text(self.ui.heatLabel, self._words(plan))
        if simulation is not None:
            widgets.fill_table(self.ui.effectTable, heat_content.effect_table(simulation))
            widgets.fill_table(self.ui.thermocoupleTable, heat_content.thermocouple_table(simulation))

    def updateRunning(self) -> None:
        """A plan is needed to simulate, a lesion to plan."""
        needs = self.waiting((self.panel.plan(), _("a plan")))
        self.allow("thermocoupleButton", needs)
        names = {"simulateButton": _("Simulate"), "heatPlanButton": _("Plan by the simulation")}
        missing = [*self.waiting(), *self.logic.missing(self.parameters)]
        for name, needed in (("simulateButton", needs), ("heatPlanButton", missing)):
            getattr(self.ui, name).text = names[name]
            self.allow(name, needed)
        if self._simulating:
            button = getattr(self.ui, self._started)
            button.text = _("Stop simulating") if self._started == "simulateButton" else _("Stop planning")
            button.toolTip = _("Stop at the next step; the plan stays as it is.")
            button.enabled = not self.panel.runner.cancelling
            widgets.show_text(self.ui.heatLabel, self._progress_words())
        elif self._started:  # over a moment ago
            self._started = ""
            self.update()

    def state(self) -> StepState:
        """A limit that is broken asks for attention."""
        plan = self.panel.plan()
        if self._simulating:
            return StepState(State.ATTENTION, _("simulating"))
        if plan is None:
            return StepState(State.BLOCKED, _("no plan yet"))
        if plan.simulation is None:
            return StepState(State.DONE, _("charts only"))
        broken = sum(effect.ok is False for effect in plan.simulation.effects)
        if broken:
            return StepState(State.ATTENTION, _("{count} structures beyond their limit").format(count=broken))
        possibly = sum(effect.may_break for effect in plan.simulation.effects)
        if possibly:
            return StepState(State.ATTENTION, _("{count} structures may be beyond their limit").format(count=possibly))
        return StepState(State.DONE, _("simulated"))

    def onSimulate(self) -> None:
        """Simulate in the background, then show it; pressed again, stop."""
        if self._simulating:
            self.panel.onCancel()
            return
        document = self.parameters.plan
        shortest, together = bool(self.ui.shortestCheck.checked), bool(self.ui.togetherCheck.checked)

        needles: tuple[Any, ...] = ()

        def prepare() -> Any:
            nonlocal needles
            self._lapsed, needles = None, self.logic.placements(document)
            work = self.logic.prepareSimulation(document, shortest, together)
            self._started = "simulateButton"
            return work

        def finish(result: Any) -> None:
            self._lapsed = document if self.panel.show(document, result, needles) else None
            self.panel.update()

        self.panel.run(prepare, finish)

    def onPlan(self) -> None:
        """Plan in the background as for the needles, place by the simulated zone, add the plan; pressed again, stop."""
        if self._simulating:
            self.panel.onCancel()
            return
        ct, document = self.parameters.ct, self.parameters.plan
        shortest, together = bool(self.ui.shortestCheck.checked), bool(self.ui.togetherCheck.checked)

        def prepare() -> Any:
            self._lapsed = None
            case = self.logic.withKept(self.logic.makeCase(self.parameters, self.panel.nerves()), document)
            work = self.logic.prepareHeatPlan(case, document, shortest, together)
            self._started = "heatPlanButton"
            return work

        self.panel.run(prepare, lambda result: self.panel.addPlan(result, ct))

    def onPlaceThermocouple(self) -> None:
        """Let the user click a point; it is read at the next simulation."""
        self.panel.tryTo(lambda: self.logic.placeThermocouple(self.parameters.plan))

    @property
    def _simulating(self) -> bool:
        return bool(self._started and self.panel.runner.running)

    def _words(self, plan: Plan | None) -> str:
        if plan is not None and plan.simulation is not None:
            return heat_content.simulation_line(plan, plan.simulation)
        if plan is not None and self._lapsed is self.parameters.plan:
            return _("A needle was moved during the simulation: it stays there, and the simulation no longer holds.")
        return ""

    def _progress_words(self) -> str:
        if self.panel.runner.cancelling:
            return _("Stopping.")
        fraction, stage = self.panel.runner.progress
        return _("{share:.0f} %: {stage}").format(share=100 * fraction, stage=stage)
