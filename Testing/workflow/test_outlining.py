"""Outlining a lesion again and again: the same as from scratch, without finding bone again."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball
from phantoms import coarse_case

from BoneAblationPlannerLib import outlining
from BoneAblationPlannerLib.case import LesionMarks
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.outlining import Outliner, outline_of


@pytest.fixture
def searches(monkeypatch):
    """One entry for each time that the body is looked for."""
    found = []
    body_of = outlining.body_of

    def counted(case):
        found.append(case)
        return body_of(case)

    monkeypatch.setattr(outlining, "body_of", counted)
    return found


def corrected(case):
    beyond = np.asarray(case.seed_ras_mm) + [0.0, 0.0, 14.0]
    return replace(case, marks=LesionMarks(outside_ras_mm=beyond[None]))


def test_a_correction_is_the_same_as_from_scratch_and_finds_no_bone_again(searches):
    case = coarse_case()
    outliner = Outliner()
    outliner.outline(case)
    again, figures = outliner.outline(corrected(case))
    assert len(searches) == 1
    scratch, scratch_figures = Outliner().outline(corrected(case))
    np.testing.assert_array_equal(again.mask, scratch.mask)
    assert figures.volume_ml == scratch_figures.volume_ml


def test_an_outline_that_was_edited_rests_on_the_same_bone(searches):
    case = coarse_case()
    outliner = Outliner()
    found, _ = outliner.outline(case)
    _, figures = outliner.outline(replace(case, lesion=found.mask))
    assert len(searches) == 1
    assert figures.volume_ml == pytest.approx(found.mask.sum() * case.ct.grid.voxel_ml)


@pytest.mark.parametrize("change", ["voxels in place", "organs", "grid"])
def test_bone_is_found_anew_where_it_rests_on_something_else(searches, change):
    case = coarse_case()
    outliner = Outliner()
    ct = replace(case.ct, hu=case.ct.hu.copy())
    case = replace(case, ct=ct)
    outliner.outline(case)
    if change == "voxels in place":
        ct.hu[0, 0, 0] += 1
    elif change == "organs":
        case = replace(case, organs=None)
    else:
        matrix = np.array(ct.grid.ijk_to_ras)
        matrix[0, 3] += 1.0
        case = replace(case, ct=replace(ct, grid=replace(ct.grid, ijk_to_ras=matrix)), nerves=())
    outliner.outline(case)
    assert len(searches) == 2


@pytest.mark.parametrize(("gap_mm", "refused"), [(30.0, False), (50.0, True)])
def test_pieces_far_apart_are_not_one_lesion(gap_mm, refused):
    case = coarse_case()
    grid = case.ct.grid
    middle = np.asarray(case.seed_ras_mm)
    lesion = ball(grid, middle, 8.0) | ball(grid, middle + [0.0, 0.0, gap_mm + 8.0 + 3.0], 3.0)
    given = replace(case, lesion=lesion, seed_ras_mm=None)
    if refused:
        with pytest.raises(InputError, match=r"1 piece\(s\) of the outline .* lie more than 40 mm from the rest"):
            outline_of(given, np.ones(grid.shape, dtype=bool))
    else:
        assert outline_of(given, np.ones(grid.shape, dtype=bool)).mask.sum() == lesion.sum()
