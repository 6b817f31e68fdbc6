"""Layouts with a table or a plot beside the slices, and back to the layout of before."""

from typing import Any

from BoneAblationPlannerLib.scene.plan_nodes import plan_nodes
from BoneAblationPlannerLib.scene.runtime import application_logic, slicer_module
from BoneAblationPlannerLib.scene.tables import TABLE_ATTRIBUTE, TABLES

_BEFORE = "BonePlan.LayoutBefore"


def plan_figures(document: Any) -> list[Any]:
    """Table nodes of a plan's figures, then its charts (vtkMRMLPlotChartNode)."""
    owned = plan_nodes(document).owned
    tables = [node for node in owned if node.GetAttribute(TABLE_ATTRIBUTE) in TABLES]
    return tables + [node for node in owned if node.IsA("vtkMRMLPlotChartNode")]


def show_figure(node: Any) -> bool:
    """Show a table or chart in a layout that has a view for it; False where the scene has no layout."""
    scene = node.GetScene()
    layout = _layout(scene)
    if layout is None:
        return False
    shown = layout.GetViewArrangement()
    application = application_logic(scene)
    selection = application.GetSelectionNode()
    if node.IsA("vtkMRMLPlotChartNode"):
        wanted = slicer_module().vtkSlicerPlotsLogic().GetLayoutWithPlot(shown)
        selection.SetReferenceActivePlotChartID(node.GetID())
    else:
        wanted = slicer_module().vtkSlicerTablesLogic().GetLayoutWithTable(shown)
        selection.SetReferenceActiveTableID(node.GetID())
    if layout.GetAttribute(_BEFORE) is None and wanted != shown:
        layout.SetAttribute(_BEFORE, str(shown))
    layout.SetViewArrangement(wanted)  # makes the view that the selection is then told to
    if node.IsA("vtkMRMLPlotChartNode"):
        application.PropagatePlotChartSelection()
    else:
        application.PropagateTableSelection()
    return True


def can_go_back(scene: Any) -> bool:
    """Whether a table or plot took the place of another layout."""
    layout = _layout(scene)
    return layout is not None and layout.GetAttribute(_BEFORE) is not None


def go_back(scene: Any) -> None:
    """The layout of before the first table or plot was shown."""
    layout = _layout(scene)
    if layout is not None and layout.GetAttribute(_BEFORE) is not None:
        layout.SetViewArrangement(int(layout.GetAttribute(_BEFORE)))
        layout.SetAttribute(_BEFORE, None)


def _layout(scene: Any) -> Any:
    return scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
