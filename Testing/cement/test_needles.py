"""One cement needle where one does, more where it does not, in the order of filling."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid
from phantoms import coarse_result

from BoneAblationPlannerLib.case import Anatomy, PlanningResult
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Alternative, AlternativeProbe
from BoneAblationPlannerLib.report.content import report_content
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.needles import choose_needles, tracks
from CementTrajectoryLib.workflow import CementChoices, plan_cement

CENTRE = np.array([12.0, -34.0, 56.0])
APART = np.array([0.0, 30.0, 0.0])


def point(values):
    return tuple(float(v) for v in values)


@pytest.fixture(scope="module")
def two_chambers():
    """A lesion of two balls of 6 mm (0.9 ml each) that a plate of cortex parts; one probe ends in each."""
    grid = oblique_grid((60, 80, 90), (1.0, 1.0, 1.2))
    middles = (CENTRE - APART / 2, CENTRE + APART / 2)
    balls = [ball(grid, c, 6.0) for c in middles]
    bone = ball(grid, CENTRE, 30.0)
    lesion = balls[0] | balls[1]
    hu = np.where(lesion, 40, np.where(bone, 1200, 50)).astype(np.int16)
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones(grid.shape, dtype=bool), bone, lesion, ())
    base = coarse_result().plan
    ml = float(lesion.sum() * grid.voxel_ml)
    probes = tuple(
        replace(
            base.probes[0],
            name=f"Probe {n}",
            entry_ras_mm=point(c + [-60, 0, 0]),
            tip_ras_mm=point(c + [4, 0, 0]),
            zone_centre_ras_mm=point(c),
        )
        for n, c in enumerate(middles, start=1)
    )
    lesion_record = replace(base.lesion, volume_ml=ml, centroid_ras_mm=point(CENTRE - [0, 1, 0]))
    plan = replace(base, probes=probes, lesion=lesion_record, alternatives=())
    empty = np.zeros(grid.shape, dtype=bool)
    return PlanningResult(plan, anatomy, lesion, empty, None, np.zeros((0, 3)), np.zeros(0))


def test_a_second_needle_where_one_cannot_reach(two_chambers):
    ml = two_chambers.plan.lesion.volume_ml
    alone = choose_needles(two_chambers, 11, 0.9 * ml, (), "medium", count=1)
    # One chamber is half of the lesion, and cortex holds the rest back.
    assert alone.stop_ml == pytest.approx(ml / 2, rel=0.02)
    both = choose_needles(two_chambers, 11, 0.9 * ml, (), "medium")
    assert [n.shares_track_with for n in both.needles] == ["Probe 1", "Probe 2"]
    assert both.stop_ml == pytest.approx(0.9 * ml, rel=0.02)
    assert sum(n.volume_ml for n in both.needles) == pytest.approx(both.stop_ml, abs=0.02)


def test_a_second_needle_is_added_only_where_it_is_worth_it(two_chambers, monkeypatch):
    """Each chamber is half of the lesion: the second needle adds 44 % of 90 % of it, about 0.7 ml."""
    ml = two_chambers.plan.lesion.volume_ml
    values = {"further_needle_share": 0.1, "further_needle_ml": 0.5, "other_place_share": 0.02}
    for changed, count in (({}, 2), ({"further_needle_share": 0.5}, 1), ({"further_needle_ml": 0.9}, 1),
                           ({"other_place_share": 0.5}, 2)):  # fmt: skip
        monkeypatch.setattr("CementTrajectoryLib.cement.needles.DEFAULTS", values | changed)
        assert len(choose_needles(two_chambers, 11, 0.9 * ml, (), "medium").needles) == count


def test_the_tip_leaves_the_planned_place_for_a_better_one(two_chambers, monkeypatch):
    """A planned place in the lesion's border, whose voxel is walled off, takes nearly nothing."""
    probe = two_chambers.plan.probes[0]
    grid, anatomy = two_chambers.anatomy.ct.grid, two_chambers.anatomy
    planned = np.add(probe.zone_centre_ras_mm, [-4.0, 0.0, 0.0])
    k, j, i = np.rint(grid.ijk_from_ras(planned)[0]).astype(int)[::-1]
    lesion = anatomy.lesion.copy()
    lesion[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = False
    lesion[k, j, i] = True
    hu = np.where(anatomy.lesion & ~lesion, 1200, anatomy.ct.hu).astype(np.int16)
    walled = replace(anatomy, ct=replace(anatomy.ct, hu=hu), lesion=lesion)
    plan = replace(two_chambers.plan, probes=(replace(probe, zone_centre_ras_mm=point(planned)),))
    result = replace(two_chambers, plan=plan, anatomy=walled)
    wanted, single = 0.3 * plan.lesion.volume_ml, grid.voxel_ml
    values = {"further_needle_share": 0.1, "further_needle_ml": 0.5, "other_place_share": 0.02}
    monkeypatch.setattr("CementTrajectoryLib.cement.needles.DEFAULTS", values)
    assert choose_needles(result, 11, wanted, (), "medium").stop_ml == pytest.approx(wanted, rel=0.02)
    monkeypatch.setattr("CementTrajectoryLib.cement.needles.DEFAULTS", values | {"other_place_share": 1.0})
    assert choose_needles(result, 11, 0.9 * wanted, (), "medium", count=1).stop_ml >= 0.9 * wanted - 0.06
    short = 4 * plan.lesion.volume_ml
    assert choose_needles(result, 11, short, (), "medium", count=1).stop_ml == pytest.approx(single, rel=1e-6)


def test_no_second_needle_where_one_does(two_chambers):
    ml = two_chambers.plan.lesion.volume_ml
    assert len(choose_needles(two_chambers, 11, 0.4 * ml, (), "medium").needles) == 1


def test_an_alternatives_track_serves_where_the_plan_has_one_probe_only(two_chambers):
    second = two_chambers.plan.probes[1]
    way = AlternativeProbe(second.device, second.program, second.entry_ras_mm, second.tip_ras_mm)
    ml = two_chambers.plan.lesion.volume_ml
    for fine, count in ((True, 2), (False, 1)):
        plan = replace(
            two_chambers.plan,
            probes=two_chambers.plan.probes[:1],
            alternatives=(Alternative((way,), 1.0, 1.0, 5.0, fine, "made"),),
        )
        assert len(tracks(plan)) == count
        chosen = choose_needles(replace(two_chambers, plan=plan), 11, 0.9 * ml, (), "medium")
        assert len(chosen.needles) == count
        assert chosen.needles[-1].shares_track_with == (None if fine else "Probe 1")


def test_the_body_holds_what_was_injected():
    result = plan_cement(coarse_result())
    cement, grid = result.plan.cement, result.anatomy.ct.grid
    for volume_ml in (1.0, 4.0, cement.stop_ml):
        mask = result.cement.mask(volume_ml, grid.shape)
        step = next((s for s in cement.steps if s.injected_ml == volume_ml), None)
        room = mask[result.anatomy.lesion].sum() + 0.8 * mask[~result.anatomy.lesion].sum()
        assert room * grid.voxel_ml == pytest.approx(volume_ml, abs=2 * grid.voxel_ml)
        if step is not None:
            assert mask[result.anatomy.lesion].sum() * grid.voxel_ml == pytest.approx(step.lesion_ml, abs=0.05)
    assert not result.cement.mask(0.0, grid.shape).any()


def test_as_many_needles_as_asked_for_or_a_word_about_it():
    made = plan_cement(coarse_result(), CementChoices(needles=3)).plan.cement
    assert len(made.needles) == 3
    assert len({n.shares_track_with for n in made.needles}) == 3
    assert {n.diameter_mm for n in made.needles} == {GAUGE_DIAMETER_MM[11]}
    result = coarse_result()
    lonely = replace(result, plan=replace(result.plan, probes=result.plan.probes[:1], alternatives=()))
    few = plan_cement(lonely, CementChoices(needles=2)).plan.cement
    assert len(few.needles) == 1
    assert any("tracks for 1 only" in c for c in few.cautions)
    with pytest.raises(InputError, match="cement needles: 4; expected 1 to 3"):
        plan_cement(result, CementChoices(needles=4))


def test_the_report_lists_needles_volumes_and_leaks():
    plan = plan_cement(coarse_result(), CementChoices(needles=2)).plan
    text = repr(report_content(plan))
    for needle in plan.cement.needles:
        assert needle.name in text
        assert f"{needle.volume_ml:.2f} ml" in text
    for leak in plan.cement.leaks:
        assert f"{leak.defect_area_mm2:.0f} mm2" in text
    assert "the needle farthest from a leak first" in text
