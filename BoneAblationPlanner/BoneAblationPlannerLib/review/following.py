"""Keeps views and figures where the what-if is: needles and zones at once, figures after, warnings when it rests."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.review.draft import Draft, Proposal
from BoneAblationPlannerLib.review.measuring import Measured, Measuring
from BoneAblationPlannerLib.review.overlays import Overlays
from BoneAblationPlannerLib.review.telling import Telling

_REST_S = 0.3
"""The needles rest for so long before warnings are looked for, which takes longer than the figures."""


class Following:
    """`now` is the plan that the page shows, `stored` the one that it is compared with.

    Parameters
    ----------
    start : callable
        Runs a coroutine beside the others and reports its failure.
    hurry : callable
        Is told when the needles begin to move (True) and when they rest (False).
    """

    def __init__(
        self,
        draft: Draft,
        overlays: Overlays,
        telling: Telling,
        stored: Plan,
        start: Callable[[Coroutine[Any, Any, None]], None],
        hurry: Callable[[bool], None],
    ) -> None:
        self.now = self.stored = stored
        self.measuring: Measuring | None = None
        self._by_chart: Plan | None = None
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="figures")
        self._slow_pool = ThreadPoolExecutor(1, thread_name_prefix="warnings")
        self.moving = False
        """Whether the needles' handles are being moved from here and not by the reviewer."""
        self._draft, self._overlays, self._telling, self._start = draft, overlays, telling, start
        self._hurry, self._at_work = hurry, False
        self._moved, self._moved_s = asyncio.Event(), 0.0

    async def begin(self, measuring: Measuring) -> None:
        """Measure the stored plan; from then on every change is measured."""
        measured = await self._run(measuring.completely, self._draft.now)
        self.measuring = measuring
        if self.stored.zone.model != "chart":
            self._by_chart = measured.plan
        self._show_target()
        self._show(measured)

    def follow(self, *, lines_too: bool = True) -> None:
        """Bring views and figures to where the draft is; `lines_too` moves the handles as well."""
        self.moving = True
        self._moved_s = time.perf_counter()
        self._moved.set()
        try:
            self._overlays.follow(self._draft.now.placements, lines_too=lines_too)
        finally:
            self.moving = False
        with self._telling.state as state:
            self._telling.draft(self._draft)
            state.computing = self.measuring is not None
        if self.measuring is not None and not self._at_work:
            self._at_work = True
            self._start(self._measure(self.measuring))

    def compare_with(self, stored: Plan) -> None:
        """Take another plan as the stored one, which the draft is now equal to."""
        self.now = self.stored = stored
        self._by_chart = None
        self._telling.plan(stored, stored)

    def close(self) -> None:
        """Let the threads go."""
        for pool in (self.pool, self._slow_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def give_up(self) -> None:
        """Nothing is being measured any more."""
        self._at_work = self._telling.state.computing = False
        self._hurry(False)

    async def _measure(self, measuring: Measuring) -> None:
        """Measure until everything is that of the draft; states that were passed over meanwhile are left out."""
        while True:
            self._hurry(True)
            await asyncio.sleep(0)  # moves that wait come first
            self._moved.clear()
            moved_s, proposal = self._moved_s, self._draft.now
            try:
                measured = await self._quickly(measuring, proposal)
                with self._telling.state as state:
                    if proposal.margin_mm != self.now.coverage.margin_mm:
                        self._show_target()
                    self._show(measured)
                    state.latency_ms = round(1000 * (time.perf_counter() - moved_s))
                if await self._moves_within(_REST_S):
                    continue
                self._hurry(False)
                complete = asyncio.get_running_loop().run_in_executor(self._slow_pool, measuring.completely, proposal)
                if await self._moves_before(complete):
                    complete.add_done_callback(_ignore)
                    continue
                measured = complete.result()
            except InputError as error:
                with self._telling.state:
                    self._telling.say("error", str(error))
                    self.give_up()
                return
            if proposal == self._draft.now:
                with self._telling.state:
                    self._show(measured)
                    self.give_up()
                return

    async def _quickly(self, measuring: Measuring, proposal: Proposal) -> Measured:
        """Figures of moved needles at once: another thread would wait for every picture that is drawn meanwhile."""
        if proposal.margin_mm == measuring.prepared.margin_mm:
            return measuring.quickly(proposal)
        return await self._run(measuring.quickly, proposal)

    async def _moves_within(self, seconds: float) -> bool:
        """Whether the needles are moved again before so much time has passed."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._moved.wait(), seconds)
        return False

    async def _moves_before(self, work: "asyncio.Future[Measured]") -> bool:
        """Whether the needles are moved again before some work is done."""
        moves = asyncio.ensure_future(self._moved.wait())
        await asyncio.wait((work, moves), return_when=asyncio.FIRST_COMPLETED)
        moves.cancel()
        return self._moved.is_set()

    async def _run(self, work: Callable[..., Measured], *arguments: Any) -> Measured:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *arguments)

    def _show(self, measured: Measured) -> None:
        if self.measuring is None:
            return
        if self._by_chart is not None and measured.proposal == self._draft.stored:
            # Nothing is simulated here: needles where they are stored keep the figures of their simulation.
            self.now = self.stored
            self._overlays.show_stored()
        else:
            self.now = measured.plan
            self._overlays.show_measured(measured, self.measuring.surface_ras_mm)
        self._overlays.show_cement(self.now.cement is not None)
        self._telling.plan(self.now, self.stored, self._by_chart)
        self._telling.draft(self._draft)

    def _show_target(self) -> None:
        if self.measuring is not None:
            prepared = self.measuring.prepared
            self._overlays.show_target(prepared.target.mask, prepared.anatomy.ct.grid)


def _ignore(overtaken: "asyncio.Future[Measured]") -> None:
    """What was overtaken is nobody's concern, not even its failure."""
    if not overtaken.cancelled():
        overtaken.exception()
