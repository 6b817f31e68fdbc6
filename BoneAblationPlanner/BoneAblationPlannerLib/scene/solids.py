"""Closed surfaces as voxels of the CT: models in the scene, and model files read as Slicer reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.convert import image_array, points_array, transformed
from BoneAblationPlannerLib.scene.geometry import to_world
from BoneAblationPlannerLib.scene.runtime import new_scene, quiet_vtk, slicer_module

MODEL_FILES = (".stl", ".vtk", ".vtp", ".ply", ".obj")
_SAMPLES_PER_VOXEL = 4
"""Along each axis, so that no corner of a voxel that the surface cuts by more than a quarter is passed by."""


def model_mask(node: Any, grid: Grid) -> NDArray[np.bool_]:
    """Voxels (k, j, i) bool that a model (vtkMRMLModelNode) fills or touches.

    Raises
    ------
    InputError
        For a model without a closed surface, under a warping transform, or outside the CT.
    """
    name = f"model {node.GetName()!r}"
    if node.GetPolyData() is None:
        raise InputError(f"{name}: holds no surface; expected a closed one")
    return solid_mask(node.GetPolyData(), to_world(node, name), grid, name)


def read_model(path: Path, grid: Grid) -> tuple[str, NDArray[np.bool_]]:
    """Name and voxels (k, j, i) bool of a model file; LPS or RAS as its header says, LPS where it says nothing.

    Raises
    ------
    InputError
        For a file that is no model, and as `model_mask`.
    """
    if path.suffix.lower() not in MODEL_FILES:
        raise InputError(f"{path.name}: not a model file; expected {', '.join(MODEL_FILES)}")
    if not path.is_file():
        raise InputError(f"{path.name}: no such file; expected a model")
    slicer_module()
    scene = new_scene()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", path.stem)
    storage = scene.AddNewNodeByClass("vtkMRMLModelStorageNode")
    storage.SetFileName(str(path))
    with quiet_vtk():
        read = storage.ReadData(node)
    if not read or node.GetPolyData() is None or node.GetPolyData().GetNumberOfPoints() == 0:
        raise InputError(f"{path.name}: not readable as a model; expected a closed surface")
    return path.stem, model_mask(node, grid)


def solid_mask(surface: Any, to_ras: NDArray[np.float64], grid: Grid, name: str) -> NDArray[np.bool_]:
    """Voxels (k, j, i) bool that a closed surface (vtkPolyData, taken to RAS mm by a matrix) fills or touches.

    Voxels that the surface itself passes through count, so that a thin structure does not vanish.
    """
    closed = _closed_triangles(surface, name)
    in_voxels = transformed(closed, grid.ras_to_ijk @ to_ras)
    mask = np.zeros(grid.shape, dtype=bool)
    low, high = np.reshape(in_voxels.GetBounds(), (3, 2)).T[:, ::-1]
    start, stop = np.maximum(np.rint(low), 0).astype(int), np.minimum(np.rint(high) + 1, grid.shape).astype(int)
    if (stop > start).all():
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        mask[box] = _filled(in_voxels, start, stop) | _touched(in_voxels, start, stop)
    if not mask.any():
        raise InputError(f"{name}: lies outside the CT; expected a surface in the same place")
    return mask


def _closed_triangles(surface: Any, name: str) -> Any:
    """Triangles with shared points; raises InputError where an edge belongs to one triangle only."""
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(surface)
    triangles.PassVertsOff()
    triangles.PassLinesOff()
    merged = vtk.vtkCleanPolyData()  # STL files repeat every point
    merged.SetInputConnection(triangles.GetOutputPort())
    merged.Update()
    if merged.GetOutput().GetNumberOfPolys() == 0:
        raise InputError(f"{name}: holds no surface; expected a closed one")
    edges = vtk.vtkFeatureEdges()
    edges.SetInputConnection(merged.GetOutputPort())
    edges.FeatureEdgesOff()
    edges.NonManifoldEdgesOff()
    edges.ManifoldEdgesOff()
    edges.BoundaryEdgesOn()
    edges.Update()
    loose = edges.GetOutput().GetNumberOfLines()
    if loose:
        raise InputError(f"{name}: its surface is open ({loose} edges of one triangle only); expected a closed surface")
    return merged.GetOutput()


def _filled(in_voxels: Any, start_kji: NDArray[np.int_], stop_kji: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Voxels of a box whose centres lie inside a closed surface in voxel coordinates."""
    (k, j, i), (nk, nj, ni) = start_kji.tolist(), stop_kji.tolist()
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(in_voxels)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputWholeExtent(i, ni - 1, j, nj - 1, k, nk - 1)
    to_image = vtk.vtkImageStencilToImage()
    to_image.SetInputConnection(stencil.GetOutputPort())
    to_image.SetInsideValue(1)
    to_image.SetOutsideValue(0)
    to_image.SetOutputScalarTypeToUnsignedChar()
    to_image.Update()
    return np.asarray(image_array(to_image.GetOutput()) != 0)


def _touched(in_voxels: Any, start_kji: NDArray[np.int_], stop_kji: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Voxels of a box that hold a point of the surface, which is sampled finely."""
    sampler = vtk.vtkPolyDataPointSampler()
    sampler.SetInputData(in_voxels)
    sampler.SetDistance(1.0 / _SAMPLES_PER_VOXEL)
    sampler.Update()
    kji = np.rint(points_array(sampler.GetOutput())[:, ::-1]).astype(int)
    kji = kji[((kji >= start_kji) & (kji < stop_kji)).all(axis=1)] - start_kji
    mask = np.zeros(stop_kji - start_kji, dtype=bool)
    mask[tuple(kji.T)] = True
    return mask
