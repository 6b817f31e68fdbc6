"""Probes <-> line nodes: control point 0 is the entry, 1 the tip."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Point, Probe
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.convert import printable, unique_name
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.surfaces import needle_surface

LINE_CLASS = "vtkMRMLMarkupsLineNode"
PROBE_ATTRIBUTE = "BonePlan.Probe"
"""On a model: the name of the probe that it shows."""


@dataclass(frozen=True)
class ProbeLine:
    """A probe as the scene shows it now, also after it was dragged. Points in RAS mm."""

    name: str
    device: str
    program: str
    entry_ras_mm: Point
    tip_ras_mm: Point


def direction_of(probe: Probe) -> NDArray[np.float64]:
    """Vector (3,) from entry to tip."""
    return np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)


def add_line(scene: Any, probe: Probe) -> Any:
    """A locked line from entry to tip that carries the probe's device and program as attributes."""
    node = scene.AddNewNodeByClass(LINE_CLASS, unique_name(scene, probe.name))
    node.AddControlPoint(vtk.vtkVector3d(*probe.entry_ras_mm), f"{probe.name} entry")
    node.AddControlPoint(vtk.vtkVector3d(*probe.tip_ras_mm), f"{probe.name} tip")
    describe_line(node, probe)
    node.SetLocked(True)
    show_as_probe(node)
    return node


def describe_line(node: Any, probe: Probe) -> None:
    """Write a probe's name, device and sizes on its line."""
    attributes = {
        "Role": "probe",
        "Name": probe.name,
        "Device": probe.device,
        "Program": probe.program,
        "DepthMm": f"{probe.depth_mm:.2f}",
        "ShaftLengthMm": f"{probe.shaft_length_mm:.2f}",
        "DiameterMm": f"{probe.diameter_mm:.3f}",
    }
    for key, value in attributes.items():
        node.SetAttribute(f"BonePlan.{key}", printable(value))


def show_as_probe(node: Any) -> None:
    """How the line of a probe looks: bright, with its length and without names at its points."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSelectedColor(*ROLE_COLOURS["probe"])
    display.SetColor(*ROLE_COLOURS["probe"])
    display.SetGlyphScale(1.5)
    display.SetTextScale(3.0)
    display.PointLabelsVisibilityOff()
    display.PropertiesLabelVisibilityOn()


def of_probe(node: Any, probe: Probe) -> Any:
    """The node, marked as part of a probe."""
    node.SetAttribute(PROBE_ATTRIBUTE, printable(probe.name))
    return node


def read_line(node: Any) -> ProbeLine:
    """The probe of a line node; raises InputError unless both points are placed."""
    if node.GetNumberOfDefinedControlPoints() != 2:
        raise InputError(f"line {node.GetName()}: expected two placed points, entry and tip")
    points = []
    for n in range(2):
        position = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(n, position)
        points.append((position[0], position[1], position[2]))
    return ProbeLine(
        name=node.GetAttribute("BonePlan.Name") or node.GetName(),
        device=node.GetAttribute("BonePlan.Device") or "",
        program=node.GetAttribute("BonePlan.Program") or "",
        entry_ras_mm=points[0],
        tip_ras_mm=points[1],
    )


def add_shaft(scene: Any, probe: Probe) -> Any:
    """Model of the needle from its tip over its full shaft, true diameter."""
    return of_probe(
        add_model(scene, f"{probe.name} shaft", shaft_surface(probe), "shaft", (0.85, 0.85, 0.85), 1.0), probe
    )


def shaft_surface(probe: Probe) -> Any:
    """Cylinder of the needle's true diameter, from its tip over its full shaft."""
    return needle_surface(probe.tip_ras_mm, direction_of(probe), probe.shaft_length_mm, probe.diameter_mm)
