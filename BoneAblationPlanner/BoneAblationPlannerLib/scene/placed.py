"""Points, lines, curves and boxes that a person placed in the scene, in RAS mm."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from BoneAblationPlannerLib.anatomy.structure_table import distance_in_mm
from BoneAblationPlannerLib.case import LesionMarks, NerveCurve
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Point

SHORTEST_NEEDLE_MM = 5.0
NERVE_RADIUS_ATTRIBUTE = "BonePlan.NerveRadiusMm"
"""Attribute of a curve: the radius of the nerve around it."""
_PLACED = 2  # vtkMRMLMarkupsNode::PositionDefined


def seed_from_node(node: Any) -> Point:
    """The one placed point (RAS mm) of a point list."""
    points = _placed_points(node)
    if len(points) != 1:
        raise InputError(f"point list {node.GetName()!r}: {len(points)} placed points; expected one inside the lesion")
    r, a, s = (float(v) for v in points[0])
    return (r, a, s)


def marks_from_nodes(
    box_node: Any | None = None,
    inside_node: Any | None = None,
    outside_node: Any | None = None,
    painted: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> LesionMarks:
    """What guides an outline: a box (vtkMRMLMarkupsROINode), point lists inside and outside the lesion, and points
    (N, 3) RAS mm that were painted inside and outside.
    """
    box = None
    if box_node is not None:
        bounds = np.zeros(6)
        box_node.GetRASBounds(bounds)
        box = bounds.reshape(3, 2).T
        if not (box[1] > box[0]).all():
            raise InputError(f"box {box_node.GetName()!r}: is not placed; expected a box around the lesion")
    nothing = np.empty((0, 3))
    clicked = (nothing if node is None else _placed_points(node) for node in (inside_node, outside_node))
    both = (np.vstack(points) for points in zip(clicked, painted or (nothing, nothing), strict=True))
    inside, outside = (points if len(points) else None for points in both)
    return LesionMarks(box, inside, outside)


def nerve_from_node(node: Any) -> NerveCurve:
    """The course of a curve as Slicer draws it, RAS mm in the world, and the radius that it was given."""
    points = _placed_points(node)
    if len(points) < 2:
        raise InputError(f"nerve {node.GetName()!r}: {len(points)} placed points; expected at least two")
    if node.IsA("vtkMRMLMarkupsCurveNode"):
        points = vtk_to_numpy(node.GetCurvePointsWorld().GetData()).astype(np.float64)
    return NerveCurve(node.GetName(), points, nerve_radius_mm(node))


def nerve_radius_mm(node: Any) -> float | None:
    """The radius that a curve was given, None where it has the usual one."""
    text = node.GetAttribute(NERVE_RADIUS_ATTRIBUTE)
    return None if not text else distance_in_mm(text, f"nerve {node.GetName()!r}: radius")


def set_nerve_radius(node: Any, radius_mm: float) -> None:
    """Give the nerve around a curve a radius; it is saved with the scene, and the curve is drawn as thick."""
    node.SetAttribute(NERVE_RADIUS_ATTRIBUTE, f"{radius_mm:g}")
    display = node.GetDisplayNode()
    if display is not None:
        display.SetCurveLineSizeMode(display.UseLineDiameter)
        display.SetLineDiameter(2 * radius_mm)


def clicked_points(line: Any) -> tuple[Point, Point]:
    """Target and entry of a line, in the order in which they were clicked, rounded as plans store them."""
    points = _placed_points(line)
    if len(points) != 2 or np.linalg.norm(points[1] - points[0]) < SHORTEST_NEEDLE_MM:
        raise InputError(
            f"needle by hand: {len(points)} points, or both at one place; expected the target, then the entry"
        )
    target, entry = (rounded_point(point) for point in points)
    return target, entry


def _placed_points(node: Any) -> NDArray[np.float64]:
    """Placed control points (N, 3), RAS mm in the world."""
    points = []
    for n in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(n) == _PLACED:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(n, position)
            points.append(position)
    return np.array(points, dtype=np.float64).reshape(-1, 3)
