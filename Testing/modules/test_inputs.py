"""Nodes of a scene become the case that the files would have been."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from grids import ball, every_point, oblique_grid, rotation
from phantoms import coarse_case, coarse_phantom

from BoneAblationPlannerLib.case import Choices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_ct, read_label_map, read_nerve_curve
from BoneAblationPlannerLib.scene.convert import fill_image, vtk_matrix
from BoneAblationPlannerLib.scene.inputs import SegmentChoice, anatomy_from_node, case_from_nodes
from BoneAblationPlannerLib.scene.placed import nerve_from_node, seed_from_node
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.sample import add_sample
from BoneAblationPlannerLib.scene.scans import ct_from_node, is_plain_ct
from BoneAblationPlannerLib.scene.segmentation import LABELMAP, ROLE_TAG


@pytest.fixture
def scene():
    scene = new_scene()
    yield scene
    scene.Clear(True)


def some_hu(shape=(30, 40, 50)):
    """Air and soft tissue, different in every voxel."""
    hu = np.random.default_rng(0).integers(-90, 90, shape).astype(np.int16)
    hu[:, :3] = -1000
    return hu


def add_volume(scene, grid, values, class_name="vtkMRMLScalarVolumeNode"):
    node = scene.AddNewNodeByClass(class_name, "scan")
    node.SetIJKToRASMatrix(vtk_matrix(grid.ijk_to_ras))
    node.SetAndObserveImageData(fill_image(vtk.vtkImageData(), values))
    return node


def add_segments(scene, *masks, grid, roles=()):
    """A segmentation with one labelmap for each mask, named a, b, c."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    for n, mask in enumerate(masks):
        segment = slicer.vtkSegment()
        segment.SetName("abc"[n])
        image = fill_image(slicer.vtkOrientedImageData(), mask.astype(np.uint8))
        image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.ijk_to_ras))
        segment.AddRepresentation(LABELMAP, image)
        segment.SetLabelValue(1)
        if n < len(roles) and roles[n]:
            segment.SetTag(ROLE_TAG, roles[n])
        node.GetSegmentation().AddSegment(segment, "abc"[n])
    return node


def label_map_from_node(node, grid):
    found = anatomy_from_node(node, grid)
    return found.organs, list(found.notes)


def put_under(scene, node, matrix):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def turn_and_shift():
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(2, 20) @ rotation(0, -7)
    matrix[:3, 3] = [5.0, -3.0, 11.0]
    return matrix


def reason(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# CT


def test_the_sample_becomes_the_case_of_the_command_line(scene):
    sample = add_sample(scene, coarse_phantom())
    expected = coarse_case()
    case = case_from_nodes(sample.ct, sample.seed, sample.structures, sample.nerves, expected.choices)
    assert case.ct.sha256 == expected.ct.sha256
    assert (case.ct.source, case.ct.scanned_position, case.ct.notes) == ("phantom", "supine", ())
    np.testing.assert_array_equal(case.ct.hu, expected.ct.hu)
    np.testing.assert_array_equal(case.ct.grid.ijk_to_ras, expected.ct.grid.ijk_to_ras)
    assert case.seed_ras_mm == expected.seed_ras_mm
    np.testing.assert_array_equal(case.organs.labels, expected.organs.labels)
    assert case.organs.names == expected.organs.names
    for mine, theirs in zip(case.nerves, expected.nerves, strict=True):
        assert mine.name == theirs.name
        np.testing.assert_allclose(mine.points_ras_mm[::10], theirs.points_ras_mm, atol=1e-4)
    assert case.choices == expected.choices
    assert case_from_nodes(sample.ct).choices == Choices()


def test_a_loaded_file_has_the_hash_and_name_of_the_command_line(scene, tmp_path):
    path = tmp_path / "ct.nrrd"
    sitk.WriteImage(oblique_grid().image(some_hu()), str(path))
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "something else")
    node.SetAndObserveStorageNodeID(storage.GetID())
    assert storage.ReadData(node)
    mine, theirs = ct_from_node(node), read_ct(path)
    assert (mine.sha256, mine.source) == (theirs.sha256, theirs.source)


def test_floats_are_rounded_as_from_a_file(scene):
    hu = some_hu()
    node = add_volume(scene, oblique_grid(), hu.astype(np.float32) + 0.4)
    np.testing.assert_array_equal(ct_from_node(node).hu, hu)
    assert not is_plain_ct(node)


def test_a_turned_ct_is_read_where_it_is_shown(scene):
    grid, matrix = oblique_grid(), turn_and_shift()
    node = add_volume(scene, grid, some_hu())
    assert is_plain_ct(node)
    put_under(scene, node, matrix)
    np.testing.assert_allclose(ct_from_node(node).grid.ijk_to_ras, matrix @ grid.ijk_to_ras, atol=1e-9)
    assert not is_plain_ct(node)


def test_the_case_keeps_its_voxels_when_the_node_changes(scene):
    node = add_volume(scene, oblique_grid(), some_hu())
    ct = ct_from_node(node)
    node.GetImageData().GetPointData().GetScalars().Fill(7)
    np.testing.assert_array_equal(ct.hu, some_hu())


@pytest.mark.parametrize(
    ("code", "position"), [("HFS", "supine"), ("FFP", "prone"), ("HFDR", "right-lateral"), ("", None)]
)
def test_the_position_comes_from_slicers_dicom_database(scene, monkeypatch, code, position):
    class Database:
        isOpen = True

        def instanceValue(self, uid, attribute):
            return {("1.2", "0008,0060"): "CT", ("1.2", "0018,5100"): code}[uid, attribute]

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    node = add_volume(scene, oblique_grid(), some_hu())
    node.SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    assert ct_from_node(node).scanned_position == position


def test_what_is_no_ct_is_refused(scene, monkeypatch):
    grid = oblique_grid()
    assert "no image" in reason(ct_from_node, scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    colour = add_volume(scene, grid, some_hu())
    colour.GetImageData().AllocateScalars(vtk.VTK_SHORT, 3)
    assert "3 values per voxel" in reason(ct_from_node, colour)
    assert "8-bit" in reason(ct_from_node, add_volume(scene, grid, np.zeros(grid.shape, dtype=np.uint8)))
    sheared = add_volume(scene, grid, some_hu())
    shear = np.eye(4)
    shear[0, 2] = 0.3
    put_under(scene, sheared, shear)
    assert "orthogonal" in reason(ct_from_node, sheared)


def test_a_warped_ct_is_refused(scene):
    node = add_volume(scene, oblique_grid(), some_hu())
    warp = vtk.vtkThinPlateSplineTransform()
    points = vtk.vtkPoints()
    for n in range(5):
        points.InsertNextPoint(10.0 * n, (7 * n) % 20, (3 * n) % 11)
    moved = vtk.vtkPoints()
    moved.DeepCopy(points)
    moved.SetPoint(2, 25.0, 9.0, 2.0)
    warp.SetSourceLandmarks(points)
    warp.SetTargetLandmarks(moved)
    warp.SetBasisToR()
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert "warping transform 'warp'; expected it hardened" in reason(ct_from_node, node)


# Points and curves


def test_points_and_curves_are_read_where_they_are_shown(scene):
    matrix = turn_and_shift()
    seed = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "seed")
    seed.AddControlPoint(vtk.vtkVector3d(1, 2, 3))
    curve = scene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode", "nerve")
    points = np.array([[0.0, 0, 0], [30, 0, 0], [30, 20, 5]])
    for point in points:
        curve.AddControlPoint(vtk.vtkVector3d(*point))
    for node in (seed, curve):
        put_under(scene, node, matrix)
    np.testing.assert_allclose(seed_from_node(seed), (matrix @ [1, 2, 3, 1])[:3], atol=1e-9)
    expected = np.vstack([points, points[:1]]) @ matrix[:3, :3].T + matrix[:3, 3]
    nerve = nerve_from_node(curve)
    np.testing.assert_allclose(nerve.points_ras_mm[::10], expected, atol=1e-4)
    assert nerve.name == "nerve"
    curve.SetCurveTypeToLinear()
    corners = nerve_from_node(curve).points_ras_mm
    apart = [np.linalg.norm(corners - corner, axis=1).min() for corner in expected]
    np.testing.assert_allclose(apart, 0, atol=1e-4)
    lengths = np.linalg.norm(np.diff(expected, axis=0), axis=1)
    assert np.linalg.norm(np.diff(corners, axis=0), axis=1).sum() == pytest.approx(lengths.sum(), abs=1e-3)


@pytest.mark.parametrize("kind", ["vtkMRMLMarkupsCurveNode", "vtkMRMLMarkupsClosedCurveNode"])
@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_a_curve_read_from_a_file_runs_where_slicer_draws_it(scene, kind, count, tmp_path):
    """Unevenly placed clicks up to 150 mm apart: the file's course is that of the scene, which leaves the straight."""
    placed = np.random.default_rng(count).uniform(-75, 75, (count, 3))
    curve = scene.AddNewNodeByClass(kind, "nerve")
    for point in placed:
        curve.AddControlPointWorld(vtk.vtkVector3d(*point))
    drawn = nerve_from_node(curve).points_ras_mm
    storage = scene.AddNewNodeByClass("vtkMRMLMarkupsJsonStorageNode")
    storage.SetFileName(str(tmp_path / "nerve.mrk.json"))
    assert storage.WriteData(curve)
    ((_, read),) = read_nerve_curve(tmp_path / "nerve.mrk.json")
    if len(read) == len(drawn):
        np.testing.assert_allclose(read, drawn, atol=1e-3)
    else:  # two points: a straight line needs no more
        assert count == 2
        np.testing.assert_allclose(drawn[[0, -1]], read[[0, -1]], atol=1e-3)
        axis = (placed[1] - placed[0]) / np.linalg.norm(placed[1] - placed[0])
        np.testing.assert_allclose(np.cross(drawn - placed[0], axis), 0, atol=1e-3)


def test_a_curve_that_leaves_the_ct_is_noted(scene):
    grid = oblique_grid()
    curve = scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "nerve")
    for point in ((12, -34, 56), (12, -34, 556)):
        curve.AddControlPoint(vtk.vtkVector3d(*point))
    seed = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "seed")
    seed.AddControlPoint(vtk.vtkVector3d(12, -34, 56))
    case = case_from_nodes(add_volume(scene, grid, some_hu()), seed, None, (curve,))
    assert any("of 500 mm lie outside the CT" in note for note in case.ct.notes)


def test_one_placed_point_is_asked_for(scene):
    seed = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "seed")
    assert "0 placed points" in reason(seed_from_node, seed)
    seed.AddControlPoint(vtk.vtkVector3d(1, 2, 3))
    seed.AddControlPoint(vtk.vtkVector3d(1, 2, 4))
    assert "2 placed points; expected one" in reason(seed_from_node, seed)
    seed.UnsetNthControlPointPosition(0)
    assert seed_from_node(seed) == (1, 2, 4)
    curve = scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", "nerve")
    assert "expected at least two" in reason(nerve_from_node, curve)


# Anatomy


def test_segments_on_the_grid_come_back_exactly(scene):
    grid = oblique_grid()
    a, b = ball(grid, (12, -34, 56), 12), ball(grid, (30, -34, 60), 5)
    organs, notes = label_map_from_node(add_segments(scene, a, b & ~a, grid=grid), grid)
    np.testing.assert_array_equal(organs.labels, np.where(b & ~a, 2, a))
    assert organs.names == {1: "a", 2: "b"}
    assert notes == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_of_overlapping_segments_stays_whole(scene, order):
    grid = oblique_grid()
    masks = [ball(grid, (12, -34, 56), 12), ball(grid, (12, -34, 50), 6)]
    organs, notes = label_map_from_node(add_segments(scene, *(masks[n] for n in order), grid=grid), grid)
    small = order.index(1) + 1
    np.testing.assert_array_equal(organs.labels == small, masks[1])
    np.testing.assert_array_equal(organs.labels == order.index(0) + 1, masks[0] & ~masks[1])
    shared = (masks[0] & masks[1]).sum()
    assert notes == [f"structures overlap: a and b in {shared} voxels, each keeps its voxels"]
    np.testing.assert_array_equal(organs.mask(order.index(0) + 1), masks[0])


def test_a_cropped_labelmap_stays_voxel_on_voxel_without_a_note(scene):
    grid = oblique_grid()
    region = (slice(5, 20), slice(4, 30), slice(9, 41))
    mask = ball(grid, (12, -34, 56), 8)
    organs, notes = label_map_from_node(add_segments(scene, mask[region], grid=grid.crop(region)), grid)
    expected = np.zeros(grid.shape, dtype=bool)
    expected[region] = mask[region]
    np.testing.assert_array_equal(organs.labels == 1, expected)
    assert notes == []


def test_segments_on_another_grid_are_resampled_to_the_nearest_voxel(scene):
    grid = oblique_grid()
    other = oblique_grid((60, 64, 64), (1.3, 1.3, 1.3), (13.0, -33.0, 55.0))
    mask = ball(other, (12, -34, 56), 12)
    organs, notes = label_map_from_node(add_segments(scene, mask, grid=other), grid)
    ijk = other.ijk_from_ras(every_point(grid))
    near = np.rint(ijk).astype(int)
    inside = ((near >= 0) & (near < np.array(other.shape)[::-1])).all(axis=1)
    expected = np.zeros(len(near), dtype=bool)
    expected[inside] = mask[near[inside, 2], near[inside, 1], near[inside, 0]]
    clear = np.abs(ijk - np.floor(ijk) - 0.5).min(axis=1) > 1e-6  # not on the border of two voxels
    found = (organs.labels == 1).ravel()
    assert found[clear & expected].all()
    # What is more holds a part of the segment that is thinner than a voxel there: tips of the ball.
    holds = np.zeros(grid.shape, dtype=bool)
    holds[tuple(np.rint(grid.ijk_from_ras(other.ras_of_mask(mask))).astype(int)[:, ::-1].T)] = True
    assert holds.ravel()[found & clear & ~expected].all()
    assert (found & clear & ~expected).sum() < 0.02 * expected.sum()
    assert "resampled to the CT's, nearest neighbour" in notes[0]


def test_a_turned_segmentation_follows_its_transform(scene):
    """A segmentation turned with its CT has the same voxels on it."""
    grid, matrix = oblique_grid(), turn_and_shift()
    mask = ball(grid, (12, -34, 56), 9)
    node = add_segments(scene, mask, grid=grid)
    put_under(scene, node, matrix)
    organs, notes = label_map_from_node(node, Grid(grid.shape, matrix @ grid.ijk_to_ras))
    np.testing.assert_array_equal(organs.labels == 1, mask)
    assert notes == []


def test_what_a_plan_made_is_no_organ(scene):
    grid = oblique_grid()
    masks = [ball(grid, (12, -34, 56), r) for r in (3, 5, 7)]
    node = add_segments(scene, *masks, grid=grid, roles=("lesion", "structure", None))
    assert set(label_map_from_node(node, grid)[0].names.values()) == {"b", "c"}


def test_the_lesions_segment_is_the_outline_and_no_organ(scene):
    grid = oblique_grid()
    lesion, organ = ball(grid, (12, -34, 56), 6), ball(grid, (30, -34, 60), 5)
    node = add_segments(scene, lesion, organ, grid=grid)
    ct = add_volume(scene, grid, some_hu())
    case = case_from_nodes(ct, None, node, lesion=SegmentChoice(node, "a"))
    np.testing.assert_array_equal(case.lesion, lesion)
    assert case.seed_ras_mm is None
    assert list(case.organs.names.values()) == ["b"]
    np.testing.assert_array_equal(case.organs.labels != 0, organ)
    assert "gone" in reason(case_from_nodes, ct, None, None, (), None, SegmentChoice(node, "z"))


def test_a_label_map_volume_takes_its_names_from_its_colours(scene, tmp_path):
    grid = oblique_grid()
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[ball(grid, (12, -34, 56), 6)] = 2
    labels[ball(grid, (30, -34, 60), 5)] = 7
    node = add_volume(scene, grid, labels, "vtkMRMLLabelMapVolumeNode")
    node.CreateDefaultDisplayNodes()
    colours = slicer.vtkMRMLColorTableNode()
    colours.SetTypeToUser()
    colours.SetNumberOfColors(3)
    colours.SetColor(2, "urinary_bladder", 1, 1, 0, 1)
    node.GetDisplayNode().SetAndObserveColorNodeID(scene.AddNode(colours).GetID())
    organs, notes = label_map_from_node(node, grid)
    assert sorted(organs.names.values()) == ["label 7", "urinary_bladder"]
    sitk.WriteImage(grid.image(labels), str(tmp_path / "organs.nrrd"))
    from_file, _ = read_label_map(tmp_path / "organs.nrrd", None, grid)
    np.testing.assert_array_equal(organs.labels != 0, from_file.labels != 0)
    assert notes == []


def test_anatomy_of_another_place_or_without_content_is_refused(scene):
    grid = oblique_grid()
    far = oblique_grid(centre_ras_mm=(500.0, 0.0, 0.0))
    away = add_segments(scene, ball(far, (500, 0, 0), 9), grid=far)
    assert "inside the CT" in reason(label_map_from_node, away, grid)
    empty = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "nothing")
    assert "holds no structure" in reason(label_map_from_node, empty, grid)
    ct = add_volume(scene, grid, some_hu())
    lesion = SegmentChoice(away, "a")
    assert "empty inside the CT" in reason(case_from_nodes, ct, None, None, (), None, lesion)


def test_notes_reach_the_plan(scene):
    grid = oblique_grid()
    masks = [ball(grid, (12, -34, 56), 12), ball(grid, (12, -34, 50), 6)]
    case = case_from_nodes(add_volume(scene, grid, some_hu()), None, add_segments(scene, *masks, grid=grid))
    assert any("overlap" in note for note in case.ct.notes)


def test_the_scene_stays_as_it_was(scene):
    sample = add_sample(scene, coarse_phantom())
    before = (scene.GetNumberOfNodes(), sample.structures.GetMTime(), sample.ct.GetMTime())
    case_from_nodes(sample.ct, sample.seed, sample.structures, sample.nerves)
    assert (scene.GetNumberOfNodes(), sample.structures.GetMTime(), sample.ct.GetMTime()) == before
