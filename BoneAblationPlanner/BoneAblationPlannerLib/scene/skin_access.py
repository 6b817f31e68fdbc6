"""Good and bad skin as a coloured surface: how easy the best path from there is, or what keeps it from being used."""

import json
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from vtk.util import numpy_support

from BoneAblationPlannerLib.case import PlanningResult, SkinMap
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.scene.convert import points_array, unique_name
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.surfaces import mask_surface, set_scalars

ROLE = "skin-access"
EFFORT_SCALARS = "effort"
REASON_SCALARS = "reason"
REASONS_ATTRIBUTE = "BonePlan.Reasons"
EXCLUDED = -1.0
"""Scalar of skin from which no path is admissible."""
HARDEST = 4.0
"""Effort from which colours no longer change."""
_DETAIL_MM = 4.0
_NEAR_MM = 10.0
"""Skin farther than this from every entry that was tried is left out."""
_COLOURS = 256
EASY, MIDDLING, HARD = (0.00, 0.45, 0.70), (0.94, 0.89, 0.26), (0.84, 0.37, 0.00)
"""Blue, yellow and vermillion of Okabe and Ito."""
NO_WAY = (0.45, 0.45, 0.45)
LEGEND: tuple[tuple[str, Colour], ...] = (
    ("easy way in", EASY),
    ("middling", MIDDLING),
    ("hard", HARD),
    ("no way in from here", NO_WAY),
)


def add_skin_access(scene: Any, result: PlanningResult, name: str) -> tuple[Any, ...]:
    """Hidden model and its colours; nothing where the skin was not searched. Reasons in words are an attribute."""
    if result.skin is None or len(result.skin.points_ras_mm) == 0:
        return ()
    surface = skin_access_surface(result, result.skin)
    node = add_model(scene, "Skin access", surface, ROLE, ROLE_COLOURS["skin"], 0.8)
    words = {"0": "a path is admissible", **{str(n): text for n, text in enumerate(result.skin.reasons, start=1)}}
    node.SetAttribute(REASONS_ATTRIBUTE, json.dumps(words))
    colours = _add_colours(scene, f"{name} skin colours")
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colours.GetID())
    display.SetActiveScalarName(EFFORT_SCALARS)
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(EXCLUDED, HARDEST)
    display.ScalarVisibilityOn()
    display.SetVisibility(False)
    return node, colours


def skin_access_surface(result: PlanningResult, skin: SkinMap) -> Any:
    """The skin near the entries that were tried; every vertex has effort and reason of the nearest of them."""
    surface = mask_surface(result.anatomy.body, result.anatomy.ct.grid, _DETAIL_MM)
    away, nearest = cKDTree(skin.points_ras_mm).query(points_array(surface))
    part = _cells_of(surface, away <= _NEAR_MM)
    _, nearest = cKDTree(skin.points_ras_mm).query(points_array(part)) if part.GetNumberOfPoints() else (None, [])
    effort = np.where(skin.reason == 0, skin.score, EXCLUDED)[nearest]
    set_scalars(part, REASON_SCALARS, skin.reason[nearest].astype(np.float64))
    reasons = part.GetPointData().GetArray(REASON_SCALARS)
    set_scalars(part, EFFORT_SCALARS, effort)
    part.GetPointData().AddArray(reasons)
    return part


def _cells_of(surface: Any, kept: NDArray[np.bool_]) -> Any:
    """The triangles of which all vertices are kept."""
    flags = numpy_support.numpy_to_vtk(kept.astype(np.uint8), deep=True)
    flags.SetName("kept")
    marked = vtk.vtkPolyData()
    marked.ShallowCopy(surface)
    marked.GetPointData().SetScalars(flags)
    threshold = vtk.vtkThreshold()
    threshold.SetInputData(marked)
    threshold.SetUpperThreshold(0.5)
    threshold.SetThresholdFunction(vtk.vtkThreshold.THRESHOLD_UPPER)
    faces = vtk.vtkGeometryFilter()
    faces.SetInputConnection(threshold.GetOutputPort())
    faces.Update()
    part = faces.GetOutput()
    part.GetPointData().RemoveArray("kept")
    return part


def _add_colours(scene: Any, name: str) -> Any:
    """Grey below 0, then from easy to hard."""
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", unique_name(scene, name))
    node.SetTypeToUser()
    node.SetNumberOfColors(_COLOURS)
    stops = np.array([EASY, MIDDLING, HARD])
    for n, effort in enumerate(np.linspace(EXCLUDED, HARDEST, _COLOURS)):
        place = effort / HARDEST * 2
        mixed = [float(np.interp(place, range(3), stops[:, c])) for c in range(3)]
        red, green, blue = NO_WAY if effort < 0 else mixed
        node.SetColor(n, "excluded" if effort < 0 else f"effort {effort:.2f}", red, green, blue, 1.0)
    node.SetAttribute("Category", "Bone ablation")
    node.GetLookupTable().SetTableRange(EXCLUDED, HARDEST)
    return node
