"""Bones that no needle may cross become structures, without the lesion; names that do not fit are refused."""

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.barred import KIND, barred_structures
from BoneAblationPlannerLib.anatomy.structure_table import builtin_table
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


def pelvis():
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[:, :, :2], labels[:, :, 4:] = 1, 2
    return LabelMap(Grid(labels.shape, np.eye(4)), labels, {1: "sacrum", 2: "hip_left", 3: "hip_right"})


def test_a_barred_bone_limits_shafts_and_not_zones_and_leaves_the_lesion_out():
    bones = pelvis()
    lesion = np.zeros(bones.labels.shape, dtype=bool)
    lesion[1, 1, :] = True
    (sacrum,) = barred_structures(["sacrum", "sacrum"], bones, lesion, "hip_left", builtin_table())
    assert (sacrum.name, sacrum.kind, sacrum.required_zone_mm) == ("sacrum", KIND, 0.0)
    assert sacrum.required_shaft_mm > 0
    assert np.array_equal(sacrum.mask, (bones.labels == 1) & ~lesion)


def test_a_bone_may_be_barred_in_any_spelling():
    bones = pelvis()
    lesion = np.zeros(bones.labels.shape, dtype=bool)
    found = barred_structures(["Left hip", "Hip_L", "hip_left"], bones, lesion, "sacrum", builtin_table())
    assert [structure.name for structure in found] == ["hip_left"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("hip_right", "not known in this scan; expected one of hip_left, sacrum"), ("hip_left", "holds the lesion")],
)
def test_a_bone_that_is_not_there_or_must_be_entered_is_refused(name, message):
    bones = pelvis()
    with pytest.raises(InputError, match=message):
        barred_structures([name], bones, np.zeros(bones.labels.shape, dtype=bool), "hip_left", builtin_table())
