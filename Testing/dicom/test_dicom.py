"""DICOM is read with right geometry and right Hounsfield units, or refused with the reason."""

import numpy as np
import pydicom
import pytest
from make_dicom import MadeSeries, linear_hu, oblique_axes, save, wavy_hu
from pydicom.uid import ExplicitVRBigEndian, generate_uid
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.ct import UNSCANNED_HU
from BoneAblationPlannerLib.dicom.rectify import shifted_plane
from BoneAblationPlannerLib.errors import Cancelled, InputError
from BoneAblationPlannerLib.reading import list_series, read_ct

# Stored values are rounded to whole units; DS strings in the header to about 1e-7.
ROUNDING_HU = 0.51


def reason(path, series=None) -> str:
    """The one line with which a path is refused."""
    with pytest.raises(InputError) as caught:
        read_ct(path, series)
    text = str(caught.value)
    assert "\n" not in text
    assert "Doe" not in text
    assert "Josephine" not in text
    assert "PID4711" not in text
    return text


def error_hu(ct, truth, where=None) -> float:
    """Largest difference between a volume and the truth at its voxels' RAS centres."""
    everywhere = np.ones(ct.grid.shape, dtype=bool)
    mask = everywhere if where is None else where
    return float(np.abs(ct.hu[mask] - truth(ct.grid.ras_of_mask(mask))).max())


@pytest.mark.parametrize("signed", [False, True])
def test_oblique_series_has_the_true_value_at_every_ras_point(tmp_path, signed):
    made = MadeSeries(signed=signed)
    made.write(tmp_path / "deep" / "er")
    ct = read_ct(tmp_path)
    assert ct.grid.shape == (8, 20, 26)
    assert ct.hu.dtype == np.int16
    assert ct.grid.spacing_ijk_mm == pytest.approx([0.7, 0.9, 2.5], abs=1e-5)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU
    assert all("no air" in note for note in ct.notes)


def test_slices_are_sorted_by_position_also_against_the_normal(tmp_path):
    made = MadeSeries(slices=tuple(-n for n in range(8)))
    made.write(tmp_path)
    assert error_hu(read_ct(tmp_path), wavy_hu) < ROUNDING_HU


def test_left_handed_looking_columns_are_no_mirror(tmp_path):
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    MadeSeries(axes=axes).write(tmp_path)
    assert error_hu(read_ct(tmp_path), wavy_hu) < ROUNDING_HU


def test_rescale_may_differ_from_slice_to_slice(tmp_path):
    uid = generate_uid()
    for n in range(5):
        made = MadeSeries(slices=(n,), slope=0.5 + 0.25 * n, intercept=-1000.0 - 10 * n, series_uid=uid)
        made.write(tmp_path, prefix=f"s{n}-")
    # Half of the largest slope (1.5), and rounding to whole units.
    assert error_hu(read_ct(tmp_path), wavy_hu) < 0.5 * 1.5 + ROUNDING_HU


@pytest.mark.parametrize(("drift_mm", "drift_axis"), [(0.8, 1), (-0.55, 1), (0.65, 0)])
@pytest.mark.parametrize("axes", [np.eye(3), oblique_axes()], ids=["axial", "oblique"])
def test_gantry_tilt_is_rectified(tmp_path, drift_mm, drift_axis, axes):
    made = MadeSeries(truth=linear_hu, drift_mm=drift_mm, drift_axis=drift_axis, axes=axes)
    made.tags = {"GantryDetectorTilt": np.degrees(np.arctan2(drift_mm, 2.5))}
    made.write(tmp_path)
    ct = read_ct(tmp_path)
    # Away from the border, where half a pixel repeats the outermost one, a linear function survives interpolation.
    inside = ct.hu > -1024
    interior = ndimage.binary_erosion(inside, np.ones((1, 3, 3)))
    assert interior.mean() > 0.6
    assert error_hu(ct, linear_hu, interior) < 2 * ROUNDING_HU
    # Seven steps of drift widen the image by so many pixels; every source pixel is still there.
    size = [26, 20]
    size[drift_axis] += int(np.ceil(7 * abs(drift_mm) / (0.7, 0.9)[drift_axis]))
    assert ct.grid.shape == (8, size[1], size[0])
    assert inside.sum() >= 8 * (20 * 26 - max(size))
    for n in (0, 7):
        ijk = ct.grid.ijk_from_ras(made.points_ras_mm(n).reshape(-1, 3))
        assert ijk.min() > -1e-4
        assert (ijk < np.array(ct.grid.shape[::-1]) - 1 + 1e-4).all()
    angle = f"{np.degrees(np.arctan2(abs(drift_mm), 2.5)):.1f}"
    assert any("tilt" in note and angle in note for note in ct.notes)
    assert not any("header names" in note for note in ct.notes)


def test_what_a_tilt_leaves_unscanned_is_no_air_and_its_edge_no_skin(tmp_path):
    """Tissue in the front half of every slice, room behind: the slices' own front edges cut the tissue."""
    made = MadeSeries(axes=np.eye(3), rows=60, columns=50, slices=tuple(range(24)), drift_mm=0.7)
    made.pixel_spacing_ji_mm = (2.0, 2.0)
    skin_mm = -60.0  # anterior, in RAS

    def half_tissue(ras_mm):
        texture = 20 * np.sin(7.3 * ras_mm[..., 0]) * np.sin(5.1 * ras_mm[..., 1]) * np.cos(3.7 * ras_mm[..., 2])
        return np.where(ras_mm[..., 1] > skin_mm, 40.0, -1000.0) + texture

    made.truth = half_tissue
    made.write(tmp_path)
    ct = read_ct(tmp_path)
    # Each slice of 60 rows lies on a wider lattice; half a pixel beyond the outermost ones still counts as scanned.
    scanned_rows = (ct.hu > -1100).any(axis=2).sum(axis=1)
    assert ct.grid.shape[1] > 60 + 6
    assert set(scanned_rows.tolist()) <= {60, 61}
    assert (ct.hu[ct.hu < -1100] == UNSCANNED_HU).all()
    skin = ct.grid.ras_of_mask(find_body(ct).skin)
    assert len(skin) > 24 * 40
    # Interpolation blends two rows: the edge is where it was to a pixel and a half.
    assert np.abs(skin[:, 1] - skin_mm).max() < 3.0 + 1e-4


def test_unscanned_corners_do_not_blend_into_a_tilted_slice():
    plane = np.full((20, 20), 40, np.int16)
    plane[:5, :5] = -2000
    plane[12, 12] = -1150  # noise or a streak, not padding
    shifted, inside = shifted_plane(plane, (0.0, 0.5), (0, 0), (20, 20))
    assert inside.all()
    # Row n lies between the slice's rows n - 1 and n: unscanned if either is.
    expected = np.full((20, 20), 40, np.int16)
    expected[:6, :5] = UNSCANNED_HU
    expected[12:14, 12] = (40 - 1150) // 2
    np.testing.assert_array_equal(shifted, expected)


def test_tilt_tag_that_contradicts_the_positions_is_noted(tmp_path):
    MadeSeries(tags={"GantryDetectorTilt": 12.0}).write(tmp_path)
    ct = read_ct(tmp_path)
    assert any("12.0" in note and "0.0" in note for note in ct.notes)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU


def test_missing_slices_are_counted_and_placed(tmp_path):
    made = MadeSeries(axes=np.eye(3), slices=(0, 1, 2, 5, 6, 7))
    made.write(tmp_path)
    text = reason(tmp_path)
    assert "2 slice(s) missing" in text
    # Origin 52 mm, spacing 2.5 mm.
    assert "between 57.0 and 64.5 mm" in text


@pytest.mark.parametrize("drift_mm", [0.0, 0.8])
def test_varying_spacing_is_refused(tmp_path, drift_mm):
    MadeSeries(slices=(0, 1, 2, 3.4, 4.4, 5.4), drift_mm=drift_mm).write(tmp_path)
    text = reason(tmp_path)
    assert "spacing varies: 2.50, 3.50 mm" in text
    assert ("tilted" in text) == (drift_mm > 0)


def test_positions_rounded_to_a_tenth_are_even(tmp_path):
    MadeSeries(axes=np.eye(3), spacing_mm=0.1, slices=(0, 12, 25, 38, 50, 63, 75)).write(tmp_path)
    # True spacing 1.25 mm, written as 1.2, 2.5, 3.8 and so on.
    assert read_ct(tmp_path).grid.spacing_ijk_mm[2] == pytest.approx(1.25, abs=0.01)


def test_slices_out_of_line_are_refused(tmp_path):
    uid = generate_uid()
    for n in range(6):
        made = MadeSeries(slices=(n,), series_uid=uid)
        made.origin_lps_mm = tuple(np.array(made.origin_lps_mm) + made.axes[:, 0] * (1.0 if n == 3 else 0.0))
        made.write(tmp_path, prefix=f"s{n}-")
    assert "shift sideways" in reason(tmp_path)


def test_a_copied_slice_is_kept_once(tmp_path):
    files = MadeSeries().write(tmp_path)
    (tmp_path / "copy.dcm").write_bytes(files[3].read_bytes())
    ct = read_ct(tmp_path)
    assert ct.grid.shape[0] == 8
    assert any("identical copies" in note for note in ct.notes)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU


def test_two_different_images_at_one_position_are_refused(tmp_path):
    made = MadeSeries()
    made.write(tmp_path)
    other = made.dataset(3)
    other.PixelData = (made.stored(3) + 7).astype(np.uint16).tobytes()
    save(other, tmp_path / "other.dcm")
    text = reason(tmp_path)
    assert "other.dcm" in text
    assert "one position" in text


def test_two_phases_in_one_series_are_told_apart(tmp_path):
    uid = generate_uid()
    MadeSeries(series_uid=uid, tags={"AcquisitionNumber": 1}).write(tmp_path, "a")
    MadeSeries(series_uid=uid, tags={"AcquisitionNumber": 2}, truth=linear_hu).write(tmp_path, "b")
    assert "2 CT series" in reason(tmp_path)
    errors = {truth: error_hu(read_ct(tmp_path, number), truth) for number, truth in (("1", wavy_hu), ("2", linear_hu))}
    assert max(errors.values()) < ROUNDING_HU
    assert read_ct(tmp_path, f"{uid}#2").sha256 == read_ct(tmp_path, "2").sha256


def test_several_series_are_listed_and_chosen(tmp_path):
    soft = MadeSeries(tags={"SeriesDescription": "Pelvis 2.5 soft", "SeriesNumber": 2})
    bone = MadeSeries(truth=linear_hu, tags={"SeriesDescription": "Pelvis for Josephine", "SeriesNumber": 3})
    soft.write(tmp_path, "a")
    bone.write(tmp_path, "b")
    text = reason(tmp_path)
    assert "--series" in text
    assert "1: Pelvis 2.5 soft, CT, 8 image(s)" in text
    assert [one.uid for one in list_series(tmp_path)] == [soft.series_uid, bone.series_uid]
    assert error_hu(read_ct(tmp_path, bone.series_uid), linear_hu) < ROUNDING_HU
    assert error_hu(read_ct(tmp_path, "1"), wavy_hu) < ROUNDING_HU
    assert "no series '9'" in reason(tmp_path, "9")


def test_localiser_report_and_directory_are_skipped_with_a_note(tmp_path):
    made = MadeSeries()
    made.write(tmp_path)
    side = MadeSeries(series_uid=made.series_uid, axes=np.eye(3)[:, [1, 2, 0]], slices=(0,))
    side.tags = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    side.write(tmp_path, "a-localiser")
    report = made.dataset(0)
    report.Modality, report.SeriesInstanceUID = "SR", generate_uid()
    del report.PixelData, report.Rows, report.Columns
    save(report, tmp_path / "report.dcm")
    (tmp_path / "DICOMDIR").write_bytes(b"nothing of use")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "._slice000.dcm").write_bytes(b"Finder")
    ct = read_ct(tmp_path)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU
    assert any("localiser" in note for note in ct.notes)
    assert any("modality SR" in note for note in ct.notes)
    assert [one.unusable is None for one in list_series(tmp_path)] == [True, False, False]


def test_enhanced_multi_frame_is_read_from_its_functional_groups(tmp_path):
    made = MadeSeries(slices=tuple(range(5)))
    file = save(made.enhanced(order=(3, 0, 4, 1, 2), slopes=(1.0, 0.5, 1.5, 1.0, 0.75)), tmp_path / "multi.dcm")
    for path in (file, tmp_path):
        ct = read_ct(path)
        assert ct.grid.shape == (5, 20, 26)
        assert error_hu(ct, wavy_hu) < 0.75 + ROUNDING_HU


def test_enhanced_multi_frame_with_a_missing_frame_is_refused(tmp_path):
    made = MadeSeries(slices=(0, 1, 2, 4, 5))
    save(made.enhanced(order=(3, 0, 4, 1, 2), slopes=(1.0,) * 5), tmp_path / "multi.dcm")
    assert "1 slice(s) missing" in reason(tmp_path)


def test_multi_frame_without_functional_groups_is_refused(tmp_path):
    dataset = MadeSeries(slices=tuple(range(4))).enhanced(order=(0, 1, 2, 3), slopes=(1.0,) * 4)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    save(dataset, tmp_path / "multi.dcm")
    assert "without position" in reason(tmp_path)


def test_rle_compressed_equals_plain(tmp_path):
    made = MadeSeries()
    made.write(tmp_path / "plain")
    made.write(tmp_path / "rle", compress=True)
    plain, rle = read_ct(tmp_path / "plain"), read_ct(tmp_path / "rle")
    assert rle.sha256 == plain.sha256


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize(("signed", "padding"), [(True, -2000), (False, 63536), (False, 0)])
def test_padding_is_below_air_unless_it_is_written_like_air(tmp_path, signed, padding, bits):
    made = MadeSeries(signed=signed, intercept=0.0 if signed else -1024.0)
    for n in made.slices:
        dataset = made.dataset(n)
        stored = made.stored(n)
        stored[:3, :4] = padding
        dataset.PixelData = stored.tobytes()
        dataset.add_new("PixelPaddingValue", "SS" if signed else "US", padding)
        dataset.BitsStored, dataset.HighBit = bits, bits - 1
        save(dataset, tmp_path / f"{n}.dcm")
    ct = read_ct(tmp_path)
    # Stored 0 with the intercept -1024 may as well be air that the scanner clipped.
    assert (ct.hu[:, :3, :4] == (-1024 if padding == 0 else UNSCANNED_HU)).all()
    kept = np.ones(ct.grid.shape, dtype=bool)
    kept[:, :3, :4] = False
    assert error_hu(ct, wavy_hu, kept) < ROUNDING_HU


def test_padding_that_looks_like_tissue_is_refused(tmp_path):
    made = MadeSeries(signed=True, intercept=0.0)
    for n in made.slices:
        dataset = made.dataset(n)
        dataset.add_new("PixelPaddingValue", "SS", int(made.stored(n)[5, 5]))
        save(dataset, tmp_path / f"{n}.dcm")
    assert "padding" in reason(tmp_path)


def test_overlay_bits_above_the_stored_ones_are_dropped(tmp_path):
    made = MadeSeries()
    for n in made.slices:
        dataset = made.dataset(n)
        stored = made.stored(n)
        stored[4:8, 4:8] |= 0x8000
        dataset.PixelData = stored.tobytes()
        dataset.BitsStored, dataset.HighBit = 12, 11
        save(dataset, tmp_path / f"{n}.dcm")
    ct = read_ct(tmp_path)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU
    assert any("bits" in note for note in ct.notes)


def test_signed_pixels_of_twelve_bits_extend_their_sign(tmp_path):
    made = MadeSeries(signed=True, intercept=0.0)
    for n in made.slices:
        dataset = made.dataset(n)
        dataset.PixelData = (made.stored(n) & 0x0FFF).astype(np.int16).tobytes()
        dataset.BitsStored, dataset.HighBit = 12, 11
        save(dataset, tmp_path / f"{n}.dcm")
    assert error_hu(read_ct(tmp_path), wavy_hu) < ROUNDING_HU


def with_air(points_ras_mm):
    """The wavy truth with a slab of air."""
    return np.where(points_ras_mm[..., 0] > 25, -1000.0, wavy_hu(points_ras_mm))


def test_absent_rescale_is_accepted_for_signed_pixels_with_air_only(tmp_path):
    absent = {"RescaleSlope": None, "RescaleIntercept": None}
    MadeSeries(signed=True, intercept=0.0, truth=with_air, tags=absent).write(tmp_path / "air")
    ct = read_ct(tmp_path / "air")
    assert any("rescale absent" in note for note in ct.notes)
    assert error_hu(ct, with_air) < ROUNDING_HU
    MadeSeries(signed=True, intercept=0.0, tags=absent).write(tmp_path / "no-air")
    assert "rescale absent" in reason(tmp_path / "no-air")
    MadeSeries(truth=with_air, tags=absent).write(tmp_path / "unsigned")
    assert "pixels unsigned" in reason(tmp_path / "unsigned")


def test_an_image_without_rescale_among_others_is_named(tmp_path):
    made = MadeSeries()
    made.write(tmp_path)
    without = made.dataset(8)
    del without.RescaleSlope
    save(without, tmp_path / "odd-one.dcm")
    assert "rescale absent in 1 image(s) such as odd-one.dcm" in reason(tmp_path)


def test_stored_values_with_a_rescale_that_does_nothing_are_refused(tmp_path):
    MadeSeries(tags={"RescaleIntercept": 0}).write(tmp_path)
    assert "near 1024" in reason(tmp_path)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"RescaleSlope": 0}, "rescale slope 0"),
        ({"RescaleType": "ED"}, "rescale type ED"),
        ({"Modality": "MR"}, "modality MR"),
        ({"Modality": "PT"}, "modality PT"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.2, 0.9, 0]}, "direction cosines"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, 0]}, "direction cosines"),
        ({"PixelSpacing": None}, "pixel spacing"),
        ({"PixelSpacing": [0, 1]}, "pixel spacing"),
        ({"PixelSpacing": [0.0009, 0.0007]}, "mm"),
        ({"ImagePositionPatient": None}, "without position"),
        ({"ImagePositionPatient": [1, 2, 3]}, "one position"),
        ({"HighBit": 14}, "bits stored"),
    ],
)
def test_unusable_headers_are_refused_with_the_reason(tmp_path, tags, expected):
    MadeSeries(tags=tags).write(tmp_path)
    assert expected in reason(tmp_path)


def test_mixed_pixel_spacing_is_never_one_volume(tmp_path):
    uid = generate_uid()
    MadeSeries(series_uid=uid, slices=(0, 1, 2, 3)).write(tmp_path, "a")
    MadeSeries(series_uid=uid, slices=(4, 5, 6, 7), pixel_spacing_ji_mm=(0.8, 0.8)).write(tmp_path, "b")
    assert "2 CT series" in reason(tmp_path)


@pytest.mark.parametrize("kept", [0, 60, 700, -100])
def test_a_file_cut_short_is_named(tmp_path, kept):
    files = MadeSeries().write(tmp_path)
    files[2].write_bytes(files[2].read_bytes()[:kept])
    assert files[2].name in reason(tmp_path)


def test_too_few_slices_and_empty_folders_are_refused(tmp_path):
    assert "empty" in reason(tmp_path)
    (tmp_path / "readme.txt").write_text("no images here")
    assert "no DICOM" in reason(tmp_path)
    assert "not found" in reason(tmp_path / "absent")
    MadeSeries(slices=(0, 1)).write(tmp_path)
    assert "only 2 slice" in reason(tmp_path)


@pytest.mark.parametrize(
    ("code", "position"),
    [("HFS", "supine"), ("FFS", "supine"), ("HFP", "prone"), ("HFDR", "right-lateral"), ("FFDL", "left-lateral")],
)
def test_patient_position_is_the_side_lain_on(tmp_path, code, position):
    MadeSeries(tags={"PatientPosition": code}).write(tmp_path)
    assert read_ct(tmp_path).scanned_position == position


def test_reading_can_be_cancelled_and_reports_rising_progress(tmp_path):
    MadeSeries().write(tmp_path)
    seen = []
    read_ct(tmp_path, report=lambda fraction, stage: seen.append(fraction) or True)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
    with pytest.raises(Cancelled):
        read_ct(tmp_path, report=lambda fraction, stage: fraction < 0.5)


def test_files_without_preamble_and_meta_header_are_read(tmp_path):
    made = MadeSeries()
    for file in made.write(tmp_path):
        dataset = pydicom.dcmread(file)
        del dataset.file_meta
        pydicom.dcmwrite(file.with_suffix(""), dataset, implicit_vr=True, little_endian=True)
        file.unlink()
    ct = read_ct(tmp_path)
    assert any("transfer syntax absent" in note for note in ct.notes)
    assert error_hu(ct, wavy_hu) < ROUNDING_HU


def test_big_endian_pixels_are_swapped(tmp_path):
    made = MadeSeries()
    for n in made.slices:
        dataset = made.dataset(n)
        dataset.PixelData = made.stored(n).astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        save(dataset, tmp_path / f"{n}.dcm")
    assert error_hu(read_ct(tmp_path), wavy_hu) < ROUNDING_HU
