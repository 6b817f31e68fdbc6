"""Names that contradict the side where a label lies are refused; what is cropped, lone or in the middle is not."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from grids import oblique_grid

from BoneAblationPlannerLib.anatomy.label_sides import check_label_sides
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_label_map

MIDDLE = np.array([12.0, -34.0, 56.0])
AT = {"left": -80.0, "right": 80.0, "middle": 0.0}
GRIDS = {
    "axial": Grid((20, 40, 90), np.array([[3.0, 0, 0, -120], [0, 3, 0, -94], [0, 0, 3, 27], [0, 0, 0, 1]])),
    "mirrored axis": Grid((20, 40, 90), np.array([[-3.0, 0, 0, 144], [0, -3, 0, 26], [0, 0, 3, 27], [0, 0, 0, 1]])),
    "oblique": oblique_grid((30, 60, 110), (3.0, 3.0, 3.0), tuple(MIDDLE)),
}  # fmt: skip


@pytest.fixture(params=GRIDS)
def grid(request):
    return GRIDS[request.param]


def ball(grid, right_mm, forward_mm=0.0, radius_mm=14.0):
    index = np.indices(grid.shape)[::-1].reshape(3, -1).T
    away = grid.ras_from_ijk(index) - MIDDLE - [right_mm, forward_mm, 0.0]
    return (np.linalg.norm(away, axis=1) < radius_mm).reshape(grid.shape)


def labelled(grid, places, radius_mm=14.0):
    """A map with a ball for every name, `places` mm right of the middle."""
    labels = np.zeros(grid.shape, np.uint8)
    for value, right_mm in enumerate(places.values(), start=1):
        labels[ball(grid, right_mm, radius_mm=radius_mm)] = value
    return LabelMap(grid, labels, dict(enumerate(places, start=1)))


def body_of(grid, half_width_mm=110.0):
    """A patient as wide as that around the middle."""
    index = np.indices(grid.shape)[::-1].reshape(3, -1).T
    away = np.abs(grid.ras_from_ijk(index) - MIDDLE)
    return (away < [half_width_mm, 40.0, 25.0]).all(axis=1).reshape(grid.shape)


def nobody(grid):
    return np.zeros(grid.shape, dtype=bool)


@pytest.mark.parametrize("names", ["hip_{}", "Femur_Head_{}", "{} rib 7", "Hip bone, {}"])
def test_a_pair_of_bones_tells(grid, names):
    right_so = {names.format("left"): -80.0, names.format("right"): 80.0}
    assert check_label_sides(labelled(grid, right_so), nobody(grid)) == []
    swapped = {name: -right_mm for name, right_mm in right_so.items()}
    with pytest.raises(InputError, match=r"lies 1[56]\d mm right of .*; expected names that fit the side"):
        check_label_sides(labelled(grid, swapped), nobody(grid))


def test_a_lone_bone_is_compared_with_the_spine_and_without_one_with_the_body(grid):
    for other, body in (({"sacrum": 0.0}, nobody(grid)), ({}, body_of(grid))):
        assert check_label_sides(labelled(grid, {"hip_right": 80.0, **other}), body) == []
        with pytest.raises(InputError, match=r"hip_right lies [78]\d mm left of the"):
            check_label_sides(labelled(grid, {"hip_right": -80.0, **other}), body)
        # Near the middle, as a cropped pubis lies, it tells nothing.
        assert check_label_sides(labelled(grid, {"hip_right": -25.0, **other}), body) == []


def test_a_body_that_is_cut_at_a_side_has_no_middle():
    grid = GRIDS["axial"]
    cut = body_of(grid)
    cut[..., : grid.shape[2] // 2] = True
    assert check_label_sides(labelled(grid, {"hip_right": -80.0}), cut) == []


def test_one_muscle_warns_and_several_refuse(grid):
    one = {"hip_left": -80.0, "hip_right": 80.0, "gluteus_maximus_left": 40.0, "gluteus_maximus_right": -40.0}
    (warning,) = check_label_sides(labelled(grid, one), nobody(grid))
    assert "gluteus_maximus_left lies" in warning
    two = {"iliopsoas_left": 40.0, "iliopsoas_right": -40.0, "kidney_left": 80.0, "kidney_right": -80.0}
    with pytest.raises(InputError, match="iliopsoas_left lies"):
        check_label_sides(labelled(grid, two), nobody(grid))


def test_vessels_specks_and_uneven_pairs_tell_nothing(grid):
    assert check_label_sides(labelled(grid, {"iliac_vena_left": 30.0, "iliac_vena_right": -30.0}), nobody(grid)) == []
    organs = labelled(grid, {"femur_left": 80.0, "femur_right": -80.0}, radius_mm=5.0)
    assert check_label_sides(organs, nobody(grid)) == []
    labels = labelled(grid, {"femur_left": 80.0}).labels
    labels[ball(grid, -80.0, radius_mm=7.0)] = 2
    assert check_label_sides(LabelMap(grid, labels, {1: "femur_left", 2: "femur_right"}), nobody(grid)) == []


def test_the_belly_the_other_way_round_only_warns(grid):
    bones = {"hip_left": -100.0, "hip_right": 100.0}
    assert check_label_sides(labelled(grid, {**bones, "liver": 50.0, "spleen": -50.0}), nobody(grid)) == []
    (warning,) = check_label_sides(labelled(grid, {**bones, "liver": -50.0, "spleen": 50.0}), nobody(grid))
    assert "liver lies left of the spleen" in warning


def test_no_map_or_none_with_sides_is_fine(grid):
    assert check_label_sides(None, nobody(grid)) == []
    assert check_label_sides(labelled(grid, {"colon": 50.0, "sacrum": 0.0}), body_of(grid)) == []


@pytest.mark.parametrize("case", ["iliac-lytic", "acetabulum-mixed"])
def test_real_maps_their_crops_and_what_is_wrong_with_them(shared_data, case):
    folder = shared_data / "cases" / case
    grid = Grid.from_image(sitk.ReadImage(str(folder / "organs.nii.gz")))
    organs, _ = read_label_map(folder / "organs.nii.gz", folder / "organs.json", grid)
    body = np.zeros(grid.shape, dtype=bool)
    assert check_label_sides(organs, body) == []
    third = grid.shape[2] // 3
    for start in range(0, grid.shape[2] - third, 5):
        part = (slice(None), slice(None), slice(start, start + third))
        assert check_label_sides(LabelMap(grid.crop(part), organs.labels[part], organs.names), body[part]) == []
    with pytest.raises(InputError, match="hip_left lies"):
        check_label_sides(LabelMap(grid, organs.labels[..., ::-1], organs.names), body)
    names = {int(v) + 1: name for v, name in json.loads((folder / "organs.json").read_text()).items()}
    with pytest.raises(InputError, match="femur_left lies"):
        check_label_sides(LabelMap(grid, organs.labels, names), body)
