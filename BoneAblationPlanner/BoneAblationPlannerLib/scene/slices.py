"""Turning the slice views: along a needle, across it, and back to the standard."""

from typing import Any

import numpy as np

from BoneAblationPlannerLib.plan import Point
from BoneAblationPlannerLib.scene.convert import vtk_matrix
from BoneAblationPlannerLib.views.planes import (
    Plane,
    across_needle,
    along_needle,
    axial,
    coronal,
    down_the_barrel,
    sagittal,
)

RED, YELLOW, GREEN = "Red", "Yellow", "Green"


def show_along(scene: Any, entry_ras_mm: Point, tip_ras_mm: Point, depth_mm: float) -> None:
    """Red: down the barrel at a depth from the entry. Yellow and green: the two planes that hold the needle."""
    entry, direction = np.asarray(entry_ras_mm), np.subtract(tip_ras_mm, entry_ras_mm)
    centre = entry + direction / np.linalg.norm(direction) * depth_mm
    _turn(scene, RED, down_the_barrel(centre, direction))
    _turn(scene, YELLOW, along_needle(centre, direction))
    _turn(scene, GREEN, across_needle(centre, direction))


def show_standard(scene: Any, centre_ras_mm: Point) -> None:
    """Red axial, yellow sagittal, green coronal, all through a point."""
    _turn(scene, RED, axial(centre_ras_mm))
    _turn(scene, YELLOW, sagittal(centre_ras_mm))
    _turn(scene, GREEN, coronal(centre_ras_mm))


def jump(scene: Any, point_ras_mm: Point) -> None:
    """Move all slices to a point, turned as they are."""
    for node in _slice_nodes(scene):
        node.JumpSliceByCentering(*point_ras_mm)


def _turn(scene: Any, layout_name: str, plane: Plane) -> None:
    for node in _slice_nodes(scene):
        if node.GetLayoutName() == layout_name:
            node.GetSliceToRAS().DeepCopy(vtk_matrix(plane.slice_to_ras()))
            node.UpdateMatrices()


def _slice_nodes(scene: Any) -> list[Any]:
    nodes = scene.GetNodesByClass("vtkMRMLSliceNode")
    nodes.UnRegister(None)
    return [nodes.GetItemAsObject(n) for n in range(nodes.GetNumberOfItems())]
