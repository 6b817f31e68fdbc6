"""Tables and curves of a plan in layouts that a person reaches from the panels, on Slicer's own layout logic."""

import pytest
import slicer
from panels import CEMENT, run
from phantoms import coarse_result

from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.runtime import application_logic, quiet_vtk


@pytest.fixture
def layout(host):
    """The desktop's layout: the logic makes the view nodes that a layout asks for."""
    logic = slicer.vtkMRMLLayoutLogic()
    with quiet_vtk():
        logic.SetMRMLApplicationLogic(application_logic(host.scene))
        logic.SetMRMLScene(host.scene)
    node = logic.GetLayoutNode()
    node.SetViewArrangement(node.SlicerLayoutFourUpView)
    yield node
    logic.SetMRMLScene(None)


@pytest.fixture
def cement(host, planner, layout):
    """The open cement panel in a scene with the coarse plan."""
    planner.logic.addPlan(coarse_result())
    return host.open(host.load(CEMENT))


def texts(combo):
    return [combo.itemText(n) for n in range(combo.count)]


def choose(ui, text):
    ui.figureCombo.setCurrentIndex(texts(ui.figureCombo).index(text))


def view_of(scene, kind):
    return scene.GetFirstNodeByClass(kind)


def test_without_a_plan_there_is_nothing_to_show(planner):
    assert not planner.ui.figureButton.enabled
    assert "a plan" in planner.ui.figureButton.toolTip
    assert not planner.ui.planningViewsButton.enabled


def test_tables_are_shown_beside_the_slices_and_back(host, layout, planned):
    ui = planned.ui
    assert texts(ui.figureCombo) == ["Table: needles", "Table: distances", "Table: coverage"]
    choose(ui, "Table: distances")
    ui.figureButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpTableView
    table = view_of(host.scene, "vtkMRMLTableViewNode").GetTableNode()
    wanted = next(
        n for n in plan_nodes(planned.parameters.plan).tables if n.GetAttribute("BonePlan.Table") == "clearances"
    )
    assert table is wanted
    choose(ui, "Table: coverage")
    ui.figureButton.click()
    assert view_of(host.scene, "vtkMRMLTableViewNode").GetTableNode().GetAttribute("BonePlan.Table") == "coverage"
    ui.planningViewsButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView
    assert not ui.planningViewsButton.enabled


def test_curves_of_screws_and_rigidity_are_shown_and_the_layout_of_before_returns(host, layout, cement):
    ui = cement.ui
    layout.SetViewArrangement(layout.SlicerLayoutConventionalView)
    run(host, cement, ui.screwsButton)
    (document,) = plan_documents(host.scene)
    charts = [n for n in plan_nodes(document).owned if n.IsA("vtkMRMLPlotChartNode")]
    assert charts
    assert texts(ui.figureCombo)[3:] == [f"Curve: {chart.GetTitle()}" for chart in charts]
    choose(ui, f"Curve: {charts[0].GetTitle()}")
    ui.figureButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutConventionalPlotView
    assert view_of(host.scene, "vtkMRMLPlotViewNode").GetPlotChartNodeID() == charts[0].GetID()
    assert charts[0].GetNthPlotSeriesNode(0).GetTableNode().GetNumberOfRows() > 1
    ui.planningViewsButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutConventionalView


def test_from_a_table_to_a_curve_the_way_back_leads_to_the_slices(host, layout, cement):
    ui = cement.ui
    run(host, cement, ui.screwsButton)
    choose(ui, "Table: needles")
    ui.figureButton.click()
    choose(ui, texts(ui.figureCombo)[3])
    ui.figureButton.click()
    assert view_of(host.scene, "vtkMRMLPlotViewNode").GetPlotChartNodeID()
    ui.planningViewsButton.click()
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView


def test_a_table_that_was_deleted_is_no_longer_offered(host, layout, planned):
    ui = planned.ui
    choose(ui, "Table: needles")
    host.scene.RemoveNode(plan_nodes(planned.parameters.plan).tables[0])
    ui.figureButton.click()
    host.process()
    assert "Table: needles" not in texts(ui.figureCombo)
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView


def test_without_a_layout_nothing_happens(host, planned):
    planned.ui.figureButton.click()
    assert not planned.ui.planningViewsButton.enabled
    assert planned.ui.messageLabel.text == ""
