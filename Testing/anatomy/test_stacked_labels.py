"""Where structures overlap, what is ignored takes nothing, and the more critical one keeps what both claim."""

import itertools

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.stacked_labels import LabelStack, weight
from BoneAblationPlannerLib.anatomy.structure_table import load_structure_table
from BoneAblationPlannerLib.anatomy.structures import collect_structures
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.frames import Grid

SHAPE = (10, 12, 14)
GRID = Grid(SHAPE, np.diag([2.0, 2.0, 3.0, 1.0]))


def box(k, j, i):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


BAG, HIP = box((0, 10), (0, 6), (0, 14)), box((0, 10), (6, 12), (0, 14))
PTV, NERVE = box((3, 6), (4, 9), (2, 9)), box((0, 10), (2, 3), (5, 6))
MASKS = {"bowel bag": BAG, "hip_right": HIP, "PTV_3000": PTV, "sciatic nerve": NERVE}


@pytest.mark.parametrize("order", list(itertools.permutations(MASKS)))
def test_what_is_kept_does_not_depend_on_the_order(order):
    stack = LabelStack(SHAPE)
    for name in order:
        stack.add(MASKS[name], {1: name})
    names = stack.names
    assert sorted(names.values()) == ["bowel bag", "hip_right", "sciatic nerve"]
    found = {name: stack.labels == number for number, name in names.items()}
    np.testing.assert_array_equal(found["sciatic nerve"], NERVE)
    np.testing.assert_array_equal(found["bowel bag"], BAG & ~NERVE)
    whole = LabelMap(GRID, stack.labels, names, beneath=stack.beneath)
    for number, name in names.items():
        np.testing.assert_array_equal(whole.mask(number), MASKS[name])
    np.testing.assert_array_equal(found["hip_right"], HIP)
    assert any("PTV_3000" in note and "kept as bowel bag" in note for note in stack.notes)
    assert any("nothing is left" in note and "PTV_3000" in note for note in stack.notes)


def test_a_planning_target_beyond_everything_stays_there():
    stack = LabelStack(SHAPE)
    stack.add(box((0, 4), (0, 4), (0, 4)), {1: "colon"})
    stack.add(box((2, 8), (2, 8), (2, 8)), {1: "GTV"})
    assert (stack.labels == 2).sum() == 6**3 - 2**3
    assert (stack.labels == 1).sum() == 4**3


def test_critical_goes_before_bone_before_what_is_put_in_before_what_is_ignored():
    rising = [weight(name) for name in ("gluteus_maximus_left", "hydrodissection", "hip_left", "iliac_artery", "nerve")]
    assert rising == sorted(rising)
    assert len(set(rising)) == 5
    assert weight("mystery") == weight("hip_left")
    assert weight("GTV") == weight("muscle") == weight("body")
    assert weight("bowel bag") == weight("urinary_bladder") == weight("sciatic nerve")


def test_the_users_table_says_what_counts(tmp_path):
    path = tmp_path / "table.json"
    path.write_text('{"ignored": [{"pattern": "^colon$", "reason": "test"}], "names": [{"pattern": "^ptv$", "kind": '
                    '"nerve"}]}')  # fmt: skip
    table = load_structure_table(path)
    stack = LabelStack(SHAPE, table)
    stack.add(box((0, 4), (0, 4), (0, 4)), {1: "colon"})
    stack.add(box((0, 8), (0, 8), (0, 8)), {1: "PTV"})
    assert (stack.labels == 2).sum() == 8**3
    assert stack.names == {2: "PTV"}


def test_of_what_counts_as_much_the_smaller_stays_and_numbers_are_those_asked_for():
    for first, second in (("colon", "rectum"), ("rectum", "colon")):
        stack = LabelStack(SHAPE)
        masks = {"colon": BAG, "rectum": PTV}
        stack.add(masks[first].astype(np.uint8) * 7, {7: first, 9: "absent"}, {7: 30, 9: 31})
        stack.add(masks[second], {1: second}, {1: 40})
        number = {name: value for value, name in stack.names.items()}
        assert set(number.values()) == {30, 40}
        np.testing.assert_array_equal(stack.labels == number["rectum"], PTV)


def test_labels_of_one_array_do_not_overlap_and_values_without_a_name_are_left_out():
    stack = LabelStack(SHAPE)
    labels = BAG * 1 + HIP * 2
    labels[0, 0, 0] = 5
    stack.add(labels.astype(np.int16), {1: "colon", 2: "hip_left"})
    assert stack.labels[0, 0, 0] == 0
    np.testing.assert_array_equal(stack.labels == 2, HIP)
    assert stack.notes == []


def test_a_vessel_wholly_in_a_bowel_bag_is_still_there():
    """The bag asks for more distance and is shown; the vessel keeps its mask, and its kind counts as given."""
    stack = LabelStack(SHAPE)
    vessel, nerve = box((2, 5), (1, 3), (2, 9)), box((3, 4), (1, 3), (2, 9))
    for name, mask in (("iliac_artery_left", vessel), ("bowel bag", BAG), ("mystery", nerve)):
        stack.add(mask, {1: name})
    organs = LabelMap(GRID, stack.labels, stack.names, beneath=stack.beneath)
    assert (stack.labels == 2)[BAG].all()
    np.testing.assert_array_equal(organs.mask(1), vessel)
    np.testing.assert_array_equal(organs.mask(2), BAG)
    # Of three in one voxel two are kept: the unknown one, which counts least, is gone, and that is said.
    assert stack.notes[-1] == "nothing is left of what lies wholly under others: mystery"
    ct = CtVolume(GRID, np.full(SHAPE, 40, np.int16), "made", "0")
    everywhere = np.ones(SHAPE, dtype=bool)
    found, _ = collect_structures(ct, Body(everywhere, ~everywhere, ~everywhere), organs, ())
    by_name = {structure.name: structure for structure in found}
    assert by_name["iliac_artery_left"].kind == "vessel"
    np.testing.assert_array_equal(by_name["iliac_artery_left"].mask, vessel)
    np.testing.assert_array_equal(by_name["bowel bag"].mask, BAG)


def test_many_overlaps_are_told_shortly():
    stack = LabelStack(SHAPE)
    for n in range(8):
        stack.add(box((0, 10), (0, 12), (0, 2 + n)), {1: f"colon {n}"})
    assert stack.notes[0].count("each keeps its voxels") == 4
    assert "more pairs" in stack.notes[0]
