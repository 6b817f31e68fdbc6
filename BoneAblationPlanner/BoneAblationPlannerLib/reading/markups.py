"""Curves, lines and points of Slicer's markups files (.mrk.json)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import ras_from_lps
from BoneAblationPlannerLib.reading.documents import read_json

NamedCurve = tuple[str, NDArray[np.float64]]
"""A curve's name and its points (N, 3), RAS mm."""


def read_nerve_curve(path: Path) -> list[NamedCurve]:
    """Read the curves and lines of a Slicer markups file (.mrk.json).

    Returns
    -------
    list of (name, (N, 3) float64)
        Control points, RAS mm; a closed curve repeats its first point at the end. Unnamed curves have the file's name.

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
        curves.append((name, np.vstack([points, points[:1]]) if kind == "ClosedCurve" else points))
    return curves


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
    if points.ndim != 2 or len(points) < fewest or points.shape[1] != 3 or not np.isfinite(points).all():
        wanted = {1: "one", 2: "two"}[fewest]
        raise InputError(
            f"{name}: {len(points)} usable control point(s); expected at least {wanted} of three coordinates"
        )
    return ras_from_lps(points) if system == "LPS" else points
