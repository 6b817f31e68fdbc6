"""An organ map that lies elsewhere than the CT's bones is noticed; one of destroyed bones is not blamed."""

import json

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.label_fit import bone_surface_fit, label_fit_doubt
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_ct, read_label_map, read_mask

NAMES = {1: "hip_right", 2: "sacrum", 3: "colon"}


def bones(grid, moved_mm=(0.0, 0.0, 0.0)):
    """Labels (k, j, i): two balls of 24 mm as bones and one as bowel, moved in RAS."""
    points = every_point(grid) - np.asarray(moved_mm)
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    labels = np.zeros(len(points), np.uint8)
    for value, offset in ((1, (-35, 0, 0)), (2, (35, 0, 0)), (3, (0, 40, 0))):
        labels[np.linalg.norm(points - middle - offset, axis=1) < 24] = value
    return labels.reshape(grid.shape)


def scanned(grid, labels):
    """Bone is a shell of dense cortex, at the surface, around marrow that is no denser than soft tissue."""
    hu = np.full(grid.shape, 40, np.int16)
    points = every_point(grid).reshape(*grid.shape, 3)
    for value in (1, 2):
        inside = labels == value
        away = np.linalg.norm(points - points[inside].mean(axis=0), axis=-1)
        hu[inside & (away > 20)] = 600
    return CtVolume(grid, hu, "made", "0")


@pytest.fixture(params=["axial", "oblique"])
def grid(request):
    if request.param == "axial":
        return Grid((60, 80, 100), np.diag([2.0, 2.0, 2.0, 1.0]))
    return oblique_grid((50, 80, 100), (1.9, 2.2, 2.8))


def nowhere(grid):
    return np.zeros(grid.shape, dtype=bool)


def test_a_map_of_the_scan_fits(grid):
    labels = bones(grid)
    ct, organs = scanned(grid, labels), LabelMap(grid, labels, NAMES)
    # The whole surface is cortex, though most of the bone's volume is not.
    assert bone_surface_fit(ct, organs, nowhere(grid)).share == 1.0
    assert label_fit_doubt(ct, organs, nowhere(grid)) is None


@pytest.mark.parametrize("moved_mm", [(20.0, 0.0, 0.0), (0.0, -25.0, 0.0), (12.0, 12.0, 12.0)])
def test_a_moved_map_is_named_or_refused(grid, moved_mm):
    ct, organs = scanned(grid, bones(grid)), LabelMap(grid, bones(grid, moved_mm), NAMES)
    fit = bone_surface_fit(ct, organs, nowhere(grid))
    # Two spheres meet in a circle: a band of the surface, not more than half of it, stays within 3 mm of the cortex.
    assert fit.share < 0.5
    assert fit.moved_share > fit.share + 0.1
    if fit.share >= 0.2 and fit.moved_share < 0.8:
        assert f"{fit.share:.0%}" in label_fit_doubt(ct, organs, nowhere(grid))
    else:
        with pytest.raises(InputError, match="organ map: only"):
            label_fit_doubt(ct, organs, nowhere(grid))


def test_a_map_that_lies_in_soft_tissue_is_refused(grid):
    """Moved by 55 mm, more than two radii and what counts as near: its bones' places hold no bone at all."""
    ct, organs = scanned(grid, bones(grid)), LabelMap(grid, bones(grid, (0.0, -55.0, 0.0)), NAMES)
    with pytest.raises(InputError, match="organ map: only 0%"):
        label_fit_doubt(ct, organs, nowhere(grid))


def test_bones_that_a_tumour_destroyed_are_not_blamed(grid):
    """Two thirds of the cortex are gone and the map is right: no other place fits better."""
    labels = bones(grid)
    ct = scanned(grid, labels)
    points = every_point(grid).reshape(*grid.shape, 3)
    for value in (1, 2):
        centre = points[labels == value].mean(axis=0)
        # The cap of a sphere above a third of its radius on one side of the middle holds a third of its surface.
        ct.hu[(labels == value) & (points[..., 2] < centre[2] + 8)] = 40
    organs = LabelMap(grid, labels, NAMES)
    assert bone_surface_fit(ct, organs, nowhere(grid)).share < 0.6
    assert label_fit_doubt(ct, organs, nowhere(grid)) is None


def test_the_lesion_is_left_out_and_maps_without_bones_say_nothing(grid):
    labels = bones(grid)
    ct = scanned(grid, labels)
    lesion = labels == 1
    ct.hu[lesion] = 40
    assert bone_surface_fit(ct, LabelMap(grid, labels, NAMES), lesion).share == 1.0
    only_bowel = LabelMap(grid, np.where(labels == 3, 3, 0), NAMES)
    assert bone_surface_fit(ct, only_bowel, nowhere(grid)) is None
    assert label_fit_doubt(ct, only_bowel, nowhere(grid)) is None
    assert label_fit_doubt(ct, None, nowhere(grid)) is None


@pytest.mark.parametrize("case", ["iliac-lytic", "acetabulum-mixed"])
def test_real_maps_fit_and_moved_ones_do_not(shared_data, case):
    folder = shared_data / "cases" / case
    ct = read_ct(folder / "ct.nii.gz")
    organs, _ = read_label_map(folder / "organs.nii.gz", folder / "organs.json", ct.grid)
    lesion, _ = read_mask(folder / "lesion.nii.gz", ct.grid)
    assert label_fit_doubt(ct, organs, lesion) is None
    names = {int(value): name for value, name in json.loads((folder / "organs.json").read_text()).items()}
    moved = LabelMap(ct.grid, np.roll(organs.labels, 20, axis=2), names)  # 60 mm to the side
    with pytest.raises(InputError, match="organ map"):
        label_fit_doubt(ct, moved, lesion)
    slightly = LabelMap(ct.grid, np.roll(organs.labels, 5, axis=1), names)  # 15 mm to the back
    assert label_fit_doubt(ct, slightly, lesion).startswith("organ map: only")
