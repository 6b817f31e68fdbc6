"""Screws: the corridors of this patient, which to use, and the screws that fit."""

import json
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.readiness import Readiness
from BoneAblationPlannerLib.panel.section import State, StepState
from BoneAblationPlannerLib.panel.tracker import LineTracker
from BoneAblationPlannerLib.plan import ScrewCorridor
from CementTrajectoryLib.panel import content
from CementTrajectoryLib.panel.step import RunStep

USE, CORRIDOR, RESULT = 0, 1, 2


class ScrewsSection(RunStep):
    """Clearance, corridors, screws."""

    name, button = "screwsSection", "screwsButton"
    action = _("To plan screws")
    does = _("Look for screw corridors and plan the thickest screws that fit in those that are ticked")

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._filling = False
        self._unmeasured = False
        self._tracker = LineTracker(panel, self.onMoving, self.onRested)
        self._readiness = Readiness(panel, self._tracker, self.onMoving)

    def connect(self) -> None:
        """Buttons and tables."""
        super().connect()
        widgets.prepare_table(self.ui.corridorTable)
        widgets.prepare_table(self.ui.screwTable)
        self.ui.corridorTable.connect("cellChanged(int,int)", self.onCell)
        self.ui.nearButton.connect("clicked(bool)", self.onNear)

    def prepare(self) -> Any:
        """Screws."""
        return self.logic.prepareScrews

    def update(self) -> None:
        """Corridors that were found or not, and screws."""
        self._readiness.forget_failure()
        plan = self.panel.plan()
        corridors = plan.corridors if plan is not None else ()
        screws = plan.screws if plan is not None else ()
        self._show_corridors(corridors)
        self.ui.corridorsBody.setVisible(bool(corridors))
        self.ui.screwTable.setVisible(bool(screws))
        if screws:
            widgets.fill_table(self.ui.screwTable, content.screw_table(screws))
        self._tracker.follow(self.logic.screwLines(self.parameters.plan) if screws else [])

    def release(self) -> None:
        """The lines are no longer listened to."""
        self._tracker.stop()

    def onMoving(self) -> None:
        """Figures and models of the screws while one is dragged; what cannot be measured waits until it rests."""
        if self.parameters is None or self.panel.plan() is None:
            return
        try:
            screws = self.logic.movingScrews(self.parameters.plan)
        except InputError as error:
            self.panel.showMessage(str(error))
            return
        if screws is None:
            self._readiness.get_ready(self.parameters.plan)  # then this is called again
        elif screws:
            widgets.fill_table(self.ui.screwTable, content.screw_table(screws))

    def onRested(self) -> None:
        """The plan takes the screws where they are now, once nothing else runs."""
        self._unmeasured = self.parameters is not None and self.panel.plan() is not None
        self._measure_unmeasured()

    def _measure_unmeasured(self) -> None:
        if self._unmeasured and self.parameters is not None and not self.panel.busy:
            self._unmeasured = False
            if self.panel.plan() is not None:
                self.panel.add(self.logic.prepareMovedScrews)

    def updateRunning(self) -> None:
        """Run, and back to the corridors near the lesion."""
        super().updateRunning()
        chosen = self.logic.chosenCorridors(self.parameters) is not None
        self.allow("nearButton", self.waiting((chosen, _("another choice of corridors"))))
        if self._unmeasured and not self.panel.busy:
            qt.QTimer.singleShot(0, self._measure_unmeasured)

    def state(self) -> StepState:
        """How many screws."""
        plan = self.panel.plan()
        if plan is None or not plan.corridors:
            return StepState(State.BLOCKED, _("not planned"))
        if not plan.screws:
            return StepState(State.ATTENTION, _("no screw fits"))
        return StepState(State.DONE, _("{count} screw(s)").format(count=len(plan.screws)))

    def onCell(self, row: int, column: int) -> None:
        """Another choice of corridors; used by the next run."""
        if self._filling or self.parameters is None or column != USE:
            return
        table = self.ui.corridorTable
        ticked = [
            table.item(n, CORRIDOR).text()
            for n in range(table.rowCount)
            if table.item(n, USE).checkState() == qt.Qt.Checked
        ]
        self.parameters.corridors = json.dumps(ticked)

    def onNear(self) -> None:
        """Those near the lesion again."""
        self.parameters.corridors = ""

    def _show_corridors(self, corridors: tuple[ScrewCorridor, ...]) -> None:
        table, chosen = self.ui.corridorTable, self.logic.chosenCorridors(self.parameters)
        self._filling = True
        table.clear()
        table.setColumnCount(3)
        table.setRowCount(len(corridors))
        table.horizontalHeader().setSectionResizeMode(USE, qt.QHeaderView.ResizeToContents)
        table.setHorizontalHeaderLabels([_("Use"), _("Corridor"), _("Result")])
        for row, corridor in enumerate(corridors):
            used = corridor.near_lesion if chosen is None else corridor.title in chosen
            tick = widgets.read_only_cell("", _("Plan a screw here"))
            tick.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable if corridor.found else qt.Qt.NoItemFlags)
            tick.setCheckState(qt.Qt.Checked if used and corridor.found else qt.Qt.Unchecked)
            table.setItem(row, USE, tick)
            table.setItem(row, CORRIDOR, widgets.read_only_cell(corridor.title))
            table.setItem(row, RESULT, widgets.read_only_cell(content.corridor_words(corridor)))
        self._filling = False
        widgets.fit_height(table)
