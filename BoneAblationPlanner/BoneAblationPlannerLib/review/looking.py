"""What the reviewer does to the views: which ones, where, with what over the CT."""

import numpy as np

from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.review.cement import CementSlider
from BoneAblationPlannerLib.review.heat import TimeSlider
from BoneAblationPlannerLib.review.names import Names
from BoneAblationPlannerLib.review.ruler import Ruler
from BoneAblationPlannerLib.review.session import Session, told
from BoneAblationPlannerLib.review.windows import WINDOWS, mean_direction, slider_range_mm


class Looking:
    """The views' part of the page; every method in `ACTIONS` can be asked for by it."""

    ACTIONS = (
        "set_mode set_offset set_depth use_volume set_window set_layer go_to measure_distance clear_distances"
        " show_moment show_cement"
    )

    def __init__(self, session: Session) -> None:
        self.session = session
        self._ruler = Ruler(session.scene)
        self._time = TimeSlider(session.nodes, session.windows)
        self._cement = CementSlider(session.nodes, session.windows)

    def open(self) -> None:
        """The stored plan in the standard views."""
        session, state = self.session, self.session.telling.state
        session.windows.show(session.nodes.ct)
        session.windows.set_window(session.nodes.ct, "bone")
        session.overlays.follow(session.draft.now.placements)
        session.overlays.set_editable(False)
        self._standard()
        session.windows.observe(lambda: session.telling.corners(session.windows))
        names = Names(session.overlays.lines, session.overlays.cement_lines, session.windows.to_display)
        names.arrange()
        session.windows.observe_turning(names.arrange)
        state.layers = session.overlays.layers
        state.cement_step = self._cement.first(session.stored)
        state.heat_times = [round(t / 60, 1) for t in self._time.times_s]
        state.heat_scale = self._time.scale_celsius

    @told
    def set_mode(self, mode: int) -> None:
        """Standard views (-1), or the views along a needle."""
        if int(mode) < 0:
            self._standard()
        else:
            self._along(int(mode))
        self.session.telling.corners(self.session.windows)

    @told
    def set_offset(self, name: str, offset_mm: float) -> None:
        """Scroll a slice."""
        self.session.windows.set_offset(str(name), float(offset_mm))

    @told
    def use_volume(self, in_use: bool) -> None:
        """The mouse went into the 3D view, or out of it."""
        self.session.windows.use_volume(bool(in_use))

    @told
    def set_depth(self, depth_mm: float) -> None:
        """Move the plane down the barrel along its needle."""
        windows = self.session.windows
        if windows.needle is None:
            return
        placement = self.session.draft.now.placements[windows.needle]
        low, high = slider_range_mm(placement)
        value = min(max(float(depth_mm), low), high)
        windows.across(placement, value)
        self.session.telling.depth(value, low, high)

    @told
    def set_window(self, name: str) -> None:
        """Bone, soft tissue or lung."""
        if name in WINDOWS:
            self.session.windows.set_window(self.session.nodes.ct, name)
            self.session.telling.state.window = name

    @told
    def set_layer(self, layer: str, shown: bool) -> None:
        """Show or hide an overlay."""
        self.session.overlays.set_layer(str(layer), bool(shown))
        self.session.telling.state.layers = self.session.overlays.layers
        self.session.windows.render()

    @told
    def go_to(self, right_mm: float, anterior_mm: float, superior_mm: float) -> None:
        """Bring a point, R, A, S, into the middle of the views."""
        point = np.array([float(right_mm), float(anterior_mm), float(superior_mm)])
        if not np.isfinite(point).all():
            raise ValueError("go to: expected three finite coordinates in mm")
        self._standard()
        self.session.windows.centre_on(point)

    @told
    def measure_distance(self) -> None:
        """Let the reviewer click two points."""
        self._ruler.place(lambda: self.session.telling.distances(self._ruler.distances()))
        self.session.telling.state.ruler = True

    @told
    def clear_distances(self) -> None:
        """Remove all measured distances."""
        self._ruler.clear()
        self.session.telling.distances([])

    @told
    def show_moment(self, number: int) -> None:
        """Lay the temperatures of one moment of the simulation over the CT; -1 takes them away."""
        number = int(number)
        self.session.telling.state.heat_moment = number if self._time.show(number) else -1

    @told
    def show_cement(self, number: int) -> None:
        """Show the cement in the views as it is at a step of its filling."""
        self.session.telling.state.cement_step = self._cement.show(self.session.stored, int(number))

    def _standard(self) -> None:
        session = self.session
        reach = max((p.depth_mm for p in session.following.now.probes), default=0.0)
        session.overlays.show_skin_for_entry(False)
        centre = session.stored.lesion.centroid_ras_mm
        session.windows.standard(centre, mean_direction(session.draft.now.placements), reach)
        session.telling.state.mode = -1

    def _along(self, number: int) -> None:
        session = self.session
        placement: Placement = session.draft.now.placements[number]
        depth = float(np.linalg.norm(np.subtract(placement.tip_ras_mm, placement.entry_ras_mm)))
        session.overlays.show_skin_for_entry(True)
        session.windows.along(number, placement, depth)
        session.telling.state.mode = number
        session.telling.depth(depth, *slider_range_mm(placement))
