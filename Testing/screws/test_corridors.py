"""Corridors of a pelvis: made of rods in the usual hip's places, and real ones where there are any."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from grids import rotation
from made_hip import usual_hip_mask

from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame, hip_frame
from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.corridor_file import corridor_document
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.cut_hip import cut_hip_frame
from CementTrajectoryLib.screws.definitions import corridor_definitions, corridor_provenance
from CementTrajectoryLib.screws.naming import named_pelvis, pelvic_name
from CementTrajectoryLib.workflow import corridors_of_file

TURN = rotation(0, 8) @ rotation(1, -5) @ rotation(2, 6)


def placed(side, size=1.0):
    """A frame of a hip of a size in a turned patient, with the axes that a real one has."""
    sign = 1.0 if side == "right" else -1.0
    up, forward, out = np.array([0.3 * sign, -0.05, 0.95]), np.array([0.42 * sign, 0.9, -0.05]), None
    up /= np.linalg.norm(up)
    forward -= up * (forward @ up)
    forward /= np.linalg.norm(forward)
    out = np.cross(up, forward)
    out *= np.sign(out[0]) * sign
    axes = TURN @ np.stack([up, forward, out], axis=1)
    return BoneFrame(np.array([75.0 * sign, 5.0, -20.0]), axes, usual_hip().spread_mm * size)


def grid_around(frame, spacing=3.0):
    corners = frame.ras_mm(usual_hip().places)
    low, high = corners.min(axis=0) - 10, corners.max(axis=0) + 10
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = low
    i, j, k = np.ceil((high - low) / spacing).astype(int)
    return Grid((int(k), int(j), int(i)), matrix)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_frame_finds_back_how_a_bone_was_placed(side):
    frame = placed(side)
    grid = grid_around(frame)
    found = hip_frame(grid.ras_of_mask(usual_hip_mask(grid, frame)), side)
    assert np.degrees(np.arccos(np.clip((found.axes * frame.axes).sum(axis=0), -1, 1))).max() < 6.0
    assert np.linalg.norm(found.origin_ras_mm - frame.origin_ras_mm) < 6.0


def test_own_coordinates_go_there_and_back():
    frame = placed("left")
    points = np.random.default_rng(0).normal(size=(20, 3)) * 50
    assert np.allclose(frame.ras_mm(frame.own(points)), points)


def test_mirrored_bones_have_the_same_places():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(4000, 3)) * [14.0, 33.0, 54.0] @ TURN.T
    right, left = hip_frame(points, "right"), hip_frame(points * [-1.0, 1.0, 1.0], "left")
    assert np.allclose(left.own(points * [-1.0, 1.0, 1.0]), right.own(points), atol=1e-9)


@pytest.mark.parametrize("missing", [0.05, 0.15])
def test_a_cut_bone_keeps_its_places(missing):
    frame = placed("right", 0.95)
    grid = grid_around(frame)
    mask = usual_hip_mask(grid, frame)
    whole = hip_frame(grid.ras_of_mask(mask), "right")
    first = int(np.searchsorted(np.cumsum(mask.sum(axis=(1, 2))), missing * mask.sum()))
    box = (slice(first, None), slice(None), slice(None))
    cut, part = grid.crop(box), mask[box]
    fitted = cut_hip_frame(cut.ras_of_mask(part), "right", cut)
    places = [definition.entry.at for definition in corridor_definitions()]
    naive = hip_frame(cut.ras_of_mask(part), "right")
    off = np.linalg.norm(fitted.ras_mm(places) - whole.ras_mm(places), axis=1)
    off_naive = np.linalg.norm(naive.ras_mm(places) - whole.ras_mm(places), axis=1)
    assert off.max() < 0.5 * off_naive.max()
    assert off.max() < 8.0


def test_what_is_not_there_is_not_looked_for():
    grid = Grid((20, 20, 20), np.diag([4.0, 4.0, 4.0, 1.0]))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    found, missing = find_corridors(LabelMap(grid, labels, {1: "sacrum"}))
    assert found == ()
    assert all((m.widest_mm is None and m.reason.startswith("not looked for: no left hip bone")) or "right" in m.reason
               for m in missing)  # fmt: skip


def test_names_of_any_spelling():
    assert pelvic_name("hip_left") == pelvic_name("Left hip bone, fragment 2") == "hip_left"
    assert pelvic_name("Right Os Coxae") == "hip_right"
    assert pelvic_name("sacrum") == "sacrum"
    assert pelvic_name("hip joint left") == "hip joint left"
    assert pelvic_name("Left Femur") == "femur_left"
    assert pelvic_name("vertebrae_S1") == pelvic_name("Sacrum fragment 3") == "sacrum"
    assert pelvic_name("Femur_Head_L") == "Femur_Head_L", "a head is not the bone"
    assert pelvic_name("vertebrae_L5") == "vertebrae_L5"


def two_blocks(first, second):
    grid = Grid((6, 6, 20), np.eye(4))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[:, :, :4], labels[:, :, 15:] = first, second
    return grid, labels


def test_fragments_without_names_are_read_by_their_numbers():
    grid, labels = two_blocks(11, 21)
    named, notes = named_pelvis(LabelMap(grid, labels, {11: "label 11", 21: "label 21"}))
    assert named.names == {11: "hip_left", 21: "hip_right"}
    assert notes


def test_contradictions_are_refused():
    grid, labels = two_blocks(1, 2)
    with pytest.raises(InputError, match="left hip bone lies to the right"):
        named_pelvis(LabelMap(grid, labels, {1: "hip_right", 2: "hip_left"}))
    with pytest.raises(InputError, match="none of kidney, spleen"):
        named_pelvis(LabelMap(grid, labels, {1: "kidney", 2: "spleen"}))


def test_every_place_and_number_says_where_it_comes_from():
    assert all(p.source and p.status in ("seen", "derived", "unverified", "default") for p in corridor_provenance())
    assert all(p.source for d in corridor_definitions() for p in d.published)


@pytest.fixture(scope="module")
def fractured(shared_data):
    path = shared_data / "frac001" / "fragments.nii.gz"
    if not path.is_file():
        pytest.skip(f"no fractured pelvis at {path}")
    return path


def coarse_copy(path, tmp_path, factor=2):
    """Every n-th voxel, its place kept."""
    image = sitk.ReadImage(str(path))[::factor, ::factor, ::factor]
    out = tmp_path / "bones.nii.gz"
    sitk.WriteImage(image, str(out))
    return out


def test_a_real_fractured_pelvis(fractured, tmp_path):
    document = corridors_of_file(coarse_copy(fractured, tmp_path))
    rows = {(row["name"], row["side"]): row for row in document["corridors"]}
    assert len(rows) + len(document["not_found"]) == 16
    for row in rows.values():
        assert row["diameter_mm"] == pytest.approx(2 * row["clearance_mm"], abs=0.02)
        length = np.linalg.norm(np.subtract(row["entry_ras_mm"], row["exit_ras_mm"]))
        assert row["length_mm"] == pytest.approx(length, abs=0.1)
    right, left = rows["posterior column", "right"], rows["posterior column", "left"]
    # The posterior column runs upwards from the ischium on its own side.
    assert right["entry_ras_mm"][0] > left["entry_ras_mm"][0]
    assert right["exit_ras_mm"][2] > right["entry_ras_mm"][2] + 80
    s1, s2 = rows["transsacral S1", "both"], rows["transsacral S2", "both"]
    assert np.mean([s1["entry_ras_mm"][2], s1["exit_ras_mm"][2]]) > np.mean(
        [s2["entry_ras_mm"][2], s2["exit_ras_mm"][2]]
    )
    json.dumps(document, allow_nan=False)


def test_moving_the_pelvis_moves_its_corridors(fractured):
    image = sitk.ReadImage(str(fractured))[::3, ::3, ::2]
    labels, grid = sitk.GetArrayFromImage(image), Grid.from_image(image)
    names = {int(v): {0: "sacrum", 1: "hip_left", 2: "hip_right"}[int(v) // 10] for v in np.unique(labels) if v}
    shift = np.array([[1, 0, 0, 40.0], [0, 1, 0, -25.0], [0, 0, 1, 60.0], [0, 0, 0, 1]])
    found, _ = find_corridors(LabelMap(grid, labels, names))
    moved, _ = find_corridors(LabelMap(Grid(grid.shape, shift @ grid.ijk_to_ras), labels, names))
    assert [c.name for c in found] == [c.name for c in moved]
    for before, after in zip(found, moved, strict=True):
        assert after.clearance_mm == pytest.approx(before.clearance_mm, abs=0.1)
        assert np.linalg.norm(after.entry_ras_mm - before.entry_ras_mm - shift[:3, 3]) < 2.0


def test_the_document_rounds_space_down():
    crumb = np.zeros((3, 3, 3), dtype=np.uint8)
    crumb[1, 1, 1] = 1
    found, missing = find_corridors(LabelMap(Grid((3, 3, 3), np.eye(4)), crumb, {1: "sacrum"}))
    document = corridor_document(found, missing, "none", [])
    assert document["corridors"] == []
    assert len(document["not_found"]) == len(missing) == 16


def test_nothing_is_said_of_bones_that_are_not_in_the_image():
    found, missing = find_corridors(LabelMap(Grid((3, 3, 3), np.eye(4)), np.zeros((3, 3, 3), dtype=np.uint8), {}))
    assert found == missing == ()
