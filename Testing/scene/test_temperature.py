"""A simulation as nodes: volumes, isotherms, a course with a browser, thermocouples; kept in the bundle."""

from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib.case import InsertedMaterial, TemperatureFields
from BoneAblationPlannerLib.plan import Simulation, Thermocouple
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.colours import temperature_table
from BoneAblationPlannerLib.scene.convert import image_array, points_array
from BoneAblationPlannerLib.scene.live import placed_thermocouples, remember
from BoneAblationPlannerLib.scene.plan_nodes import plan_nodes, remove_plan
from BoneAblationPlannerLib.scene.refresh import show_result, thermocouples
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from BoneAblationPlannerLib.scene.temperature import COURSE, frame_times_s, level_surface
from BoneAblationPlannerLib.zones.heat.recording import frame_grid
from BoneAblationPlannerLib.zones.heat.tissue_map import simulation_grid

PEAK_CELSIUS, SLOPE = 97.0, 2.5
"""A cone of temperature: 97 degrees in the middle, 2.5 less per mm."""


def simulated(cold=False):
    """A result with a cone of temperature around the lesion's centre, growing over three moments."""
    result = make_result()
    grid = result.anatomy.ct.grid
    centre = np.array(result.plan.lesion.centroid_ras_mm)
    block = simulation_grid(grid, [centre], 26.0, 1.0)
    away = np.linalg.norm(block.ras_of_mask(np.ones(block.shape, bool)) - centre, axis=1).reshape(block.shape)
    hot = np.maximum(37.0, PEAK_CELSIUS - SLOPE * away).astype(np.float32)
    frames = frame_grid(block)
    moments = np.stack([np.full(frames.shape, t, np.float32) for t in (37.0, 50.0, 43.0)])
    fields = TemperatureFields(
        grid=block,
        hottest_celsius=np.full(block.shape, 37.0, np.float32) if cold else hot,
        coldest_celsius=(74.0 - hot) if cold else np.full(block.shape, 37.0, np.float32),
        cem43_min=None if cold else np.float32(10) ** ((hot - 43) / 10),
        small_zone=away <= 8,
        large_zone=away <= 14,
        frame_grid=frames,
        frame_times_s=np.array([0.0, 60.0, 120.0]),
        frames_celsius=moments,
    )
    wire = Thermocouple("nerve", tuple(centre), 37.0, 50.0, (0.0, 60.0, 120.0), (37.0, 50.0, 43.0),
                        () if cold else (0.0, 3.0, 5.0))  # fmt: skip
    simulation = Simulation(1.0, 0.8, 1.0, 3.0, 20.0, (), thermocouples=(wire,))
    zone = replace(result.plan.zone, model="ice" if cold else "heat")
    return replace(result, plan=replace(result.plan, simulation=simulation, zone=zone), temperatures=fields), centre


def roles(nodes):
    return sorted(node.GetAttribute("BonePlan.Role") for node in nodes.temperature)


@pytest.mark.parametrize("cold", [False, True])
def test_isotherms_lie_where_the_temperature_was_reached(cold):
    result, centre = simulated(cold)
    nodes = add_plan(new_scene(), result)
    wanted = {0.0: (37 + 37 - 0.0), -20.0: (74 + 20.0)} if cold else {43.0: 43.0, 50.0: 50.0, 60.0: 60.0}
    found = {}
    for node in nodes.temperature:
        if node.GetAttribute("BonePlan.Role") == "isotherm":
            found[float(node.GetName().split()[0])] = np.linalg.norm(points_array(node.GetPolyData()) - centre, axis=1)
    assert set(found) == set(wanted)
    for level, mirrored in wanted.items():
        radius = (PEAK_CELSIUS - mirrored) / SLOPE
        assert np.abs(found[level] - radius).max() < 0.25


@pytest.mark.parametrize("cold", [False, True])
def test_colours_darken_towards_harm_and_are_the_plans_own(cold):
    table = temperature_table(cold)
    light = table @ (0.2126, 0.7152, 0.0722)  # relative luminance, Rec. 709, of colours as they are
    steps = np.diff(light)
    assert (steps > 0).all() if cold else (steps < 0).all()
    result, _ = simulated(cold)
    scene = new_scene()
    nodes = add_plan(scene, result)
    colours = next(n for n in nodes.temperature if n.GetAttribute("BonePlan.Role") == "temperature-colours")
    volumes = [n for n in nodes.temperature if n.IsA("vtkMRMLScalarVolumeNode")]
    assert volumes
    assert all(n.GetDisplayNode().GetColorNodeID() == colours.GetID() for n in volumes)
    assert plan_nodes(nodes.document).margin_colours.GetName() == nodes.margin_colours.GetName()


def test_a_level_surface_on_an_oblique_grid_is_closed():
    import vtk

    result, _ = simulated()
    surface = level_surface(result.temperatures.hottest_celsius, 40.0, result.temperatures.grid)
    edges = vtk.vtkFeatureEdges()
    edges.SetInputData(surface)
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.Update()
    assert edges.GetOutput().GetNumberOfCells() == 0


def test_everything_survives_the_bundle(tmp_path):
    result, centre = simulated()
    scene = new_scene()
    nodes = add_plan(scene, result)
    save_bundle(scene, tmp_path / "plan.mrb")
    loaded = load_bundle(tmp_path / "plan.mrb")
    document = next(d for d in [loaded.GetFirstNodeByClass("vtkMRMLTextNode")] if d is not None)
    again = plan_nodes(document)
    assert roles(again) == roles(nodes)
    course = next(n for n in again.temperature if n.GetAttribute("BonePlan.Role") == COURSE)
    assert frame_times_s(course) == [0.0, 60.0, 120.0]
    browser = next(n for n in again.temperature if n.IsA("vtkMRMLSequenceBrowserNode"))
    shown = browser.GetProxyNode(course)
    for number, celsius in enumerate((37.0, 50.0, 43.0)):  # the browser is the slider over time
        browser.SetSelectedItemNumber(number)
        assert image_array(shown.GetImageData()).max() == pytest.approx(celsius)
    table = next(n for n in again.temperature if n.IsA("vtkMRMLTableNode")).GetTable()
    assert [table.GetValueByName(n, "nerve C").ToDouble() for n in range(3)] == [37.0, 50.0, 43.0]
    assert placed_thermocouples(document)["nerve"] == pytest.approx(tuple(centre), abs=0.01)


def test_a_result_without_simulation_takes_the_nodes_away_but_not_the_points():
    result, _ = simulated()
    scene = new_scene()
    nodes = add_plan(scene, result)
    remember(nodes, result)
    plain = replace(result, plan=replace(result.plan, simulation=None), temperatures=None)
    after = show_result(nodes.document, plain)
    assert after.temperature == ()
    assert list(placed_thermocouples(nodes.document)) == ["nerve"]
    assert roles(show_result(nodes.document, result)) == roles(nodes)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 1


def test_thermocouples_can_be_placed_before_any_simulation():
    import vtk

    nodes = add_plan(new_scene(), make_result())
    assert placed_thermocouples(nodes.document) == {}
    points = thermocouples(nodes.document)
    points.AddControlPoint(vtk.vtkVector3d(1.0, 2.0, 3.0), "a")
    points.AddControlPoint(vtk.vtkVector3d(4.0, 5.0, 6.0), "a")
    assert thermocouples(nodes.document) is points
    assert placed_thermocouples(nodes.document) == {"a": (1.0, 2.0, 3.0), "a (2)": (4.0, 5.0, 6.0)}
    before = points.GetScene()
    remove_plan(plan_nodes(nodes.document))
    assert before.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0


def test_inserted_material_is_read_back_and_a_painted_segment_counts():
    result = make_result()
    mask = np.zeros(result.anatomy.ct.grid.shape, dtype=bool)
    mask[20:24, 30:34, 40:44] = True
    anatomy = replace(result.anatomy, inserted=(InsertedMaterial("co2", "carbon dioxide", mask),))
    scene = new_scene()
    nodes = add_plan(scene, replace(result, anatomy=anatomy))
    stored = read_plan_nodes(scene)
    assert [(i.name, i.tissue) for i in stored.inserted] == [("co2", "carbon dioxide")]
    assert (stored.inserted[0].mask == mask).all()
    segment = nodes.segmentation.GetSegmentation().GetSegment("inserted-1")
    segment.RemoveTag("BonePlan.Role")  # as a segment that a person painted
    segment.SetName("Saline")
    assert [(i.name, i.tissue) for i in read_plan_nodes(scene).inserted] == [("Saline", "saline")]
