"""Closed surfaces become the voxels that they fill or touch."""

import numpy as np
import pytest
import vtk
from grids import every_point, oblique_grid, rotation

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.convert import transformed, vtk_matrix
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.solids import model_mask, read_model, solid_mask

GRID = oblique_grid((40, 60, 70), (0.8, 1.1, 2.6), (12.0, -34.0, 56.0))
CENTRE = np.array([13.0, -33.0, 55.0])


def sphere(radius_mm, centre=CENTRE, fine=96):
    source = vtk.vtkSphereSource()
    source.SetCenter(*centre)
    source.SetRadius(radius_mm)
    source.SetThetaResolution(fine)
    source.SetPhiResolution(fine)
    source.Update()
    return source.GetOutput()


def rod(radius_mm, length_mm):
    """A cylinder along a slanted axis through the centre, and the distance of every voxel centre from it."""
    source = vtk.vtkCylinderSource()
    source.SetRadius(radius_mm)
    source.SetHeight(length_mm)
    source.SetResolution(48)
    source.Update()
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(0, 35) @ rotation(2, 20)
    matrix[:3, 3] = CENTRE
    local = (every_point(GRID) - CENTRE) @ matrix[:3, :3]
    across = np.hypot(local[:, 0], local[:, 2]) - radius_mm
    along = np.abs(local[:, 1]) - length_mm / 2
    outside = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
    distance = np.where((across < 0) & (along < 0), np.maximum(across, along), outside)
    return transformed(source.GetOutput(), matrix), distance.reshape(GRID.shape)


def opened(surface):
    """The surface without one of its triangles."""
    copy = vtk.vtkPolyData()
    copy.DeepCopy(surface)
    copy.BuildLinks()
    copy.DeleteCell(0)
    copy.RemoveDeletedCells()
    return copy


def reason(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_holds(mask, distance_mm):
    """All voxels whose centres lie inside, and of the others none that the surface cannot touch."""
    assert mask[distance_mm <= -0.05].all()  # the facets lie a little inside the true surface
    assert not mask[distance_mm > GRID.half_diagonal_mm].any()


def test_a_sphere_fills_the_voxels_inside_it_and_those_it_touches():
    mask = solid_mask(sphere(17.0), np.eye(4), GRID, "sphere")
    distance = np.linalg.norm(every_point(GRID) - CENTRE, axis=1).reshape(GRID.shape) - 17.0
    assert_holds(mask, distance)


@pytest.mark.parametrize("radius_mm", [0.4, 1.5, 6.0])
def test_a_thin_rod_does_not_vanish_between_thick_slices(radius_mm):
    surface, distance = rod(radius_mm, 40.0)
    mask = solid_mask(surface, np.eye(4), GRID, "rod")
    assert_holds(mask, distance)
    axis = (rotation(0, 35) @ rotation(2, 20))[:, 1]
    along = CENTRE + np.linspace(-19.5, 19.5, 400)[:, None] * axis
    i, j, k = np.rint(GRID.ijk_from_ras(along)).astype(int).T
    assert mask[k, j, i].all()


def test_a_surface_of_which_nothing_lies_inside_the_ct_is_refused():
    assert "outside the CT" in reason(solid_mask, sphere(5.0, CENTRE + 500), np.eye(4), GRID, "model 'a'")


def test_a_surface_that_is_cut_by_the_ct_keeps_its_part_inside():
    corner = GRID.ras_from_ijk([[0, 0, 0]])[0]
    mask = solid_mask(sphere(15.0, corner), np.eye(4), GRID, "sphere")
    distance = np.linalg.norm(every_point(GRID) - corner, axis=1).reshape(GRID.shape) - 15.0
    assert_holds(mask, distance)


def test_open_and_empty_surfaces_are_refused():
    text = reason(solid_mask, opened(sphere(9.0)), np.eye(4), GRID, "model 'bowel'")
    assert text.startswith("model 'bowel': its surface is open (3 edges of one triangle only); expected a closed")
    assert "holds no surface" in reason(solid_mask, vtk.vtkPolyData(), np.eye(4), GRID, "model 'x'")


def test_a_model_is_taken_where_it_is_shown():
    scene = new_scene()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", "rectum")
    assert "holds no surface" in reason(model_mask, node, GRID)
    node.SetAndObservePolyData(sphere(8.0, (0, 0, 0)))
    shift = np.eye(4)
    shift[:3, 3] = CENTRE
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    transform.SetMatrixTransformToParent(vtk_matrix(shift))
    node.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_array_equal(model_mask(node, GRID), solid_mask(sphere(8.0), np.eye(4), GRID, "sphere"))
    scene.Clear(True)


# Files


WRITERS = {".stl": vtk.vtkSTLWriter, ".vtk": vtk.vtkPolyDataWriter, ".ply": vtk.vtkPLYWriter}


def write(path, surface, header):
    writer = WRITERS[path.suffix]()
    writer.SetInputData(surface)
    writer.SetFileName(str(path))
    if header:
        writer.AddComment(header) if path.suffix == ".ply" else writer.SetHeader(header)
    writer.Write()


@pytest.mark.parametrize("suffix", sorted(WRITERS))
@pytest.mark.parametrize(("header", "ras"), [("", False), ("SPACE=LPS", False), ("SPACE=RAS", True)])
def test_files_are_read_in_the_space_that_they_say(tmp_path, suffix, header, ras):
    path = tmp_path / f"sciatic nerve{suffix}"
    flip = np.eye(4) if ras else np.diag([-1.0, -1.0, 1.0, 1.0])
    write(path, transformed(sphere(9.0, fine=24), flip), header)
    name, mask = read_model(path, GRID)
    assert name == "sciatic nerve"
    expected = solid_mask(sphere(9.0, fine=24), np.eye(4), GRID, "sphere")
    assert (mask ^ expected).sum() <= 0.01 * expected.sum()  # files hold single precision


def test_files_that_are_no_models_are_one_line(tmp_path):
    assert "no such file" in reason(read_model, tmp_path / "a.stl", GRID)
    assert "not a model file" in reason(read_model, tmp_path / "a.txt", GRID)
    (tmp_path / "b.stl").write_text("nothing")
    assert "b.stl" in reason(read_model, tmp_path / "b.stl", GRID)
