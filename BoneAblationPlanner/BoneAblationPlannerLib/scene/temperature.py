"""A simulation as nodes: temperatures and dose as volumes, their surfaces, the course over time, thermocouples.

The course is a sequence with a browser, so that Slicer's own sequence browser is the slider over time.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult, TemperatureFields
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Plan, Point, Simulation
from BoneAblationPlannerLib.scene.colours import Colour, add_temperature_colours
from BoneAblationPlannerLib.scene.convert import fill_image, transformed, unique_name, vtk_matrix
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.runtime import application_logic
from BoneAblationPlannerLib.scene.tables import add_table

FOLDER = "Heat or ice"
THERMOCOUPLES = "thermocouples"
"""Role of the point list; it is the user's, and outlives the simulation that read it."""
COURSE, COURSE_NOW, BROWSER = "temperature-course", "temperature-now", "temperature-browser"
ROLES = (
    "temperature", "temperature-colours", "dose", "isotherm", "dose-surface", "simulated-small", "simulated-large",
    COURSE, COURSE_NOW, BROWSER, "thermocouple-table", "thermocouple-series", "thermocouple-plot",
)  # fmt: skip
_ROLE = "BonePlan.Role"
_COLD_SHOWN, _HOT_SHOWN = (-273.0, 30.0), (40.0, 1000.0)
_PLACED = 2  # vtkMRMLMarkupsNode::PositionDefined
BAND: dict[str, tuple[str, Colour]] = {
    "simulated-small": ("Zone, strong perfusion and weak conduction", (0.0, 0.62, 0.45)),
    "simulated-large": ("Zone, weak perfusion, strong conduction and device", (0.0, 0.45, 0.7)),
}


def add_temperature(scene: Any, result: PlanningResult, name: str) -> tuple[Any, ...]:
    """Every node of a simulation; none without one."""
    fields, simulation = result.temperatures, result.plan.simulation
    if fields is None or simulation is None:
        return ()
    cold = result.plan.zone.model == "ice"
    colours = add_temperature_colours(scene, f"{name} temperature colours", cold)
    colours.SetAttribute(_ROLE, "temperature-colours")
    nodes = [colours, *_volumes(scene, fields, name, cold, colours), *_surfaces(scene, fields, cold)]
    nodes += [*_band(scene, fields), *_course(scene, fields, name, cold, colours)]
    nodes += _curves(scene, simulation, name)
    return tuple(nodes)


def add_thermocouples(scene: Any, plan: Plan, name: str) -> tuple[Any, ...]:
    """The points that a simulation read, as a list that the user moves; none without thermocouples."""
    if plan.simulation is None or not plan.simulation.thermocouples:
        return ()
    node = new_thermocouples(scene, name)
    for wire in plan.simulation.thermocouples:
        node.AddControlPoint(vtk.vtkVector3d(*wire.point_ras_mm), wire.name)
    return (node,)


def new_thermocouples(scene: Any, name: str) -> Any:
    """An empty list of thermocouples, which belongs to the plan of a name."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", unique_name(scene, f"{name} thermocouples"))
    node.SetAttribute(_ROLE, THERMOCOUPLES)
    node.CreateDefaultDisplayNodes()
    return node


def read_thermocouples(node: Any) -> dict[str, Point]:
    """Placed points by name, RAS mm; points of one name get a number."""
    points: dict[str, Point] = {}
    for n in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(n) != _PLACED:
            continue
        label = node.GetNthControlPointLabel(n) or f"T{n + 1}"
        while label in points:
            label = f"{label} ({n + 1})"
        x, y, z = (round(float(v), 2) for v in node.GetNthControlPointPositionWorld(n))
        points[label] = (x, y, z)
    return points


def frame_times_s(course: Any) -> list[float]:
    """Times of the moments of a course."""
    return [float(course.GetNthIndexValue(n)) for n in range(course.GetNumberOfDataNodes())]


def _volumes(scene: Any, fields: TemperatureFields, name: str, cold: bool, colours: Any) -> list[Any]:
    title, values = ("coldest", fields.coldest_celsius) if cold else ("hottest", fields.hottest_celsius)
    shown, title = _range(values, cold), f"{name} {title} temperature"
    nodes = [_volume(scene, title, values, fields.grid, "temperature", shown, colours)]
    if fields.cem43_min is not None:
        dose = np.log10(np.clip(fields.cem43_min, 1e-2, 1e6))  # linear windows show nothing of ten decades
        title = f"{name} dose, log10 of CEM43 min"
        nodes.append(_volume(scene, title, dose, fields.grid, "dose", (-2.0, 4.0), colours))
    return nodes


def _range(values: NDArray[np.float32], cold: bool) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if cold else (37.0, min(float(values.max()), 100.0))


def _volume(
    scene: Any,
    name: str,
    values: NDArray[np.float32],
    grid: Grid,
    role: str,
    shown: tuple[float, float],
    colours: Any,
) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", unique_name(scene, name))
    _fill(node, values, grid)
    node.SetAttribute(_ROLE, role)
    node.CreateDefaultDisplayNodes()
    _window(node, shown, colours)
    return node


def _fill(node: Any, values: NDArray[np.float32], grid: Grid) -> None:
    node.SetIJKToRASMatrix(vtk_matrix(grid.ijk_to_ras))
    node.SetAndObserveImageData(fill_image(vtk.vtkImageData(), np.asarray(values, dtype=np.float32)))


def _window(node: Any, shown: tuple[float, float], colours: Any) -> None:
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colours.GetID())
    display.AutoWindowLevelOff()
    low, high = shown
    display.SetWindowLevel(max(high - low, 1.0), (high + low) / 2)


def _surfaces(scene: Any, fields: TemperatureFields, cold: bool) -> list[Any]:
    """Isotherms of the extreme temperature, and of the dose."""
    extreme = fields.coldest_celsius if cold else fields.hottest_celsius
    nodes = []
    for row in levels()["cold" if cold else "heat"]:
        surface = level_surface(extreme, row["celsius"], fields.grid)
        nodes += _shown(scene, f"{row['celsius']:g} C ever reached", surface, "isotherm", row["colour"])
    for row in levels()["dose"] if fields.cem43_min is not None else ():
        assert fields.cem43_min is not None  # asked above
        surface = level_surface(
            np.log10(np.clip(fields.cem43_min, 1e-6, None)), float(np.log10(row["cem43_min"])), fields.grid
        )
        nodes += _shown(scene, f"{row['cem43_min']:g} CEM43 min", surface, "dose-surface", row["colour"])
    return nodes


def _band(scene: Any, fields: TemperatureFields) -> list[Any]:
    nodes = []
    for (role, (title, colour)), zone in zip(BAND.items(), (fields.small_zone, fields.large_zone), strict=True):
        if zone is not None:
            nodes += _shown(scene, title, level_surface(zone.astype(np.float32), 0.5, fields.grid), role, colour)
    return nodes


def _shown(scene: Any, title: str, surface: Any, role: str, colour: Sequence[float]) -> list[Any]:
    """A surface as a model that begins hidden in 3D and outlined in slices; none where nothing reaches the level."""
    if surface.GetNumberOfPoints() == 0:
        return []
    red, green, blue = colour
    node = add_model(scene, title, surface, role, (red, green, blue), 0.35)
    node.GetDisplayNode().SetVisibility(False)
    node.GetDisplayNode().SetVisibility2D(True)
    return [node]


def level_surface(values: NDArray[np.float32], level: float, grid: Grid) -> Any:
    """Where a field (k, j, i) crosses a level, in RAS; closed at the block's faces where it is beyond there."""
    outside = float(min(values.min(), level)) - 1 if values[0, 0, 0] < level else float(max(values.max(), level)) + 1
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(fill_image(vtk.vtkImageData(), np.pad(values, 1, constant_values=outside)))
    contour.SetValue(0, level)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    shift = np.eye(4)
    shift[:3, 3] = -1  # the pad
    return transformed(contour.GetOutput(), grid.ijk_to_ras @ shift)


def _course(scene: Any, fields: TemperatureFields, name: str, cold: bool, colours: Any) -> list[Any]:
    """Sequence, browser and the volume that the browser shows."""
    course = scene.AddNewNodeByClass("vtkMRMLSequenceNode", unique_name(scene, f"{name} temperature over time"))
    course.SetAttribute(_ROLE, COURSE)
    course.SetIndexName("time")
    course.SetIndexUnit("s")
    course.SetIndexTypeFromString("numeric")
    low, high = float(fields.frames_celsius.min()), float(fields.frames_celsius.max())
    # The browser copies each moment onto the shown volume, its role too.
    shown = (low, min(high, 100.0))
    first = fields.frames_celsius[0]
    frame = _volume(scene, f"{name} temperature", first, fields.frame_grid, COURSE_NOW, shown, colours)
    for time_s, celsius in zip(fields.frame_times_s, fields.frames_celsius, strict=True):
        _fill(frame, celsius, fields.frame_grid)
        course.SetDataNodeAtValue(frame, f"{time_s:g}")
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", unique_name(scene, f"{name} time"))
    browser.SetAttribute(_ROLE, BROWSER)
    browser.SetAndObserveMasterSequenceNodeID(course.GetID())
    browser.AddProxyNode(frame, course, False)
    frame.GetDisplayNode().SetThreshold(*(_COLD_SHOWN if cold else _HOT_SHOWN))
    frame.GetDisplayNode().SetApplyThreshold(True)  # where nothing happens the CT shows
    browser.SetSelectedItemNumber(int(np.argmax(np.abs(fields.frames_celsius - 37).sum(axis=(1, 2, 3)))))
    application_logic(scene).GetModuleLogic("Sequences").UpdateProxyNodesFromSequences(browser)
    return [course, browser, frame]


def _curves(scene: Any, simulation: Simulation, name: str) -> list[Any]:
    """Thermocouples as a table with one column each, and a chart of it."""
    wires = simulation.thermocouples
    if not wires:
        return []
    dosed = [w for w in wires if w.cem43_min]
    columns = ["time s", *(f"{w.name} C" for w in wires), *(f"{w.name} CEM43 min" for w in dosed)]
    curves = [w.celsius for w in wires] + [w.cem43_min for w in dosed]
    rows = [(t, *(curve[n] for curve in curves)) for n, t in enumerate(wires[0].times_s)]
    table = add_table(scene, f"{name} thermocouples over time", columns, rows)
    table.SetAttribute(_ROLE, "thermocouple-table")
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", unique_name(scene, f"{name} thermocouples plot"))
    chart.SetAttribute(_ROLE, "thermocouple-plot")
    chart.SetTitle("Thermocouples, simulated")
    chart.SetXAxisTitle("time, s")
    chart.SetYAxisTitle("temperature, degrees C")
    series = []
    for wire in wires:
        one = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", unique_name(scene, wire.name))
        one.SetAttribute(_ROLE, "thermocouple-series")
        one.SetAndObserveTableNodeID(table.GetID())
        one.SetXColumnName("time s")
        one.SetYColumnName(f"{wire.name} C")
        one.SetPlotType(one.PlotTypeScatter)
        one.SetMarkerStyle(one.MarkerStyleNone)
        one.SetUniqueColor()
        chart.AddAndObservePlotSeriesNodeID(one.GetID())
        series.append(one)
    return [table, *series, chart]


@cache
def levels() -> dict[str, list[dict[str, Any]]]:
    """Isotherms and doses that are drawn, with where they come from."""
    text = files(__package__).joinpath("isotherms.json").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found
