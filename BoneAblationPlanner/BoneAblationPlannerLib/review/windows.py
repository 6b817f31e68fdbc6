"""Four linked views of one scene, streamed to the page: axial, coronal, sagittal and 3D, or four along one needle."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.scene.convert import matrix_array, vtk_matrix
from BoneAblationPlannerLib.scene.runtime import application_logic, quiet_vtk, slicer_module
from BoneAblationPlannerLib.views import planes
from BoneAblationPlannerLib.views.planes import Plane, letter

SLICES = ("axial", "coronal", "sagittal")
WINDOWS: dict[str, tuple[float, float]] = {"bone": (1600.0, 350.0), "soft": (400.0, 40.0), "lung": (1500.0, -600.0)}
"""Window width and level in HU."""
_FIELD_OF_VIEW_MM = 260.0
_BARREL_FIELD_MM = 120.0
_ENTRY_TURN_DEG = 12.0
_OVERVIEW_TURN_DEG = 40.0
_OUTSIDE_MM = 30.0
"""How far in front of the skin and beyond the tip the slider along a needle goes."""
_QUALITY = 90
"""Of the pictures sent, in percent; one quality, so that nothing is drawn twice."""
_SLICE_FPS, _VOLUME_FPS, _VOLUME_FPS_IN_USE = 25, 4, 15
"""The 3D view is the slow one: it follows at leisure unless the mouse is in it."""
_OVERLAY_OPACITY = 0.5
_BACKGROUND = (0.07, 0.08, 0.09)


@dataclass
class _Window:
    view: Any
    adapter: Any
    scheduler: Any


class Windows:
    """The views of a scene; `area_names` are what the page's areas are called."""

    def __init__(self, scene: Any, server: Any) -> None:
        # trame-slicer is the extra `standalone`; imported when the runtime is known to be there
        from trame_slicer.views import SliceView, ThreeDView
        from trame_slicer.views.render_scheduler import NoScheduleRendering

        application = application_logic(scene)
        application.SetSliceLogics(vtk.vtkCollection())
        application.SetViewLogics(vtk.vtkCollection())
        self.scene = scene
        self._changed: Callable[[], None] | None = None
        self._windows: dict[str, _Window] = {}
        self._not_seen = {*SLICES, "volume"}
        self._all_seen = asyncio.Event()
        with quiet_vtk():
            for name in SLICES:
                view = SliceView(scene, application, f"Review{name}", scheduled_render_strategy=NoScheduleRendering())
                self._windows[name] = _stream(server, name, view, self._sent)
            view = ThreeDView(scene, application, "Reviewvolume", scheduled_render_strategy=NoScheduleRendering())
            self._windows["volume"] = _stream(server, "volume", view, self._sent)
        self._volume_in_use = self._volume_waits = False
        self.needle: int | None = None
        for name in SLICES:
            self.slice_node(name).SetSliceVisible(False)
        node = self.volume.get_view_node()
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        node.SetBackgroundColor(*_BACKGROUND)
        node.SetBackgroundColor2(*_BACKGROUND)
        node.SetUseDepthPeeling(True)
        node.SetRenderMode(1)
        self._show_crosshair()

    @property
    def volume(self) -> Any:
        """The 3D view."""
        return self._windows["volume"].view

    async def seen(self, at_most_s: float) -> None:
        """Wait until a browser has a picture of every view, for a limited time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_seen.wait(), at_most_s)

    def adapters(self) -> list[Any]:
        """What the server streams."""
        return [w.adapter for w in self._windows.values()]

    def slice_node(self, name: str) -> Any:
        """The slice node of a view."""
        return self._windows[name].view.get_view_node()

    def show(self, ct: Any) -> None:
        """Take a CT as background of every slice."""
        for name in SLICES:
            self._windows[name].view.set_background_volume_id(ct.GetID())

    def overlay(self, volume: Any | None) -> None:
        """Lay a volume over the CT of every slice, half transparent, or take it away."""
        for name in SLICES:
            view = self._windows[name].view
            view.set_foreground_volume_id(None if volume is None else volume.GetID())
            view.set_foreground_opacity(0.0 if volume is None else _OVERLAY_OPACITY)

    def hurry(self, in_a_hurry: bool) -> None:
        """While needles move the 3D view waits, which is slow to draw; roughly, it follows where the mouse is in it."""
        node = self.volume.get_view_node()
        node.SetFieldOfView(self.volume.get_camera_node().GetParallelScale())  # or any change of the node zooms to it
        node.SetUseDepthPeeling(not in_a_hurry)
        waits = in_a_hurry and not self._volume_in_use
        if waits != self._volume_waits:
            self._volume_waits = waits
            self.volume.set_render_blocked(waits)

    def render(self) -> None:
        """Draw all views again."""
        for window in self._windows.values():
            window.view.schedule_render()

    def observe(self, changed: Callable[[], None]) -> None:
        """Call back when a slice moved or turned."""
        for name in SLICES:
            self.slice_node(name).AddObserver("ModifiedEvent", lambda *_: changed())

    def observe_turning(self, turned: Callable[[], None]) -> None:
        """Call back when the 3D view turned, moved or zoomed."""
        self.volume.get_camera_node().AddObserver("ModifiedEvent", lambda *_: turned())

    def to_display(self, point_ras_mm: ArrayLike) -> tuple[float, float]:
        """Pixel of a point in the 3D view, column and row from the lower left."""
        renderer = self.volume.renderer()
        renderer.SetWorldPoint(*np.asarray(point_ras_mm, dtype=float), 1.0)
        renderer.WorldToDisplay()
        x, y, _depth = renderer.GetDisplayPoint()
        return float(x), float(y)

    def standard(self, centre_ras_mm: ArrayLike, mean_direction: ArrayLike, reach_mm: float) -> None:
        """Axial, coronal, sagittal and 3D around a point."""
        self.needle = None
        shown = (planes.axial(centre_ras_mm), planes.coronal(centre_ras_mm), planes.sagittal(centre_ras_mm))
        for name, plane in zip(SLICES, shown, strict=True):
            self._place(name, plane, _FIELD_OF_VIEW_MM)
        self._look(centre_ras_mm, mean_direction, _OVERVIEW_TURN_DEG, max(220.0, 1.6 * reach_mm))
        self._point_at(centre_ras_mm)

    def along(self, number: int, placement: Placement, depth_mm: float) -> None:
        """The two planes that hold a needle, the plane across it at a depth from the skin, and its entry."""
        self.needle = number
        entry, tip = np.array(placement.entry_ras_mm), np.array(placement.tip_ras_mm)
        direction = unit_vector(tip - entry)
        middle = (entry + tip) / 2
        field = max(200.0, 1.5 * float(np.linalg.norm(tip - entry)))
        self._place("axial", planes.along_needle(middle, direction), field)
        self._place("coronal", planes.across_needle(middle, direction), field)
        self.across(placement, depth_mm)
        self._look(entry, direction, _ENTRY_TURN_DEG, 180.0)
        self._point_at(tip)

    def across(self, placement: Placement, depth_mm: float) -> None:
        """Move only the plane down the barrel."""
        entry, tip = np.array(placement.entry_ras_mm), np.array(placement.tip_ras_mm)
        direction = unit_vector(tip - entry)
        self._place("sagittal", planes.down_the_barrel(entry + depth_mm * direction, direction), _BARREL_FIELD_MM)

    def centre_on(self, point_ras_mm: ArrayLike) -> None:
        """Bring a point into the middle of every slice."""
        for name in SLICES:
            self.slice_node(name).JumpSliceByCentering(*np.asarray(point_ras_mm, dtype=float))
        self._point_at(point_ras_mm)

    def set_window(self, ct: Any, name: str) -> None:
        """One of `WINDOWS`."""
        if name in WINDOWS:
            ct.GetDisplayNode().AutoWindowLevelOff()
            ct.GetDisplayNode().SetWindowLevel(*WINDOWS[name])

    def offset_range(self, name: str) -> tuple[float, float, float]:
        """Least and greatest offset and the step of a slice, mm."""
        low, high = self._windows[name].view.get_slice_range()
        return float(low), float(high), max(float(self._windows[name].view.get_slice_step()), 0.1)

    def set_offset(self, name: str, offset_mm: float) -> None:
        """Scroll a slice."""
        if name in SLICES:
            self._windows[name].view.set_slice_value(offset_mm)

    def corner(self, name: str) -> dict[str, Any]:
        """Letters at the edges of a slice, where it is, and its slider."""
        matrix = matrix_array(self.slice_node(name).GetSliceToRAS())
        right, up = matrix[:3, 0], matrix[:3, 1]
        low, high, step = self.offset_range(name)
        offset = float(self._windows[name].view.get_slice_value())
        letters = {"right": letter(right), "left": letter(-right), "up": letter(up), "down": letter(-up)}
        return {**letters, "offset": round(offset, 2), "low": round(low, 1), "high": round(high, 1),
                "step": round(step, 2), "where": _where(matrix)}  # fmt: skip

    def use_volume(self, in_use: bool) -> None:
        """Draw the 3D view more often while the mouse is in it."""
        self._volume_in_use = in_use
        self._windows["volume"].scheduler.target_fps = _VOLUME_FPS_IN_USE if in_use else _VOLUME_FPS

    def close(self) -> None:
        """Let the render windows go."""
        for window in self._windows.values():
            window.view.finalize()

    def _sent(self, name: str) -> None:
        self._not_seen.discard(name)
        if not self._not_seen:
            self._all_seen.set()

    def _place(self, name: str, plane: Plane, field_of_view_mm: float) -> None:
        view, node = self._windows[name].view, self.slice_node(name)
        width, height = view.render_window().GetSize()
        node.GetSliceToRAS().DeepCopy(vtk_matrix(plane.slice_to_ras()))
        # The field belongs to the shorter side, so that a needle is whole in wide and in tall windows.
        scale = field_of_view_mm / max(min(width, height), 1)
        node.SetFieldOfView(scale * max(width, 1), scale * max(height, 1), 1.0)
        node.SetXYZOrigin(0, 0, 0)
        node.UpdateMatrices()

    def _look(self, focus_ras_mm: ArrayLike, direction: ArrayLike, turn_deg: float, height_mm: float) -> None:
        camera = self.volume.get_camera_node()
        plane = planes.down_the_barrel(np.zeros(3), direction)
        turn = np.radians(turn_deg)
        d = np.cos(turn) * unit_vector(direction) + np.sin(turn) * plane.right
        focus = np.asarray(focus_ras_mm, dtype=float)
        camera.SetFocalPoint(*focus)
        camera.SetPosition(*(focus - 1000.0 * d))
        camera.SetViewUp(*plane.up)
        camera.SetParallelProjection(True)
        camera.SetParallelScale(height_mm / 2)
        self.volume.renderer().ResetCameraClippingRange()
        self.volume.schedule_render()

    def _point_at(self, point_ras_mm: ArrayLike) -> None:
        crosshair = self.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is not None:
            crosshair.SetCrosshairRAS(*np.asarray(point_ras_mm, dtype=float))

    def _show_crosshair(self) -> None:
        """Moving with Shift held down jumps the other views to the same point."""
        crosshair = self.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
        if crosshair is not None:
            slicer = slicer_module()
            crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowBasic)
            crosshair.SetCrosshairBehavior(slicer.vtkMRMLCrosshairNode.OffsetJumpSlice)
            crosshair.SetCrosshairThickness(slicer.vtkMRMLCrosshairNode.Fine)


def mean_direction(placements: Any) -> NDArray[np.float64]:
    """Unit mean of the needles' directions; anterior where they cancel out."""
    total = np.zeros(3)
    for placement in placements:
        total += unit_vector(np.subtract(placement.tip_ras_mm, placement.entry_ras_mm))
    return unit_vector(total if np.linalg.norm(total) > 1e-3 else [0.0, 1.0, 0.0])


def slider_range_mm(placement: Placement) -> tuple[float, float]:
    """Depths that the slider along a needle covers: from before the skin to beyond the tip."""
    depth = float(np.linalg.norm(np.subtract(placement.tip_ras_mm, placement.entry_ras_mm)))
    return -_OUTSIDE_MM, depth + _OUTSIDE_MM


def _where(matrix: NDArray[np.float64]) -> str:
    """The patient coordinate that a standard slice keeps; nothing for an oblique one."""
    normal = np.abs(matrix[:3, 2])
    axis = int(normal.argmax())
    return f"{'RAS'[axis]} {matrix[axis, 3]:+.1f} mm" if normal[axis] > 0.999 else "oblique"


def _stream(server: Any, name: str, view: Any, sent: Callable[[str], None]) -> _Window:
    """Connect a view with the area of the page that has its name; `sent` is told of pictures that a browser gets."""
    from trame_rca.encoders import RcaImageEncoder
    from trame_rca.schedulers import RcaImageRenderScheduler
    from trame_rca.utils import RcaViewAdapter
    from trame_slicer.rca_view.rca_view_factory import RcaRenderStrategy, RcaWindow

    view.render_window().SetMultiSamples(0)  # with samples, software OpenGL drops translucent models
    cursor = f"{name}_cursor"
    server.state.setdefault(cursor, "default")
    area = RcaWindow(view.render_window(), state=server.state, active_view_cursor=cursor)
    scheduler = RcaImageRenderScheduler(
        area, rca_encoder=RcaImageEncoder.TURBO_JPEG, interactive_quality=_QUALITY, still_quality=_QUALITY,
        target_fps=_VOLUME_FPS if name == "volume" else _SLICE_FPS,
    )  # fmt: skip
    adapter = RcaViewAdapter(area, name=name, scheduler=scheduler, do_schedule_render_on_interaction=False)
    view.set_scheduled_render(RcaRenderStrategy(scheduler))

    def push(content: bytes, meta: dict[str, Any]) -> None:
        adapter.push(content, meta)
        if adapter.streamer is not None:
            sent(name)

    scheduler.set_push_callback(push)
    return _Window(view, adapter, scheduler)
