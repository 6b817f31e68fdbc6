"""Names of the bones of a chest that only the CT tells, on made chests with known anatomy and on real scans."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from made_chest import HEAD, HEAD_MM, SPACE_MM, made_chest

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_regions import merged_regions, watershed, work_of
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.joints import find_joints
from BoneAblationPlannerLib.anatomy.thorax.lungs import find_lungs
from BoneAblationPlannerLib.anatomy.thorax.naming import name_thorax
from BoneAblationPlannerLib.anatomy.thorax.parting import RIB_FROM_SPINE_MM
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.reading import read_ct
from BoneAblationPlannerLib.regions import bounding_region

WHOLE = {
    "bent forwards, arms up": {"turned_deg": 20.0, "axis": 0, "arms": "up"},
    "turned, mirrored, with contrast": {"turned_deg": -20.0, "axis": 2, "mirrored": True, "blood": True},
    "leaning, without joint spaces at the spine": {"turned_deg": 20.0, "axis": 1, "joined": True},
}
SHOULDER = {"spacing_mm": 2.0, "low": (30.0, -165.0, -60.0), "high": (230.0, 115.0, 165.0)}


@cache
def told(**kwargs):
    """A made chest and what is told of it; the shoulders' joints are given as they were made."""
    chest = made_chest(**kwargs)
    bone = bone_mask(chest.ct, chest.body)
    box = bounding_region(bone)
    work = work_of(chest.ct, bone, box)
    regions = merged_regions(work, watershed(work))
    lungs = find_lungs(chest.ct, chest.body, work, box)
    names, heads, sockets = {}, {}, {}
    for side in ("right", "left"):
        head = chest.ras_mm(HEAD * [1 if side == "right" else -1, 1, 1])
        socket = chest.ras_mm((HEAD - (HEAD_MM + SPACE_MM) * np.array([0.91, 0.41, 0.0])) * sign(side))
        name = f"humerus_{chest.side(side)}"
        heads[name], sockets[name] = head, socket
        at = work.grid.nearest_voxel(head)
        if regions[at]:
            names[int(regions[at])] = name
    found, names = name_thorax(chest.ct, work, lungs, regions, names, heads, sockets)
    return chest, LabelMap(work.grid, found, names)


def sign(side):
    return np.array([1 if side == "right" else -1, 1, 1])


def truth_at(chest, bones, name):
    """What the made bones are, by name, where a bone was given a name; without what was no bone."""
    points = bones.grid.ras_of_mask(np.isin(bones.labels, [v for v, n in bones.names.items() if n == name]))
    at = np.rint(chest.truth.grid.ijk_from_ras(points))[:, ::-1].astype(int)
    values = chest.truth.labels[tuple(np.clip(at, 0, np.array(chest.truth.grid.shape) - 1).T)]
    return [kind(chest.truth.names[int(v)]) for v in values[values > 0]]


def kind(name):
    """A made bone's name as it can be told: ribs of a side, and vertebrae, are not numbered."""
    if name.startswith("rib_"):
        return f"ribs_{name.split('_')[1]}"
    return "vertebrae" if name.startswith("vertebrae") else name


def covered(chest, bones, name):
    """Share of a made bone that carries its name."""
    points = chest.truth.grid.ras_of_mask(chest.named(name.replace("ribs", "rib")))
    at = np.clip(np.rint(bones.grid.ijk_from_ras(points))[:, ::-1].astype(int), 0, np.array(bones.grid.shape) - 1)
    value = next((v for v, n in bones.names.items() if n == name), -1)
    return float((bones.labels[tuple(at.T)] == value).mean())


@pytest.mark.parametrize("patient", WHOLE)
def test_ribs_spine_and_sternum_of_a_whole_chest(patient):
    """However the patient lies. Ribs that have grown together with the spine may lose their necks to it: 23 mm of 210
    and more, all but the last two ribs. Vertebrae above and below the lungs, and corners of the manubrium, may be bones
    without a name: there are eleven vertebrae over 300 mm, and lungs over 270 mm."""
    chest, bones = told(spacing_mm=3.0, **WHOLE[patient])
    ribs = 1 - (RIB_FROM_SPINE_MM - 21.0) / 210.0 if "joined" in WHOLE[patient] else 0.97
    least = {"ribs_right": ribs - 0.02, "ribs_left": ribs - 0.02, "vertebrae": 0.7, "sternum": 0.5}
    for name, share in least.items():
        assert covered(chest, bones, name) > share, name


@pytest.mark.parametrize("patient", WHOLE)
def test_no_bone_of_a_whole_chest_has_a_wrong_name(patient):
    chest, bones = told(spacing_mm=3.0, **WHOLE[patient])
    for name in set(bones.names.values()) - {"humerus_right", "humerus_left"}:
        found = truth_at(chest, bones, name)
        right = sum(other == name for other in found) / len(found)
        # Where ribs have grown together with the vertebrae nothing shows where their necks begin.
        assert right > (0.9 if "joined" in WHOLE[patient] else 0.97), name


def test_a_shoulder_with_one_lung_and_its_mirror_image():
    chest = made_chest(**SHOULDER)
    bones = separate_bones(chest.ct, bone_mask(chest.ct, chest.body), chest.body)
    expected = {"humerus_right", "scapula_right", "clavicula_right", "ribs_right"}
    assert {name for name in bones.names.values() if not name.startswith("bone ")} == expected
    for name in expected - {"humerus_right", "scapula_right"}:
        assert covered(chest, bones, name) > 0.95
        assert {name} == set(truth_at(chest, bones, name))
    flipped = replace(chest.ct, hu=np.ascontiguousarray(chest.ct.hu[:, :, ::-1]))
    other = separate_bones(flipped, bone_mask(flipped, chest.body), chest.body)
    assert {name.replace("right", "left") for name in expected} <= set(other.names.values())
    for name in ("clavicula_right", "ribs_right", "humerus_right"):
        here = bones.labels == next(v for v, n in bones.names.items() if n == name)
        there = other.labels == next(v for v, n in other.names.items() if n == name.replace("right", "left"))
        assert (here & there[:, :, ::-1]).sum() > 0.97 * (here | there[:, :, ::-1]).sum(), name


def test_a_shoulder_on_an_oblique_grid():
    chest = made_chest(**SHOULDER, oblique=True)
    bones = separate_bones(chest.ct, bone_mask(chest.ct, chest.body), chest.body)
    for name in ("clavicula_right", "ribs_right"):
        assert covered(chest, bones, name) > 0.9
        assert {name} == set(truth_at(chest, bones, name))


def test_without_lungs_nothing_is_told():
    chest = made_chest(**SHOULDER)
    ct = replace(chest.ct, hu=np.where(chest.ct.hu < -300, np.int16(45), chest.ct.hu))
    bone = bone_mask(ct, chest.body)
    box = bounding_region(bone)
    assert find_lungs(ct, chest.body, work_of(ct, bone, box), box) is None


# Real scans ---------------------------------------------------------------------------------------------------------


def real(shared_data, case, mirrored=False):
    ct = read_ct(shared_data / "cases" / case / "ct.nii.gz")
    if mirrored:
        ct = replace(ct, hu=np.ascontiguousarray(ct.hu[:, :, ::-1]))
    body = find_body(ct)
    return separate_bones(ct, bone_mask(ct, body.inside), body.inside)


@pytest.mark.parametrize(("case", "side"), [("glenoid-mixed", "left"), ("humerus-lytic", "right")])
def test_real_shoulders(shared_data, case, side):
    """Seen on the scans: one shoulder each; the second clavicle has grown together with its acromion at 1.25 mm."""
    bones = real(shared_data, case)
    expected = {f"{name}_{side}" for name in ("humerus", "scapula", "clavicula", "ribs")}
    assert {name for name in bones.names.values() if not name.startswith("bone ")} == expected
    assert f"acromioclavicular joint {side}" in {joint.name for joint in find_joints(bones)}


def test_a_real_shoulder_mirrored(shared_data):
    bones = real(shared_data, "humerus-lytic", mirrored=True)
    expected = {"humerus_left", "scapula_left", "clavicula_left", "ribs_left"}
    assert {name for name in bones.names.values() if not name.startswith("bone ")} == expected


def test_ribs_over_the_lungs_lower_ends_in_a_scan_of_the_pelvis(shared_data):
    """Only what the labels call rib may carry the name; bowel gas tells nothing."""
    folder = shared_data / "cases" / "iliac-lytic"
    ct = read_ct(folder / "ct.nii.gz")
    body = find_body(ct).inside
    bone = bone_mask(ct, body)
    box = bounding_region(bone)
    work = work_of(ct, bone, box)
    lungs = find_lungs(ct, body, work, box)
    assert lungs is not None
    regions, named = name_thorax(ct, work, lungs, merged_regions(work, watershed(work)), {}, {}, {})
    assert set(named.values()) <= {"ribs"}, "one lung's lower end, and no shoulder: no side is certain"
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "organs.nii.gz")))
    names = {int(v): n for v, n in json.loads((folder / "organs.json").read_text()).items()}
    points = work.grid.ras_of_mask(np.isin(regions, list(named)))
    at = np.rint(ct.grid.ijk_from_ras(points))[:, ::-1].astype(int)
    found = labels[tuple(np.clip(at, 0, np.array(ct.grid.shape) - 1).T)]
    assert {names[int(v)].split("_")[0] for v in np.unique(found[found > 0])} == {"rib"}
