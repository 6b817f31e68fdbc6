"""Cement, screws and corridors as nodes of a plan, through a file and as STL."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")

import vtk
from phantoms import coarse_result

from BoneAblationPlannerLib.plan import Rigidity, RigidityCurve, Screw, ScrewCorridor, SectionRigidity
from BoneAblationPlannerLib.reevaluation import evaluate_stored
from BoneAblationPlannerLib.scene import stabilisation
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.plan_nodes import plan_nodes, remove_plan
from BoneAblationPlannerLib.scene.refresh import show_stabilisation
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.stl import write_stl
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from CementTrajectoryLib.workflow import plan_cement

TIP = (83.2, -74.0, 67.6)
ENTRY, AXIS, LENGTH = np.array([40.0, -20.0, 10.0]), np.array([0.48, -0.6, 0.64]), 90.0
SCREW = Screw(
    "Screw 1", "iliac crest, right", 7.3, LENGTH, (40.0, -20.0, 10.0), TIP, 2.4, 30.0,
    head_diameter_mm=8.0, hu_every_5_mm=(900.0, 300.0, 250.0),
)  # fmt: skip
CORRIDORS = (
    ScrewCorridor("iliac crest", "right", True, 12.0, 100.0, SCREW.entry_ras_mm, SCREW.tip_ras_mm, True),
    ScrewCorridor("ischium", "left", False, 2.0, reason="not found: too narrow"),
)


@pytest.fixture(scope="module")
def treated():
    """The coarse plan with cement, and a screw that is known by heart."""
    result = plan_cement(coarse_result())
    return replace(result, plan=replace(result.plan, screws=(SCREW,), corridors=CORRIDORS))


def of_role(nodes, role):
    return [n for n in nodes.stabilisation if n.GetAttribute("BonePlan.Role") == role]


def surface_ml(surface):
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(surface)
    triangles.Update()
    mass = vtk.vtkMassProperties()
    mass.SetInputConnection(triangles.GetOutputPort())
    return mass.GetVolume() / 1000


def test_a_plan_with_cement_and_screws_goes_through_a_file(treated, tmp_path):
    scene = new_scene()
    add_plan(scene, treated)
    save_bundle(scene, tmp_path / "plan.mrb")
    stored = read_plan_nodes(loaded := load_bundle(tmp_path / "plan.mrb"))
    assert stored.plan.screws == treated.plan.screws
    assert stored.plan.corridors == CORRIDORS
    grid, cement = treated.anatomy.ct.grid, treated.plan.cement
    np.testing.assert_array_equal(stored.masks["cement"], treated.cement.mask(cement.stop_ml, grid.shape))
    documents = loaded.GetNodesByClass("vtkMRMLTextNode")
    documents.UnRegister(None)
    nodes = plan_nodes(documents.GetItemAsObject(0))
    for node in (*of_role(nodes, "screw-body"), *of_role(nodes, "cement-body"), *of_role(nodes, "cement-shaft")):
        display = node.GetDisplayNode()
        assert display.GetVisibility()
        assert display.GetVisibility2D()
    for number, line in enumerate(of_role(nodes, "cement-needle"), start=1):
        # A name at the entry, lifted above those before, and none in the middle, where that of the probe stands.
        assert line.GetNthControlPointLabel(0).rstrip("\n") == line.GetAttribute("BonePlan.Name")
        assert line.GetNthControlPointLabel(0).count("\n") == 2 * number
        assert not line.GetDisplayNode().GetPropertiesLabelVisibility()
    (line,) = of_role(nodes, "screw")
    np.testing.assert_allclose(line.GetNthControlPointPositionWorld(0), SCREW.entry_ras_mm, atol=1e-6)
    np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), SCREW.tip_ras_mm, atol=1e-6)
    assert len(of_role(nodes, "corridor")) == 1
    steps = next(n for n in of_role(nodes, "stabilisation-table") if n.GetAttribute("BonePlan.Table") == "cement fill")
    assert steps.GetNumberOfRows() == len(cement.steps)
    remove_plan(nodes)
    assert loaded.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0
    assert loaded.GetNumberOfNodesByClass("vtkMRMLModelNode") == 0


def test_a_screw_has_its_size():
    offset = points_array(stabilisation.screw_surface(SCREW)) - ENTRY
    along = offset @ AXIS
    across = np.linalg.norm(offset - np.outer(along, AXIS), axis=1)
    assert along.max() == pytest.approx(LENGTH, abs=1e-3)
    assert along.min() == pytest.approx(-stabilisation.HEAD_HEIGHT * 8.0, abs=1e-3)
    assert across[along > 1.0].max() == pytest.approx(7.3 / 2, rel=1e-3)
    assert across.max() == pytest.approx(4.0, rel=1e-3)


def test_the_cements_surface_has_its_volume(treated):
    grid = treated.anatomy.ct.grid
    mask = treated.cement.mask(treated.plan.cement.stop_ml, grid.shape)
    # Smoothing takes the corners of 2.5 mm voxels off.
    assert surface_ml(stabilisation.cement_surface(treated)) == pytest.approx(mask.sum() * grid.voxel_ml, rel=0.12)


def test_stl_is_in_lps(tmp_path):
    surface = stabilisation.screw_surface(SCREW)
    write_stl(surface, tmp_path / "screw.stl")
    assert b"SPACE=LPS" in (tmp_path / "screw.stl").read_bytes()[:80]
    reader = vtk.vtkSTLReader()
    reader.SetFileName(str(tmp_path / "screw.stl"))
    reader.Update()
    low, high = points_array(surface).min(axis=0), points_array(surface).max(axis=0)
    read = points_array(reader.GetOutput())
    np.testing.assert_allclose(read.min(axis=0), [-high[0], -high[1], low[2]], atol=1e-3)
    np.testing.assert_allclose(read.max(axis=0), [-low[0], -low[1], high[2]], atol=1e-3)


def test_what_is_no_longer_planned_goes(treated):
    scene = new_scene()
    nodes = add_plan(scene, coarse_result())
    count = scene.GetNumberOfNodes()
    shown = show_stabilisation(nodes.document, treated)
    assert {n.GetAttribute("BonePlan.Role") for n in shown.stabilisation} == set(stabilisation.ROLES)
    bare = show_stabilisation(nodes.document, coarse_result())
    assert bare.stabilisation == ()
    assert scene.GetNumberOfNodes() == count
    assert "cement" not in read_plan_nodes(scene).masks


def test_a_loaded_plan_that_is_measured_again_keeps_its_cement(treated, tmp_path):
    scene = new_scene()
    add_plan(scene, treated)
    save_bundle(scene, tmp_path / "plan.mrb")
    again = evaluate_stored(read_plan_nodes(load_bundle(tmp_path / "plan.mrb")))
    assert again.plan.screws == treated.plan.screws
    assert again.plan.corridors == CORRIDORS
    stop_ml, shape = treated.plan.cement.stop_ml, treated.anatomy.ct.grid.shape
    np.testing.assert_array_equal(again.cement.mask(stop_ml, shape), treated.cement.mask(stop_ml, shape))


def test_the_order_of_filling_survives_a_file(treated, tmp_path):
    scene = new_scene()
    add_plan(scene, treated)
    save_bundle(scene, tmp_path / "plan.mrb")
    stored = read_plan_nodes(load_bundle(tmp_path / "plan.mrb"))
    assert stored.cement.region == treated.cement.region
    np.testing.assert_array_equal(stored.cement.filled_at_ml, treated.cement.filled_at_ml)
    again = evaluate_stored(stored)
    shape, cement = treated.anatomy.ct.grid.shape, treated.plan.cement
    for step in cement.steps:
        np.testing.assert_array_equal(
            again.cement.mask(step.injected_ml, shape), treated.cement.mask(step.injected_ml, shape)
        )
    order = treated.cement.filled_at_ml
    assert np.isfinite(order).sum() > 10
    assert len(np.unique(order[np.isfinite(order)])) > 10


def test_the_cement_grows_with_the_volume_that_is_shown(treated):
    scene = new_scene()
    nodes = add_plan(scene, treated)
    (model,) = of_role(nodes, "cement-body")
    seen = []
    for step in treated.plan.cement.steps:
        stabilisation.show_cement_at(nodes.stabilisation, step.injected_ml)
        seen.append(surface_ml(model.GetPolyData()))
        body_ml = treated.cement.mask(step.injected_ml, treated.anatomy.ct.grid.shape).sum() * (
            treated.anatomy.ct.grid.voxel_ml
        )
        # Smoothing a voxel surface shrinks it by a part of its outermost layer.
        assert 0.6 * body_ml <= seen[-1] <= 1.25 * body_ml
    assert seen == sorted(seen)
    stabilisation.show_cement_at(nodes.stabilisation, 0.0)
    assert model.GetPolyData().GetNumberOfPoints() == 0


def test_curves_are_plots_that_go_with_the_plan(treated, tmp_path):
    curve = RigidityCurve((0.0, 3.0, 6.0), (5.0, 4.0, 5.0), (5.0, 5.0, 5.0), (5.0, 6.0, 5.0))
    section = SectionRigidity(1.0, 2.0, 3.0)
    rigidity = Rigidity(section, section, 0.2, curve=curve)
    plan = replace(treated.plan, stability=replace(treated.plan.stability, rigidity=rigidity))
    scene = new_scene()
    add_plan(scene, replace(treated, plan=plan))
    save_bundle(scene, tmp_path / "plan.mrb")
    loaded = load_bundle(tmp_path / "plan.mrb")
    documents = loaded.GetNodesByClass("vtkMRMLTextNode")
    documents.UnRegister(None)
    nodes = plan_nodes(documents.GetItemAsObject(0))
    charts = {n.GetTitle(): n for n in of_role(nodes, "stabilisation-plot") if n.IsA("vtkMRMLPlotChartNode")}
    assert set(charts) == {"Rigidity along the bone", "Density along Screw 1"}
    chart = charts["Rigidity along the bone"]
    lines = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [line.GetYColumnName() for line in lines] == ["reference", "before treatment", "after treatment"]
    table = lines[1].GetTableNode().GetTable()
    column = table.GetColumnByName("before treatment")
    assert [float(column.GetValue(n)) for n in range(3)] == [5.0, 4.0, 5.0]
    remove_plan(nodes)
    assert loaded.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == 0
    assert loaded.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 0
    assert loaded.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
