"""Cement, screws and corridors of a plan as nodes: lines to navigate by, models of true size, tables of figures."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike

from BoneAblationPlannerLib.case import CementBody, PlanningResult
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import CementNeedle, Plan, Point, Screw, ScrewCorridor
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.scene.convert import fill_image, image_array, printable, unique_name, vtk_matrix
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.plots import PLOT, add_plots
from BoneAblationPlannerLib.scene.probes import LINE_CLASS
from BoneAblationPlannerLib.scene.segmentation import cement_mask
from BoneAblationPlannerLib.scene.surfaces import mask_surface, needle_surface
from BoneAblationPlannerLib.scene.tables import Cell, add_table
from BoneAblationPlannerLib.scene.volumes import volume_grid

FOLDER = "Cement and screws"
NEEDLE, SHAFT, BODY, FILL, SCREW, THREAD, CORRIDOR, TABLE = (
    "cement-needle",
    "cement-shaft",
    "cement-body",
    "cement-fill",
    "screw",
    "screw-body",
    "corridor",
    "stabilisation-table",
)
CEMENT_ROLES = (NEEDLE, SHAFT, BODY, FILL)
ROLES = (*CEMENT_ROLES, SCREW, THREAD, CORRIDOR, TABLE, PLOT)
HEAD_HEIGHT = 0.5
"""Height of a screw's head per diameter, for display."""
CORRIDOR_LINE_MM = 1.0
LIFT = "\n\n"
UNFILLED = -1.0
"""Stands for no cement in the volume of the fill order: files hold no infinity."""


def add_stabilisation(scene: Any, result: PlanningResult) -> tuple[Any, ...]:
    """Nodes of everything that the plan has of cement and screws; none where it has neither."""
    return tuple(_nodes(scene, result))


def screw_surface(screw: Screw) -> Any:
    """A screw as it is: its thread's envelope from the entry to the tip, its head outside the bone."""
    direction = np.subtract(screw.tip_ras_mm, screw.entry_ras_mm)
    length = float(np.linalg.norm(direction))
    both = vtk.vtkAppendPolyData()
    both.AddInputData(needle_surface(screw.tip_ras_mm, direction, length, screw.diameter_mm))
    if screw.head_diameter_mm is not None:
        height = HEAD_HEIGHT * screw.head_diameter_mm
        both.AddInputData(needle_surface(screw.entry_ras_mm, direction, height, screw.head_diameter_mm))
    both.Update()
    return both.GetOutput()


def screw_lines(nodes: Iterable[Any]) -> list[Any]:
    """The lines of a plan's screws; `nodes` are its stabilisation nodes."""
    return [n for n in nodes if n.GetAttribute("BonePlan.Role") == SCREW]


def read_screw_lines(nodes: Iterable[Any]) -> dict[str, tuple[Point, Point]]:
    """Entry and tip of every screw by name, as its line is now; a line that lacks a point is left out."""
    found = {}
    for line in screw_lines(nodes):
        if line.GetNumberOfDefinedControlPoints() == 2:
            entry, tip = ([round(v, 3) for v in line.GetNthControlPointPositionWorld(n)] for n in range(2))
            found[line.GetAttribute("BonePlan.Name")] = ((entry[0], entry[1], entry[2]), (tip[0], tip[1], tip[2]))
    return found


def show_screws(nodes: Iterable[Any], screws: Iterable[Screw]) -> None:
    """Models of screws where the screws are; lines are left alone: they are what a person drags."""
    bodies = {n.GetAttribute("BonePlan.Screw"): n for n in nodes if n.GetAttribute("BonePlan.Role") == THREAD}
    for screw in screws:
        body = bodies.get(printable(screw.name))
        if body is not None:
            body.SetAndObservePolyData(screw_surface(screw))


def cement_surface(result: PlanningResult) -> Any | None:
    """Surface of the cement at the advised volume, None where there is none."""
    mask = cement_mask(result)
    return None if mask is None else mask_surface(mask, result.anatomy.ct.grid)


def add_fill(scene: Any, cement: CementBody, grid: Grid) -> Any:
    """When every voxel is filled, as a float volume in ml on the CT's grid cropped; UNFILLED where none comes."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", unique_name(scene, "Cement fill order (ml)"))
    local = grid.crop(cement.region)
    node.SetIJKToRASMatrix(vtk_matrix(local.ijk_to_ras))
    values = np.where(np.isfinite(cement.filled_at_ml), cement.filled_at_ml, np.float32(UNFILLED))
    node.SetAndObserveImageData(fill_image(vtk.vtkImageData(), values.astype(np.float32)))
    node.CreateDefaultDisplayNodes()
    node.SetAttribute("BonePlan.Role", FILL)
    start = [part.start for part in cement.region]
    node.SetAttribute("BonePlan.CropStartKJI", " ".join(str(int(n)) for n in start))
    return node


def read_fill(node: Any) -> CementBody:
    """The cement body that `add_fill` wrote, exactly."""
    values = image_array(node.GetImageData()).astype(np.float32)
    k, j, i = (int(n) for n in node.GetAttribute("BonePlan.CropStartKJI").split())
    region = (slice(k, k + values.shape[0]), slice(j, j + values.shape[1]), slice(i, i + values.shape[2]))
    return CementBody(region, np.where(values > UNFILLED, values, np.float32(np.inf)))


def show_cement_at(nodes: Iterable[Any], volume_ml: float) -> None:
    """The model of the cement as it is once a volume is in; `nodes` are a plan's stabilisation nodes."""
    fill = next((n for n in nodes if n.GetAttribute("BonePlan.Role") == FILL), None)
    model = next((n for n in nodes if n.GetAttribute("BonePlan.Role") == BODY), None)
    if fill is None or model is None:
        return
    mask = np.pad(read_fill(fill).filled_at_ml <= volume_ml, 1)
    grid = volume_grid(fill)
    matrix = np.array(grid.ijk_to_ras)
    matrix[:3, 3] = grid.ras_from_ijk([-1, -1, -1])[0]
    around = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), matrix)
    model.SetAndObservePolyData(mask_surface(mask, around) if mask.any() else vtk.vtkPolyData())
    model.SetName(f"Cement {volume_ml:.1f} ml")


def _nodes(scene: Any, result: PlanningResult) -> Iterator[Any]:
    plan = result.plan
    if plan.cement is not None and result.cement is not None:
        yield add_fill(scene, result.cement, result.anatomy.ct.grid)
    for number, needle in enumerate(plan.cement.needles if plan.cement else (), start=1):
        yield _needle_line(scene, needle, number)
        if needle.diameter_mm is not None:
            yield _shaft(scene, needle, needle.diameter_mm)
    cement = cement_surface(result)
    if cement is not None and plan.cement is not None:
        name = f"Cement {plan.cement.stop_ml:.1f} ml"
        yield _in_slices(add_model(scene, name, cement, BODY, ROLE_COLOURS["cement"], 0.7))
    for screw in plan.screws:
        yield _screw_line(scene, screw)
        body = add_model(scene, f"{screw.name} body", screw_surface(screw), THREAD, ROLE_COLOURS["screw"], 1.0)
        body.SetAttribute("BonePlan.Screw", printable(screw.name))
        yield _in_slices(body)
    for corridor in plan.corridors:
        if corridor.entry_ras_mm is not None and corridor.exit_ras_mm is not None:
            yield _corridor(scene, corridor, corridor.entry_ras_mm, corridor.exit_ras_mm)
    for title, columns, rows in _tables(plan):
        node = add_table(scene, title, columns, rows)
        node.SetAttribute("BonePlan.Role", TABLE)
        yield node
    yield from add_plots(scene, plan)


def _needle_line(scene: Any, needle: CementNeedle, number: int) -> Any:
    attributes = {"Gauge": str(needle.gauge)}
    if needle.diameter_mm is not None:
        attributes["DiameterMm"] = f"{needle.diameter_mm:.3f}"
    if needle.shares_track_with is not None:
        attributes["SharesTrackWith"] = needle.shares_track_with
    node = _line(scene, needle.name, NEEDLE, needle.entry_ras_mm, needle.tip_ras_mm, "cement", attributes)
    # Its name stands at the entry: in the middle of a shared track that of the probe stands already. Views do not keep
    # names apart: empty lines below lift each above the one before.
    node.SetNthControlPointLabel(0, needle.name + LIFT * number)
    node.SetNthControlPointLabel(1, "")
    node.GetDisplayNode().PropertiesLabelVisibilityOff()
    node.GetDisplayNode().PointLabelsVisibilityOn()
    return node


def _screw_line(scene: Any, screw: Screw) -> Any:
    attributes = {
        "Corridor": screw.corridor,
        "DiameterMm": f"{screw.diameter_mm:.3f}",
        "LengthMm": f"{screw.length_mm:.1f}",
    }
    node = _line(scene, screw.name, SCREW, screw.entry_ras_mm, screw.tip_ras_mm, "screw", attributes)
    node.SetLocked(False)
    return node


def _line(scene: Any, name: str, role: str, entry: Point, tip: Point, colour: str, attributes: dict[str, str]) -> Any:
    """A line from entry to tip, locked: needles of cement are moved by planning again."""
    node = scene.AddNewNodeByClass(LINE_CLASS, unique_name(scene, name))
    node.AddControlPoint(vtk.vtkVector3d(*entry), f"{name} entry")
    node.AddControlPoint(vtk.vtkVector3d(*tip), f"{name} tip")
    for key, value in ({"Role": role, "Name": name} | attributes).items():
        node.SetAttribute(f"BonePlan.{key}", printable(value))
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSelectedColor(*ROLE_COLOURS[colour])
    display.SetColor(*ROLE_COLOURS[colour])
    display.PointLabelsVisibilityOff()
    return node


def _shaft(scene: Any, needle: CementNeedle, diameter_mm: float) -> Any:
    surface = _cylinder(needle.entry_ras_mm, needle.tip_ras_mm, diameter_mm)
    return _in_slices(add_model(scene, f"{needle.name} shaft", surface, SHAFT, ROLE_COLOURS["cement"], 1.0))


def _corridor(scene: Any, corridor: ScrewCorridor, entry: Point, far_end: Point) -> Any:
    """A thin rod along the corridor's axis; those that do not reach the lesion stay hidden."""
    colour: Colour = ROLE_COLOURS["corridor"]
    surface = _cylinder(entry, far_end, CORRIDOR_LINE_MM)
    node = _in_slices(add_model(scene, f"Corridor {corridor.title}", surface, CORRIDOR, colour, 0.6))
    node.SetAttribute("BonePlan.Corridor", printable(corridor.title))
    node.GetDisplayNode().SetVisibility(corridor.near_lesion)
    return node


def _cylinder(entry: ArrayLike, tip: ArrayLike, diameter_mm: float) -> Any:
    direction = np.subtract(tip, entry)
    return needle_surface(tip, direction, float(np.linalg.norm(direction)), diameter_mm)


def _in_slices(node: Any) -> Any:
    node.GetDisplayNode().SetVisibility2D(True)
    return node


_SCREW_COLUMNS = (
    "screw", "corridor", "diameter mm", "length mm", "entry R mm", "entry A mm", "entry S mm", "tip R mm", "tip A mm",
    "tip S mm", "bone around it mm",
)  # fmt: skip


_DISTANCE_COLUMNS = ("needle", "structure", "kind", "distance mm", "required mm", "result")


def _tables(plan: Plan) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Cell, ...]]]]:
    if plan.cement is not None and plan.cement.steps:
        rows: list[tuple[Cell, ...]] = [
            (s.injected_ml, s.lesion_ml, s.bone_ml, s.outside_ml) for s in plan.cement.steps
        ]
        yield "cement fill", ("injected ml", "in the lesion ml", "in bone ml", "outside ml"), rows
    if plan.cement is not None and any(n.clearances for n in plan.cement.needles):
        yield (
            "cement needle distances",
            _DISTANCE_COLUMNS,
            [
                (n.name, c.structure, c.kind, c.distance_mm, c.required_mm, "ok" if c.ok else "FAIL")
                for n in plan.cement.needles
                for c in n.clearances or ()
            ],
        )
    if plan.screws:
        screws: list[tuple[Cell, ...]] = [
            (s.name, s.corridor, s.diameter_mm, s.length_mm, *s.entry_ras_mm, *s.tip_ras_mm, s.cortical_clearance_mm)
            for s in plan.screws
        ]
        yield "screws", _SCREW_COLUMNS, screws
    if plan.corridors:
        found: list[tuple[Cell, ...]] = [
            (c.title, "found" if c.found else "not found", _cell(c.diameter_mm), _cell(c.length_mm), c.reason or "")
            for c in plan.corridors
        ]
        yield "screw corridors", ("corridor", "result", "diameter mm", "length mm", "reason"), found


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
