"""Scans, masks, label maps and nerve curves from files: right, or one line that says why not."""

import gzip
import json

import numpy as np
import pytest
import SimpleITK as sitk

from BoneAblationPlannerLib.ct import ct_sha256
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_ct, read_label_map, read_mask, read_nerve_curve, read_points

FORMATS = ["ct.nrrd", "ct.nii", "ct.nii.gz", "ct.mha", "ct.mhd"]


def oblique_grid(shape=(9, 12, 14)) -> Grid:
    """Oblique, anisotropic."""
    a, b = np.radians([25.0, -14.0])
    yaw = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = yaw @ pitch * [0.7, 0.9, 2.5]
    matrix[:3, 3] = [-40.0, 33.0, 810.0]
    return Grid(shape, matrix)


def some_hu(shape=(9, 12, 14)):
    """Air and soft tissue, different in every voxel."""
    rng = np.random.default_rng(0)
    hu = rng.integers(-90, 90, shape).astype(np.int16)
    hu[:, :3] = -1000
    return hu


def write(path, array, grid=None):
    sitk.WriteImage((grid or oblique_grid(array.shape)).image(array), str(path))
    return path


def reason(read, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# CT -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_ct_round_trips_with_the_same_hash_in_every_format(tmp_path, name):
    grid, hu = oblique_grid(), some_hu()
    ct = read_ct(write(tmp_path / name, hu, grid))
    np.testing.assert_array_equal(ct.hu, hu)
    assert ct.grid.matches(grid, 1e-4)
    assert ct.sha256 == ct_sha256(grid, hu)
    assert ct.source == name
    assert ct.notes == ()


def test_hash_sees_voxels_geometry_and_shape():
    grid, hu = oblique_grid(), some_hu()
    other = hu.copy()
    other[0, 5, 5] += 1
    moved = np.array(grid.ijk_to_ras)
    moved[0, 3] += 0.01
    turned = Grid(hu.shape[::-1], grid.ijk_to_ras)
    hashes = {
        ct_sha256(grid, hu),
        ct_sha256(grid, other),
        ct_sha256(Grid(grid.shape, moved), hu),
        ct_sha256(turned, hu.reshape(turned.shape)),
    }
    assert len(hashes) == 4


def test_hash_ignores_the_noise_of_a_float32_geometry():
    matrix = np.diag([0.4375, 0.4375, 0.3125, 1.0])
    hu = some_hu()
    noisy = matrix * (1 + 1e-8)
    noisy[3, 3] = 1.0
    assert ct_sha256(Grid(hu.shape, matrix), hu) == ct_sha256(Grid(hu.shape, noisy), hu)


def test_floats_are_rounded_and_wider_integers_accepted(tmp_path):
    hu = some_hu()
    for dtype in (np.float32, np.float64, np.int32):
        values = hu.astype(dtype) + (0.3 if dtype != np.int32 else 0)
        np.testing.assert_array_equal(read_ct(write(tmp_path / "ct.nrrd", values.astype(dtype))).hu, hu)


def with_value(value):
    values = some_hu().astype(np.float32)
    values[4, 5, 6] = value
    return values


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (with_value(np.nan), "1 voxels are NaN"),
        (with_value(np.inf), "infinite"),
        (with_value(40000), "to 40000"),
        ((some_hu() > 0).astype(np.uint8), "8-bit"),
        (np.clip(some_hu(), 0, 80), "labels or a picture"),
        (np.full((9, 12, 14), -1000, np.int16), "every voxel"),
        ((some_hu() + 1024).astype(np.uint16), "rescale was not applied"),
        (some_hu() - 1024, "rescale was applied twice"),
        (some_hu()[:2], "at least 3 slices"),
    ],
)
def test_values_that_cannot_be_hounsfield_units_are_refused(tmp_path, array, expected):
    path = write(tmp_path / "ct.nrrd", array)
    text = reason(read_ct, path)
    assert expected in text
    assert text.startswith("ct.nrrd: ")


def test_masked_background_is_read_with_a_note(tmp_path):
    hu = some_hu()
    hu[:, :3] = 0
    assert any("no air" in note for note in read_ct(write(tmp_path / "ct.nrrd", hu)).notes)


@pytest.mark.parametrize("factor", [0.001, 50.0])
def test_absurd_spacing_is_refused(tmp_path, factor):
    grid = oblique_grid()
    scaled = np.array(grid.ijk_to_ras)
    scaled[:3, :3] *= factor
    assert "mm; expected 0.1 to 20 mm" in reason(
        read_ct, write(tmp_path / "ct.mha", some_hu(), Grid(grid.shape, scaled))
    )


def test_other_dimensions_and_vectors_are_refused(tmp_path):
    path = str(tmp_path / "ct.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(some_hu()[0]), path)
    assert "2-D" in reason(read_ct, tmp_path / "ct.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([some_hu()] * 2), isVector=False), str(tmp_path / "ct.mha"))
    assert "4-D" in reason(read_ct, tmp_path / "ct.mha")
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([some_hu()] * 2, axis=-1), isVector=True), path)
    assert "2 values per voxel" in reason(read_ct, tmp_path / "ct.nrrd")


def test_damaged_absent_and_foreign_files_are_refused(tmp_path):
    for name in FORMATS:
        (tmp_path / name).write_bytes(b"not an image at all")
        assert reason(read_ct, tmp_path / name).startswith(name)
    whole = write(tmp_path / "ct.nrrd", some_hu()).read_bytes()
    (tmp_path / "ct.nrrd").write_bytes(whole[:-200])
    assert "damaged" in reason(read_ct, tmp_path / "ct.nrrd")
    assert "not found" in reason(read_ct, tmp_path / "none.nrrd")
    (tmp_path / "ct.txt").write_text("hello")
    assert "not a scan" in reason(read_ct, tmp_path / "ct.txt")
    assert "--series" in reason(read_ct, write(tmp_path / "ct.mha", some_hu()), "1")


def test_nrrd_without_space_is_refused(tmp_path):
    hu = some_hu()
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 14 12 9\nendian: little\nencoding: raw\nspacings: 1 1 1\n\n"
    (tmp_path / "ct.nrrd").write_bytes(header.encode() + hu.tobytes())
    assert "'space'" in reason(read_ct, tmp_path / "ct.nrrd")


def edited_nifti(tmp_path, edit):
    """A NIfTI file whose header bytes went through `edit`."""
    path = write(tmp_path / "ct.nii.gz", some_hu())
    data = bytearray(gzip.decompress(path.read_bytes()))
    edit(data)
    path.write_bytes(gzip.compress(bytes(data)))
    return path


def test_nifti_orientation_is_checked(tmp_path):
    def no_orientation(data):
        data[252:256] = bytes(4)

    def sheared(data):
        rows = np.frombuffer(bytes(data[280:328]), "<f4").reshape(3, 4).copy()
        rows[:, 2] += 0.3 * rows[:, 1]
        data[280:328] = rows.tobytes()

    def forms_apart(data):
        rows = np.frombuffer(bytes(data[280:328]), "<f4").reshape(3, 4).copy()
        rows[0] *= -1
        data[280:328] = rows.tobytes()

    def sform_only(data):
        data[252:254] = bytes(2)

    def qform_only(data):
        data[254:256] = bytes(2)

    assert "neither sform nor qform" in reason(read_ct, edited_nifti(tmp_path, no_orientation))
    # tan of the angle is 0.3 * 0.9 mm / 2.5 mm.
    angle = f"{np.degrees(np.arctan(0.3 * 0.9 / 2.5)):.1f}"
    assert f"sheared by {angle} degrees" in reason(read_ct, edited_nifti(tmp_path, sheared))
    for edit in (sform_only, qform_only):
        assert read_ct(edited_nifti(tmp_path, edit)).grid.matches(oblique_grid(), 1e-3)
    # Where the two differ the sform counts, as in Slicer.
    mirrored = np.diag([-1.0, 1, 1, 1]) @ oblique_grid().ijk_to_ras
    assert read_ct(edited_nifti(tmp_path, forms_apart)).grid.matches(Grid((9, 12, 14), mirrored), 1e-3)


# Label maps ---------------------------------------------------------------------------------------------------------


def some_labels(shape=(9, 12, 14)):
    labels = np.zeros(shape, np.uint8)
    labels[2:4, 3:6, 3:7] = 1
    labels[5:7, 6:9, 5:9] = 4
    return labels


def names_file(tmp_path, names):
    path = tmp_path / "names.json"
    path.write_text(json.dumps(names))
    return path


@pytest.mark.parametrize("name", ["map.nrrd", "map.nii.gz", "map.mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_label_map_with_names(tmp_path, name, dtype):
    path = write(tmp_path / name, some_labels().astype(dtype))
    label_map, notes = read_label_map(path, names_file(tmp_path, {"1": "sacrum"}), oblique_grid())
    np.testing.assert_array_equal(label_map.labels, some_labels())
    assert label_map.names == {1: "sacrum", 4: "label 4"}
    assert len(notes) == 1
    assert "label(s) 4 have no name" in notes[0]


def test_a_full_table_may_name_labels_that_this_map_lacks(tmp_path):
    path = write(tmp_path / "map.nrrd", some_labels())
    names = {"1": "sacrum", "4": "colon", "7": "spleen", "8": "liver"}
    label_map, notes = read_label_map(path, names_file(tmp_path, names), oblique_grid())
    assert label_map.names == {1: "sacrum", 4: "colon"}
    assert any("2 name(s) without a label" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"7": "spleen"}, "7 (spleen); expected among 1, 4"),
        ({"one": "sacrum"}, "expected label value and name"),
        ({"1": 5}, "expected label value and name"),
        ([], "no names"),
    ],
)
def test_names_must_fit_the_map(tmp_path, names, expected):
    path = write(tmp_path / "map.nrrd", some_labels())
    assert expected in reason(read_label_map, path, names_file(tmp_path, names), oblique_grid())


def test_a_label_that_is_named_twice_is_refused(tmp_path):
    path = write(tmp_path / "map.nrrd", some_labels())
    names = tmp_path / "names.json"
    names.write_text('{"1": "sacrum", "4": "colon", "1": "hip_left"}')
    assert "names.json: '1' is there twice" in reason(read_label_map, path, names, oblique_grid())


def test_label_map_on_a_finer_grid_is_resampled(tmp_path):
    reference = oblique_grid()
    fine = reference.refined((2, 1, 3))
    labels = np.repeat(np.repeat(some_labels(), 2, axis=0), 3, axis=2)
    label_map, notes = read_label_map(write(tmp_path / "map.nrrd", labels, fine), None, reference)
    # With an even factor a voxel's centre lies between two equal parts, so nearest neighbour is exact.
    np.testing.assert_array_equal(label_map.labels, some_labels())
    assert label_map.grid is reference
    assert any("resampled" in note for note in notes)


def test_label_map_elsewhere_or_empty_is_refused(tmp_path):
    reference = oblique_grid()
    far = np.array(reference.ijk_to_ras)
    far[:3, 3] += 500
    path = write(tmp_path / "map.nrrd", some_labels(), Grid(reference.shape, far))
    text = reason(read_label_map, path, None, reference)
    assert "no label lies inside the CT" in text
    empty = write(tmp_path / "map.nrrd", some_labels() * 0)
    assert "no voxel has a label" in reason(read_label_map, empty, None, reference)
    fractional = write(tmp_path / "map.nrrd", some_labels() * 0.5)
    assert "fractional" in reason(read_label_map, fractional, None, reference)
    negative = write(tmp_path / "map.nrrd", -some_labels().astype(np.int16))
    assert "from -4 to 0" in reason(read_label_map, negative, None, reference)


def segmentation(path, layers, segments, grid):
    """A segmentation as Slicer writes it: `layers` (k, j, i) or (k, j, i, n), and segment metadata."""
    image = grid.image(np.zeros(grid.shape, np.uint8))
    array = sitk.GetImageFromArray(layers, isVector=layers.ndim == 4)
    array.CopyInformation(image)
    for index, segment in enumerate(segments):
        for key, value in segment.items():
            array.SetMetaData(f"Segment{index}_{key}", str(value))
    sitk.WriteImage(array, str(path))
    return path


def test_slicer_segmentation_gives_its_names(tmp_path):
    segments = [{"Name": "Nerve", "LabelValue": 4, "Layer": 0}, {"Name": "Bone", "LabelValue": 1, "Layer": 0}]
    path = segmentation(tmp_path / "s.seg.nrrd", some_labels(), segments, oblique_grid())
    label_map, notes = read_label_map(path, None, oblique_grid())
    assert label_map.names == {1: "Bone", 4: "Nerve"}
    assert notes == []


def test_slicer_segmentation_is_named_by_its_terminology_where_its_names_say_nothing(tmp_path):
    entry = "TerminologyEntry:General Anatomy~SCT^1^Anatomical Structure~SCT^2^{}~SCT^3^{}~Codes~^^~^^|"
    segments = [
        {"Name": "Segment_1", "LabelValue": 4, "Layer": 0, "Tags": entry.format("Urinary bladder", "")},
        {"Name": "hip", "LabelValue": 1, "Layer": 0, "Tags": "a:b|" + entry.format("Hip bone", "Right")},
    ]
    path = segmentation(tmp_path / "s.seg.nrrd", some_labels(), segments, oblique_grid())
    assert read_label_map(path, None, oblique_grid())[0].names == {4: "urinary bladder", 1: "hip bone right"}


def test_values_that_a_segmentation_does_not_describe_stay_unknown(tmp_path):
    path = segmentation(tmp_path / "s.seg.nrrd", some_labels(), [{"Name": "colon", "LabelValue": 1}], oblique_grid())
    label_map, _ = read_label_map(path, None, oblique_grid())
    assert label_map.names == {1: "colon", 4: "label 4"}
    np.testing.assert_array_equal(label_map.labels, some_labels())


def test_a_layer_that_is_not_there_is_refused_with_the_files_name(tmp_path):
    layers = np.stack([some_labels(), some_labels()], axis=-1)
    path = segmentation(tmp_path / "s.seg.nrrd", layers, [{"Name": "colon", "Layer": 5}], oblique_grid())
    assert reason(read_label_map, path, None, oblique_grid()).startswith("s.seg.nrrd: segment 'colon' in layer 5")
    path = segmentation(tmp_path / "t.seg.nrrd", layers, [{"Name": "colon", "Layer": "x"}], oblique_grid())
    assert reason(read_label_map, path, None, oblique_grid()).startswith("t.seg.nrrd: ")


def test_ignored_segments_take_nothing_from_others(tmp_path):
    """A planning target that is smaller than the bowel and lies in it leaves the bowel whole."""
    bag, target = np.zeros((9, 12, 14), np.uint8), np.zeros((9, 12, 14), np.uint8)
    bag[1:8, 2:10, 2:10], target[3:6, 4:8, 1:6] = 1, 1
    segments = [{"Name": "bowel bag", "LabelValue": 1, "Layer": 0}, {"Name": "PTV", "LabelValue": 1, "Layer": 1}]
    path = segmentation(tmp_path / "s.seg.nrrd", np.stack([bag, target], axis=-1), segments, oblique_grid())
    label_map, notes = read_label_map(path, None, oblique_grid())
    np.testing.assert_array_equal(label_map.labels == 1, bag > 0)
    assert label_map.names == {1: "bowel bag", 2: "PTV"}
    shared = int((bag & target).sum())
    assert notes == [f"structures overlap: bowel bag and PTV in {shared} voxels, kept as bowel bag"]


def test_thin_structures_of_a_finer_map_are_kept_and_what_is_lost_is_named(tmp_path):
    reference = oblique_grid()
    fine = reference.refined((3, 3, 3))
    labels = np.zeros(fine.shape, np.uint8)
    labels[3:24, 9, 9], labels[6, 20, 21] = 1, 2
    path = write(tmp_path / "map.nrrd", labels, fine)
    names = names_file(tmp_path, {"1": "ureter_right", "2": "gluteus_medius_left"})
    label_map, notes = read_label_map(path, names, reference)
    expected = np.zeros(reference.shape, dtype=bool)
    expected[1:8, 3, 3] = True
    np.testing.assert_array_equal(label_map.labels == 1, expected)
    assert any(note.endswith("outside the CT or lost in its voxels: gluteus_medius_left") for note in notes)


def test_what_a_plan_found_itself_is_no_given_anatomy(tmp_path):
    """Of a plan's segments, that which the user had given, and one that a person added."""
    tags = (
        "BonePlan.Role:zone|",
        "BonePlan.Role:structure|BonePlan.Origin:found|",
        "",
        "BonePlan.Origin:given|BonePlan.Role:structure|",
    )
    layer = np.zeros((9, 12, 14), np.uint8)
    segments = []
    for value, text in enumerate(tags, start=1):
        layer[2 * value - 1] = value
        segments.append({"Name": f"segment of {value}", "LabelValue": value, "Layer": 0, "Tags": text})
    path = segmentation(tmp_path / "plan.seg.nrrd", layer, segments, oblique_grid())
    label_map, notes = read_label_map(path, None, oblique_grid())
    assert label_map.names == {3: "segment of 3", 4: "segment of 4"}
    np.testing.assert_array_equal(label_map.labels, np.where(layer > 2, layer, 0))
    assert [("segment of 1" in n, "segment of 2" in n) for n in notes] == [(True, True)]


def test_overlapping_layers_keep_the_smaller_segment(tmp_path):
    muscle = np.zeros((9, 12, 14), np.uint8)
    muscle[1:8, 2:10, 2:10] = 1
    nerve = np.zeros_like(muscle)
    nerve[3:6, 5, 5] = 1
    segments = [{"Name": "nerve", "LabelValue": 1, "Layer": 1}, {"Name": "muscle", "LabelValue": 1, "Layer": 0}]
    path = segmentation(tmp_path / "s.seg.nrrd", np.stack([muscle, nerve], axis=-1), segments, oblique_grid())
    raw = path.read_bytes()
    for kind in (b"list domain domain domain", b"vector domain domain domain"):
        path.write_bytes(raw.replace(b"vector domain domain domain", kind))
        label_map, notes = read_label_map(path, None, oblique_grid())
        value = {name: value for value, name in label_map.names.items()}
        np.testing.assert_array_equal(label_map.labels == value["nerve"], nerve > 0)
        np.testing.assert_array_equal(label_map.labels == value["muscle"], (muscle > 0) & (nerve == 0))
        assert notes == ["structures overlap: muscle and nerve in 3 voxels, kept as nerve"]


# Lesion masks -------------------------------------------------------------------------------------------------------


def test_mask_round_trip(tmp_path):
    mask, notes = read_mask(write(tmp_path / "lesion.nii.gz", some_labels() == 1), oblique_grid())
    np.testing.assert_array_equal(mask, some_labels() == 1)
    assert mask.dtype == bool
    assert notes == []


def test_mask_on_another_grid_is_resampled_with_a_note(tmp_path):
    """On half the voxel size and turned axes, a voxel of the CT is lesion where the one that holds its centre is."""
    reference, lesion = oblique_grid(), some_labels() == 1
    matrix = np.array(reference.ijk_to_ras)
    matrix[:3, :3] /= 2
    matrix[:3, 3] -= matrix[:3, :3].sum(axis=1) / 2
    fine = np.kron(lesion, np.ones((2, 2, 2), dtype=bool))
    path = write(tmp_path / "lesion.nrrd", np.flip(fine, 1), flipped(Grid(fine.shape, matrix), 1))
    mask, notes = read_mask(path, reference)
    np.testing.assert_array_equal(mask, lesion)
    volume = f"{lesion.sum() * reference.voxel_ml:.2f} ml"
    assert notes == [f"lesion mask on another grid: resampled to the CT's, nearest neighbour; {volume} became {volume}"]


def flipped(grid, axis):
    """The grid of an array that was flipped along k, j or i."""
    matrix = np.array(grid.ijk_to_ras)
    matrix[:3, 3] += (grid.shape[axis] - 1) * matrix[:3, 2 - axis]
    matrix[:3, 2 - axis] *= -1
    return Grid(grid.shape, matrix)


def test_mask_that_reaches_beyond_the_ct_is_refused_with_both_geometries(tmp_path):
    reference = oblique_grid()
    lesion = some_labels() == 1
    away = reference.crop((slice(1, 8), slice(2, 9), slice(0, 14)))
    shifted = np.array(away.ijk_to_ras)
    shifted[:3, 3] += 8 * shifted[:3, 2]
    path = write(tmp_path / "lesion.nrrd", lesion[1:8, 2:9], Grid(away.shape, shifted))
    text = reason(read_mask, path, reference)
    assert "expected all of it inside" in text
    assert "14×7×7 voxels" in text
    assert "14×12×9 voxels" in text


def test_mask_that_slicer_cropped_is_placed_back(tmp_path):
    reference = oblique_grid()
    region = (slice(1, 8), slice(2, 9), slice(0, 14))
    lesion = some_labels() == 1
    path = write(tmp_path / "lesion.seg.nrrd", lesion[region], reference.crop(region))
    mask, notes = read_mask(path, reference)
    np.testing.assert_array_equal(mask, lesion)
    assert notes


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((9, 12, 14), np.uint8), "empty"),
        (np.ones((9, 12, 14), np.uint8), "fills the whole image"),
        (some_labels(), "2 different labels"),
        (some_labels() * 0.7, "fractional"),
    ],
)
def test_mask_that_is_none_is_refused(tmp_path, array, expected):
    assert expected in reason(read_mask, write(tmp_path / "lesion.nrrd", array), oblique_grid())


# Nerve curves -------------------------------------------------------------------------------------------------------


def markups(tmp_path, **changes):
    points = [[10.0, -20.0, 30.0], [11.0, -22.0, 33.0], [12.5, -25.0, 36.0]]
    markup = {
        "type": "Curve",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "controlPoints": [{"id": str(n), "position": p, "positionStatus": "defined"} for n, p in enumerate(points)],
    }
    path = tmp_path / "sciatic nerve.mrk.json"
    path.write_text(json.dumps({"@schema": "markups", "markups": [markup | changes]}))
    return path, np.array(points)


@pytest.mark.parametrize(("system", "lps"), [("LPS", True), ("RAS", False), (1, True), (0, False), ("0", False)])
def test_curve_honours_its_coordinate_system(tmp_path, system, lps):
    path, points = markups(tmp_path, coordinateSystem=system)
    ((name, found),) = read_nerve_curve(path)
    assert name == "sciatic nerve"
    np.testing.assert_allclose(found[::10], points * [-1, -1, 1] if lps else points)


def test_a_line_is_straight_and_a_curve_a_spline_with_the_speed_of_slicers(tmp_path):
    """Three points on a right angle: by the clamped spline's equations the middle speed is 3/4 of the chord's."""
    corner = [[0.0, 0.0, 0.0], [40.0, 0.0, 0.0], [40.0, 40.0, 0.0]]
    points = [{"position": p} for p in corner]
    path, _ = markups(tmp_path, coordinateSystem="RAS", controlPoints=points)
    ((_, course),) = read_nerve_curve(path)
    speed = 0.75 * (np.array(corner[2]) - corner[0])  # (s0 + 4 s1 + s2 = 3 (p2 - p0), s0 = s2 = 0)
    t = np.linspace(0, 1, 11)[:, None]
    hermite = (3 * t**2 - 2 * t**3) * corner[1] + (t**3 - t**2) * speed
    np.testing.assert_allclose(course[:11], hermite, atol=1e-9)
    np.testing.assert_allclose(course[10:], (hermite[::-1, [1, 0, 2]] * -1) + [40, 40, 0], atol=1e-9)
    ((_, straight),) = read_nerve_curve(markups(tmp_path, type="Line", controlPoints=points[:2])[0])
    assert len(straight) == 2


def test_closed_curve_is_closed_and_undefined_points_left_out(tmp_path):
    path, points = markups(tmp_path, type="ClosedCurve")
    np.testing.assert_allclose(read_nerve_curve(path)[0][1][[0, -1]], [points[0] * [-1, -1, 1]] * 2)
    preview = {"position": [0, 0, 0], "positionStatus": "preview"}
    document = json.loads(path.read_text())
    document["markups"][0] |= {"type": "Line"}
    document["markups"][0]["controlPoints"].append(preview)
    path.write_text(json.dumps(document))
    assert len(read_nerve_curve(path)[0][1]) == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "Fiducial"}, "Fiducial"),
        ({"coordinateUnits": "cm"}, "'cm'; expected mm"),
        ({"coordinateSystem": "IJK"}, "expected LPS or RAS"),
        ({"controlPoints": []}, "0 usable"),
        ({"controlPoints": [{"position": [1, 2]}] * 2}, "three coordinates"),
        ({"controlPoints": [{"position": [1, 2, None]}] * 2}, "three coordinates"),
        ({"controlPoints": [{"position": [1, 2, 3]}, {"position": [float("nan"), 2, 3]}]}, "control point 2 without"),
        ({"controlPoints": [{"position": [1, 2, "x"]}] * 2}, "three coordinates"),
        ({"controlPoints": [{}] * 2}, "three coordinates"),
    ],
)
def test_curve_that_is_none_is_refused(tmp_path, changes, expected):
    assert expected in reason(read_nerve_curve, markups(tmp_path, **changes)[0])


@pytest.mark.parametrize(("system", "signs"), [("LPS", [-1, -1, 1]), ("RAS", [1, 1, 1])])
def test_points_of_all_lists_are_read(tmp_path, system, signs):
    path, points = markups(tmp_path, type="Fiducial", coordinateSystem=system)
    document = json.loads(path.read_text())
    document["markups"].append(document["markups"][0] | {"controlPoints": [{"position": [1.0, 2.0, 3.0]}]})
    path.write_text(json.dumps(document))
    np.testing.assert_allclose(read_points(path), np.vstack([points, [1.0, 2.0, 3.0]]) * signs)


def test_points_that_are_none_are_refused(tmp_path):
    assert "'Curve'; expected a point list" in reason(read_points, markups(tmp_path)[0])
    assert "at least one" in reason(read_points, markups(tmp_path, type="Fiducial", controlPoints=[])[0])


def test_bad_json_is_refused(tmp_path):
    path = tmp_path / "n.mrk.json"
    for text in ("{", "[]", "{}", '{"markups": []}', "\udcff"):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert reason(read_nerve_curve, path).startswith("n.mrk.json")
    assert "not found" in reason(read_nerve_curve, tmp_path / "none.mrk.json")
