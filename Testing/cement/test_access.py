"""Cement needles keep their distance with their own thickness, on tracks of their own above all."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid
from phantoms import coarse_result

from BoneAblationPlannerLib.case import Anatomy, PlanningResult, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.plan import Alternative, AlternativeProbe, CementNeedle, Plan
from CementTrajectoryLib.cement.access import NeedleAccess
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.needles import choose_needles
from CementTrajectoryLib.workflow import plan_cement

CENTRE = np.array([12.0, -34.0, 56.0])
ENTRY, TIP = CENTRE + [-60.0, 15.0, 0.0], CENTRE + [4.0, 15.0, 0.0]
STRUCTURE_RADIUS_MM, OFF_MM = 6.0, 14.0


def point(values):
    return tuple(float(v) for v in values)


def with_vessel(required_mm, estimate=False):
    """A vessel of radius 6 mm that passes 14 mm above a needle along x."""
    grid = oblique_grid((60, 80, 90), (1.0, 1.0, 1.2))
    lesion = ball(grid, CENTRE, 12.0)
    vessel = Structure("artery", "vessel", ball(grid, (ENTRY + TIP) / 2 + [0, 0, OFF_MM], STRUCTURE_RADIUS_MM),
                       required_mm, 5.0, "made")  # fmt: skip
    ct = CtVolume(grid, np.full(grid.shape, 40, dtype=np.int16), "made", "0")
    body, bone = np.ones(grid.shape, dtype=bool), ball(grid, CENTRE, 30.0)
    found = ((), (vessel,)) if estimate else ((vessel,), ())
    return Anatomy(ct, body, bone, lesion, *found)


def needle(gauge=11):
    return CementNeedle("Cement needle 1", gauge, point(ENTRY), point(TIP), None, GAUGE_DIAMETER_MM[gauge])


@pytest.mark.parametrize("gauge", [10, 13])
def test_the_needles_own_thickness_counts(gauge):
    anatomy = with_vessel(4.0)
    (measured,) = NeedleAccess(anatomy, gauge).measured([needle(gauge)])
    (row,) = measured.clearances
    free = OFF_MM - STRUCTURE_RADIUS_MM - GAUGE_DIAMETER_MM[gauge] / 2
    assert free - anatomy.ct.grid.half_diagonal_mm <= row.distance_mm <= free + anatomy.ct.grid.half_diagonal_mm
    assert row.ok


def test_what_is_not_kept_or_could_be_missed_is_said():
    for required, error, said in ((7.5, 4.0, "SHAFT is"), (2.0, 4.0, ""), (2.0, 8.0, "within the placement error")):
        access = NeedleAccess(with_vessel(required), 11)
        lines = access.warnings(access.measured([needle()]), error)
        assert bool(lines) == bool(said)
        assert all(line.startswith("Cement needle 1: ") and said in line for line in lines)


def test_an_expected_nerve_is_warned_of_and_never_listed():
    access = NeedleAccess(with_vessel(9.0, estimate=True), 11)
    (measured,) = access.measured([needle()])
    assert measured.clearances == ()
    (line,) = access.warnings([measured], 4.0)
    assert "from the band of the artery" in line


def test_a_track_of_its_own_that_comes_too_near_is_not_taken():
    """Two chambers, a probe in one; the other is reached along an alternative's track only, past a vessel."""
    base = coarse_result().plan
    for required, count in ((4.0, 2), (9.0, 1)):
        anatomy = with_vessel(required)
        grid = anatomy.ct.grid
        lesion = ball(grid, CENTRE - [0, 15, 0], 6.0) | ball(grid, CENTRE + [0, 15, 0], 6.0)
        hu = np.where(lesion, 40, np.where(anatomy.bone, 1200, 50)).astype(np.int16)
        anatomy = replace(anatomy, ct=replace(anatomy.ct, hu=hu), lesion=lesion)
        first = replace(
            base.probes[0],
            entry_ras_mm=point(ENTRY - [0, 30, 0]),
            tip_ras_mm=point(TIP - [0, 30, 0]),
            zone_centre_ras_mm=point(TIP - [4, 30, 0]),
        )
        way = AlternativeProbe(first.device, first.program, point(ENTRY), point(TIP))
        plan = replace(base, probes=(first,), alternatives=(Alternative((way,), 1.0, 1.0, 5.0, True, "made"),))
        result = PlanningResult(plan, anatomy, lesion, lesion, None, np.zeros((0, 3)), np.zeros(0))
        ml = float(lesion.sum() * grid.voxel_ml)
        chosen = choose_needles(result, 11, 0.9 * ml, (), "medium")
        assert len(chosen.needles) == count
        assert all(c.ok for n in chosen.needles for c in n.clearances)


def test_plans_hold_the_clearances_and_older_ones_are_read():
    plan = plan_cement(coarse_result()).plan
    needles = plan.cement.needles
    checked = {s.name for s in plan.structures.checked if s.required_shaft_mm}
    assert checked
    assert all({c.structure for c in n.clearances} == checked for n in needles)
    document = plan.to_json()
    assert Plan.from_json(document).cement.needles == needles
    for written in document["cement"]["needles"]:
        del written["clearances"]
    assert [n.clearances for n in Plan.from_json(document).cement.needles] == [None] * len(needles)
