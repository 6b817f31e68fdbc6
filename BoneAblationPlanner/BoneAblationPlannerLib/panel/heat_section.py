"""Heat or ice simulated in this patient's tissues, beside the charts."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel import content, widgets
from BoneAblationPlannerLib.panel.section import Section, State, StepState


class HeatSection(Section):
    """Simulate the chosen plan; its zone, coverage and temperatures take the place of the chart's."""

    name = "heatSection"

    def connect(self) -> None:
        """The button and the table."""
        for table in (self.ui.effectTable, self.ui.thermocoupleTable):
            widgets.prepare_table(table)
        self.ui.simulateButton.connect("clicked(bool)", self.onSimulate)
        self.ui.thermocoupleButton.connect("clicked(bool)", self.onPlaceThermocouple)

    def update(self) -> None:
        """What the simulation of the chosen plan says."""
        plan = self.panel.plan()
        simulation = None if plan is None else plan.simulation
        self.ui.effectTable.setVisible(simulation is not None)
        self.ui.thermocoupleTable.setVisible(simulation is not None and bool(simulation.thermocouples))
        if plan is None or simulation is None:
            widgets.show_text(self.ui.heatLabel, "")
            return
        widgets.show_text(self.ui.heatLabel, content.simulation_line(plan, simulation))
        widgets.fill_table(self.ui.effectTable, content.effect_table(simulation))
        widgets.fill_table(self.ui.thermocoupleTable, content.thermocouple_table(simulation))

    def updateRunning(self) -> None:
        """A plan is needed."""
        ready = self.parameters.plan is not None
        for button in (self.ui.simulateButton, self.ui.thermocoupleButton):
            button.enabled = ready and not self.panel.busy
        self.ui.simulateButton.toolTip = (
            _("Compute heat or ice in this patient's bone, vessels and fat; takes a minute or two. Can be cancelled.")
            if ready
            else _("To simulate, still needed: a plan")
        )

    def state(self) -> StepState:
        """A limit that is broken asks for attention."""
        plan = self.panel.plan()
        if plan is None:
            return StepState(State.BLOCKED, _("no plan yet"))
        if plan.simulation is None:
            return StepState(State.DONE, _("charts only"))
        broken = sum(effect.ok is False for effect in plan.simulation.effects)
        if broken:
            return StepState(State.ATTENTION, _("{count} structures beyond their limit").format(count=broken))
        return StepState(State.DONE, _("simulated"))

    def onSimulate(self) -> None:
        """Simulate in the background, then show it."""
        document = self.parameters.plan
        shortest, together = bool(self.ui.shortestCheck.checked), bool(self.ui.togetherCheck.checked)

        def finish(result: Any) -> None:
            self.logic.showResult(document, result)
            self.panel.update()

        self.panel.run(lambda: self.logic.prepareSimulation(document, shortest, together), finish)

    def onPlaceThermocouple(self) -> None:
        """Let the user click a point; it is read at the next simulation."""
        self.panel.tryTo(lambda: self.logic.placeThermocouple(self.parameters.plan))
