"""Figures of a what-if on a plan that was simulated, which the page cannot do: like is compared with like."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from plans import small_plan

from BoneAblationPlannerLib.plan import Zone
from BoneAblationPlannerLib.review.draft import Proposal
from BoneAblationPlannerLib.review.following import Following
from BoneAblationPlannerLib.review.page import first_state
from BoneAblationPlannerLib.review.telling import Telling

STORED, MOVED = Proposal((), 5.0), Proposal((), 6.0)


class State(SimpleNamespace):
    """Where the page's values are written."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def following(model):
    """A what-if on a plan of a zone model, which charts measure as half as large."""
    stored = replace(small_plan(), zone=Zone(model, 60.0, ()))

    def by_chart(proposal):
        small = 30.0 if proposal == STORED else 31.0
        return SimpleNamespace(proposal=proposal, plan=replace(stored, zone=Zone("chart", small, ())))

    measuring = MagicMock(completely=by_chart, quickly=by_chart)
    draft = SimpleNamespace(now=STORED, stored=STORED, changed=False, can_undo=False, can_redo=False)
    telling, overlays = Telling(State(**first_state())), MagicMock()
    made = Following(draft, overlays, telling, stored, MagicMock(), MagicMock())
    return made, measuring, draft, overlays, telling.state


def finish(work):
    """Run a coroutine to its end, also where the tests' browser has a loop in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def zone_row(state):
    return next((r["now"], r["stored"]) for r in state.figures if r["name"] == "Zone")


@pytest.mark.parametrize("model", ["ice", "heat"])
def test_needles_that_were_not_moved_keep_the_figures_of_their_simulation(model):
    what_if, measuring, _, overlays, state = following(model)
    finish(what_if.begin(measuring))
    assert zone_row(state) == ("60.0 ml", "60.0 ml")
    assert not state.by_chart
    overlays.show_stored.assert_called_once()
    overlays.show_measured.assert_not_called()
    what_if.close()


def test_moved_needles_are_compared_with_the_stored_ones_by_the_charts():
    what_if, measuring, draft, overlays, state = following("heat")
    finish(what_if.begin(measuring))
    draft.now = MOVED
    what_if._show(measuring.quickly(MOVED))
    assert zone_row(state) == ("31.0 ml", "30.0 ml")
    assert state.by_chart
    overlays.show_measured.assert_called_once()
    what_if._show(measuring.quickly(STORED))
    assert zone_row(state) == ("60.0 ml", "60.0 ml")
    assert not state.by_chart
    what_if.close()


def test_a_plan_by_the_charts_is_measured_as_it_is():
    what_if, measuring, _, overlays, state = following("chart")
    finish(what_if.begin(measuring))
    overlays.show_stored.assert_not_called()
    assert zone_row(state)[0] == "30.0 ml"
    what_if.close()
