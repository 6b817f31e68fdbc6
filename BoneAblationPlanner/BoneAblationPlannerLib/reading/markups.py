"""Curves, lines and points of Slicer's markups files (.mrk.json)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import ras_from_lps
from BoneAblationPlannerLib.reading.documents import read_json

POINTS_PER_SEGMENT = 10
"""As Slicer samples its curves (vtkCurveGenerator, NumberOfPointsPerInterpolatingSegment)."""
NamedCurve = tuple[str, NDArray[np.float64]]
"""A curve's name and its points (N, 3), RAS mm."""


def read_nerve_curve(path: Path) -> list[NamedCurve]:
    """Read the curves and lines of a Slicer markups file (.mrk.json).

    Returns
    -------
    list of (name, (N, 3) float64)
        The course that Slicer draws, RAS mm: lines are straight, curves the spline through their control points; a
        closed curve repeats its first point at the end. Unnamed curves have the file's name.

    Raises
    ------
    InputError
        If the file is not such a file, or holds no curve of at least two points in mm.
    """
    found = _markups(path, "a curve or line")
    stem = path.name.removesuffix(".json").removesuffix(".mrk")
    curves = []
    for index, markup in enumerate(found):
        kind = markup.get("type") if isinstance(markup, dict) else None
        if kind not in ("Curve", "ClosedCurve", "Line"):
            raise InputError(f"{path.name}: markup of type {kind!r}; expected Curve, ClosedCurve or Line")
        name = str(markup.get("name") or (stem if len(found) == 1 else f"{stem} {index + 1}"))
        points = _points(markup, 2, path.name)
        curves.append((name, points if kind == "Line" else spline_through(points, closed=kind == "ClosedCurve")))
    return curves


def spline_through(points_mm: NDArray[np.float64], closed: bool = False) -> NDArray[np.float64]:
    """The course of a curve through its control points as Slicer draws it, the files of which tell no other kind.

    A cubic spline for each coordinate, one unit from point to point however far these lie apart, which starts and ends
    with no speed; closed ones are periodic. Measured beside vtkMRMLMarkupsCurveNode, equal to rounding.

    Parameters
    ----------
    points_mm : (N, 3) float64
        At least two.
    closed : bool

    Returns
    -------
    (M, 3) float64
        The control points and nine points between any two of them; two control points are a straight line as they are.
    """
    if closed:
        points_mm = np.vstack([points_mm, points_mm[:1]])
    if len(points_mm) < 3:
        return points_mm
    place = np.arange(len(points_mm))
    spline = CubicSpline(place, points_mm, bc_type="periodic" if closed else "clamped")
    course: NDArray[np.float64] = spline(np.linspace(0, place[-1], 1 + POINTS_PER_SEGMENT * int(place[-1])))
    return course


def read_points(path: Path) -> NDArray[np.float64]:
    """Read the points of all point lists of a Slicer markups file (.mrk.json): (N, 3) RAS mm.

    Raises
    ------
    InputError
        If the file is not such a file, or holds no point in mm.
    """
    lists = []
    for markup in _markups(path, "points"):
        kind = markup.get("type") if isinstance(markup, dict) else None
        if kind != "Fiducial":
            raise InputError(f"{path.name}: markup of type {kind!r}; expected a point list (Fiducial)")
        lists.append(_points(markup, 1, path.name))
    return np.vstack(lists)


def _markups(path: Path, expected: str) -> list[Any]:
    document = read_json(path)
    markups = document.get("markups") if isinstance(document, dict) else None
    if not isinstance(markups, list) or not markups:
        raise InputError(f"{path.name}: no markups; expected a Slicer markups file (.mrk.json) with {expected}")
    return markups


def _points(markup: Mapping[str, Any], fewest: int, name: str) -> NDArray[np.float64]:
    """Control points (N, 3) of a markup, RAS mm."""
    unit = markup.get("coordinateUnits", "mm")
    if unit != "mm":
        raise InputError(f"{name}: coordinates in {unit!r}; expected mm")
    system = {"LPS": "LPS", "RAS": "RAS", "1": "LPS", "0": "RAS"}.get(str(markup.get("coordinateSystem", "LPS")))
    if system is None:
        raise InputError(f"{name}: coordinate system {markup.get('coordinateSystem')!r}; expected LPS or RAS")
    control_points = markup.get("controlPoints") or []
    try:
        defined = [point for point in control_points if point.get("positionStatus", "defined") == "defined"]
        points = np.array([point["position"] for point in defined], dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: control points not understood; expected three coordinates each") from error
    if points.ndim == 2 and not np.isfinite(points).all():
        unclear = ", ".join(str(n) for n, point in enumerate(points, start=1) if not np.isfinite(point).all())
        raise InputError(
            f"{name}: control point {unclear} without a place (NaN or infinite); expected three coordinates"
        )
    if points.ndim != 2 or len(points) < fewest or points.shape[1] != 3:
        wanted = {1: "one", 2: "two"}[fewest]
        raise InputError(
            f"{name}: {len(points)} usable control point(s); expected at least {wanted} of three coordinates"
        )
    return ras_from_lps(points) if system == "LPS" else points
