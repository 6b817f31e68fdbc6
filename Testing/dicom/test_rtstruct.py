"""RT Structure Sets: contours become exactly the voxels whose centres they enclose."""

import numpy as np
import pytest
from grids import oblique_grid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import frame_of_reference, read_ct, read_label_map

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
FRAME = generate_uid()


def write_rtstruct(path, rois, frame=FRAME, geometric="CLOSED_PLANAR"):
    """`rois`: (name, interpreted type, list of contours (N, 3) RAS mm)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = RTSTRUCT
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTSTRUCT, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, kind, contours) in enumerate(rois, start=1):
        described, drawn, observed = Dataset(), Dataset(), Dataset()
        described.ROINumber, described.ROIName, described.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        observed.ObservationNumber = observed.ReferencedROINumber = number
        observed.RTROIInterpretedType = kind
        for points in contours:
            item = Dataset()
            item.ContourGeometricType, item.NumberOfContourPoints = geometric, len(points)
            lps = np.asarray(points) * [-1, -1, 1]
            item.ContourData = [f"{v:.6f}" for v in lps.ravel()]
            drawn.ContourSequence.append(item)
        dataset.StructureSetROISequence.append(described)
        dataset.ROIContourSequence.append(drawn)
        dataset.RTROIObservationsSequence.append(observed)
    dataset.save_as(path, enforce_file_format=True)
    return path


def polygon(grid, k, ij):
    return grid.ras_from_ijk([[i, j, k] for i, j in ij])


def read(path, grid, frame=FRAME):
    found, notes = read_label_map(path, None, grid, frame)
    return {name: found.labels == value for value, name in found.names.items()}, notes


GRID = oblique_grid((6, 30, 40))


def box(i0, i1, j0, j1):
    return [(i0, j0), (i1, j0), (i1, j1), (i0, j1)]


def test_voxels_are_those_whose_centres_lie_inside(tmp_path):
    """Edges at 4.5 and 10.4 hold the centres 5 to 10: half a voxel too much or too little would show."""
    path = write_rtstruct(tmp_path / "rt.dcm", [("colon", "ORGAN", [polygon(GRID, 2, box(4.5, 10.4, 6.6, 9.5))])])
    masks, notes = read(path, GRID)
    expected = np.zeros(GRID.shape, dtype=bool)
    expected[2, 7:10, 5:11] = True
    assert (masks["colon"] == expected).all()
    assert notes == []


def test_against_the_winding_of_a_slanted_polygon(tmp_path):
    corners = np.array([(3.3, 2.2), (30.7, 5.1), (24.4, 25.9), (12.2, 11.1), (5.6, 27.3)])
    path = write_rtstruct(tmp_path / "rt.dcm", [("bowel", "ORGAN", [polygon(GRID, 3, corners)])])
    i, j = np.meshgrid(np.arange(40), np.arange(30))
    away = corners[:, None, None] - np.stack([i, j], axis=-1)
    angle = np.arctan2(away[..., 1], away[..., 0])
    turns = (np.diff(angle, axis=0, append=angle[:1]) + np.pi) % (2 * np.pi) - np.pi
    expected = np.abs(turns.sum(axis=0)) > np.pi
    assert (read(path, GRID)[0]["bowel"][3] == expected).all()


@pytest.mark.parametrize("keyhole", [False, True])
def test_holes_stay_open(tmp_path, keyhole):
    outer, inner = box(4.5, 20.5, 4.5, 20.5), box(8.5, 14.5, 8.5, 14.5)
    if keyhole:
        ring = [(4.5, 4.5), (8.5, 8.5), (8.5, 14.5), (14.5, 14.5), (14.5, 8.5), (8.5, 8.5), (4.5, 4.5), *outer[1:]]
        contours = [polygon(GRID, 1, ring)]
    else:
        contours = [polygon(GRID, 1, outer), polygon(GRID, 1, inner)]
    mask = read(write_rtstruct(tmp_path / "rt.dcm", [("rectum", "ORGAN", contours)]), GRID)[0]["rectum"]
    expected = np.zeros(GRID.shape, dtype=bool)
    expected[1, 5:21, 5:21] = True
    expected[1, 9:15, 9:15] = False
    assert (mask == expected).all()


def test_neighbours_share_no_voxel_and_leave_none(tmp_path):
    """A border through voxel centres (i = 10) gives each centre to one side only; on a straight grid, without noise."""
    grid = Grid((6, 30, 40), np.diag([1.0, 1.0, 2.0, 1.0]))
    rois = [
        ("a", "ORGAN", [polygon(grid, 2, box(4, 10, 4, 10))]),
        ("b", "ORGAN", [polygon(grid, 2, box(10, 16, 4, 10))]),
    ]
    masks, notes = read(write_rtstruct(tmp_path / "rt.dcm", rois), grid)
    assert not any("overlap" in note for note in notes)
    both = masks["a"] | masks["b"]
    assert both.sum() == 12 * 6
    assert masks["a"].sum() == masks["b"].sum()


def test_what_is_no_anatomy_is_left_out_with_a_note(tmp_path):
    contour = [polygon(GRID, 2, box(3, 9, 3, 9))]
    path = write_rtstruct(tmp_path / "rt.dcm", [("BODY", "EXTERNAL", contour), ("couch", "SUPPORT", contour),
                                                ("colon", "ORGAN", contour)])  # fmt: skip
    masks, notes = read(path, GRID)
    assert set(masks) == {"colon"}
    assert len(notes) == 2


def test_another_frame_of_reference_is_refused(tmp_path):
    path = write_rtstruct(tmp_path / "rt.dcm", [("colon", "ORGAN", [polygon(GRID, 2, box(3, 9, 3, 9))])])
    with pytest.raises(InputError, match="another frame of reference"):
        read(path, GRID, generate_uid())
    assert read(path, GRID, None)[0]["colon"].any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [(lambda p: p + (GRID.ras_from_ijk([[0, 0, 0.5]]) - GRID.ras_from_ijk([[0, 0, 0]])), "beside the CT's"),
     (lambda p: p + np.linspace(0, 4, len(p))[:, None], "runs across"),
     (lambda p: p + 900.0, "no structure lies inside")],
)  # fmt: skip
def test_contours_that_are_not_on_this_ct_are_refused(tmp_path, change, reason):
    points = change(polygon(GRID, 2, box(3, 9, 3, 9)))
    with pytest.raises(InputError, match=reason):
        read(write_rtstruct(tmp_path / "rt.dcm", [("colon", "ORGAN", [points])]), GRID)


def test_points_are_no_structure(tmp_path):
    path = write_rtstruct(tmp_path / "rt.dcm", [("iso", "ORGAN", [polygon(GRID, 2, box(3, 9, 3, 9))])], FRAME, "POINT")
    with pytest.raises(InputError, match="no structure with closed contours"):
        read(path, GRID)


@pytest.mark.realdata
def test_the_sarcoma_is_the_published_mask(shared_data):
    """The mask in the case folder was made from the same contours by others, on a crop of the same CT."""
    import SimpleITK as sitk

    folder = shared_data / "dicom/sts007-with-rtstruct"
    case = shared_data / "cases/ilium-sclerotic"
    ct = read_ct(case / "ct.nii.gz")
    path = next(file for file in sorted((folder / "mask").rglob("*")) if file.is_file())
    found, _ = read_label_map(path, None, ct.grid, frame_of_reference(folder / "image"))
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(case / "sarcoma.nii.gz"))) > 0
    mask = found.labels > 0
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert dice > 0.999
    assert abs(mask.sum() / truth.sum() - 1) < 0.001
