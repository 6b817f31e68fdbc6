"""The lesion: a click, what guides the outline, the outline itself in the Segment Editor."""

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.content import lesion_lines
from BoneAblationPlannerLib.panel.corrections import Corrections
from BoneAblationPlannerLib.panel.section import Section, State, StepState, still_needed
from BoneAblationPlannerLib.panel.segment_combo import segment_names, show_choices
from BoneAblationPlannerLib.panel.segment_watch import SegmentWatch
from BoneAblationPlannerLib.panel.widgets import show_text

_REST_MS = 500
"""Between two strokes of a brush nothing is measured."""


class LesionSection(Section):
    """From a point to an outline, or an outline as it is."""

    name = "lesionSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._seed: Any = None
        self._figures: tuple[str, ...] = ()
        self._known: Any = None  # state of the outline when it was chosen or measured
        self._measuring = False
        self._editor_node: Any = None
        self._edited: Any = None  # segmentation in the editor
        self._watch = SegmentWatch(panel, self._on_change, self._on_rest, _REST_MS)
        self._corrections = Corrections(panel, self.onOutline)

    def connect(self) -> None:
        """Place, outline, correct, edit."""
        self._corrections.connect()
        self.ui.placeButton.connect("clicked(bool)", self.onPlace)
        self.ui.outlineButton.connect("clicked(bool)", self.onOutline)
        self.ui.editButton.connect("toggled(bool)", self.onEdit)
        self.ui.segmentCombo.connect("currentIndexChanged(int)", self.onSegment)
        self.ui.segmentEditor.setVisible(False)

    def update(self) -> None:
        """Show what the chosen way of giving the lesion needs."""
        parameters = self.parameters
        self._observe(parameters.seed)
        by_point = parameters.lesionSource == LesionSource.POINT
        for name in ("seed", "box", "inside", "outside", "painted"):
            getattr(self.ui, f"{name}Label").setVisible(by_point)
            getattr(self.ui, "seedRow" if name == "seed" else f"{name}Selector").setVisible(by_point)
        for widget in (self.ui.outlineLabel, self.ui.outlineSelector, self.ui.segmentLabel, self.ui.segmentCombo):
            widget.setVisible(not by_point)
        show_choices(self.ui.segmentCombo, segment_names(parameters.lesionSegmentation), parameters.lesionSegment)
        if self._edited is not None and self._edited is not self._to_edit():
            self.ui.editButton.checked = False
        self._follow(None if by_point else parameters.lesionSegmentation)
        show_text(self.ui.lesionFigures, "\n".join(self._figures))

    def updateRunning(self) -> None:
        """The outline needs a CT and a point; editing needs an outline."""
        if self._measuring and not self.panel.runner.running:
            self._measuring = False
            self._say(_("edited, not measured yet"))  # the user stopped it
        missing = self.logic.missing(self.parameters)
        by_point = self.parameters.lesionSource == LesionSource.POINT
        self.ui.outlineButton.setVisible(by_point)
        waits = [*self.waiting(), *missing]
        self.ui.outlineButton.enabled = not waits
        self.ui.outlineButton.toolTip = (
            still_needed(waits, _("To outline"))
            if waits
            else _("Outline the lesion from the point; the outline can then be edited.")
        )
        self.ui.editButton.text = _("Paint inside and outside") if by_point else _("Edit the outline")
        self.allow("editButton", self.waiting((self.parameters.ct, self.logic.A_CT)) if by_point else missing)
        self.ui.correctRow.setVisible(not by_point and self.logic.isFromPoint(self.parameters))
        for name in ("takeInButton", "leaveOutButton"):
            self.allow(name, waits)

    def state(self) -> StepState:
        """What is missing, or what is given."""
        missing = [m for m in self.logic.missing(self.parameters) if m != self.logic.A_CT]
        if missing:
            return StepState(State.BLOCKED, "; ".join(missing))
        if self.parameters.lesionSource == LesionSource.POINT:
            return StepState(State.DONE, _("outlined when planning"))
        # Two lines are figures; more ask for a look, and one alone says why there are none.
        state = State.DONE if len(self._figures) in (0, 2) else State.ATTENTION
        return StepState(state, (*self._figures, _("outline"))[0])

    def release(self) -> None:
        """Stop listening to point list and outline, and close the editor."""
        self._observe(None)
        self._watch.follow(None)
        self._corrections.release()
        if self.ui.editButton.checked:
            self.ui.editButton.checked = False

    def onPlace(self) -> None:
        """The next click in a view is the point in the lesion."""
        if self.parameters.seed is None:
            self.parameters.seed = self.ui.seedSelector.addNode()
        self.logic.placePoint(self.parameters.seed)

    def onOutline(self) -> None:
        """Outline in the background, or not: what a person drew is not replaced without a yes."""
        if self.logic.outlineWasEdited(self.parameters) and not slicer.util.confirmOkCancelDisplay(
            _("The lesion's outline was edited by hand. Replace it with a new one from the point?"),
            windowTitle=_("Replace the outline"),
        ):
            return
        ct = self.parameters.ct

        def prepare() -> Any:
            case = self.logic.makeCase(self.parameters, self.panel.nerves())
            return lambda report: (case.ct, *self.logic.outline(case, report))

        self.panel.run(prepare, lambda found: self._show(ct, *found))

    def onEdit(self, checked: bool) -> None:
        """The Segment Editor, here: on the lesion's segment, or on what guides the outline from its point."""
        editor = self.ui.segmentEditor
        if checked:
            node, segment = self._chosen_to_edit()
            if self._editor_node is None or self._editor_node.GetScene() is None:
                self._editor_node = self.logic.segmentEditorNode()
            editor.setMRMLSegmentEditorNode(self._editor_node)
            editor.setSegmentationNode(node)
            editor.setSourceVolumeNode(self.parameters.ct)
            editor.setCurrentSegmentID(segment)
            editor.setupViewObservations()
            self._edited = node
        else:
            self._edited = None
            editor.setActiveEffect(None)
            editor.removeViewObservations()
        editor.setVisible(checked)
        if not checked:
            self._on_rest()

    def _chosen_to_edit(self) -> tuple[Any, str]:
        """Segmentation and segment to edit; marks to paint are made where there are none."""
        if self.parameters.lesionSource == LesionSource.POINT:
            return self.logic.paintedMarks(self.parameters)
        return self.parameters.lesionSegmentation, self.parameters.lesionSegment

    def _to_edit(self) -> Any:
        """The segmentation that belongs in the editor now; None where there is none yet."""
        by_point = self.parameters.lesionSource == LesionSource.POINT
        return self.parameters.painted if by_point else self.parameters.lesionSegmentation

    def onSegment(self, index: int) -> None:
        """Remember the outline by its segment's id."""
        if self.parameters is not None and index >= 0:
            self.parameters.lesionSegment = self.ui.segmentCombo.itemData(index)

    def _follow(self, node: Any) -> None:
        """Listen to the chosen outline; figures of another one are forgotten."""
        is_new = self._watch.follow(node)
        chosen = None if node is None else (node.GetID(), self.parameters.lesionSegment)
        if self._known is None or self._known[:2] != chosen:
            self._known, self._figures = None if node is None else self.logic.outlineState(self.parameters), ()
        elif is_new:
            self._watch.wait()  # it may have been edited while nobody listened

    def _on_change(self) -> None:
        """After the event, when the voxels are there, figures that are no longer true go."""
        qt.QTimer.singleShot(0, self._edited_state)

    def _edited_state(self) -> Any:
        """State of the outline if somebody edited it, here or elsewhere, since its figures were known; else None."""
        parameters = self.parameters
        if parameters is None or self.logic.missing(parameters) or parameters.lesionSource != LesionSource.OUTLINE:
            return None
        state = self.logic.outlineState(parameters)
        if state == self._known or self._measuring:
            return None
        self._say(_("edited, not measured yet"))
        return state

    def _on_rest(self) -> None:
        """An edited outline's figures are measured anew, in the background, once the editor is closed."""
        state = self._edited_state()
        if state is None or self.ui.editButton.checked:
            return
        if self.panel.busy:
            self._watch.wait()
        else:
            self._measure(state)

    def _measure(self, state: Any) -> None:
        try:
            self.logic.ensureRequirements()
            case = self.logic.makeCase(self.parameters, self.panel.nerves())
        except InputError as error:
            self._show_figures(state, (str(error),))
            return

        def work(report: Callable[[float, str], bool]) -> tuple[str, ...]:
            try:
                return lesion_lines(self.logic.outline(case, report)[1], by_hand=case.computed is None)
            except InputError as error:
                return (str(error),)

        self._say(_("edited, being measured"))
        self._measuring = True
        self.panel.runner.start(work, lambda figures: self._show_measured(state, figures))

    def _show_measured(self, state: Any, figures: tuple[str, ...]) -> None:
        """Figures that were measured, unless the outline was edited or left meanwhile."""
        self._measuring = False
        if self.parameters is None or state != self.logic.outlineState(self.parameters):
            self._watch.wait()
        else:
            self._show_figures(state, figures)

    def _show_figures(self, state: Any, figures: tuple[str, ...]) -> None:
        self._known, self._figures = state, figures
        self.panel.update()

    def _say(self, text: str) -> None:
        """In place of figures that are those of the outline as it was."""
        self._figures = (text,)
        show_text(self.ui.lesionFigures, text)
        self.showTitle()

    def _show(self, ct_node: Any, ct: Any, outline: Any, measured: Any) -> None:
        if self.parameters is None:
            return
        node, segment = self.logic.putOutline(ct_node, ct, outline, self.parameters)
        before = self.parameters.parameterNode.StartModify()
        self.parameters.lesionSegmentation, self.parameters.lesionSegment = node, segment
        self.parameters.lesionSource = LesionSource.OUTLINE
        self.parameters.parameterNode.EndModify(before)
        self._show_figures(self.logic.outlineState(self.parameters), lesion_lines(measured))

    def _observe(self, node: Any) -> None:
        """A placed or removed point changes what is missing."""
        if node is self._seed:
            return
        for owner, change in ((self._seed, self.panel.removeObserver), (node, self.panel.addObserver)):
            if owner is not None:
                events = (
                    owner.PointPositionDefinedEvent,
                    owner.PointRemovedEvent,
                    owner.PointPositionUndefinedEvent,
                )
                for event in events:
                    change(owner, event, self._seed_changed)
        self._seed = node

    def _seed_changed(self, caller: Any = None, event: Any = None) -> None:
        self.panel.updateRunning()
