"""What the page says: red before amber before green, falls short is marked, nothing reads better than it is."""

from dataclasses import replace

import pytest
from plans import small_plan

from BoneAblationPlannerLib.plan import (
    Cement,
    CementNeedle,
    Clearance,
    PathClearance,
    PlacementRound,
    Robust,
    Screw,
    SimulatedPlacement,
    Simulation,
    SizeInPatient,
    StructureEffect,
    Thermocouple,
)
from BoneAblationPlannerLib.review import rows
from BoneAblationPlannerLib.review.clearances import clearance_light, clearance_rows, needs_reason, unmeasured_needles
from BoneAblationPlannerLib.review.curves import HIGH, WIDE
from BoneAblationPlannerLib.review.heat import curves, heat_rows
from BoneAblationPlannerLib.rounding import dose_word

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
    assert clearance_light(clearance(shaft, zone, ok), ROBUST) == light


def test_rows_begin_with_what_fails_worst():
    plan = small_plan()
    mixed = (clearance(20, 20), clearance(20, 4), clearance(20, -1, ok=False), clearance(20, 2, ok=False))
    plan = replace(plan, probes=(replace(plan.probes[0], clearances=mixed),))
    found = clearance_rows(plan)
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
    assert {r["name"]: r["now"] for r in rows.figure_rows(little, plan)}["Lesion left"] == "0.01 ml"


def test_change_is_now_less_stored():
    plan = small_plan()
    better = replace(plan, coverage=replace(plan.coverage, minimum_margin_mm=2.25))
    row = next(r for r in rows.figure_rows(better, plan) if r["name"] == "Smallest margin")
    assert (row["now"], row["stored"]) == ("+2.2 mm", "+1.5 mm")
    assert row["change"] in ("+0.8 mm", "+0.7 mm")
    assert all(r["change"] == "" for r in rows.figure_rows(plan, plan))


def test_a_reason_is_needed_where_something_fails():
    plan = small_plan()
    assert needs_reason(plan)
    kept = replace(plan.probes[0], clearances=(clearance(20, 20),))
    fine = replace(plan, probes=(kept,), coverage=replace(plan.coverage, lesion_fraction=1.0))
    assert not needs_reason(fine)
    assert needs_reason(replace(fine, coverage=replace(fine.coverage, lesion_fraction=0.9999)))


def test_cement_needles_and_screws_have_rows_too():
    plan = small_plan()
    kept = replace(plan.probes[0], clearances=())
    needle = CementNeedle("C1", 11, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), None)
    near, broken = PathClearance("vein", "vessel", 7.99, 4.0, True), PathClearance("vein", "vessel", 3.99, 4.0, False)
    screw = Screw("S1", "crest", 7.3, 95.0, (1.0, 2.0, 3.0), (7.0, 8.0, 9.0), 2.4, None, clearances=(broken,))
    fine = replace(plan, probes=(kept,), coverage=replace(plan.coverage, lesion_fraction=1.0))
    cement = Cement((replace(needle, clearances=(near,)),), 5.0, 0.5, ())
    found = clearance_rows(replace(fine, cement=cement, screws=(screw,)))
    assert [(r["needle"], r["light"], r["shaft"], r["zone"], r["tip"]) for r in found] == [
        ("S1", "red", "3.9", "-", [7.0, 8.0, 9.0]),
        ("C1", "amber", "7.9", "-", [4.0, 5.0, 6.0]),
    ]
    assert needs_reason(replace(fine, screws=(screw,)))
    assert not needs_reason(replace(fine, cement=cement))
    assert unmeasured_needles(replace(fine, cement=cement)) == []
    assert unmeasured_needles(replace(fine, cement=replace(cement, needles=(needle,)))) == ["C1"]


def test_margins_under_placement_error_of_a_simulated_plan_are_the_charts():
    plan = small_plan()
    simulated = replace(plan, zone=replace(plan.zone, model="heat"))
    named = [r["name"] for r in rows.figure_rows(simulated, simulated) if "needles off" in r["name"]]
    assert len(named) == 2
    assert all("chart" in name for name in named)
    assert not any("chart" in r["name"] for r in rows.figure_rows(plan, plan))


def test_the_slice_is_counted_from_a_named_end():
    plan = small_plan()
    ends = {
        (0.0, 0.0, 2.0): "caudal",
        (0.1, 0.2, -2.0): "cranial",
        (3.0, 0.0, 1.0): "left",
        (-3.0, 0.0, 1.0): "right",
        (0.0, 3.0, 1.0): "posterior",
        (0.0, -3.0, 1.0): "anterior",
    }
    for step, end in ends.items():
        matrix = tuple((*row[:2], s, row[3]) for row, s in zip(plan.input.grid.ijk_to_ras, (*step, 0.0), strict=True))
        record = replace(plan.input, grid=replace(plan.input.grid, shape=(2, 3, 4), ijk_to_ras=matrix))
        placed = replace(plan, input=record, probes=(replace(plan.probes[0], slice_number=2),))
        facts = {f["what"]: f["value"] for f in rows.needle_rows(placed, placed)[0]["facts"]}
        assert facts["Slice of the entry"] == f"2 of 2 from the {end} end"


def test_no_warning_is_said_twice():
    plan = small_plan()
    lesion = replace(plan.lesion, checks=("touches the skin",))
    said = ("lesion outline: touches the skin", "not checked: nerve", "LESION NOT COVERED: 1 ml")
    found = rows.all_warnings(replace(plan, lesion=lesion, warnings=said))
    # What was not checked stands in a box of its own.
    assert found == ["LESION NOT COVERED: 1 ml", "lesion outline: touches the skin"]


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


def test_rounds_of_placing_are_those_of_the_report():
    chart = PlacementRound(1.0, 1.0, 2, 0.74, 0.44, 0, SizeInPatient(0.7, 0.6, 0.51))
    tried = PlacementRound(0.7, 0.6, reason="nothing reachable")
    placement = SimulatedPlacement((chart, tried), 0)
    simulation = Simulation(1.0, 0.8, 1.5, 4.0, 20.0, (), 10.0, 0.7, 30.0, placement=placement)
    found = heat_rows(replace(small_plan(), simulation=simulation), small_plan())
    assert [row[0] for row in found["placed"]] == ["chart", "1"]
    assert "74.0 %" in found["placed"][0]
    assert "nothing reachable" in found["placed"][1]
    assert "the probes of the chart stay" in found["placed_words"]


def test_doses_are_written_for_reading():
    assert [dose_word(d) for d in (0.04, 24.16, 10840.83, 1e6)] == ["0.0", "24.2", "10841", "over 1 000 000"]


def test_curves_fill_their_drawing():
    """The hottest point lies highest, times run from left to right to the edge."""
    wire = Thermocouple("T1", (0.0, 0.0, 0.0), 37.0, 57.0, (0.0, 60.0, 120.0), (37.0, 57.0, 47.0))
    drawn = curves((wire,))
    points = [tuple(map(float, p.split(","))) for p in drawn["lines"][0]["points"].split()]
    assert [x for x, _ in points] == [0.0, WIDE / 2, WIDE]
    assert min(y for _, y in points) == points[1][1]
    assert all(0 <= y <= HIGH for _, y in points)
    assert drawn["last"] == "2 min"
