"""Surfaces as STL, for printing and for other planners."""

from pathlib import Path
from typing import Any

import numpy as np
import vtk

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.convert import transformed

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_stl(surface: Any, path: Path) -> None:
    """Write a surface in RAS as binary STL in LPS mm, as Slicer does, with the frame in the file's header.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(transformed(surface, _RAS_TO_LPS))
    writer = vtk.vtkSTLWriter()
    writer.SetInputConnection(triangles.GetOutputPort())
    writer.SetFileTypeToBinary()
    writer.SetHeader("SPACE=LPS; unit mm")
    writer.SetFileName(str(path))
    if not writer.Write():
        raise InputError(f"{path}: cannot be written; expected a folder with room to write")
