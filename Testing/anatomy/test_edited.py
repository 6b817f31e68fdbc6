"""Body and bones that a person drew go before what the CT says."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.edited import body_of, bone_of, bones_of
from BoneAblationPlannerLib.case import Case, EditedAnatomy
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid

GRID = oblique_grid((56, 70, 74), (1.9, 2.0, 2.6), (0.0, 0.0, 0.0))
BODY_MM = 55.0
BONES = {"a": (-22.0, 0.0, 0.0), "b": (22.0, 0.0, 0.0)}


def made_case(**given):
    """A ball of soft tissue in air with two bony balls in it."""
    hu = np.where(ball(GRID, (0, 0, 0), BODY_MM), 40, -1000)
    for place in BONES.values():
        hu[ball(GRID, place, 14.0)] = 700
    return Case(CtVolume(GRID, hu.astype(np.int16), "made", "0" * 64), **given)


def radius():
    return np.linalg.norm(every_point(GRID), axis=1).reshape(GRID.shape)


def test_without_edits_the_ct_says_what_is_what():
    case = made_case()
    body = body_of(case)
    np.testing.assert_array_equal(body.inside, find_body(case.ct).inside)
    np.testing.assert_array_equal(bone_of(case, body.inside), bone_mask(case.ct, body.inside))
    assert case.edited.names == ()


def test_drawn_skin_is_the_body_and_needles_enter_where_it_meets_air():
    """A slab cut off is air, a slab of air added is body, a hollow inside is no way in."""
    case = made_case()
    found = find_body(case.ct)
    r = every_point(GRID)[:, 0].reshape(GRID.shape)
    hollow = ball(GRID, (0, 20, 0), 6.0)
    drawn = (found.inside & (r > -45)) | (ball(GRID, (0, 0, 0), BODY_MM + 5) & (r > 40))
    body = body_of(replace(case, edited=EditedAnatomy(body=drawn & ~hollow)))
    np.testing.assert_array_equal(body.inside, drawn)
    np.testing.assert_array_equal(body.outside, ~drawn)
    np.testing.assert_array_equal(body.gas, drawn & (case.ct.hu <= -400))
    assert body.skin.any()
    assert not (body.skin & hollow).any()
    assert radius()[body.skin & (r < -35)].min() < BODY_MM - 5  # the skin follows the cut


def test_padding_beyond_the_field_of_view_stays_unseen():
    case = made_case()
    hu = case.ct.hu.copy()
    hu[radius() > 66] = -3024
    case = replace(case, ct=replace(case.ct, hu=hu))
    found = find_body(case.ct)
    unseen = ~(found.inside | found.outside)
    assert unseen.any()
    body = body_of(replace(case, edited=EditedAnatomy(body=found.inside & ball(GRID, (0, 0, 0), 50.0))))
    assert not (unseen & (body.inside | body.outside)).any()


def test_drawn_bone_replaces_the_threshold_except_inside_a_given_lesion():
    case = made_case()
    inside = find_body(case.ct).inside
    found = bone_mask(case.ct, inside)
    lesion = ball(GRID, BONES["a"], 8.0) | ball(GRID, (-22, 20, 0), 4.0)
    drawn = (found & ball(GRID, BONES["a"], 30.0)) | lesion  # the stored bone holds the lesion, soft parts too
    bone = bone_of(replace(case, edited=EditedAnatomy(bone=drawn)), inside)
    np.testing.assert_array_equal(bone, drawn)
    with_lesion = bone_of(replace(case, lesion=lesion, edited=EditedAnatomy(bone=drawn)), inside)
    np.testing.assert_array_equal(with_lesion, (drawn & ~lesion) | (found & lesion))


@pytest.mark.parametrize("called", ["hip_left", "Left hip (edited)"])
def test_a_drawn_bone_replaces_that_of_its_name_and_is_bone(called):
    case = made_case()
    inside = find_body(case.ct).inside
    organs = LabelMap(
        GRID,
        (ball(GRID, BONES["a"], 14.0) + 2 * ball(GRID, BONES["b"], 14.0)).astype(np.uint16),
        {1: "hip_left", 2: "hip_right"},
    )
    case = replace(case, organs=organs)
    found = separate_bones(case.ct, bone_of(case, inside), inside, organs)
    drawn = ball(GRID, BONES["a"], 9.0) | ball(GRID, (5.0, 0.0, 0.0), 5.0)
    edited = EditedAnatomy(bones=LabelMap(GRID, drawn.astype(np.uint16), {1: called}))
    case = replace(case, edited=edited)
    bone = bone_of(case, inside)
    assert (bone & drawn).sum() == drawn.sum()
    bones = bones_of(case, bone, inside)
    assert sorted(bones.names.values()) == ["hip_left", "hip_right"]
    value = {name: v for v, name in bones.names.items()}
    np.testing.assert_array_equal(bones.labels == value["hip_left"], drawn)
    right = next(v for v, name in found.names.items() if name == "hip_right")
    np.testing.assert_array_equal(bones.labels == value["hip_right"], (found.labels == right) & ~drawn)
    assert case.edited.names == (called,)


@pytest.mark.parametrize("what", ["body", "bone"])
def test_what_was_drawn_on_another_grid_is_refused(what):
    other = Grid((2, 2, 2), np.eye(4))
    case = made_case(edited=EditedAnatomy(**{what: np.ones(other.shape, dtype=bool)}))
    with pytest.raises(InputError, match=r"expected .* of the CT"):
        bone_of(case, body_of(case).inside)
