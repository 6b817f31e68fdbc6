"""Which of a plan's models a picture shows, and how they look again afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.skin_access import ROLE as SKIN_ACCESS
from BoneAblationPlannerLib.scene.stabilisation import CORRIDOR, THREAD


def show(
    nodes: PlanNodes,
    *,
    skin: float,
    bone: float,
    structures: float,
    zones: float,
    shafts: float,
    margin_map: float,
    added: float = 0.0,
    access: float = 0.0,
) -> None:
    """Set opacities of the plan's models; 0 hides. `added` is cement and screws, `access` the map on the skin."""
    by_role = {"bone-surface": bone, "skin-surface": skin, "structure-surface": structures}
    for node in nodes.surfaces:
        _set_opacity(node, by_role[node.GetAttribute("BonePlan.Role")])
    for node in nodes.zones:
        _set_opacity(node, zones)
    for node in nodes.visible_zones:
        _set_opacity(node, zones / 3)
    for node in nodes.shafts:
        _set_opacity(node, shafts)
    _set_opacity(nodes.margin_map, margin_map)
    for node in skin_access_models(nodes):
        _set_opacity(node, access)
    for node in _added_models(nodes):
        _set_opacity(node, 0.0 if node.GetAttribute("BonePlan.Role") == CORRIDOR else added)


@contextmanager
def display_of_pictures(nodes: PlanNodes) -> Iterator[None]:
    """Let the pictures change how models look, and put that back."""
    models = [*nodes.surfaces, *nodes.zones, *nodes.visible_zones, *nodes.shafts, nodes.margin_map]
    models += (*_added_models(nodes), *skin_access_models(nodes))
    cut = {n.GetDisplayNode() for n in _added_models(nodes) if n.GetAttribute("BonePlan.Role") == THREAD}
    displays = [n.GetDisplayNode() for n in models]
    before = [(d.GetOpacity(), d.GetVisibility(), d.GetVisibility2D(), d.GetBackfaceCulling()) for d in displays]
    thickness = nodes.segmentation.GetDisplayNode().GetSliceIntersectionThickness()
    try:
        for display in displays:
            display.SetVisibility2D(display in cut)
            display.SetBackfaceCulling(True)  # translucent far walls only blur the picture
        nodes.segmentation.GetDisplayNode().SetSliceIntersectionThickness(3)
        yield
    finally:
        nodes.segmentation.GetDisplayNode().SetSliceIntersectionThickness(thickness)
        for display, (opacity, visible, visible_2d, culling) in zip(displays, before, strict=True):
            display.SetOpacity(opacity)
            display.SetVisibility(visible)
            display.SetVisibility2D(visible_2d)
            display.SetBackfaceCulling(culling)


def _added_models(nodes: PlanNodes) -> tuple[Any, ...]:
    """Models of cement, screws and corridors."""
    return tuple(node for node in nodes.stabilisation if node.IsA("vtkMRMLModelNode"))


def skin_access_models(nodes: PlanNodes) -> tuple[Any, ...]:
    """The model of the skin coloured by its ease of access."""
    return tuple(node for node in nodes.owned if node.GetAttribute("BonePlan.Role") == SKIN_ACCESS)


def _set_opacity(node: Any, opacity: float) -> None:
    node.GetDisplayNode().SetOpacity(opacity)
    node.GetDisplayNode().SetVisibility(opacity > 0)
