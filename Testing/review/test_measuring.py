"""Figures while a needle is moved are those that its plan would have, and scenes belong to their plans."""

from dataclasses import replace

import numpy as np
import pytest

from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import read_plan
from BoneAblationPlannerLib.reevaluation import placements_of_plan
from BoneAblationPlannerLib.review.draft import Draft
from BoneAblationPlannerLib.review.folder import PlanFolder
from BoneAblationPlannerLib.review.measuring import Measuring
from BoneAblationPlannerLib.review.pairing import nodes_of_version
from BoneAblationPlannerLib.scene.bundle import load_bundle
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.stored import read_plan_nodes


@pytest.fixture(scope="module")
def stored(plan_folder):
    """The plan as the page reads it."""
    return read_plan_nodes(load_bundle(plan_folder / "plan.mrb"))


@pytest.fixture(scope="module")
def measuring(stored):
    return Measuring(stored, builtin_devices())


def draft_of(plan):
    return Draft(placements_of_plan(plan), plan.coverage.margin_mm, builtin_devices())


def test_the_stored_plan_is_measured_as_it_is_stored(stored, measuring):
    measured = measuring.completely(draft_of(stored.plan).now).plan.to_json()
    before = stored.plan.to_json()  # both rounded as plans are written
    assert measured["coverage"] == before["coverage"]
    assert measured["probes"] == before["probes"]


def test_quick_figures_are_the_complete_ones(stored, measuring):
    draft = draft_of(stored.plan)
    r, a, s = draft.now.placements[0].tip_ras_mm
    draft.move(0, draft.now.placements[0].entry_ras_mm, (r + 4.0, a - 3.0, s + 2.0))
    quick, complete = measuring.quickly(draft.now), measuring.completely(draft.now)
    assert quick.plan.coverage == complete.plan.coverage
    assert quick.plan.probes == complete.plan.probes
    assert quick.plan.zone.volume_ml == complete.plan.zone.volume_ml
    np.testing.assert_array_equal(quick.surface_margins_mm, complete.surface_margins_mm)
    assert quick.plan.coverage != stored.plan.coverage


def test_the_remainder_on_the_screen_has_the_volume_of_the_figures(stored, measuring):
    measured = measuring.quickly(draft_of(stored.plan).now)
    volume_ml = measured.remainder.sum() * measured.remainder_grid.voxel_ml
    assert volume_ml == pytest.approx(measured.plan.coverage.uncovered_target_ml, abs=1e-6)


def test_another_margin_keeps_the_lesions_figures(stored, measuring):
    draft = draft_of(stored.plan)
    before = measuring.quickly(draft.now).plan.coverage
    draft.set_margin(before.margin_mm + 3)
    after = measuring.quickly(draft.now).plan.coverage
    assert after.lesion_fraction == before.lesion_fraction
    assert after.minimum_margin_mm == before.minimum_margin_mm
    assert after.lesion_plus_margin_fraction <= before.lesion_plus_margin_fraction


def test_scene_and_plan_that_do_not_belong_together_are_refused(plan_folder):
    version = PlanFolder(plan_folder).version()
    plan, scene = read_plan(version.plan), load_bundle(version.scene)
    assert len(nodes_of_version(scene, plan, version).probes) == len(plan.probes)
    other = replace(plan, input=replace(plan.input, sha256="0" * 64))
    with pytest.raises(InputError, match="holds another CT"):
        nodes_of_version(scene, other, version)
    with pytest.raises(InputError, match="expected the scene of this plan"):
        nodes_of_version(scene, replace(plan, probes=plan.probes[:-1]), version)
    with pytest.raises(InputError, match="holds 0 plans"):
        nodes_of_version(new_scene(), plan, version)
    plan_documents(scene)[0].SetText("{")
    with pytest.raises(InputError, match="cannot be read"):
        nodes_of_version(scene, plan, version)
