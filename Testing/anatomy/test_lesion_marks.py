"""Marks that the user sets inside or outside an outline: what they do to the evidence, and to the outline."""

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.lesion import segment_lesion
from BoneAblationPlannerLib.anatomy.lesion.click import ball
from BoneAblationPlannerLib.anatomy.lesion.marks import CLEAR_MM, HELD_MM, REACH_MM, WANTED, pulled
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid

SHAPE = (41, 41, 41)
MIDDLE = (20, 20, 20)
CENTRE = np.array([10.0, -20.0, 30.0])
LOBE = CENTRE + [0.0, 0.0, 13.0]


def spot(*places):
    mask = np.zeros(SHAPE, dtype=bool)
    for place in places:
        mask[place] = True
    return mask


def distance_from(place):
    return np.linalg.norm(np.moveaxis(np.indices(SHAPE), 0, -1) - place, axis=-1) * VOXEL_MM


@pytest.mark.parametrize("side", [1, -1])
def test_a_mark_on_the_wrong_side_brings_its_surroundings_to_its_side(side):
    """Even evidence of -0.5 * side: what is added is 1.5 at the mark and exp(-1/2) of it one reach away."""
    score = np.full(SHAPE, -0.5 * side, dtype=np.float32)
    marked, nothing = spot(MIDDLE), spot()
    # A region on the wrong side of the mark, with its surface just there: the reach is the least.
    region = distance_from((20, 20, 8)) < 8 * VOXEL_MM if side > 0 else distance_from((20, 20, 8)) < 12.5 * VOXEL_MM
    marks = (marked, nothing) if side > 0 else (nothing, marked)
    found = pulled(score, region, *marks, 0.0)
    far = distance_from(MIDDLE)
    wrong_mm = (4 if side > 0 else 0.5) * VOXEL_MM
    around = (far > HELD_MM) & (far < HELD_MM + VOXEL_MM)
    assert (side * found[around] > 0.5 * WANTED).all()
    reach = REACH_MM + 0.5 * wrong_mm
    ring = np.abs(far - reach) < 0.3
    expected = side * ((WANTED + 0.5) * np.exp(-((far[ring] / reach) ** 2) / 2) - 0.5)
    np.testing.assert_allclose(found[ring], expected, atol=0.1)  # the surface is known to within a voxel
    np.testing.assert_allclose(found[far > 5 * reach], score[far > 5 * reach], atol=1e-4)


def test_a_mark_that_is_clearly_on_its_side_changes_nothing_but_its_own_place():
    score = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    region = distance_from(MIDDLE) < CLEAR_MM + 4 * VOXEL_MM
    found = pulled(score, region, spot(MIDDLE), spot((2, 2, 2)), 0.0)
    away = (distance_from(MIDDLE) > HELD_MM) & (distance_from((2, 2, 2)) > HELD_MM)
    np.testing.assert_array_equal(found[away], score[away])


def test_the_order_of_marks_does_not_matter():
    score = np.random.default_rng(4).normal(size=SHAPE).astype(np.float32)
    region = distance_from(MIDDLE) < 6.0
    places = [(20, 20, 30), (28, 12, 20), (20, 20, 18)]
    first = pulled(score, region, spot(*places[:2]), spot(places[2]), 0.0)
    second = pulled(score, region, spot(*places[1::-1]), spot(places[2]), 0.0)
    np.testing.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def two_parts():
    """A block of bone with a soft lesion and, beside it, a dense one that a click in the first does not take in."""
    shape, spacing = (70, 64, 60), np.array([1.0, 1.1, 1.2])
    matrix = np.diag([*spacing[::-1], 1.0])
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    grid = Grid(shape, matrix)
    rng = np.random.default_rng(8)
    hu = np.full(shape, 40.0)
    bone = np.zeros(shape, dtype=bool)
    bone[6:-6, 6:-6, 6:-6] = True
    hu[bone] = 260.0
    soft, dense = ball(grid, CENTRE, 9.0), ball(grid, LOBE, 8.0)
    hu[dense], hu[soft] = 800.0, 50.0
    hu += rng.normal(scale=25.0, size=shape)
    ct = CtVolume(grid, np.round(hu).astype(np.int16), "made", "0")
    return ct, bone_mask(ct, np.ones(shape, dtype=bool)), soft, dense & ~soft


def test_one_mark_takes_in_the_part_that_it_stands_in(two_parts):
    ct, bone, soft, dense = two_parts
    before = segment_lesion(ct, bone, CENTRE).mask
    after = segment_lesion(ct, bone, CENTRE, inside=[LOBE + [0.0, 0.0, 2.0]]).mask
    assert (before & dense).sum() < 0.2 * dense.sum()
    assert (after & dense).sum() > 0.6 * dense.sum()
    assert (after & soft).sum() > 0.95 * (before & soft).sum()
    assert (after & ~(soft | dense)).sum() < 0.3 * (soft | dense).sum()


def test_one_mark_takes_out_the_part_that_it_stands_in(two_parts):
    ct, bone, _, dense = two_parts
    both = segment_lesion(ct, bone, CENTRE, inside=[LOBE + [0.0, 0.0, 2.0]]).mask
    back = segment_lesion(ct, bone, CENTRE, inside=[LOBE + [0.0, 0.0, 2.0]], outside=[CENTRE - [0.0, 0.0, 6.0]]).mask
    near = ball(ct.grid, CENTRE - [0.0, 0.0, 6.0], 2.5)
    assert (both & near).sum() > 0.9 * near.sum()
    assert (back & near).sum() < 0.5 * near.sum()
    assert (back & dense).sum() > 0.6 * dense.sum()


def test_a_painted_stroke_pulls_as_its_points_do(two_parts):
    ct, bone, _, dense = two_parts
    stroke = ball(ct.grid, LOBE + [0.0, 0.0, 1.0], 3.0)
    mask = segment_lesion(ct, bone, CENTRE, inside=stroke).mask
    assert mask[stroke].all()
    assert (mask & dense).sum() > 0.6 * dense.sum()


def test_a_mark_beyond_the_searched_part_is_honoured_and_said():
    shape = (90, 40, 40)
    matrix = np.eye(4)
    matrix[:3, 3] = -20.0
    grid = Grid(shape, matrix)
    hu = np.full(shape, 260.0) + np.random.default_rng(2).normal(scale=25.0, size=shape)
    hu[ball(grid, [0.0, 0.0, 0.0], 8.0)] = 45.0
    ct = CtVolume(grid, np.round(hu).astype(np.int16), "made", "0")
    bone = np.ones(shape, dtype=bool)
    near, far = (segment_lesion(ct, bone, [0.0, 0.0, 0.0], inside=[[0.0, 0.0, z]]) for z in (9.0, 50.0))
    assert far.mask[grid.nearest_voxel([0.0, 0.0, 50.0])]
    assert [any("a mark lies more than" in check for check in o.checks) for o in (near, far)] == [False, True]


def test_a_point_that_was_itself_ruled_out_is_said(two_parts):
    ct, bone, _, _ = two_parts
    with pytest.raises(InputError, match="lies in what was marked outside"):
        segment_lesion(ct, bone, CENTRE, outside=[CENTRE])
    with pytest.raises(InputError, match="lies beyond the box"):
        segment_lesion(ct, bone, CENTRE, box_ras_mm=np.array([CENTRE + 10, CENTRE + 20]))
    around = ~ball(ct.grid, CENTRE, 1.0)
    with pytest.raises(InputError, match="nothing is left beside what was marked outside"):
        segment_lesion(ct, bone, CENTRE, outside=around)
