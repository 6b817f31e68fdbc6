"""What the reviewer tries: needles moved, other devices, another margin, and back again."""

import numpy as np

from BoneAblationPlannerLib.review.session import Session, told
from BoneAblationPlannerLib.scene.probes import read_line
from BoneAblationPlannerLib.scene.runtime import slicer_module

_SAME_POINT_MM = 0.005
_LONGEST_NUDGE_MM = 10.0


class Changing:
    """The what-if's part of the page; every method in `ACTIONS` can be asked for by it."""

    ACTIONS = "set_editing nudge set_device set_margin undo redo discard"

    def __init__(self, session: Session) -> None:
        self.session = session

    def watch_lines(self) -> None:
        """Follow handles that are dragged in the views."""
        node_class = slicer_module().vtkMRMLMarkupsNode
        for number, line in enumerate(self.session.overlays.lines):
            line.AddObserver(node_class.PointStartInteractionEvent, lambda *_: self.session.draft.begin())
            line.AddObserver(node_class.PointModifiedEvent, lambda *_, n=number: self._dragged(n))

    @told
    def set_editing(self, editing: bool) -> None:
        """Unlock the needles' handles."""
        editing = bool(editing) and self.session.following.measuring is not None
        self.session.overlays.set_editable(editing)
        self.session.telling.state.editing = editing

    @told
    def nudge(self, number: int, end: str, axis: int, step_mm: float) -> None:
        """Move an entry or a tip along R, A or S."""
        self.session.need_what_if()
        draft = self.session.draft
        old = draft.now.placements[int(number)]
        points = {"entry": list(old.entry_ras_mm), "tip": list(old.tip_ras_mm)}
        points[str(end)][int(axis)] += min(max(float(step_mm), -_LONGEST_NUDGE_MM), _LONGEST_NUDGE_MM)
        (er, ea, es), (tr, ta, ts) = points["entry"], points["tip"]
        draft.begin()
        draft.move(int(number), (er, ea, es), (tr, ta, ts))
        self.session.following.follow()

    @told
    def set_device(self, number: int, device: str, program: str | None = None) -> None:
        """Another device or program for one needle."""
        self.session.need_what_if()
        self.session.draft.begin()
        self.session.draft.set_device(int(number), str(device), program)
        self.session.following.follow()
        self.session.telling.state.layers = self.session.overlays.layers

    @told
    def set_margin(self, margin_mm: float) -> None:
        """Another margin around the lesion."""
        self.session.need_what_if()
        self.session.draft.begin()
        self.session.draft.set_margin(float(margin_mm))
        self.session.following.follow()

    @told
    def undo(self) -> None:
        """Take the last change back."""
        self.session.draft.undo()
        self.session.following.follow()

    @told
    def redo(self) -> None:
        """Make a change again."""
        self.session.draft.redo()
        self.session.following.follow()

    @told
    def discard(self) -> None:
        """Back to the stored plan."""
        self.session.draft.discard()
        self.session.following.follow()
        self.session.telling.say("ok", f"Back to {self.session.version.name}; Undo brings the changes back.")

    @told
    def _dragged(self, number: int) -> None:
        """A handle was moved in a view."""
        session = self.session
        if session.following.moving:
            return
        line, old = read_line(session.overlays.lines[number]), session.draft.now.placements[number]
        moved = np.abs(np.subtract((line.entry_ras_mm, line.tip_ras_mm), (old.entry_ras_mm, old.tip_ras_mm))).max()
        if moved > _SAME_POINT_MM:
            session.draft.move(number, line.entry_ras_mm, line.tip_ras_mm)
            session.following.follow(lines_too=False)
