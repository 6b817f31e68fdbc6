"""The needles: found by planning, placed by hand, dragged, renamed, locked, taken back."""

from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.panel.content import alternative_lines, plan_line
from BoneAblationPlannerLib.panel.needle_changes import NeedleChanges, Needles
from BoneAblationPlannerLib.panel.needle_list import KEEP, LOCK, NAME, NeedleList
from BoneAblationPlannerLib.panel.placing import NeedlePlacer
from BoneAblationPlannerLib.panel.readiness import Readiness
from BoneAblationPlannerLib.panel.section import Section, State, StepState, still_needed
from BoneAblationPlannerLib.panel.segment_combo import show_choices
from BoneAblationPlannerLib.panel.tracker import LineTracker


class ProbesSection(Section):
    """Plan, and change the plan by hand; figures follow."""

    name = "probesSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._tracker = LineTracker(panel, self.onMoving, self.onRested)
        self._readiness = Readiness(panel, self._tracker, self.onMoving)
        self._placer = NeedlePlacer(panel, self.onPlaced)
        self._needles = NeedleList(self.ui, self.logic)
        self._document: Any = None
        self.changes = NeedleChanges(panel, self._tracker)
        self._unmeasured = self.changes.unmeasured

    def connect(self) -> None:
        """Buttons, list, combo."""
        ui = self.ui
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
        document, plan = self.parameters.plan, self.panel.plan()
        lines = self.logic.probeLines(document)
        if self._tracker.follow(lines):  # moved a moment ago, then another plan was chosen or a needle deleted
            self._unmeasured.add(self._document)
        self._document = document
        if plan is not None and 0 < len(lines) < len(plan.probes):
            self._unmeasured.add(document)  # the user deleted one
        if self.changes.history(self.parameters.plan).now is None and plan is not None:
            self.panel.tryQuietly(
                lambda: self.changes.history(self.parameters.plan).record(self.logic.placements(document))
            )
        self._placer.forget_deleted()
        self._readiness.forget_failure()
        self._needles.show(lines, plan)
        ways = {} if plan is None else alternative_lines(plan)
        show_choices(self.ui.alternativeCombo, ways, self.ui.alternativeCombo.currentData or "0")
        self.ui.alternativeRow.setVisible(bool(ways))

    def updateRunning(self) -> None:
        """What can be done now, and why not."""
        ui, busy, history = self.ui, self.panel.busy, self.changes.history(self.parameters.plan)
        missing = self.logic.missing(self.parameters)
        waits = [*self.waiting(), *missing]
        ui.planButton.enabled = not waits
        ui.planButton.toolTip = still_needed(waits, _("To plan")) if waits else _("Look for the best needles")
        plan = self.panel.plan()
        selected = (self._needles.selected(), _("a selected needle"))
        by_hand = [] if plan is not None else missing
        placing = (not self._placer.active, _("target and entry of the new needle"))
        self.allow("addProbeButton", [*self.waiting(placing), *by_hand])
        self.allow(
            "removeProbeButton",
            self.waiting((plan, _("a plan")), selected, (self._needles.count > 1, _("a second needle"))),
        )
        self.allow("lockButton", [] if self._needles.count else [_("a needle")])
        ui.lockButton.text = _("Lock all") if self._any_unlocked() else _("Unlock all")
        self.allow("undoButton", self.waiting((history.can_undo, _("a change"))))
        self.allow("redoButton", self.waiting((history.can_redo, _("a change that was taken back"))))
        self.allow("measureButton", self.waiting((plan, _("a plan"))))
        self.allow("alternativeButton", self.waiting((ui.alternativeCombo.count, _("a plan with other ways in"))))
        ui.programCombo.enabled = not busy and plan is not None and self._needles.selected() is not None
        self._unmeasured.measure_soon()

    def state(self) -> StepState:
        """How many needles, or what is missing."""
        if self._placer.active:
            return StepState(State.ATTENTION, _("click the target, then the entry on the skin"))
        plan = self.panel.plan()
        if plan is not None:
            placed = _("{count} placed").format(count=len(plan.probes))
            if self.logic.isOnAnotherCt(self.parameters):
                return StepState(
                    State.ATTENTION, _("{placed}, on another CT than the one of step 1").format(placed=placed)
                )
            return StepState(State.DONE, placed)
        missing = self.logic.missing(self.parameters)
        ready = _("at work") if self.panel.busy else _("ready to plan")
        return StepState(State.BLOCKED, "; ".join(missing) if missing else ready)

    def release(self) -> None:
        """Stop listening."""
        if self._tracker.stop():
            self._unmeasured.add(self._document)
        self._placer.stop()
        self._document = None

    # Planning

    def onPlan(self) -> None:
        """Read the scene, plan in the background, add the plan."""
        ct, document = self.parameters.ct, self.parameters.plan

        def prepare() -> Any:
            case = self.logic.withKept(self.logic.makeCase(self.parameters, self.panel.nerves()), document)
            return lambda report: self.logic.plan(case, report)

        self.panel.run(prepare, lambda result: self.addPlan(result, ct))

    def addPlan(self, result: Any, ct: Any) -> None:
        """Add a plan of its own, beside those that are there, and choose it."""
        document = self.logic.addPlan(result, ct)
        if self.parameters is not None:
            self.parameters.plan = document
            self.panel.say(plan_line(document.GetName(), result.plan))

    def onMeasure(self) -> None:
        """Measure again with lines and outlines as they are now."""
        document = self.parameters.plan
        self.changes.apply(document, lambda: self.logic.placements(document), read_outlines=True)

    def onAlternative(self) -> None:
        """Measure another way in and add it beside the plan."""
        ct, document = self.parameters.ct, self.parameters.plan
        place = int(self.ui.alternativeCombo.currentData)
        self.panel.run(lambda: self.logic.alternative(document, place), lambda result: self.addPlan(result, ct))

    # By hand

    def onAdd(self) -> None:
        """The next two clicks place a needle: target, then entry."""
        self._placer.start()
        self.panel.updateRunning()

    def onPlaced(self, line: Any) -> None:
        """Both points are there: the line becomes a needle of the plan, or of a new one."""
        if self.parameters is None:
            self.logic.dropNeedle(line)
        elif self.parameters.plan is not None:
            document, parameters = self.parameters.plan, self.parameters
            self.changes.apply(
                document, lambda: (*self.logic.needles(document), self.logic.takeNeedle(line, parameters))
            )
        else:
            self._first_by_hand(line)
        self.panel.updateRunning()

    def _first_by_hand(self, line: Any) -> None:
        parameters, ct = self.parameters, self.parameters.ct

        def prepare() -> Any:
            needle = self.logic.takeNeedle(line, parameters)
            case = self.logic.makeCase(parameters, self.panel.nerves())
            return lambda report: self.logic.measureByHand(case, (needle,), report)

        self.panel.run(prepare, lambda result: self.addPlan(result, ct))

    def onRemove(self) -> None:
        """Take the selected needle out of the plan."""
        name, document = self._needles.selected(), self.parameters.plan
        self.changes.apply(document, lambda: tuple(p for p in self.logic.placements(document) if p.name != name))

    def onLockAll(self) -> None:
        """Lock all if one can be dragged, else unlock all."""
        locked = self._any_unlocked()
        for line in self.logic.probeLines(self.parameters.plan):
            line.SetLocked(locked)
        self.update()
        self._get_ready_if_unlocked()
        self.panel.updateRunning()

    def onUndo(self) -> None:
        """Take back the last change."""
        history = self.changes.history(self.parameters.plan)
        self.changes.apply(self.parameters.plan, lambda: history.earlier, remember=lambda _needles: history.undo())

    def onRedo(self) -> None:
        """Make it again."""
        history = self.changes.history(self.parameters.plan)
        self.changes.apply(self.parameters.plan, lambda: history.later, remember=lambda _needles: history.redo())

    def onCell(self, row: int, column: int) -> None:
        """A new name, or a lock."""
        if self._needles.filling or self.parameters is None:
            return
        lines = self.logic.probeLines(self.parameters.plan)
        if row >= len(lines):  # deleted a moment ago; the table follows
            return
        if column == LOCK:
            lines[row].SetLocked(self._needles.is_checked(row, LOCK))
            self._get_ready_if_unlocked()
            self.panel.updateRunning()
        elif column == KEEP:
            self.logic.keep(lines[row], self._needles.is_checked(row, KEEP))
        elif column == NAME:
            document, name = self.parameters.plan, self.ui.probeList.item(row, NAME).text().strip()
            self.panel.tryTo(lambda: self._rename(document, row, name))
            self.update()

    def onSelect(self) -> None:
        """The combo box shows the selected needle's device."""
        if not self._needles.filling and self.parameters is not None:
            self._needles.show_programs(self.panel.plan())
            self.panel.updateRunning()

    def onProgram(self, index: int) -> None:
        """Give the selected needle another device or program."""
        name = self._needles.selected()
        if self._needles.filling or self.parameters is None or name is None or index < 0:
            return
        document, choice = self.parameters.plan, self.ui.programCombo.itemData(index)

        def changed() -> Needles:
            needles = self.logic.placements(document)
            return tuple(self.logic.withProgram(p, choice) if p.name == name else p for p in needles)

        self.changes.apply(document, changed)

    # Dragging

    def onMoving(self) -> None:
        """During a drag: needles, zones, margins and figures follow."""
        if self.parameters is None or self.panel.busy:
            return
        if not self.logic.isReadyToDrag(self.parameters.plan):
            self._readiness.get_ready(self.parameters.plan)  # then this is called again
        else:
            self.panel.tryQuietly(
                lambda: self.panel.section_of_results().showMoving(self.logic.showMoving(self.parameters.plan))
            )

    def onRested(self) -> None:
        """After a drag: every figure, exactly, in the background."""
        if self.parameters is not None and self.panel.plan() is not None:
            self._unmeasured.add(self.parameters.plan)
            self._unmeasured.measure_next()

    def _get_ready_if_unlocked(self) -> None:
        if self._any_unlocked():
            self._readiness.get_ready(self.parameters.plan)

    def _rename(self, document: Any, row: int, name: str) -> None:
        if self.panel.busy:
            raise InputError(_("needle: cannot be renamed during a run; expected after its end"))
        needles = self.logic.placements(document)
        renamed = self.logic.renamed(needles, row, name)
        if renamed != needles:
            self.logic.renameNodes(document, needles[row].name, name)
            self.changes.apply(document, lambda: renamed)

    def _any_unlocked(self) -> bool:
        return any(not line.GetLocked() for line in self.logic.probeLines(self.parameters.plan))
