"""Colours that colour-blind people can tell apart (Okabe and Ito 2008, completed from sets of Tol)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.scene.convert import unique_name

Colour = tuple[float, float, float]

MARGIN_RANGE_MM = 10.0


def _rgb(code: str) -> Colour:
    red, green, blue = (int(code[n : n + 2], 16) / 255 for n in (0, 2, 4))
    return (red, green, blue)


ROLE_COLOURS: dict[str, Colour] = {
    "bone": _rgb("F1D691"),
    "lesion": _rgb("D55E00"),
    "target": _rgb("F0E442"),
    "zone": _rgb("56B4E9"),
    "zone-visible": _rgb("0072B2"),
    "remainder": _rgb("882255"),
    "skin": _rgb("D9A98A"),
    "defect": _rgb("CC0033"),
    "structure": _rgb("009E73"),
    "probe": _rgb("FFFFFF"),
    "cement": _rgb("EE99AA"),
    "inserted": _rgb("66CCEE"),
    "screw": _rgb("A9C1D9"),
    "corridor": _rgb("DDCC77"),
}

KIND_COLOURS: dict[str, Colour] = {
    "nerve": _rgb("CC79A7"),
    "vessel": _rgb("E69F00"),
    "bowel": _rgb("009E73"),
    "bladder": _rgb("99DDFF"),
    "ureter": _rgb("999933"),
    "skin": _rgb("D9A98A"),
    "joint": _rgb("BBBBBB"),
    "spinal canal": _rgb("AA4499"),
    "lung": _rgb("88CCEE"),
    "implant": _rgb("DDDDDD"),
    "barred bone": _rgb("DDAA33"),
    "other": _rgb("117733"),
}


PART_COLOURS: dict[str, Colour] = {
    "Cortex": _rgb("FFFAC8"),
    "Trabecular bone": _rgb("E5C07B"),
    "Marrow cavity": _rgb("B35806"),
}


def structure_colour(kind: str) -> Colour:
    """Colour of a structure's kind; unknown kinds look like ``other``."""
    return KIND_COLOURS.get(kind, KIND_COLOURS["other"])


def margin_table() -> NDArray[np.float64]:
    """Diverging RGB (256, 3) for -10 mm (lesion left, vermillion) over 0 (near white) to +10 mm (safe, blue)."""
    stops = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    colours = np.array([_rgb(c) for c in ("7F2704", "E6732D", "F7F7F7", "6BAED6", "08306B")])
    position = np.linspace(-1.0, 1.0, 256)
    return np.column_stack([np.interp(position, stops, colours[:, n]) for n in range(3)])


def temperature_table(cold: bool) -> NDArray[np.float64]:
    """RGB (256, 3) from the lowest to the highest temperature, darkest where tissue suffers most.

    Pale yellow over red to violet for heat, violet over blue to pale cyan for ice: lightness falls or rises throughout,
    so that the order is seen without colour vision, and neither end is lost on a CT's grey.
    """
    stops = ("4D004B", "08519C", "4EB3D3", "E0F3DB") if cold else ("FFFFB2", "FD8D3C", "E31A1C", "49006A")
    colours = np.array([_rgb(c) for c in stops])
    at = np.linspace(0.0, 1.0, len(stops))
    return np.column_stack([np.interp(np.linspace(0.0, 1.0, 256), at, colours[:, n]) for n in range(3)])


def add_temperature_colours(scene: Any, name: str, cold: bool) -> Any:
    """A colour table node with `temperature_table`."""
    table = temperature_table(cold)
    return _add_colours(scene, name, table, [f"{n}" for n in range(len(table))])


def add_margin_colours(scene: Any, name: str) -> Any:
    """A colour table node with `margin_table`."""
    table = margin_table()
    margins_mm = np.linspace(-MARGIN_RANGE_MM, MARGIN_RANGE_MM, len(table))
    node = _add_colours(scene, name, table, [f"{margin_mm:+.2f} mm" for margin_mm in margins_mm])
    node.GetLookupTable().SetTableRange(-MARGIN_RANGE_MM, MARGIN_RANGE_MM)
    return node


def _add_colours(scene: Any, name: str, table: NDArray[np.float64], labels: list[str]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", unique_name(scene, name))
    node.SetTypeToUser()
    node.SetNumberOfColors(len(table))
    for n, ((red, green, blue), label) in enumerate(zip(table, labels, strict=True)):
        node.SetColor(n, label, red, green, blue, 1.0)
    node.SetAttribute("Category", "Bone ablation")
    return node
