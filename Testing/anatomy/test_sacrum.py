"""The sacrum told beside hip bones: made pelvises of the usual shape, whole, one-sided and without it; real scans."""

import numpy as np
import pytest
from grids import ball, rotation
from made_pelvis import made_pelvis, regions_of, turned

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.laid_pelvis import laid_hips, laid_pelvis
from BoneAblationPlannerLib.anatomy.sacrum import with_sacrum
from BoneAblationPlannerLib.anatomy.shape_field import surface_points
from BoneAblationPlannerLib.anatomy.usual_pelvis import mirrored, usual_pelvis
from BoneAblationPlannerLib.reading import read_ct
from BoneAblationPlannerLib.reading.labels import read_label_map


def dice(one, two):
    return 2 * (one & two).sum() / (one.sum() + two.sum())


def told(made, work=None):
    """Regions and names, or None where no sacrum was certain; hip bones start from rough frames."""
    work = work or made.work
    surface = surface_points(work, work.bone)
    hips = laid_hips(work, surface, {side: turned(frame) for side, frame in made.frames.items()})
    laid = laid_pelvis(work, surface, hips)
    return None if laid is None else with_sacrum(work, *regions_of(made), laid)


def mask(found, name):
    regions, names = found
    return regions == next(number for number, other in names.items() if other == name)


@pytest.mark.parametrize(
    ("sides", "turn"),
    [
        (("left", "right"), rotation(0, 14) @ rotation(1, -8) @ rotation(2, 12)),
        (("right",), np.eye(3)),
        (("left",), rotation(0, -6)),
    ],
)
def test_sacrum_and_the_spine_on_it_are_told_beside_both_hips_or_one(sides, turn):
    made = made_pelvis(sides, turn)
    found = told(made)
    assert dice(mask(found, "sacrum"), made.sacrum) > 0.95
    assert dice(mask(found, "vertebrae"), made.vertebra) > 0.95
    for side in sides:
        assert dice(mask(found, f"hip_{side}"), made.hips[side]) > 0.97
        assert not (mask(found, "sacrum") & made.hips[side]).sum() > 0.01 * made.sacrum.sum()


def test_the_hip_bone_that_was_not_looked_for_is_no_sacrum():
    """Both are there and one bone with the sacrum, only the right one has a name."""
    made = made_pelvis()
    regions, names = regions_of(made)
    regions[made.hips["left"]] = 1
    del names[next(number for number, name in names.items() if name == "hip_left")]
    surface = surface_points(made.work, made.work.bone)
    laid = laid_pelvis(made.work, surface, laid_hips(made.work, surface, {"right": turned(made.frames["right"])}))
    found = with_sacrum(made.work, regions, names, laid)
    assert not (mask(found, "sacrum") & made.hips["left"]).sum() > 0.01 * made.sacrum.sum()
    assert not (mask(found, "vertebrae") & made.hips["left"]).any()


def test_no_sacrum_where_there_is_none():
    assert told(made_pelvis(with_sacrum=False)) is None


def test_a_hip_bone_that_is_not_there_is_not_laid_in():
    made = made_pelvis(("right",))
    surface = surface_points(made.work, made.work.bone)
    wrong = mirrored(made.frames["right"], made.sacrum_frame)
    assert set(laid_hips(made.work, surface, {"right": made.frames["right"], "left": wrong})) == {"right"}


def test_an_ala_that_a_lesion_has_eaten_does_not_hide_the_sacrum():
    made = made_pelvis()
    joint = made.sacrum_frame.ras_mm(np.array([10.0, 10.0, 40.0]) / usual_pelvis().sacrum.usual_mm)
    eaten = ball(made.work.grid, joint, 16.0) & made.sacrum
    assert eaten.sum() > 0.04 * made.sacrum.sum()
    work = Work(made.work.grid, np.where(eaten, 40.0, made.work.hu), made.work.bone & ~eaten, made.work.sheet)
    found = told(made, work)
    assert dice(mask(found, "sacrum"), made.sacrum) > 0.9


def test_left_and_right_are_mirror_images():
    pelvis, made = usual_pelvis(), made_pelvis()
    assert np.allclose(pelvis.sacrum.distance_mm, pelvis.sacrum.distance_mm[:, :, ::-1])
    middle = pelvis.expected_sacrum(made.frames)
    assert abs(middle.origin_ras_mm[0]) < 1e-6
    assert np.allclose(np.abs(middle.axes[0]), [0, 0, 1], atol=1e-6)
    other = mirrored(made.frames["right"], made.sacrum_frame)
    assert np.allclose(other.ras_mm(np.eye(3)), made.frames["left"].ras_mm(np.eye(3)), atol=0.1)


def test_a_labelled_pelvis_without_its_labels(shared_data):
    """3 mm voxels, where no joint space is seen; labels by another tool are the truth."""
    case = shared_data / "cases" / "iliac-lytic"
    ct = read_ct(case / "ct.nii.gz")
    body = find_body(ct).inside
    bone = bone_mask(ct, body)
    found = separate_bones(ct, bone, body)
    organs, _ = read_label_map(case / "organs.nii.gz", case / "organs.json", ct.grid)
    value = {name: number for number, name in organs.names.items()}
    sacrum = found.labels == next(number for number, name in found.names.items() if name == "sacrum")
    true = np.isin(organs.labels, [value["sacrum"], value["vertebrae_S1"]])
    assert dice(sacrum & bone, true & bone) > 0.8
    for name in ("hip_left", "hip_right", "vertebrae_L5", "vertebrae_L4"):
        assert (sacrum & (organs.labels == value[name])).sum() < 0.03 * sacrum.sum()
    spine = found.labels == next(number for number, name in found.names.items() if name == "vertebrae")
    assert (spine & (organs.labels == value["vertebrae_L5"])).sum() > 0.5 * (
        organs.labels[bone] == value["vertebrae_L5"]
    ).sum()
