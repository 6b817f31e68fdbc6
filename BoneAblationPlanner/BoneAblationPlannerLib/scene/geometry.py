"""Where nodes lie in the world: their grids, with the linear transforms they are under applied."""

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.convert import matrix_array


def to_world(node: Any, name: str) -> NDArray[np.float64]:
    """Matrix (4, 4) of the transforms that a node is under; raises InputError where one of them warps."""
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(f"{name}: is under a warping transform {parent.GetName()!r}; expected it hardened")
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return matrix_array(matrix)


def world_grid(node: Any, name: str) -> Grid:
    """The grid of a volume node in the world."""
    ni, nj, nk = node.GetImageData().GetDimensions()
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return grid_or_error((nk, nj, ni), to_world(node, name) @ matrix_array(matrix), name)


def grid_or_error(shape: tuple[int, ...], ijk_to_ras: NDArray[np.float64], name: str) -> Grid:
    """A grid; raises InputError for axes that are not orthogonal."""
    try:
        return Grid(shape, ijk_to_ras)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
