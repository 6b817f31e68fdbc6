"""The needles: found by planning, placed by hand, dragged, renamed, locked, taken back."""

from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import alternative_lines
from BoneAblationPlannerLib.panel.history import History
from BoneAblationPlannerLib.panel.section import Section, State, StepState, still_needed
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.tracker import LineTracker
from BoneAblationPlannerLib.panel.widgets import check_cell, editable_cell, fit_height, prepare_table, read_only_cell

NAME, DEVICE, LOCK, KEEP = 0, 1, 2, 3
Needles = tuple[Any, ...]
"""Placements of all probes of a plan."""


class ProbesSection(Section):
    """Plan, and change the plan by hand; figures follow."""

    name = "probesSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._history: History[Needles] = History()
        self._tracker = LineTracker(panel, self.onMoving, self.onRested)
        self._document: Any = None
        self._placing: Any = None
        self._filling = False
        self._moved_during_run = False

    def connect(self) -> None:
        """Buttons, list, combo."""
        ui = self.ui
        prepare_table(ui.probeList)
        ui.planButton.connect("clicked(bool)", self.onPlan)
        ui.addProbeButton.connect("clicked(bool)", self.onAdd)
        ui.removeProbeButton.connect("clicked(bool)", self.onRemove)
        ui.lockButton.connect("clicked(bool)", self.onLockAll)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.redoButton.connect("clicked(bool)", self.onRedo)
        ui.measureButton.connect("clicked(bool)", self.onMeasure)
        ui.probeList.connect("cellChanged(int,int)", self.onCell)
        ui.probeList.connect("itemSelectionChanged()", self.onSelect)
        ui.programCombo.connect("currentIndexChanged(int)", self.onProgram)
        ui.alternativeButton.connect("clicked(bool)", self.onAlternative)

    def update(self) -> None:
        """The needles of the chosen plan."""
        document = self.parameters.plan
        if document is not self._document:
            self._document = document
            self._history.clear()
        lines = self.logic.probeLines(document)
        self._tracker.follow(lines)
        if self._history.now is None and document is not None:
            self.panel.tryQuietly(lambda: self._history.record(self.logic.placements(document)))
        self._show_list(lines)

    def updateRunning(self) -> None:
        """What can be done now, and why not."""
        ui, busy = self.ui, self.panel.busy
        missing = self.logic.missing(self.parameters)
        ui.planButton.enabled = not busy and not missing
        ui.planButton.toolTip = still_needed(missing, _("To plan")) if missing else _("Look for the best needles")
        has_plan = self.parameters.plan is not None
        ui.addProbeButton.enabled = not busy and not missing and self._placing is None
        ui.removeProbeButton.enabled = not busy and has_plan and self._selected() is not None and self._count() > 1
        ui.lockButton.enabled = has_plan and self._count() > 0
        ui.lockButton.text = _("Lock all") if self._any_unlocked() else _("Unlock all")
        ui.undoButton.enabled = not busy and self._history.can_undo
        ui.redoButton.enabled = not busy and self._history.can_redo
        ui.measureButton.enabled = not busy and has_plan
        ui.alternativeButton.enabled = not busy and ui.alternativeCombo.count > 0
        ui.programCombo.enabled = not busy and self._selected() is not None

    def state(self) -> StepState:
        """How many needles, or what is missing."""
        if self._placing is not None:
            return StepState(State.ATTENTION, _("click the target, then the entry on the skin"))
        plan = self.panel.plan()
        if plan is not None:
            return StepState(State.DONE, _("{count} placed").format(count=len(plan.probes)))
        missing = self.logic.missing(self.parameters)
        return StepState(State.BLOCKED, "; ".join(missing) if missing else _("ready to plan"))

    def release(self) -> None:
        """Stop listening."""
        self._tracker.stop()
        self._stop_placing()
        self._document = None

    # Planning

    def onPlan(self) -> None:
        """Read the scene, plan in the background, add the plan."""
        ct, document = self.parameters.ct, self.parameters.plan

        def prepare() -> Any:
            case = self.logic.withKept(self.logic.makeCase(self.parameters, self.panel.nerves()), document)
            return lambda report: self.logic.plan(case, report)

        self.panel.run(prepare, lambda result: self._add_plan(result, ct))

    def onMeasure(self) -> None:
        """Measure again with lines and outlines as they are now."""
        document = self.parameters.plan
        self._apply(document, self.logic.placements(document), read_outlines=True)

    def onAlternative(self) -> None:
        """Measure another way in and add it beside the plan."""
        ct, document = self.parameters.ct, self.parameters.plan
        place = int(self.ui.alternativeCombo.currentData)
        self.panel.run(lambda: self.logic.alternative(document, place), lambda result: self._add_plan(result, ct))

    # By hand

    def onAdd(self) -> None:
        """The next two clicks place a needle: target, then entry."""
        self._placing = self.logic.placeNeedle()
        self.panel.addObserver(self._placing, self._placing.PointPositionDefinedEvent, self._on_point)
        self.panel.updateRunning()

    def onRemove(self) -> None:
        """Take the selected needle out of the plan."""
        name, document = self._selected(), self.parameters.plan
        self._apply(document, tuple(p for p in self.logic.placements(document) if p.name != name))

    def onLockAll(self) -> None:
        """Lock all if one can be dragged, else unlock all."""
        locked = self._any_unlocked()
        for line in self.logic.probeLines(self.parameters.plan):
            line.SetLocked(locked)
        self.update()
        self.panel.updateRunning()

    def onUndo(self) -> None:
        """Take back the last change."""
        self._apply(self.parameters.plan, self._history.undo(), record=False)

    def onRedo(self) -> None:
        """Make it again."""
        self._apply(self.parameters.plan, self._history.redo(), record=False)

    def onCell(self, row: int, column: int) -> None:
        """A new name, or a lock."""
        if self._filling or self.parameters is None:
            return
        lines = self.logic.probeLines(self.parameters.plan)
        if column == LOCK:
            lines[row].SetLocked(self.ui.probeList.item(row, LOCK).checkState() == qt.Qt.Checked)
            self.panel.updateRunning()
        elif column == KEEP:
            self.logic.keep(lines[row], self.ui.probeList.item(row, KEEP).checkState() == qt.Qt.Checked)
        elif column == NAME:
            document, name = self.parameters.plan, self.ui.probeList.item(row, NAME).text().strip()
            self.panel.tryTo(lambda: self._rename(document, row, name))
            self.update()

    def onSelect(self) -> None:
        """The combo box shows the selected needle's device."""
        if not self._filling and self.parameters is not None:
            self._show_programs()
            self.panel.updateRunning()

    def onProgram(self, index: int) -> None:
        """Give the selected needle another device or program."""
        name = self._selected()
        if self._filling or self.parameters is None or name is None or index < 0:
            return
        document, choice = self.parameters.plan, self.ui.programCombo.itemData(index)
        changed = [self.logic.withProgram(p, choice) if p.name == name else p for p in self.logic.placements(document)]
        self._apply(document, tuple(changed))

    # Dragging

    def onMoving(self) -> None:
        """During a drag: needles, zones and figures follow."""
        if self.parameters is not None and not self.panel.busy:
            self.panel.tryQuietly(
                lambda: self.panel.section_of_results().showMoving(self.logic.showMoving(self.parameters.plan))
            )

    def onRested(self) -> None:
        """After a drag: every figure, exactly, in the background."""
        if self.parameters is None or self.parameters.plan is None:
            return
        if self.panel.busy:
            self._moved_during_run = True
            return
        document = self.parameters.plan
        self.panel.tryTo(lambda: self._apply(document, self.logic.placements(document)))

    def _apply(self, document: Any, needles: Sequence[Any], record: bool = True, read_outlines: bool = False) -> None:
        """Measure the plan with these needles in the background and show it."""

        def prepare() -> Any:
            return self.logic.prepareMeasure(document, needles, read_outlines)

        def finish(result: Any) -> None:
            with self._tracker.paused():
                self.logic.showResult(document, result)
            if record:
                self._history.record(tuple(needles))
            self.panel.update()
            if self._moved_during_run:
                self._moved_during_run = False
                self.onRested()

        self.panel.run(prepare, finish)

    def _add_plan(self, result: Any, ct: Any) -> None:
        document = self.logic.addPlan(result, ct)
        if self.parameters is not None:
            self.parameters.plan = document

    def _rename(self, document: Any, row: int, name: str) -> None:
        needles = self.logic.placements(document)
        renamed = self.logic.renamed(needles, row, name)
        if renamed != needles:
            self.logic.renameNodes(document, needles[row].name, name)
            self._apply(document, renamed)

    def _on_point(self, caller: Any, event: Any) -> None:
        if caller.GetNumberOfDefinedControlPoints() < 2:
            return
        self.panel.removeObserver(caller, caller.PointPositionDefinedEvent, self._on_point)
        # The line is still being placed: take it out of the scene when that is over.
        qt.QTimer.singleShot(0, self._placed)

    def _placed(self) -> None:
        line, self._placing = self._placing, None
        if line is None or self.parameters is None:
            return
        document, parameters = self.parameters.plan, self.parameters

        def start() -> None:
            needle = self.logic.takeNeedle(line, parameters)
            if document is not None:
                self._apply(document, (*self.logic.placements(document), needle))
                return
            ct = parameters.ct
            case = self.logic.makeCase(parameters, self.panel.nerves())
            self.panel.run(
                lambda: lambda report: self.logic.measureByHand(case, (needle,), report),
                lambda result: self._add_plan(result, ct),
            )

        self.panel.tryTo(start)
        self.panel.updateRunning()

    def _stop_placing(self) -> None:
        line, self._placing = self._placing, None
        if line is not None:
            self.panel.removeObserver(line, line.PointPositionDefinedEvent, self._on_point)
            self.logic.dropNeedle(line)

    # Showing

    def _show_list(self, lines: list[Any]) -> None:
        plan = self.panel.plan()
        probes = {} if plan is None else {p.name: p for p in plan.probes}
        table, chosen = self.ui.probeList, self._selected()
        self._filling = True
        table.clear()
        table.setColumnCount(4)
        table.setRowCount(len(lines))
        table.setHorizontalHeaderLabels([_("Needle"), _("Device, program"), _("Locked"), _("Keep")])
        for row, line in enumerate(lines):
            name = self.logic.needleName(line)
            probe = probes.get(name)
            what = (
                f"{probe.device_name or probe.device}, {probe.program}"
                if probe
                else line.GetAttribute("BonePlan.Device")
            )
            table.setItem(row, NAME, editable_cell(name, _("Double-click to rename")))
            table.setItem(row, DEVICE, read_only_cell(what or ""))
            table.setItem(row, LOCK, check_cell(line.GetLocked(), _("Locked needles cannot be dragged")))
            stays = _("Kept needles stay where they are when planning again; the others are planned around them")
            table.setItem(row, KEEP, check_cell(self.logic.isKept(line), stays))
            if name == chosen:
                table.selectRow(row)
        self._filling = False
        fit_height(table)
        table.setVisible(bool(lines))
        self._show_programs()
        ways = {} if plan is None else alternative_lines(plan)
        show_choices(self.ui.alternativeCombo, ways, self.ui.alternativeCombo.currentData or "0")
        self.ui.alternativeRow.setVisible(bool(ways))

    def _show_programs(self) -> None:
        plan, name = self.panel.plan(), self._selected()
        probe = None if plan is None else next((p for p in plan.probes if p.name == name), None)
        choices = {} if probe is None else self.logic.programs(plan.advice.modality)
        show_choices(self.ui.programCombo, choices, "" if probe is None else f"{probe.device}|{probe.program}")

    def _selected(self) -> str | None:
        """Name of the needle in the selected row."""
        row = self.ui.probeList.currentRow()
        item = self.ui.probeList.item(row, NAME) if row >= 0 else None
        return item.text() if item is not None else None

    def _count(self) -> int:
        return int(self.ui.probeList.rowCount)

    def _any_unlocked(self) -> bool:
        return any(not line.GetLocked() for line in self.logic.probeLines(self.parameters.plan))
