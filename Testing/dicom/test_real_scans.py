"""The real DICOM folders: read right or refused clearly, and never without a word."""

import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from BoneAblationPlannerLib.dicom.header import read_headers
from BoneAblationPlannerLib.dicom.pixels import PixelReader, decode, decode_with_gdcm
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import list_series, read_ct, read_label_map

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("d2n_ct_gap_5_10mm", "1 slice(s) missing"),
        ("d2n_ct_tilt_and_gap", "1 slice(s) missing"),
        ("d2n_ct_same_position_notavolume", "all 4 images lie at one position"),
        # 4.22, 1.14 and 7.38 mm along the table are these along the normal, times cos 18.5 degrees.
        ("ge_gantrytilt_variable_spacing", "spacing varies: 1.08, 4.00, 7.00 mm"),
        ("pydicom_singles", "no usable CT series"),
        ("pydicom_singles/693_J2KR.dcm", "only 1 slice"),
        ("pydicom_singles/693_UNCI.dcm", "only 1 slice"),
        ("pydicom_singles/bad_sequence.dcm", "only 1 slice"),
        ("pydicom_singles/explicit_VR-UN.dcm", "only 1 slice"),
        ("pydicom_singles/eCT_Supplemental.dcm", "a map of PERFUSION RCBF"),
    ],
)
def test_refused_with_the_reason(shared_data, folder, expected):
    with pytest.raises(InputError) as caught:
        read_ct(shared_data / "dicom" / folder)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("folder", "angle"), [("ge_gantrytilt_even", 18.5), ("d2n_ct_gantrytilt", 14.0)])
def test_tilt_is_rectified_pixel_by_pixel(shared_data, folder, angle):
    """Pixels of every slice turn up at their own RAS points."""
    path = shared_data / "dicom" / folder
    ct = read_ct(path)
    assert any(f"tilt of {angle:.1f} degrees rectified" in note for note in ct.notes)
    for file in sorted(path.rglob("*.dcm")):
        dataset = pydicom.dcmread(file)
        slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
        hu = np.maximum(dataset.pixel_array * slope + intercept, -1024)
        orientation = np.array(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3)
        position = np.array(dataset.ImagePositionPatient, dtype=float)
        rng = np.random.default_rng(1)
        j, i = rng.integers(2, 510, (2, 400))
        spacing = float(dataset.PixelSpacing[0])
        lps = position + np.outer(i * spacing, orientation[0]) + np.outer(j * spacing, orientation[1])
        ijk = ct.grid.ijk_from_ras(lps * [-1, -1, 1])
        # The slice's plane is one of the grid's, and columns coincide: only the row falls between two.
        assert np.abs(ijk[:, [0, 2]] - np.rint(ijk[:, [0, 2]])).max() < 1e-2
        column, k = np.rint(ijk[:, [0, 2]]).astype(int).T
        # Nothing but interpolation between the pixel and one neighbour: between the two neighbours' extremes.
        around = np.stack([hu[j - 1, i], hu[j, i], hu[j + 1, i]])
        row = np.rint(ijk[:, 1]).astype(int)
        found = ct.hu[k, row, column]
        known = (around > -1024).all(axis=0) & (found > -1024)
        assert (found[known] >= around.min(axis=0)[known] - 1).all()
        assert (found[known] <= around.max(axis=0)[known] + 1).all()


def test_sts007_equals_its_nifti(shared_data):
    """The case made from the same scan holds the same geometry and, away from the synthetic lesion, the same values."""
    ct = read_ct(shared_data / "dicom/sts007-with-rtstruct")
    case = read_ct(shared_data / "cases/ilium-sclerotic/ct.nii.gz")
    assert ct.grid.matches(case.grid)
    assert (ct.hu == case.hu).mean() > 0.98
    assert ct.scanned_position == "supine"
    assert any("RTSTRUCT" in note for note in ct.notes)


def test_sts007_without_three_slices_is_refused(shared_data, tmp_path):
    files = sorted((shared_data / "dicom/sts007-with-rtstruct/image").iterdir())
    for file in files[:33] + files[36:]:
        shutil.copyfile(file, tmp_path / file.name)
    with pytest.raises(InputError, match=r"3 slice\(s\) missing .* 3 between -674\.4 and -661\.3 mm") as caught:
        read_ct(tmp_path)
    # Slices 32 and 36 of a stack that starts at -779.03 mm with 3.27 mm spacing.
    assert f"{-779.03 + 32 * 3.27:.1f} and {-779.03 + 36 * 3.27:.1f}" in str(caught.value)


def test_jpeg2000_series_lies_under_its_segmentation(shared_data):
    path = shared_data / "dicom/ts-jpeg2000"
    ct = read_ct(path)
    labels, _notes = read_label_map(path / "seg_total.nii.gz", None, ct.grid)
    # TotalSegmentator's labels 25 to 50 are sacrum and vertebrae; mirrored, they would not lie on bone.
    bones = (labels.labels >= 25) & (labels.labels <= 50)
    assert bones.any()
    assert 150 < ct.hu[bones].mean() < 600
    assert ct.hu[:, ::-1][bones].mean() < 0


@pytest.mark.parametrize("name", ["ts-jpeg2000", "693_J2KR.dcm", "explicit_VR-UN.dcm"])
def test_both_decoders_agree_and_rescale_is_applied_once(shared_data, name):
    path = shared_data / "dicom" / name
    file = sorted((path / "dicom").iterdir())[7] if path.is_dir() else shared_data / "dicom/pydicom_singles" / name
    dataset = pydicom.dcmread(file)
    stored = decode(dataset, 0, name)
    np.testing.assert_array_equal(stored, decode_with_gdcm(dataset)[0])
    # SimpleITK rescales on reading; this reader must arrive at the same Hounsfield units.
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0].astype(int)
    hu = PixelReader().hu(read_headers(file)[0])
    unpadded = stored != dataset.get("PixelPaddingValue")
    np.testing.assert_array_equal(hu[unpadded], expected[unpadded])


def test_lossless_jpeg_goes_through_gdcm(shared_data):
    file = shared_data / "dicom/pydicom_singles/bad_sequence.dcm"
    hu = PixelReader().hu(read_headers(file)[0])
    np.testing.assert_array_equal(hu, sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0])


def test_every_folder_is_listed_or_refused(shared_data):
    for folder in sorted((shared_data / "dicom").iterdir()):
        for one in list_series(folder):
            assert one.images > 0
            assert one.unusable != ""
            assert len(one.description) <= 40


@pytest.mark.parametrize(
    "name",
    ["iliac-lytic", "acetabulum-mixed", "ilium-sclerotic", "ischium-lytic-breach", "humerus-lytic", "glenoid-mixed"],
)
def test_cases_are_read_as_they_are(shared_data, name):
    file = shared_data / "cases" / name / "ct.nii.gz"
    image = sitk.ReadImage(str(file))
    ct = read_ct(file)
    np.testing.assert_array_equal(ct.hu, sitk.GetArrayFromImage(image))
    assert ct.grid.matches(Grid.from_image(image))
    assert ct.notes == ()
