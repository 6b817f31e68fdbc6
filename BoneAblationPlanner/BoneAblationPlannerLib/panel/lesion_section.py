"""The lesion: a click, what guides the outline, the outline itself in the Segment Editor."""

from typing import Any

import slicer
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.content import lesion_lines
from BoneAblationPlannerLib.panel.section import Section, State, StepState, still_needed
from BoneAblationPlannerLib.panel.segment_combo import segment_names, show_choices
from BoneAblationPlannerLib.panel.widgets import show_text


class LesionSection(Section):
    """From a point to an outline, or an outline as it is."""

    name = "lesionSection"

    def __init__(self, panel: Any, number: int) -> None:
        super().__init__(panel, number)
        self._seed: Any = None
        self._figures: tuple[str, ...] = ()
        self._editor_node: Any = None

    def connect(self) -> None:
        """Place, outline, edit."""
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
        for name in ("seed", "box", "inside", "outside"):
            getattr(self.ui, f"{name}Label").setVisible(by_point)
            getattr(self.ui, "seedRow" if name == "seed" else f"{name}Selector").setVisible(by_point)
        for widget in (self.ui.outlineLabel, self.ui.outlineSelector, self.ui.segmentLabel, self.ui.segmentCombo):
            widget.setVisible(not by_point)
        show_choices(self.ui.segmentCombo, segment_names(parameters.lesionSegmentation), parameters.lesionSegment)
        if by_point and self.ui.editButton.checked:
            self.ui.editButton.checked = False
        if by_point:
            self._figures = ()
        show_text(self.ui.lesionFigures, "\n".join(self._figures))

    def updateRunning(self) -> None:
        """The outline needs a CT and a point; editing needs an outline."""
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
        self.ui.editButton.setVisible(not by_point)
        self.allow("editButton", [_("an outline")] if by_point else missing)

    def state(self) -> StepState:
        """What is missing, or what is given."""
        missing = [m for m in self.logic.missing(self.parameters) if m != self.logic.A_CT]
        if missing:
            return StepState(State.BLOCKED, "; ".join(missing))
        if self.parameters.lesionSource == LesionSource.POINT:
            return StepState(State.DONE, _("outlined when planning"))
        return StepState(State.ATTENTION if len(self._figures) > 2 else State.DONE, (*self._figures, _("outline"))[0])

    def release(self) -> None:
        """Stop listening to the point list and close the editor."""
        self._observe(None)
        if self.ui.editButton.checked:
            self.ui.editButton.checked = False

    def onPlace(self) -> None:
        """The next click in a view is the point in the lesion."""
        if self.parameters.seed is None:
            self.parameters.seed = self.ui.seedSelector.addNode()
        self.logic.placePoint(self.parameters.seed)

    def onOutline(self) -> None:
        """Outline in the background; what a person drew is not replaced without a yes."""
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
        """The Segment Editor, here, on the lesion's segment."""
        editor = self.ui.segmentEditor
        if checked:
            if self._editor_node is None or self._editor_node.GetScene() is None:
                self._editor_node = self.logic.segmentEditorNode()
            editor.setMRMLSegmentEditorNode(self._editor_node)
            editor.setSegmentationNode(self.parameters.lesionSegmentation)
            editor.setSourceVolumeNode(self.parameters.ct)
            editor.setCurrentSegmentID(self.parameters.lesionSegment)
            editor.setupViewObservations()
        else:
            editor.setActiveEffect(None)
            editor.removeViewObservations()
            self._figures = self._figures and (_("edited by hand"),) if self._was_edited() else self._figures
            self.panel.update()
        editor.setVisible(checked)

    def onSegment(self, index: int) -> None:
        """Remember the outline by its segment's id."""
        if self.parameters is not None and index >= 0:
            self.parameters.lesionSegment = self.ui.segmentCombo.itemData(index)
            self._figures = ()

    def _was_edited(self) -> bool:
        return self.parameters is not None and bool(self.logic.outlineWasEdited(self.parameters))

    def _show(self, ct_node: Any, ct: Any, outline: Any, measured: Any) -> None:
        if self.parameters is None:
            return
        self._figures = lesion_lines(measured)
        node, segment = self.logic.putOutline(ct_node, ct, outline, self.parameters)
        before = self.parameters.parameterNode.StartModify()
        self.parameters.lesionSegmentation, self.parameters.lesionSegment = node, segment
        self.parameters.lesionSource = LesionSource.OUTLINE
        self.parameters.parameterNode.EndModify(before)

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
