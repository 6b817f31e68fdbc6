"""What says nothing of the tissue under it is taken out of an organ map: bone under a planning target stays bone."""

import numpy as np
from grids import oblique_grid

from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.structure_table import NO_TISSUE, builtin_table
from BoneAblationPlannerLib.anatomy.targets import without_targets
from BoneAblationPlannerLib.ct import CtVolume, LabelMap

GRID = oblique_grid((20, 30, 40))
BONE = (slice(4, 16), slice(5, 25), slice(5, 35))
TARGET = (slice(6, 14), slice(8, 20), slice(8, 30))


def given(**parts):
    labels = np.zeros(GRID.shape, np.uint8)
    for value, region in enumerate(parts.values(), start=1):
        labels[region] = value
    return LabelMap(GRID, labels, dict(enumerate(parts, start=1)))


def test_bone_under_a_target_is_bone():
    hu = np.full(GRID.shape, 40, np.int16)
    hu[BONE] = 500
    ct, body = CtVolume(GRID, hu, "made", "0"), np.ones(GRID.shape, dtype=bool)
    organs = given(sacrum=(slice(4, 16), slice(5, 25), slice(5, 8)), PTV_3000=TARGET)
    kept, notes = without_targets(organs)
    assert kept.names == {1: "sacrum"}
    assert notes == ["left out of the organ map: PTV_3000 (pathology: the lesion is outlined separately)"]
    np.testing.assert_array_equal(bone_mask(ct, body, kept), bone_mask(ct, body))
    np.testing.assert_array_equal(organs.labels[TARGET], 2)


def test_muscle_and_organs_stay_and_a_map_of_targets_alone_is_none():
    organs = given(colon=BONE, gluteus_maximus_left=TARGET)
    assert without_targets(organs) == (organs, [])
    assert without_targets(None) == (None, [])
    kept, notes = without_targets(given(body=BONE, GTV=TARGET))
    assert kept is None
    assert "body" in notes[0]
    assert "GTV" in notes[0]


def test_the_reasons_are_those_of_the_table():
    assert set(NO_TISSUE) <= {reason for _, reason in builtin_table().ignored}
