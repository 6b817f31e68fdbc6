"""numpy <-> VTK: matrices, images, point sets and the frame along a needle."""

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util import numpy_support

from BoneAblationPlannerLib.frames import Grid, unit_vector
from BoneAblationPlannerLib.regions import Region


def vtk_matrix(matrix: ArrayLike) -> Any:
    """A vtkMatrix4x4 with the values of a (4, 4) array."""
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, dtype=np.float64).ravel().tolist())
    return result


def matrix_array(matrix: Any) -> NDArray[np.float64]:
    """The (4, 4) array of a vtkMatrix4x4."""
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)], dtype=np.float64)


def unique_name(scene: Any, text: str) -> str:
    """A node name that no other node has and that a scene file can hold.

    Slicer derives file names from node names and writes ``&`` in them unescaped, which makes the scene unreadable.
    """
    return str(scene.GenerateUniqueName(printable(text).replace("&", "+")))


def printable(text: str) -> str:
    """One line without control characters, which neither scene files nor segmentation headers can hold."""
    return "".join(c if c.isprintable() else " " for c in text)


def fill_image(image: Any, array: NDArray, region: Region | None = None) -> Any:
    """Copy an array [k, j, i] into a vtkImageData; `region` places it in a larger grid by its extent."""
    k, j, i = (s.start for s in region) if region else (0, 0, 0)
    nk, nj, ni = array.shape
    image.SetExtent(i, i + ni - 1, j, j + nj - 1, k, k + nk - 1)
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def image_array(image: Any) -> NDArray:
    """The voxels [k, j, i] of a vtkImageData as a view that is valid while the image lives."""
    ni, nj, nk = image.GetDimensions()
    if min(ni, nj, nk) < 1 or image.GetPointData().GetScalars() is None:
        return np.zeros((0, 0, 0), dtype=np.uint8)
    return numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(nk, nj, ni)


def orthonormal_frame(direction: ArrayLike) -> NDArray[np.float64]:
    """A right-handed rotation (3, 3) whose third column is the direction; defined for every direction.

    The helper axis is the coordinate axis least aligned with the direction, so no direction is degenerate.
    """
    w = unit_vector(direction)
    helper = np.eye(3)[int(np.argmin(np.abs(w)))]
    u = unit_vector(np.cross(helper, w))
    return np.column_stack([u, np.cross(w, u), w])


def transformed(polydata: Any, matrix: NDArray[np.float64]) -> Any:
    """Polydata moved by an affine (4, 4) matrix, in double precision, with outward normals."""
    transform = vtk.vtkTransform()
    transform.SetMatrix(vtk_matrix(matrix))
    mover = vtk.vtkTransformPolyDataFilter()
    mover.SetInputData(polydata)
    mover.SetTransform(transform)
    mover.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(mover.GetOutputPort())
    normals.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    normals.SplittingOff()
    normals.ConsistencyOn()
    normals.AutoOrientNormalsOn()
    normals.Update()
    return normals.GetOutput()


def points_array(polydata: Any) -> NDArray[np.float64]:
    """Vertices (N, 3) of polydata."""
    if polydata.GetNumberOfPoints() == 0:
        return np.zeros((0, 3))
    return numpy_support.vtk_to_numpy(polydata.GetPoints().GetData()).astype(np.float64)


def grid_of(image: Any, ijk_to_ras: Any) -> Grid:
    """The grid of a vtkImageData whose extent starts at 0 and of its vtkMatrix4x4 to RAS."""
    ni, nj, nk = image.GetDimensions()
    return Grid((nk, nj, ni), matrix_array(ijk_to_ras))
