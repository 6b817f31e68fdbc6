"""Model nodes: surfaces with their display."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.scene.colours import MARGIN_RANGE_MM, ROLE_COLOURS, Colour, structure_colour
from BoneAblationPlannerLib.scene.convert import points_array, unique_name
from BoneAblationPlannerLib.scene.surfaces import mask_surface, set_scalars

MARGIN_SCALARS = "margin_mm"
_BONE_DETAIL_MM = 2.0
_SKIN_DETAIL_MM = 4.0
_STRUCTURE_DETAIL_MM = 2.0


def add_model(scene: Any, name: str, polydata: Any, role: str, colour: Colour, opacity: float) -> Any:
    """A model node with its own display, outlined in slice views where it is a zone or a needle."""
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", unique_name(scene, name))
    node.SetAndObservePolyData(polydata)
    node.SetAttribute("BonePlan.Role", role)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*colour)
    display.SetOpacity(opacity)
    display.SetBackfaceCulling(False)
    display.SetVisibility2D(role in ("shaft",))
    display.SetSliceIntersectionThickness(2)
    return node


def show_margins(node: Any, colours: Any) -> None:
    """Colour a model by its signed margins over a fixed range, so that two plans can be compared by eye."""
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colours.GetID())
    display.SetActiveScalarName(MARGIN_SCALARS)
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(-MARGIN_RANGE_MM, MARGIN_RANGE_MM)
    display.ScalarVisibilityOn()


def add_margin_map(scene: Any, result: PlanningResult, colours: Any, name: str) -> Any:
    """The lesion's surface with the signed margin (mm) of the nearest evaluated point at every vertex."""
    surface = mask_surface(result.anatomy.lesion, result.anatomy.ct.grid)
    set_scalars(surface, MARGIN_SCALARS, nearest_margins(result, points_array(surface)))
    node = add_model(scene, name, surface, "margin-map", ROLE_COLOURS["lesion"], 1.0)
    show_margins(node, colours)
    return node


def nearest_margins(result: PlanningResult, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed margin (N,) in mm of the evaluated surface point nearest to each point (N, 3)."""
    if len(result.surface_points_ras_mm) == 0 or len(points_ras_mm) == 0:
        return np.zeros(len(points_ras_mm))
    _, nearest = cKDTree(result.surface_points_ras_mm).query(points_ras_mm)
    return np.asarray(result.surface_margins_mm, dtype=np.float64)[nearest]


def add_anatomy(scene: Any, result: PlanningResult) -> tuple[Any, ...]:
    """Coarse surfaces of bone, skin and structures for the 3D view (the masks are in the segmentation)."""
    anatomy = result.anatomy
    grid = anatomy.ct.grid
    bone = mask_surface(anatomy.bone, grid, _BONE_DETAIL_MM)
    skin = mask_surface(anatomy.body, grid, _SKIN_DETAIL_MM)
    nodes = [
        add_model(scene, "Bone surface", bone, "bone-surface", ROLE_COLOURS["bone"], 1.0),
        add_model(scene, "Skin surface", skin, "skin-surface", ROLE_COLOURS["skin"], 0.15),
    ]
    for structure in anatomy.structures:
        if structure.kind == "skin":
            continue
        surface = mask_surface(structure.mask, grid, _STRUCTURE_DETAIL_MM)
        colour = structure_colour(structure.kind)
        nodes.append(add_model(scene, f"{structure.name} surface", surface, "structure-surface", colour, 1.0))
    return tuple(nodes)
