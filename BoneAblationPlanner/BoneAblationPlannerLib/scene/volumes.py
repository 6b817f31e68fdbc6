"""The CT as a scalar volume node and back."""

from typing import Any

import numpy as np
import vtk

from BoneAblationPlannerLib.ct import CtVolume, ct_sha256
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.convert import fill_image, grid_of, image_array, printable, unique_name, vtk_matrix

BONE_WINDOW_HU = 1600.0
BONE_LEVEL_HU = 350.0


def add_ct(scene: Any, ct: CtVolume, name: str) -> Any:
    """A vtkMRMLScalarVolumeNode with the voxels and the geometry of a CT, shown in a bone window."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", unique_name(scene, name))
    node.SetIJKToRASMatrix(vtk_matrix(ct.grid.ijk_to_ras))
    node.SetAndObserveImageData(fill_image(vtk.vtkImageData(), ct.hu))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    display.AutoWindowLevelOff()
    display.SetWindowLevel(BONE_WINDOW_HU, BONE_LEVEL_HU)
    node.SetAttribute("BonePlan.Source", printable(ct.source))
    if ct.scanned_position:
        node.SetAttribute("BonePlan.ScannedPosition", ct.scanned_position)
    return node


def volume_grid(node: Any) -> Grid:
    """The grid of a volume node; raises InputError for an empty one or one under a transform."""
    if node.GetImageData() is None or node.GetImageData().GetNumberOfPoints() == 0:
        raise InputError(f"volume {node.GetName()}: holds no image")
    if node.GetParentTransformNode() is not None:
        raise InputError(f"volume {node.GetName()}: is under a transform; expected it hardened")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return grid_of(node.GetImageData(), matrix)


def read_ct(node: Any, notes: tuple[str, ...] = ()) -> CtVolume:
    """The CT of a scalar volume node, with what `add_ct` noted on it."""
    stored = image_array(node.GetImageData())
    hu = stored.copy() if stored.dtype == np.int16 else np.rint(stored).astype(np.int16)
    grid = volume_grid(node)
    return CtVolume(
        grid=grid,
        hu=hu,
        source=node.GetAttribute("BonePlan.Source") or node.GetName(),
        sha256=ct_sha256(grid, hu),  # of the voxels that are there, not of those that once were
        scanned_position=node.GetAttribute("BonePlan.ScannedPosition"),
        notes=notes,
    )
