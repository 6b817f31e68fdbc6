"""Screws: the corridors of this patient, which to use, and the screws that fit."""

import json
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.panel import widgets
from BoneAblationPlannerLib.panel.content import plan_of
from BoneAblationPlannerLib.panel.moved_lines import moved_lines, put_back
from BoneAblationPlannerLib.panel.readiness import Readiness
from BoneAblationPlannerLib.panel.section import State, StepState
from BoneAblationPlannerLib.panel.tracker import LineTracker
from BoneAblationPlannerLib.panel.unmeasured import Unmeasured
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
        self._unmeasured = Unmeasured(panel, lambda document: panel.add(self.logic.prepareMovedScrews, document))
        self._document: Any = None
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
        document, lines = self.parameters.plan, self.logic.screwLines(self.parameters.plan) if screws else []
        if self._tracker.follow(lines):  # moved a moment ago, then another plan was chosen or a screw deleted
            self._unmeasured.add(self._document)
        self._document = document
        if len(lines) < len(screws):
            self._unmeasured.add(document)  # the user deleted one

    def release(self) -> None:
        """The lines are no longer listened to."""
        if self._tracker.stop():
            self._unmeasured.add(self._document)
        self._document = None

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
        if self.parameters is not None and self.panel.plan() is not None:
            self._unmeasured.add(self.parameters.plan)
            self._unmeasured.measure_next()

    def show(self, document: Any, result: Any) -> list[str]:
        """Show a result of a plan; screws that were moved meanwhile stay there and are measured anew.

        Returns the names of moved screws that the result has no longer, or in another corridor.
        """
        self.logic.requirePlan(document)
        before, after = plan_of(document), result.plan.screws
        was_in = {} if before is None else {screw.name: content.corridor_name(screw) for screw in before.screws}
        is_in = {screw.name: content.corridor_name(screw) for screw in after}
        moved = moved_lines(self.logic.screwLines(document), () if before is None else before.screws, after)
        kept = {name: ends for name, ends in moved.items() if is_in.get(name) == was_in.get(name)}
        self.logic.show(document, result)
        self._tracker.stop()  # the lines are others now, and it is known which moved
        put_back(self.logic.screwLines(document), kept)
        if kept:
            self._unmeasured.add(document)
        return [name for name in moved if name not in kept]

    def updateRunning(self) -> None:
        """Run, and back to the corridors near the lesion."""
        super().updateRunning()
        chosen = self.logic.chosenCorridors(self.parameters) is not None
        self.allow("nearButton", self.waiting((chosen, _("another choice of corridors"))))
        self._unmeasured.measure_soon()

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
