"""The review, put together from its parts: opened, prepared, ended. One per process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.reevaluation import placements_of_plan
from BoneAblationPlannerLib.review.changing import Changing
from BoneAblationPlannerLib.review.draft import Draft
from BoneAblationPlannerLib.review.folder import PlanFolder, Version, sha256_of
from BoneAblationPlannerLib.review.following import Following
from BoneAblationPlannerLib.review.keeping import Keeping
from BoneAblationPlannerLib.review.looking import Looking
from BoneAblationPlannerLib.review.measuring import Measuring
from BoneAblationPlannerLib.review.overlays import Overlays
from BoneAblationPlannerLib.review.page import first_state
from BoneAblationPlannerLib.review.pairing import nodes_of_version
from BoneAblationPlannerLib.review.session import LOG, Session, Tasks, told
from BoneAblationPlannerLib.review.telling import Telling
from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.scene.stored import read_plan_nodes

_FIRST_PICTURES_S = 10.0
"""The first pictures go before the anatomy, which is read in a thread; without a browser it is read after so long."""


class Review:
    """Joins a stored plan, its scene, the what-if and the page; every method in `ACTIONS` can be asked for by it."""

    ACTIONS = "end"

    def __init__(
        self, server: Any, folder: PlanFolder, version: Version, scene: Any, devices: tuple[Device, ...]
    ) -> None:
        self._devices = devices
        self._stop: Callable[[], Awaitable[None]] | None = None
        self.session = _session(server, folder, version, scene, devices, Tasks(self.defect))
        self._looking, self._changing = Looking(self.session), Changing(self.session)
        for part in (self._looking, self._changing, Keeping(self.session), self):
            for name in part.ACTIONS.split():
                server.controller.trigger(name)(getattr(part, name))

    @property
    def unsaved(self) -> bool:
        """Whether something would be lost at the end."""
        return self.session.draft.changed

    def adapters(self) -> list[Any]:
        """What the server streams."""
        return self.session.windows.adapters()

    def open(self) -> None:
        """Show the stored plan; the what-if becomes ready a little later."""
        session, state = self.session, self.session.telling.state
        state.update(first_state())
        self._looking.open()
        self._changing.watch_lines()
        state.catalogue = [
            {"id": d.id, "name": d.name, "modality": d.modality.upper(), "programs": [p.id for p in d.programs]}
            for d in self._devices
        ]
        state.stored_name = session.version.name
        session.telling.plan(session.stored, session.stored)
        session.telling.draft(session.draft)
        session.telling.record(session.folder.path, session.plan_sha256)
        session.telling.corners(session.windows)

    def prepare(self) -> None:
        """Begin to read the anatomy; the page can be used meanwhile."""
        self.session.tasks.start(self._prepare())

    def on_stop(self, stop: Callable[[], Awaitable[None]]) -> None:
        """What ends the server."""
        self._stop = stop

    @told
    def end(self) -> None:
        """End the review and the process behind it."""
        if self.unsaved:
            raise InputError("there are unsaved changes: save them as a version or discard them first")
        self.session.telling.state.ended = "The review has ended. You can close this page."
        self.session.tasks.start(self._stop_soon())

    def close(self) -> None:
        """Let threads and windows go."""
        self.session.following.close()
        self.session.windows.close()

    def defect(self, error: BaseException, *_: Any) -> None:
        """Tell the reviewer that the program failed, and leave no wait without an end."""
        LOG.error("a defect in the program: %s: %s", type(error).__name__, error)
        following, telling = self.session.following, self.session.telling
        with telling.state as state:
            if following.measuring is None:
                state.what_if, state.why_not = "unavailable", "a defect in the program"
            following.give_up()
            state.busy = ""
            telling.say(
                "error", "A defect in the program; what is on disk is as it was. End the review and start it again."
            )

    async def _prepare(self) -> None:
        """Read masks and measure the stored plan once, in a thread."""
        session, loop = self.session, asyncio.get_running_loop()
        pool, state = session.following.pool, session.telling.state
        await session.windows.seen(_FIRST_PICTURES_S)
        try:
            session.scene_sha256 = await loop.run_in_executor(pool, sha256_of, session.version.scene)
            stored = replace(await loop.run_in_executor(pool, read_plan_nodes, session.scene), plan=session.stored)
            measuring = await loop.run_in_executor(pool, Measuring, stored, self._devices)
            if "remainder" in stored.masks:
                session.overlays.keep_remainder(stored.masks["remainder"], stored.ct.grid)
            await session.following.begin(measuring)
        except InputError as error:
            with state:
                state.what_if, state.why_not = "unavailable", str(error)
            return
        with state:
            state.what_if = "ready"
        session.windows.render()

    async def _stop_soon(self) -> None:
        await asyncio.sleep(0.3)  # the page shows that it has ended
        if self._stop is not None:
            await self._stop()


def _session(
    server: Any, folder: PlanFolder, version: Version, scene: Any, devices: tuple[Device, ...], tasks: Tasks
) -> Session:
    """Everything that the parts of the review share, made from a stored plan and its scene."""
    stored = folder.read(version)
    nodes = nodes_of_version(scene, stored, version)
    draft = Draft(placements_of_plan(stored, devices), stored.coverage.margin_mm, devices)
    overlays = Overlays(scene, nodes.segmentation, nodes.probes, stored.zone.model != "chart")
    windows, telling = Windows(scene, server), Telling(server.state)
    return Session(
        folder=folder,
        version=version,
        stored=stored,
        plan_sha256=sha256_of(version.plan),
        scene=scene,
        nodes=nodes,
        draft=draft,
        overlays=overlays,
        windows=windows,
        telling=telling,
        following=Following(draft, overlays, telling, stored, tasks.start, windows.hurry),
        tasks=tasks,
    )
