"""Cement of a plan as MRML nodes: needles as lines and as tubes of true diameter, in the plan's folder."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk

from BoneAblationPlannerLib.plan import CementNeedle, Plan
from BoneAblationPlannerLib.scene.colours import Colour
from BoneAblationPlannerLib.scene.hierarchy import add_folder, folder_of, hierarchy
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.probes import LINE_CLASS
from BoneAblationPlannerLib.scene.surfaces import needle_surface
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM

LINE_ROLE, SHAFT_ROLE = "cement-needle", "cement-shaft"
FOLDER = "Cement needles"
_COLOUR: Colour = (0.80, 0.47, 0.65)
_OWNED = "BonePlan.Owned"


@dataclass(frozen=True, eq=False)
class CementNodes:
    """The nodes of a plan's cement; `folder` is their subject-hierarchy item."""

    lines: tuple[Any, ...]
    shafts: tuple[Any, ...]
    folder: int


def add_cement(document: Any, plan: Plan) -> CementNodes:
    """Show the cement of a plan beside its probes, in place of what was shown before, and store it in its document.

    Parameters
    ----------
    document : vtkMRMLTextNode
        Of the plan in the scene.
    plan : Plan
        The same plan with `cement` filled.
    """
    if plan.cement is None:
        raise ValueError("plan: has no cement; expected one with cement planned")
    scene = document.GetScene()
    remove_cement(document)
    lines = tuple(_add_line(scene, needle) for needle in plan.cement.needles)
    shafts = tuple(_add_shaft(scene, needle) for needle in plan.cement.needles)
    for node in (*lines, *shafts):
        document.AddNodeReferenceID(_OWNED, node.GetID())
    document.SetText(json.dumps(plan.to_json(), indent=1, allow_nan=False))
    return CementNodes(lines, shafts, add_folder(scene, FOLDER, (*lines, *shafts), folder_of(scene, document)))


def remove_cement(document: Any) -> None:
    """Remove the cement nodes of a plan with their displays, and their folder."""
    scene = document.GetScene()
    tree = hierarchy(scene)
    for node in cement_nodes(document):
        folder = tree.GetItemParent(tree.GetItemByDataNode(node))
        displays = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        storage = node.GetStorageNode()
        scene.RemoveNode(node)
        for helper in (*displays, storage):
            if helper is not None:
                scene.RemoveNode(helper)
        if (
            folder != tree.GetInvalidItemID()
            and tree.GetItemName(folder) == FOLDER
            and not tree.GetNumberOfItemChildren(folder)
        ):
            tree.RemoveItem(folder, False, False)


def cement_nodes(document: Any) -> list[Any]:
    """Lines and tubes of cement needles that belong to a plan."""
    owned = [document.GetNthNodeReference(_OWNED, n) for n in range(document.GetNumberOfNodeReferences(_OWNED))]
    return [n for n in owned if n is not None and n.GetAttribute("BonePlan.Role") in (LINE_ROLE, SHAFT_ROLE)]


def _add_line(scene: Any, needle: CementNeedle) -> Any:
    node = scene.AddNewNodeByClass(LINE_CLASS, scene.GenerateUniqueName(needle.name))
    node.AddControlPoint(vtk.vtkVector3d(*needle.entry_ras_mm), f"{needle.name} entry")
    node.AddControlPoint(vtk.vtkVector3d(*needle.tip_ras_mm), f"{needle.name} tip")
    attributes = {
        "Role": LINE_ROLE,
        "Name": needle.name,
        "Gauge": str(needle.gauge),
        "DiameterMm": f"{GAUGE_DIAMETER_MM[needle.gauge]:.3f}",
    }
    if needle.shares_track_with is not None:
        attributes["SharesTrackWith"] = needle.shares_track_with
    for key, value in attributes.items():
        node.SetAttribute(f"BonePlan.{key}", value)
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetSelectedColor(*_COLOUR)
    node.GetDisplayNode().SetColor(*_COLOUR)
    node.GetDisplayNode().PointLabelsVisibilityOff()
    return node


def _add_shaft(scene: Any, needle: CementNeedle) -> Any:
    direction = np.subtract(needle.tip_ras_mm, needle.entry_ras_mm)
    surface = needle_surface(
        needle.tip_ras_mm, direction, float(np.linalg.norm(direction)), GAUGE_DIAMETER_MM[needle.gauge]
    )
    node = add_model(scene, f"{needle.name} shaft", surface, SHAFT_ROLE, _COLOUR, 1.0)
    node.GetDisplayNode().SetVisibility2D(True)
    return node
