"""What the page says: red before amber before green, falls short is marked, nothing reads better than it is."""

from dataclasses import replace

import pytest
from plans import small_plan

from BoneAblationPlannerLib.plan import (
    Clearance,
    Robust,
    Simulation,
    StructureEffect,
    Thermocouple,
)
from BoneAblationPlannerLib.review import rows
from BoneAblationPlannerLib.review.heat import HIGH, WIDE, curves, dose_word, heat_rows

ROBUST = Robust(-1.0, -0.5, 0.93, 64, 4.0, 3.0)  # off by 5 mm in space


def clearance(shaft, zone, ok=True, needed_shaft=5.0, needed_zone=3.0):
    return Clearance("a nerve", "nerve", shaft, zone, needed_shaft, needed_zone, ok)


@pytest.mark.parametrize(
    ("shaft", "zone", "ok", "light"),
    [
        (20.0, 20.0, True, "green"),
        (20.0, 3.0 + 5.0, True, "green"),
        (20.0, 3.0 + 4.99, True, "amber"),
        (5.0 + 3.99, 20.0, True, "amber"),
        (5.0 + 4.0, 20.0, True, "green"),
        (20.0, 20.0, False, "red"),
    ],
)
def test_lights(shaft, zone, ok, light):
    assert rows.clearance_light(clearance(shaft, zone, ok), ROBUST) == light


def test_rows_begin_with_what_fails_worst():
    plan = small_plan()
    mixed = (clearance(20, 20), clearance(20, 4), clearance(20, -1, ok=False), clearance(20, 2, ok=False))
    plan = replace(plan, probes=(replace(plan.probes[0], clearances=mixed),))
    found = rows.clearance_rows(plan)
    assert [r["light"] for r in found] == ["red", "red", "amber", "green"]
    assert [r["zone"] for r in found[:2]] == ["-1.0", "2.0"]


def test_nearly_all_never_reads_as_all():
    plan = small_plan()
    almost = replace(plan, coverage=replace(plan.coverage, lesion_fraction=0.9999))
    first = rows.figure_rows(almost, plan)[0]
    assert first["now"] == "99.9 %"
    assert first["light"] == "red"


def test_a_rest_below_the_last_digit_is_not_zero():
    plan = small_plan()
    little = replace(plan, coverage=replace(plan.coverage, uncovered_ml=0.004))
    assert {r["name"]: r["now"] for r in rows.figure_rows(little, plan)}["Lesion left"] == "< 0.01 ml"


def test_change_is_now_less_stored():
    plan = small_plan()
    better = replace(plan, coverage=replace(plan.coverage, minimum_margin_mm=2.25))
    row = next(r for r in rows.figure_rows(better, plan) if r["name"] == "Smallest margin")
    assert (row["now"], row["stored"]) == ("+2.2 mm", "+1.5 mm")
    assert row["change"] in ("+0.8 mm", "+0.7 mm")
    assert all(r["change"] == "" for r in rows.figure_rows(plan, plan))


def test_a_reason_is_needed_where_something_fails():
    plan = small_plan()
    assert rows.needs_reason(plan)
    kept = replace(plan.probes[0], clearances=(clearance(20, 20),))
    fine = replace(plan, probes=(kept,), coverage=replace(plan.coverage, lesion_fraction=1.0))
    assert not rows.needs_reason(fine)
    assert rows.needs_reason(replace(fine, coverage=replace(fine.coverage, lesion_fraction=0.9999)))


def test_unverified_numbers_come_first():
    plan = small_plan()
    seen = replace(plan.zone.provenance[0], status="seen", name="other")
    plan = replace(plan, provenance=(seen,))
    assert rows.source_rows(plan)[0]["status"] == "UNVERIFIED"


def test_heat_of_a_plan_that_was_not_simulated_is_empty():
    assert heat_rows(small_plan(), small_plan()) == {}


def test_heat_says_what_is_beyond_its_limit_first_and_that_it_is_outdated_after_a_change():
    effects = (
        StructureEffect("colon", "bowel", 37.0, 38.0, 0.1, 20.0, True),
        StructureEffect("nerve", "nerve", 37.0, 71.0, 900.0, -1.0, False),
    )
    wire = Thermocouple("T1", (0.0, 0.0, 0.0), 37.0, 57.0, (0.0, 60.0, 120.0), (37.0, 57.0, 47.0))
    simulation = Simulation(1.0, 0.8, 1.5, 4.0, 20.0, effects, 10.0, 0.9996, 30.0, (wire,))
    stored = replace(small_plan(), simulation=simulation)
    found = heat_rows(stored, stored)
    assert [e["light"] for e in found["effects"]] == ["red", "green"]
    assert not found["outdated"]
    assert {"what": "Lesion covered at its low end", "value": "99.9 %"} in found["figures"]
    assert not heat_rows(small_plan(), stored)["outdated"]  # measured by the charts, but nothing was moved
    first, *rest = small_plan().probes
    moved = replace(first, tip_ras_mm=tuple(c + 1 for c in first.tip_ras_mm))
    assert heat_rows(replace(small_plan(), probes=(moved, *rest)), stored)["outdated"]


def test_doses_are_written_for_reading():
    assert [dose_word(d) for d in (0.04, 24.16, 10840.83, 1e6)] == ["0.0", "24.2", "10841", "over 10⁶"]


def test_curves_fill_their_drawing():
    """The hottest point lies highest, times run from left to right to the edge."""
    wire = Thermocouple("T1", (0.0, 0.0, 0.0), 37.0, 57.0, (0.0, 60.0, 120.0), (37.0, 57.0, 47.0))
    drawn = curves((wire,))
    points = [tuple(map(float, p.split(","))) for p in drawn["lines"][0]["points"].split()]
    assert [x for x, _ in points] == [0.0, WIDE / 2, WIDE]
    assert min(y for _, y in points) == points[1][1]
    assert all(0 <= y <= HIGH for _, y in points)
    assert drawn["last"] == "2 min"
