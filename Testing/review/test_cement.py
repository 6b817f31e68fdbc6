"""What the review page says of cement and screws."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from plans import small_plan

from BoneAblationPlannerLib.plan import Cement, CementLeak, CementNeedle, CementStep, Screw
from BoneAblationPlannerLib.review.cement import CementSlider, cement_rows, density_curves
from BoneAblationPlannerLib.review.curves import HIGH, WIDE


def test_cement_is_told_millilitre_by_millilitre():
    needle = CementNeedle("Cement needle 1", 11, (0.0, 0.0, 0.0), (0.0, 0.0, 50.0), None, 3.05, 2.0)
    leaks = (CementLeak("a nerve (nerve)", 4.0, 25.0, 2.5), CementLeak("soft tissue", 0.0, 12.0))
    steps = tuple(CementStep(ml, 0.8 * ml, 0.2 * ml, 0.0) for ml in (1.0, 2.0, 3.0))
    cement = Cement((needle,), 3.0, 0.5, leaks, stop_ml=2.0, viscosity="high", steps=steps)
    told = cement_rows(replace(small_plan(), cement=cement))
    assert "stop at 2.0 ml" in told["fill"]
    assert "high viscosity" in told["fill"]
    assert [s["leaks"] for s in told["steps"]] == ["none", "none", "a nerve (nerve)"]
    assert [s["advised"] for s in told["steps"]] == ["", "", "beyond"]
    assert told["leaks"][0] == "Gap of 25 mm2 towards a nerve (nerve), 4 mm away: from 2.5 ml"
    assert "no simulated cement" in told["leaks"][1]
    assert any("Inject cement through Cement needle 1" in line for line in told["order"])


def test_a_plan_without_cement_has_no_rows():
    told = cement_rows(small_plan())
    assert (told["fill"], told["steps"], told["screws"], told["order"]) == ("", [], [], [])


def screw(number, hu):
    ends = (0.0, 0.0, 0.0), (0.0, 0.0, 5.0 * (len(hu) - 1))
    return Screw(f"Screw {number}", "made", 7.3, 5.0 * (len(hu) - 1), *ends, 2.0, None, hu_every_5_mm=hu)


def test_density_is_drawn_from_head_to_tip_on_one_scale():
    drawn = density_curves([screw(1, (0.0, 400.0, 800.0)), screw(2, (-100.0,) * 5), screw(3, (50.0,))])
    assert (drawn["low"], drawn["high"], drawn["last"]) == ("-100 HU", "800 HU", "20 mm")
    first, second = ([tuple(map(float, p.split(","))) for p in line["points"].split()] for line in drawn["lines"])
    # 10 of 20 mm reach half across; 0 of -100 to 800 HU lies a ninth above the lower edge.
    assert np.array(first) == pytest.approx(
        np.array([(0, HIGH * 8 / 9), (WIDE / 4, HIGH * 4 / 9), (WIDE / 2, 0)]), abs=0.06
    )
    assert second == [(n * WIDE / 4, HIGH) for n in range(5)]
    assert drawn["lines"][0]["text"] == "Screw 1: 0 to 800 HU"
    assert density_curves([]) == {}


def test_needles_that_are_pulled_back_are_told():
    needle = CementNeedle("Cement needle 1", 11, (0.0, 0.0, 0.0), (0.0, 0.0, 50.0), None,
                          injects_at_ras_mm=((0.0, 0.0, 50.0), (0.0, 0.0, 46.0), (0.0, 0.0, 42.0)))  # fmt: skip
    cement = Cement((needle,), 3.0, 0.5, (), stop_ml=1.5, pull_back_after_ml=(1.0, 2.0))
    told = cement_rows(replace(small_plan(), cement=cement))["pulled_back"]
    assert told == ["When 1.0 ml in all are in, pull back Cement needle 1 by 4 mm, and go on"]


def test_the_slider_begins_at_the_advised_volume_and_stays_within_the_steps(monkeypatch):
    shown = []
    monkeypatch.setattr("BoneAblationPlannerLib.review.cement.show_cement_at", lambda _nodes, ml: shown.append(ml))
    slider = CementSlider(SimpleNamespace(stabilisation=()), SimpleNamespace(render=lambda: None))
    steps = tuple(CementStep(ml, ml, 0.0, 0.0) for ml in (1.0, 2.0, 3.0))
    plan = replace(small_plan(), cement=Cement((), 3.0, 0.5, (), stop_ml=2.2, steps=steps))
    assert slider.first(plan) == 1
    assert slider.show(plan, 2) == 2
    assert slider.show(plan, 7) == 1
    assert shown == [3.0]
    assert slider.show(small_plan(), 0) == 0
