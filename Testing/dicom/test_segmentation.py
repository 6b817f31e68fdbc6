"""DICOM SEG: binary, fractional and label map, full and sparse, on the CT's grid and beside it."""

import warnings

import numpy as np
import pytest
from grids import ball, oblique_grid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_label_map

SEG, LABELMAP_SEG = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
FRAME = generate_uid()
GRID = oblique_grid((9, 24, 32))


def sequence(**values):
    item = Dataset()
    for key, value in values.items():
        setattr(item, key, value)
    return [item]


def write_seg(path, grid, segments, kind="BINARY", order=None, sparse=True, frame=FRAME):
    """`segments`: (label, coded meaning or None, (k, j, i) bool); frames in `order` of slices."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.ijk_to_ras
    spacing = grid.spacing_ijk_mm
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID = LABELMAP_SEG if kind == "LABELMAP" else SEG
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID = generate_uid()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.Modality, d.SegmentationType, d.FrameOfReferenceUID = "SEG", kind, frame
    d.Rows, d.Columns = grid.shape[1:]
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
    d.BitsAllocated, d.BitsStored, d.HighBit = (1, 1, 0) if kind == "BINARY" else (8, 8, 7)
    if kind == "FRACTIONAL":
        d.MaximumFractionalValue, d.SegmentationFractionalType = 200, "PROBABILITY"
    d.SegmentSequence, d.PerFrameFunctionalGroupsSequence = [], []
    for number, (label, meaning, _) in enumerate(segments, start=1):
        item = sequence(SegmentNumber=number, SegmentLabel=label)[0]
        if meaning:
            item.SegmentedPropertyTypeCodeSequence = sequence(CodeMeaning=meaning)
        d.SegmentSequence.append(item)
    shared = Dataset()
    shared.PlaneOrientationSequence = sequence(
        ImageOrientationPatient=[f"{v:.8f}" for v in [*(lps[:3, 0] / spacing[0]), *(lps[:3, 1] / spacing[1])]]
    )
    shared.PixelMeasuresSequence = sequence(
        PixelSpacing=[f"{spacing[1]:.6f}", f"{spacing[0]:.6f}"], SliceThickness=f"{spacing[2]:.6f}"
    )
    d.SharedFunctionalGroupsSequence = [shared]
    planes = []

    def add(number, k, plane):
        item = Dataset()
        item.PlanePositionSequence = sequence(ImagePositionPatient=[f"{v:.6f}" for v in (lps @ [0, 0, k, 1])[:3]])
        if number:
            item.SegmentIdentificationSequence = sequence(ReferencedSegmentNumber=number)
        d.PerFrameFunctionalGroupsSequence.append(item)
        planes.append(plane)

    if kind == "LABELMAP":
        labels = sum(n * mask.astype(np.uint8) for n, (_, _, mask) in enumerate(segments, start=1))
        for k in range(grid.shape[0]):
            add(None, k, labels[k])
    else:
        for number, (_, _, mask) in enumerate(segments, start=1):
            for k in order or range(grid.shape[0]):
                if mask[k].any() or not sparse:
                    add(number, k, mask[k].astype(np.uint8) * (160 if kind == "FRACTIONAL" else 1))
    pixels = np.stack(planes)
    d.NumberOfFrames = len(planes)
    content = pack_bits(pixels) if kind == "BINARY" else pixels.tobytes()
    d.PixelData = content + b"\0" * (len(content) % 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        d.save_as(path, enforce_file_format=True)
    return path


COLON = ball(GRID, GRID.ras_from_ijk([[10, 10, 4]])[0], 6)
BLADDER = ball(GRID, GRID.ras_from_ijk([[26, 12, 5]])[0], 4)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("order", [None, [5, 2, 8, 0, 1, 7, 3, 6, 4]])
def test_masks_come_back_voxel_by_voxel(tmp_path, kind, order):
    path = write_seg(
        tmp_path / "seg.dcm", GRID, [("colon", None, COLON), ("urinary_bladder", None, BLADDER)], kind, order
    )
    found, _ = read_label_map(path, None, GRID, FRAME)
    assert found.names == {1: "colon", 2: "urinary_bladder"}
    assert (found.labels == np.where(COLON, 1, np.where(BLADDER, 2, 0))).all()


def test_slices_against_the_normal(tmp_path):
    """A grid whose k axis runs against row x column: the frames' own order is the other way round."""
    matrix = np.array(GRID.ijk_to_ras)
    matrix[:3, 3] = GRID.ras_from_ijk([[0, 0, 8]])[0]
    matrix[:3, 2] *= -1
    flipped = Grid(GRID.shape, matrix)
    path = write_seg(tmp_path / "seg.dcm", flipped, [("colon", None, COLON[::-1])])
    assert ((read_label_map(path, None, GRID)[0].labels == 1) == COLON).all()
    assert ((read_label_map(path, None, flipped)[0].labels == 1) == COLON[::-1]).all()


def test_the_coded_meaning_names_what_the_label_does_not(tmp_path):
    segments = [("Segment_1", "Urinary bladder", BLADDER), ("region A", "Colon", COLON)]
    found, _ = read_label_map(write_seg(tmp_path / "seg.dcm", GRID, segments), None, GRID)
    assert found.names == {1: "Urinary bladder", 2: "region A (Colon)"}


@pytest.mark.parametrize(
    ("label", "meaning", "name"),
    [("Hip", "Hip right", "Hip right"), ("Hip_R", "Hip right", "Hip_R"), ("hip_right", "Hip", "hip_right"),
     ("L5", "L5 vertebra", "L5 vertebra"), ("Ureter L", "Ureter", "Ureter L")],
)  # fmt: skip
def test_a_side_that_only_the_coded_meaning_says_is_not_lost(tmp_path, label, meaning, name):
    found, _ = read_label_map(write_seg(tmp_path / "seg.dcm", GRID, [(label, meaning, BLADDER)]), None, GRID)
    assert found.names == {1: name}


def test_a_segmentation_on_another_grid_is_resampled_with_a_note(tmp_path):
    fine = GRID.refined((2, 2, 2))
    mask = ball(fine, GRID.ras_from_ijk([[10, 10, 4]])[0], 6)
    found, notes = read_label_map(write_seg(tmp_path / "seg.dcm", fine, [("colon", None, mask)]), None, GRID)
    assert any("resampled" in note for note in notes)
    # Where all eight parts of a voxel agree, so must the voxel.
    whole = mask.reshape(9, 2, 24, 2, 32, 2)
    assert (found.labels[whole.all(axis=(1, 3, 5))] == 1).all()
    assert (found.labels[~whole.any(axis=(1, 3, 5))] == 0).all()


def test_overlapping_segments_keep_the_smaller(tmp_path):
    small = ball(GRID, GRID.ras_from_ijk([[10, 10, 4]])[0], 3)
    path = write_seg(tmp_path / "seg.dcm", GRID, [("nerve", None, small), ("colon", None, COLON)])
    found, notes = read_label_map(path, None, GRID)
    assert (found.labels[small] == 1).all()
    assert any("overlap" in note for note in notes)


def test_a_general_type_does_not_hide_what_the_label_says(tmp_path):
    segments = [("hip_right", "Organ", COLON), ("bowel bag", "Anatomical Structure", BLADDER)]
    found, _ = read_label_map(write_seg(tmp_path / "seg.dcm", GRID, segments), None, GRID)
    assert found.names == {1: "hip_right", 2: "bowel bag"}


def test_a_target_takes_no_voxel_of_bowel_or_bone(tmp_path):
    target = ball(GRID, GRID.ras_from_ijk([[11, 10, 4]])[0], 5)
    assert (target & COLON).any()
    for order in (0, 1):
        segments = [("hip_right", None, COLON), ("PTV", None, target)]
        path = write_seg(tmp_path / f"seg{order}.dcm", GRID, segments[:: 1 - 2 * order])
        found, notes = read_label_map(path, None, GRID)
        (bone,) = (value for value, name in found.names.items() if name == "hip_right")
        assert ((found.labels == bone) == COLON).all()
        assert any("PTV" in note and "kept as hip_right" in note for note in notes)


def test_refusals(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", GRID, [("colon", None, COLON)])
    with pytest.raises(InputError, match="another frame of reference"):
        read_label_map(path, None, GRID, generate_uid())
    matrix = np.array(GRID.ijk_to_ras)
    matrix[:3, 3] += 500
    with pytest.raises(InputError, match="no label lies inside the CT"):
        read_label_map(path, None, Grid(GRID.shape, matrix))
    empty = write_seg(tmp_path / "empty.dcm", GRID, [("colon", None, COLON & False)], sparse=False)
    with pytest.raises(InputError, match="no voxel belongs"):
        read_label_map(empty, None, GRID)
