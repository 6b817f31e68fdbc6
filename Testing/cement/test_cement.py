"""Cement along a probe's track: volume, needle, leaks through known defects, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid
from phantoms import coarse_phantom, coarse_result

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from CementTrajectoryLib.cement.defects import find_defects
from CementTrajectoryLib.workflow import CementChoices, plan_cement

CENTRE = np.array([12.0, -34.0, 56.0])


def bone_with_hole(offset):
    """A ball of bone (28 mm, cortex 1100 HU) whose lesion (12 mm) sticks out to one side; colon 20 mm beyond."""
    grid = oblique_grid((60, 76, 84), (1.0, 1.1, 1.4))
    bone, inner = ball(grid, CENTRE, 28.0), ball(grid, CENTRE, 25.0)
    lesion = ball(grid, CENTRE + offset, 12.0)
    hu = np.where(lesion, 45, np.where(inner, 230, np.where(bone, 1100, 55))).astype(np.int16)
    colon = Structure("colon", "bowel", ball(grid, CENTRE + [45.0, 0, 0], 3.0), 5.0, 10.0, "organ label")
    ct = CtVolume(grid, hu, "made", "0")
    return Anatomy(ct, np.ones(grid.shape, dtype=bool), bone, lesion, (colon,))


def test_a_contained_lesion_has_no_defect():
    assert find_defects(bone_with_hole([0.0, 0, 0]), 10.0) == ()


def test_a_hole_is_found_where_it_is_and_names_what_lies_beyond():
    defects = find_defects(bone_with_hole([20.0, 0, 0]), 10.0)
    assert len(defects) == 1
    outward = np.subtract(defects[0].centre_ras_mm, CENTRE)
    assert outward[0] / np.linalg.norm(outward) > 0.95
    assert defects[0].towards == "colon (bowel)"
    # From the cap's middle, about 30 mm out, to the near side of the colon at 42 mm.
    assert 8 < defects[0].distance_mm < 16


def test_a_flat_bone_without_both_tables_has_a_defect_on_each_face():
    """A plate of bone, 10 mm thick, whose lesion takes its whole thickness: one defect would face no way at all."""
    grid = oblique_grid((50, 70, 70), (1.0, 1.1, 1.4))
    height = ((grid.ras_of_mask(np.ones(grid.shape, dtype=bool)) - CENTRE) @ [0.6, 0.0, 0.8]).reshape(grid.shape)
    bone = np.abs(height) < 5.0
    lesion = bone & ball(grid, CENTRE, 14.0)
    hu = np.where(lesion, 45, np.where(bone, np.where(np.abs(height) < 3.0, 230, 1100), 55)).astype(np.int16)
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones(grid.shape, dtype=bool), bone, lesion, ())
    defects = find_defects(anatomy, 10.0)
    heights = sorted((np.subtract(d.centre_ras_mm, CENTRE) @ [0.6, 0.0, 0.8]) for d in defects)
    # Voxel centres lie up to a voxel under the surface.
    assert heights == pytest.approx([-5.0, 5.0], abs=1.4)
    disc = np.pi * (14.0**2 - 5.0**2)
    assert [d.area_mm2 for d in defects] == pytest.approx([disc, disc], rel=0.15)
    assert not {tuple(v) for v in defects[0].voxels_kji} & {tuple(v) for v in defects[1].voxels_kji}


def test_small_defects_are_left_out():
    area = find_defects(bone_with_hole([20.0, 0, 0]), 10.0)[0].area_mm2
    assert find_defects(bone_with_hole([20.0, 0, 0]), area + 1) == ()


def test_volume_needle_and_provenance():
    result = plan_cement(coarse_result())
    cement = result.plan.cement
    assert cement.fill_ml == pytest.approx(result.plan.lesion.volume_ml * 0.55)
    needle = cement.needles[0]
    shared = next(p for p in result.plan.probes if p.name == needle.shares_track_with)
    assert needle.entry_ras_mm == shared.entry_ras_mm
    assert all(p.source and p.status for p in cement.provenance)
    # Nothing else of the plan changes.
    assert replace(result.plan, cement=None) == coarse_result().plan


def test_the_phantoms_gap_is_a_leak():
    truth = coarse_phantom().truth
    assert truth.cortical_breach_fraction > 0
    cement = plan_cement(coarse_result()).plan.cement
    assert cement.leaks
    assert any("defect" in caution for caution in cement.cautions)


@pytest.mark.parametrize(
    ("choices", "message"),
    [(CementChoices(gauge=18), "18 G"), (CementChoices(filling_fraction=0.0), "more than 0"),
     (CementChoices(filling_fraction=1.2), "at most 1")],
)  # fmt: skip
def test_bad_choices_are_refused(choices, message):
    with pytest.raises(InputError, match=message):
        plan_cement(coarse_result(), choices)


def test_a_plan_without_probes_is_refused():
    result = coarse_result()
    with pytest.raises(InputError, match="no probes"):
        plan_cement(replace(result, plan=replace(result.plan, probes=())))
