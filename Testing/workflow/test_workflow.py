"""The whole path on the phantom: what any plan must keep, and what changes when the case does."""

from dataclasses import replace

import numpy as np
import pytest
from phantoms import coarse_case, coarse_phantom, coarse_result

from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.case import Case
from BoneAblationPlannerLib.demo import demo_case
from BoneAblationPlannerLib.errors import Cancelled, InputError, PlanningError
from BoneAblationPlannerLib.placement.clearance import shaft_distance_mm
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.workflow import plan_case


def without_timings(plan):
    return replace(plan, timings_s={})


def test_the_phantom_gets_a_plan_that_covers_its_lesion():
    result = coarse_result()
    plan = result.plan
    assert plan.coverage.lesion_fraction >= 0.95
    assert 1 <= len(plan.probes) <= 6
    assert plan.lesion.kind == "lytic"
    assert plan.lesion.bone == "hip_right"
    truth = coarse_phantom().lesion
    assert result.zone[truth].mean() > 0.9


def test_no_shaft_touches_a_critical_structure():
    result = coarse_result()
    for probe in result.plan.probes:
        for s in result.anatomy.structures:
            if s.required_shaft_mm > 0:
                found = shaft_distance_mm(
                    np.argwhere(s.mask), result.anatomy.ct.grid, probe.entry_ras_mm, probe.tip_ras_mm
                )
                assert found - probe.diameter_mm / 2 >= s.required_shaft_mm - 1e-6


def test_entries_lie_on_skin_above_the_table_and_in_reach():
    result = coarse_result()
    skin = result.anatomy.ct.grid.ras_of_mask(next(s.mask for s in result.anatomy.structures if s.kind == "skin"))
    for probe in result.plan.probes:
        entry, tip = np.array(probe.entry_ras_mm), np.array(probe.tip_ras_mm)
        assert np.linalg.norm(skin - entry, axis=1).min() < 0.05
        assert (entry - tip)[1] / probe.depth_mm >= -np.sin(np.radians(15)) - 1e-6
        assert probe.depth_mm + 20 <= probe.shaft_length_mm


def test_kinds_that_are_missing_are_not_checked():
    structures = coarse_result().plan.structures
    assert "ureter" in structures.not_checked
    assert "nerve" not in structures.not_checked
    bare = plan_case(replace(coarse_case(), organs=None, nerves=()))
    assert {"nerve", "vessel", "bowel", "bladder"} <= set(bare.plan.structures.not_checked)


def test_the_plan_survives_json():
    plan = coarse_result().plan
    again = Plan.from_json(plan.to_json())
    assert again.to_json() == plan.to_json()


def test_the_same_case_gives_the_same_plan():
    assert without_timings(plan_case(coarse_case()).plan) == without_timings(coarse_result().plan)


def test_every_number_of_the_plan_has_provenance():
    plan = coarse_result().plan
    rows = (*plan.zone.provenance, *plan.provenance)
    assert len(rows) > 15
    assert all(r.source and r.status in ("seen", "derived", "unverified", "default") for r in rows)


def test_the_bound_is_never_below_the_plan():
    optimiser = coarse_result().plan.optimiser
    assert optimiser.bound >= optimiser.objective
    assert optimiser.gap == pytest.approx((optimiser.bound - optimiser.objective) / optimiser.bound)


def test_the_users_modality_is_planned_and_recorded():
    plan = plan_case(coarse_case(modality="cryo")).plan
    assert plan.advice.chosen_by == "user"
    assert all(p.device.startswith("cryo") for p in plan.probes)
    assert plan.zone.model == "chart"
    assert all(p.visible_axes_mm[0] > p.zone_axes_mm[0] for p in plan.probes)


def test_the_rules_choose_where_the_user_does_not():
    plan = plan_case(coarse_case(modality=None)).plan
    assert plan.advice.chosen_by == "rules"
    assert len(plan.advice.ranked) == 3
    assert plan.coverage.lesion_fraction >= 0.95


def test_a_given_outline_is_used_as_it_is():
    phantom = coarse_phantom()
    case = Case(phantom.ct, None, phantom.lesion, phantom.organs, (), coarse_case().choices)
    result = plan_case(case)
    np.testing.assert_array_equal(result.anatomy.lesion, phantom.lesion)
    assert result.plan.lesion.outline == "given"
    assert result.plan.lesion.volume_ml == pytest.approx(phantom.lesion.sum() * phantom.ct.grid.voxel_ml)


def test_an_oblique_scan_gives_an_equivalent_plan():
    """The same body sampled on a turned grid: lesion, modality and coverage agree."""
    turned = plan_case(demo_case(coarse_case().choices, make_phantom((2.5, 2.5, 3.5), (8.0, -6.0, 12.0)))).plan
    straight = coarse_result().plan
    np.testing.assert_allclose(turned.lesion.centroid_ras_mm, straight.lesion.centroid_ras_mm, atol=3.0)
    assert turned.lesion.volume_ml == pytest.approx(straight.lesion.volume_ml, rel=0.25)
    assert turned.lesion.kind == straight.lesion.kind
    assert turned.coverage.lesion_fraction >= 0.95


@pytest.mark.parametrize("position", ["prone", "left-lateral"])
def test_another_position_is_warned_of_and_kept_to(position):
    plan = plan_case(coarse_case(position=position)).plan
    assert plan.position == position
    assert any("organs move" in w for w in plan.warnings)


def test_lying_on_the_lesion_side_leaves_only_paths_from_above():
    result = plan_case(coarse_case(position="right-lateral", modality="cryo"))
    for probe in result.plan.probes:
        outward = np.subtract(probe.entry_ras_mm, probe.tip_ras_mm) / probe.depth_mm
        assert outward[0] <= np.sin(np.radians(15)) + 1e-6


def test_cancel_at_any_stage_stops():
    for stage in ("finding bone", "looking for paths", "placing", "measuring"):
        with pytest.raises(Cancelled):
            plan_case(coarse_case(), lambda fraction, text, stage=stage: not text.startswith(stage))


def test_progress_goes_from_start_to_end_and_never_back():
    seen = []
    plan_case(coarse_case(), lambda fraction, text: seen.append(fraction) is None)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed_ras_mm": None}, "neither a seed point nor an outline"),
        ({"seed_ras_mm": (900.0, 0.0, 0.0)}, "outside the image"),
        ({"lesion": np.zeros((2, 2, 2), dtype=bool)}, "expected the CT's"),
    ],
)
def test_bad_cases_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        plan_case(replace(coarse_case(), **change))


@pytest.mark.parametrize(
    ("above_hu", "message"), [(-2000, "one lesion of at most"), (-200, "one lesion of at most"), (9000, "is empty")]
)
def test_an_empty_outline_the_patient_and_the_image_are_refused(above_hu, message):
    case = coarse_case()
    with pytest.raises(InputError, match=message):
        plan_case(replace(case, lesion=case.ct.hu > above_hu))


def test_device_and_modality_must_agree():
    with pytest.raises(InputError, match="expected a device for modality rfa"):
        plan_case(coarse_case(modality="rfa", device="cryo-icerod-17g"))


def test_nothing_reachable_is_a_planning_error_with_a_reason():
    """A shield of bowel around the lesion leaves no way in."""
    phantom = coarse_phantom()
    labels = np.zeros(phantom.ct.grid.shape, dtype=np.uint8)
    centre = phantom.ct.grid.ras_of_mask(phantom.lesion).mean(axis=0)
    every = phantom.ct.grid.ras_of_mask(np.ones(labels.shape, dtype=bool))
    distance = np.linalg.norm(every - centre, axis=1).reshape(labels.shape)
    labels[(distance > 38) & (distance < 46)] = 1
    organs = replace(phantom.organs, labels=labels, names={1: "colon"})
    with pytest.raises(PlanningError, match="excludes most") as caught:
        plan_case(replace(coarse_case(), organs=organs, nerves=()))
    assert caught.value.excluded_by["bowel"] > 0
    assert "bowel" in caught.value.reason
