"""Thermal and electrical properties of tissues, each with source, status and, where they matter, a plausible range."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Provenance

Level = Literal["nominal", "low", "high"]
PROPERTIES = {
    "conductivity_w_mk": "W/m/K",
    "heat_capacity_j_kgk": "J/kg/K",
    "density_kg_m3": "kg/m3",
    "perfusion_per_s": "1/s",
    "rf_conductivity_s_m": "S/m",
    "mw_permittivity": "",
    "mw_conductivity_s_m": "S/m",
    "water_fraction": "",
}


@dataclass(frozen=True)
class Levels:
    """Which end of the plausible range of conductivity and perfusion, and of a device's strength, to simulate.

    The strength is that of the device's row as it is read (`nominal`), or as strong as the row allows (`high`).
    """

    conductivity: Level = "nominal"
    perfusion: Level = "nominal"
    strength: Literal["nominal", "high"] = "nominal"

    def __post_init__(self) -> None:
        for name, level in (("conductivity", self.conductivity), ("perfusion", self.perfusion)):
            if level not in get_args(Level):
                raise InputError(f"{name}: level {level!r}; expected one of {', '.join(get_args(Level))}")


NOMINAL = Levels()


@dataclass(frozen=True)
class Tissue:
    """One tissue's properties at body temperature; `perfusion_per_s` is blood volume per tissue volume and second."""

    name: str
    conductivity_w_mk: float
    heat_capacity_j_kgk: float
    density_kg_m3: float
    perfusion_per_s: float
    rf_conductivity_s_m: float
    mw_permittivity: float
    mw_conductivity_s_m: float
    water_fraction: float


@cache
def _document() -> Mapping[str, Any]:
    return json.loads(files(__package__).joinpath("tissue.json").read_text(encoding="utf-8"))


@cache
def tissue_names() -> tuple[str, ...]:
    """Names in the order of the table; a tissue's place is its number in a tissue map."""
    return tuple(row["name"] for row in _document()["tissues"])


def tissue_number(name: str) -> int:
    """Place of a tissue in the table; raises InputError that lists what there is."""
    if name not in tissue_names():
        raise InputError(f"tissue {name!r}: not in the table; expected one of {', '.join(tissue_names())}")
    return tissue_names().index(name)


@cache
def tissue(name: str, levels: Levels = NOMINAL) -> Tissue:
    """Properties of a tissue at the wanted end of their range."""
    row = _document()["tissues"][tissue_number(name)]
    wanted = {"conductivity_w_mk": levels.conductivity, "perfusion_per_s": levels.perfusion}
    values = {}
    for key in PROPERTIES:
        level = wanted.get(key, "nominal")
        values[key] = float(row[key]["value" if level == "nominal" else level])
    return Tissue(name, **values)


def property_column(key: str, levels: Levels) -> NDArray[np.float64]:
    """One property of every tissue (T,), in the order of the table."""
    return np.array([getattr(tissue(name, levels), key) for name in tissue_names()])


def provenance_of_tissues(names: tuple[str, ...]) -> tuple[Provenance, ...]:
    """Where the properties of the named tissues come from."""
    sources, rows = _document()["sources"], []
    for name in names:
        row = _document()["tissues"][tissue_number(name)]
        for key, unit in PROPERTIES.items():
            source = sources[row[key]["source"]]
            label = key.rsplit("_per_s", 1)[0] if key == "perfusion_per_s" else key
            rows.append(Provenance(f"{name}: {label}", float(row[key]["value"]), unit, source, row[key]["status"]))
    return tuple(rows)
