"""The review: everything that the page can ask for. One per process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import software_version
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.reevaluation import placements_of_plan
from BoneAblationPlannerLib.review import rows
from BoneAblationPlannerLib.review.approvals import decide
from BoneAblationPlannerLib.review.cement import CementSlider
from BoneAblationPlannerLib.review.draft import Draft, Proposal
from BoneAblationPlannerLib.review.folder import PlanFolder, Version, sha256_of
from BoneAblationPlannerLib.review.following import Following
from BoneAblationPlannerLib.review.heat import TimeSlider
from BoneAblationPlannerLib.review.measuring import Measuring
from BoneAblationPlannerLib.review.overlays import Overlays
from BoneAblationPlannerLib.review.page import first_state
from BoneAblationPlannerLib.review.pairing import nodes_of_version, save_scene
from BoneAblationPlannerLib.review.ruler import Ruler
from BoneAblationPlannerLib.review.telling import Telling
from BoneAblationPlannerLib.review.windows import WINDOWS, Windows, mean_direction, slider_range_mm
from BoneAblationPlannerLib.scene.build import read_plan_nodes
from BoneAblationPlannerLib.scene.probes import read_line
from BoneAblationPlannerLib.scene.runtime import slicer_module

_ACTIONS = (
    "set_mode set_offset set_depth use_volume set_window set_layer set_editing go_to nudge set_device set_margin undo"
    " redo discard measure_distance clear_distances show_moment show_cement save_version decide end"
)
_FIRST_PICTURES_S = 10.0
"""The first pictures go before the anatomy, which is read in a thread; without a browser it is read after so long."""
_SAME_POINT_MM = 0.005
_LONGEST_NUDGE_MM = 10.0
_LOG = logging.getLogger("bone-ablation-planner")


def _told(action: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the reviewer in one line why something he asked for could not be done."""

    @wraps(action)
    def run(self: "Review", *arguments: Any) -> Any:
        try:
            return action(self, *arguments)
        except InputError as error:
            self.telling.say("error", str(error))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            _LOG.debug("refused: %s", error)
            self.telling.say("error", "That value cannot be used.")
        return None

    return run


class Review:
    """Joins a stored plan, its scene, the what-if and the page."""

    def __init__(
        self, server: Any, folder: PlanFolder, version: Version, scene: Any, devices: tuple[Device, ...]
    ) -> None:
        self.server, self.telling = server, Telling(server.state)
        self.folder, self.version, self.scene, self.devices = folder, version, scene, devices
        self.stored = folder.read(version)
        self._plan_sha256, self._scene_sha256 = sha256_of(version.plan), ""
        self.nodes = nodes_of_version(scene, self.stored, version)
        self.draft = Draft(placements_of_plan(self.stored, devices), self.stored.coverage.margin_mm, devices)
        self.overlays = Overlays(scene, self.nodes.segmentation, self.nodes.probes, self.stored.zone.model != "chart")
        self.windows = Windows(scene, server)
        self.ruler = Ruler(scene)
        self.slider = TimeSlider(self.nodes, self.windows)
        self.cement = CementSlider(self.nodes, self.windows)
        self.following = Following(
            self.draft, self.overlays, self.telling, self.stored, self._start, self.windows.hurry
        )
        self._stop: Callable[[], Awaitable[None]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        for name in _ACTIONS.split():
            server.controller.trigger(name)(getattr(self, name))

    def open(self) -> None:
        """Show the stored plan; the what-if becomes ready a little later."""
        state = self.telling.state
        state.update(first_state())
        self.windows.show(self.nodes.ct)
        self.windows.set_window(self.nodes.ct, "bone")
        self.overlays.follow(self.draft.now.placements)
        self.overlays.set_editable(False)
        self._standard()
        self.windows.observe(lambda: self.telling.corners(self.windows))
        self._watch_lines()
        state.catalogue = [
            {"id": d.id, "name": d.name, "modality": d.modality.upper(), "programs": [p.id for p in d.programs]}
            for d in self.devices
        ]
        state.stored_name = self.version.name
        state.layers = self.overlays.layers
        state.cement_step = self.cement.first(self.stored)
        state.heat_times = [round(t / 60, 1) for t in self.slider.times_s]
        state.heat_scale = self.slider.scale_celsius
        self.telling.plan(self.stored, self.stored)
        self.telling.draft(self.draft)
        self.telling.record(self.folder.path, self._plan_sha256)
        self.telling.corners(self.windows)

    def prepare(self) -> None:
        """Begin to read the anatomy; the page can be used meanwhile."""
        self._start(self._prepare())

    def on_stop(self, stop: Callable[[], Awaitable[None]]) -> None:
        """What ends the server."""
        self._stop = stop

    def close(self) -> None:
        """Let threads and windows go."""
        self.following.close()
        self.windows.close()

    def defect(self, error: BaseException, *_: Any) -> None:
        """Tell the reviewer that the program failed, and leave no wait without an end."""
        _LOG.error("a defect in the program: %s: %s", type(error).__name__, error)
        with self.telling.state as state:
            if self.following.measuring is None:
                state.what_if, state.why_not = "unavailable", "a defect in the program"
            self.following.give_up()
            state.busy = ""
            self.telling.say(
                "error", "A defect in the program; what is on disk is as it was. End the review and start it again."
            )

    # ---- views

    @_told
    def set_mode(self, mode: int) -> None:
        """Standard views (-1), or the views along a needle."""
        if int(mode) < 0:
            self._standard()
        else:
            self._along(int(mode))
        self.telling.corners(self.windows)

    @_told
    def set_offset(self, name: str, offset_mm: float) -> None:
        """Scroll a slice."""
        self.windows.set_offset(str(name), float(offset_mm))

    @_told
    def use_volume(self, in_use: bool) -> None:
        """The mouse went into the 3D view, or out of it."""
        self.windows.use_volume(bool(in_use))

    @_told
    def set_depth(self, depth_mm: float) -> None:
        """Move the plane down the barrel along its needle."""
        if self.windows.needle is None:
            return
        placement = self.draft.now.placements[self.windows.needle]
        low, high = slider_range_mm(placement)
        value = min(max(float(depth_mm), low), high)
        self.windows.across(placement, value)
        self.telling.depth(value, low, high)

    @_told
    def set_window(self, name: str) -> None:
        """Bone, soft tissue or lung."""
        if name in WINDOWS:
            self.windows.set_window(self.nodes.ct, name)
            self.telling.state.window = name

    @_told
    def set_layer(self, layer: str, shown: bool) -> None:
        """Show or hide an overlay."""
        self.overlays.set_layer(str(layer), bool(shown))
        self.telling.state.layers = self.overlays.layers
        self.windows.render()

    @_told
    def go_to(self, number: int) -> None:
        """Bring a needle's tip into the middle of the views."""
        placement = self.draft.now.placements[int(number)]
        self._standard()
        self.windows.centre_on(placement.tip_ras_mm)

    @_told
    def measure_distance(self) -> None:
        """Let the reviewer click two points."""
        self.ruler.place(lambda: self.telling.distances(self.ruler.distances()))
        self.telling.state.ruler = True

    @_told
    def clear_distances(self) -> None:
        """Remove all measured distances."""
        self.ruler.clear()
        self.telling.distances([])

    @_told
    def show_moment(self, number: int) -> None:
        """Lay the temperatures of one moment of the simulation over the CT; -1 takes them away."""
        number = int(number)
        self.telling.state.heat_moment = number if self.slider.show(number) else -1

    @_told
    def show_cement(self, number: int) -> None:
        """Show the cement in the views as it is at a step of its filling."""
        self.telling.state.cement_step = self.cement.show(self.stored, int(number))

    # ---- what-if

    @_told
    def set_editing(self, editing: bool) -> None:
        """Unlock the needles' handles."""
        editing = bool(editing) and self.following.measuring is not None
        self.overlays.set_editable(editing)
        self.telling.state.editing = editing

    @_told
    def nudge(self, number: int, end: str, axis: int, step_mm: float) -> None:
        """Move an entry or a tip along R, A or S."""
        self._need_what_if()
        old = self.draft.now.placements[int(number)]
        points = {"entry": list(old.entry_ras_mm), "tip": list(old.tip_ras_mm)}
        points[str(end)][int(axis)] += min(max(float(step_mm), -_LONGEST_NUDGE_MM), _LONGEST_NUDGE_MM)
        (er, ea, es), (tr, ta, ts) = points["entry"], points["tip"]
        self.draft.begin()
        self.draft.move(int(number), (er, ea, es), (tr, ta, ts))
        self.following.follow()

    @_told
    def set_device(self, number: int, device: str, program: str | None = None) -> None:
        """Another device or program for one needle."""
        self._need_what_if()
        self.draft.begin()
        self.draft.set_device(int(number), str(device), program)
        self.following.follow()
        self.telling.state.layers = self.overlays.layers

    @_told
    def set_margin(self, margin_mm: float) -> None:
        """Another margin around the lesion."""
        self._need_what_if()
        self.draft.begin()
        self.draft.set_margin(float(margin_mm))
        self.following.follow()

    @_told
    def undo(self) -> None:
        """Take the last change back."""
        self.draft.undo()
        self.following.follow()

    @_told
    def redo(self) -> None:
        """Make a change again."""
        self.draft.redo()
        self.following.follow()

    @_told
    def discard(self) -> None:
        """Back to the stored plan."""
        self.draft.discard()
        self.following.follow()
        self.telling.say("ok", f"Back to {self.version.name}; Undo brings the changes back.")

    # ---- what is written

    @_told
    def save_version(self) -> None:
        """Write the what-if as the next version of the plan."""
        self._need_what_if()
        if not self.draft.changed:
            raise InputError("there is nothing new to save")
        self._start(self._save_version())

    @_told
    def decide(self, decision: str, name: str, reason: str) -> None:
        """Approve or reject the plan that is shown, on record."""
        if self.draft.changed:
            raise InputError("the plan on the page was changed: save it as a version or discard the changes first")
        if sha256_of(self.version.plan) != self._plan_sha256:
            raise InputError(f"{self.version.name}: was changed on disk since it was opened; open the review again")
        if not self._scene_sha256:
            raise InputError("the scene is still being read; expected a moment's patience")
        made = decide(
            self.folder.path,
            str(decision),
            name,
            reason,
            reason_needed=rows.needs_reason(self.stored),
            plan=self.version.name,
            plan_sha256=self._plan_sha256,
            scene_sha256=self._scene_sha256,
            software=f"BoneAblationPlanner {software_version()}",
        )
        self.telling.record(self.folder.path, self._plan_sha256)
        self.telling.say("ok", f"{self.version.name} {made.decision} by {made.name}, on record.")

    @_told
    def end(self) -> None:
        """End the review and the process behind it."""
        if self.draft.changed:
            raise InputError("there are unsaved changes: save them as a version or discard them first")
        self.telling.state.ended = "The review has ended. You can close this page."
        self._start(self._stop_soon())

    # ---- behind the actions

    async def _prepare(self) -> None:
        """Read masks and measure the stored plan once, in a thread."""
        loop, pool, state = asyncio.get_running_loop(), self.following.pool, self.telling.state
        await self.windows.seen(_FIRST_PICTURES_S)
        try:
            self._scene_sha256 = await loop.run_in_executor(pool, sha256_of, self.version.scene)
            stored = replace(await loop.run_in_executor(pool, read_plan_nodes, self.scene), plan=self.stored)
            measuring = await loop.run_in_executor(pool, Measuring, stored, self.devices)
            if "remainder" in stored.masks:
                self.overlays.keep_remainder(stored.masks["remainder"], stored.ct.grid)
            await self.following.begin(measuring)
        except InputError as error:
            with state:
                state.what_if, state.why_not = "unavailable", str(error)
            return
        with state:
            state.what_if = "ready"
        self.windows.render()

    async def _save_version(self) -> None:
        measuring, proposal, state = self.following.measuring, self.draft.now, self.telling.state
        if measuring is None:
            return
        with state:
            state.busy = "Measuring the new version"
        try:
            result = await asyncio.get_running_loop().run_in_executor(self.following.pool, measuring.result, proposal)
            source = {"edited_from": self.version.name, "edited_from_sha256": self._plan_sha256}
            plan = replace(result.plan, parameters={**result.plan.parameters, **source})
            with state:
                state.busy = "Writing plan and scene"
            await asyncio.sleep(0.1)  # the page shows what happens before the scene is built
            version = self.folder.add(plan, lambda path: save_scene(replace(result, plan=plan), path))
            with state:
                self._keep(version, proposal)
        except InputError as error:
            with state:
                self.telling.say("error", str(error))
        finally:
            with state:
                state.busy = ""

    def _keep(self, version: Version, proposal: Proposal) -> None:
        """Go on with the version that was saved as the stored plan."""
        self.version, self.stored = version, self.folder.read(version)
        self._plan_sha256, self._scene_sha256 = sha256_of(version.plan), sha256_of(version.scene)
        self.draft.keep_as_stored(proposal)
        self.following.compare_with(self.stored)
        self.telling.state.stored_name = version.name
        self.telling.draft(self.draft)
        self.telling.record(self.folder.path, self._plan_sha256)
        self.telling.say("ok", f"Saved as {version.name}; the older versions are as they were.")

    def _need_what_if(self) -> None:
        if self.following.measuring is None:
            raise InputError("the anatomy is still being read; expected a moment's patience")

    def _standard(self) -> None:
        reach = max((p.depth_mm for p in self.following.now.probes), default=0.0)
        self.overlays.show_skin_for_entry(False)
        self.windows.standard(self.stored.lesion.centroid_ras_mm, mean_direction(self.draft.now.placements), reach)
        self.telling.state.mode = -1

    def _along(self, number: int) -> None:
        placement: Placement = self.draft.now.placements[number]
        depth = float(np.linalg.norm(np.subtract(placement.tip_ras_mm, placement.entry_ras_mm)))
        self.overlays.show_skin_for_entry(True)
        self.windows.along(number, placement, depth)
        self.telling.state.mode = number
        self.telling.depth(depth, *slider_range_mm(placement))

    def _watch_lines(self) -> None:
        node_class = slicer_module().vtkMRMLMarkupsNode
        for number, line in enumerate(self.overlays.lines):
            line.AddObserver(node_class.PointStartInteractionEvent, lambda *_: self.draft.begin())
            line.AddObserver(node_class.PointModifiedEvent, lambda *_, n=number: self._dragged(n))

    @_told
    def _dragged(self, number: int) -> None:
        """A handle was moved in a view."""
        if self.following.moving:
            return
        line, old = read_line(self.overlays.lines[number]), self.draft.now.placements[number]
        moved = np.abs(np.subtract((line.entry_ras_mm, line.tip_ras_mm), (old.entry_ras_mm, old.tip_ras_mm))).max()
        if moved > _SAME_POINT_MM:
            self.draft.move(number, line.entry_ras_mm, line.tip_ras_mm)
            self.following.follow(lines_too=False)

    async def _stop_soon(self) -> None:
        await asyncio.sleep(0.3)  # the page shows that it has ended
        if self._stop is not None:
            await self._stop()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.defect(error)
