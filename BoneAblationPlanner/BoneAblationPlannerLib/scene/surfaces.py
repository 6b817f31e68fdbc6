"""Surfaces for display: of masks, ellipsoids and needles. Figures never come from these meshes but from voxels."""

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util import numpy_support

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region
from BoneAblationPlannerLib.scene.convert import fill_image, orthonormal_frame, transformed

_MINIMUM_NEEDLE_MM = 1e-3


def mask_surface(mask: NDArray[np.bool_], grid: Grid, detail_mm: float = 0.0, smoothing: int = 15) -> Any:
    """Closed surface of a mask in RAS.

    Voxels are first averaged in blocks of about `detail_mm`, which keeps the surface of a whole body small and smooth.
    """
    region = bounding_region(mask)
    if region is None:
        return vtk.vtkPolyData()
    k, j, i = (max(1, round(detail_mm / s)) for s in grid.spacing_kji_mm)
    blocks = np.pad(_block_means(mask[region], (k, j, i)), 1)
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(fill_image(vtk.vtkImageData(), blocks))
    contour.SetValue(0, 0.5)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    smoother = vtk.vtkWindowedSincPolyDataFilter()
    smoother.SetInputConnection(contour.GetOutputPort())
    smoother.SetNumberOfIterations(smoothing)
    smoother.SetPassBand(0.1)
    smoother.BoundarySmoothingOff()
    smoother.NonManifoldSmoothingOn()
    smoother.NormalizeCoordinatesOn()
    smoother.Update()
    return transformed(smoother.GetOutput(), _block_to_ras(grid, region, (k, j, i)))


def ellipsoid_surface(centre_ras_mm: ArrayLike, semi_axes_mm: ArrayLike, direction: ArrayLike) -> Any:
    """Ellipsoid with its third semi-axis along a direction, the others across it, in RAS."""
    across_u, across_v, along = np.asarray(semi_axes_mm, dtype=np.float64)
    sphere = vtk.vtkSphereSource()
    sphere.SetRadius(1.0)
    sphere.SetThetaResolution(48)
    sphere.SetPhiResolution(32)
    sphere.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    sphere.Update()
    matrix = np.eye(4)
    matrix[:3, :3] = orthonormal_frame(direction) * [across_u, across_v, along]
    matrix[:3, 3] = np.asarray(centre_ras_mm, dtype=np.float64)
    return transformed(sphere.GetOutput(), matrix)


def needle_surface(tip_ras_mm: ArrayLike, direction: ArrayLike, length_mm: float, diameter_mm: float) -> Any:
    """Cylinder of true diameter that ends at the tip and runs `length_mm` back against the direction."""
    cylinder = vtk.vtkCylinderSource()
    cylinder.SetResolution(24)
    cylinder.SetRadius(max(diameter_mm, _MINIMUM_NEEDLE_MM) / 2)
    cylinder.SetHeight(max(length_mm, _MINIMUM_NEEDLE_MM))
    cylinder.SetCenter(0, -max(length_mm, _MINIMUM_NEEDLE_MM) / 2, 0)
    cylinder.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    cylinder.Update()
    u, v, w = orthonormal_frame(direction).T
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([v, w, u])  # the source's axis is y
    matrix[:3, 3] = np.asarray(tip_ras_mm, dtype=np.float64)
    return transformed(cylinder.GetOutput(), matrix)


def set_scalars(polydata: Any, name: str, values: NDArray[np.float64]) -> None:
    """Make (N,) values the active point scalars."""
    array = numpy_support.numpy_to_vtk(np.ascontiguousarray(values, dtype=np.float64), deep=True)
    array.SetName(name)
    polydata.GetPointData().SetScalars(array)


def _block_means(mask: NDArray[np.bool_], factors: tuple[int, int, int]) -> NDArray[np.float32]:
    if factors == (1, 1, 1):
        return mask.astype(np.float32)
    padded = np.pad(mask, [(0, -n % f) for n, f in zip(mask.shape, factors, strict=True)])
    total = padded.view(np.uint8)
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        split = (*total.shape[:axis], total.shape[axis] // factor, factor, *total.shape[axis + 1 :])
        total = total.reshape(split).sum(axis=axis + 1, dtype=np.uint16)
    return (total / np.float32(np.prod(factors))).astype(np.float32)


def _block_to_ras(grid: Grid, region: tuple[slice, slice, slice], factors: tuple[int, int, int]) -> NDArray[np.float64]:
    """From the index of a padded block to RAS; block b holds voxels start + f (b - 1) ... start + f b - 1."""
    f_ijk = np.array(factors[::-1], dtype=float)
    start_ijk = np.array([s.start for s in region][::-1], dtype=float)
    block_to_ijk = np.eye(4)
    block_to_ijk[:3, :3] = np.diag(f_ijk)
    block_to_ijk[:3, 3] = start_ijk - f_ijk + (f_ijk - 1) / 2
    return grid.ijk_to_ras @ block_to_ijk
