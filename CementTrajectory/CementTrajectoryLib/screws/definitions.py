"""Where corridors are looked for: ``corridors.json``, places in the hip bone's own coordinates, with provenance."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from BoneAblationPlannerLib.plan import Point, Provenance, Status
from BoneAblationPlannerLib.sourced import SourcedNumbers

NUMBERS = SourcedNumbers("CementTrajectoryLib.screws", "numbers.json")
SHOULDER = SourcedNumbers("CementTrajectoryLib.screws", "shoulder.json")

Frame = Literal["hip", "half pelvis", "pelvis"]


@dataclass(frozen=True)
class Published:
    """What is known of a corridor's size; `quantity` is ``diameter_mm`` or ``length_mm``.

    `measured` says how it was measured where that differs from what is measured here.
    """

    quantity: str
    low: float
    high: float
    source: str
    status: Status
    measured: str = ""


@dataclass(frozen=True)
class EndDefinition:
    """A ball around a place in the hip's own coordinates (see `anatomy.hip_frame`); a blind end lies inside bone."""

    at: Point
    radius_mm: float
    blind: bool = False


@dataclass(frozen=True)
class CorridorDefinition:
    """One corridor of the table.

    `frame` says in which bones: ``hip`` in one hip bone; ``pelvis`` from the right hip through the sacrum to the left;
    ``half pelvis`` from one hip into the sacrum, its blind end midway between both hips' places.
    """

    name: str
    frame: Frame
    entry: EndDefinition
    exit: EndDefinition
    source: str
    status: Status
    published: tuple[Published, ...]
    apart_from: str | None = None
    also: str | None = None


@cache
def corridor_definitions() -> tuple[CorridorDefinition, ...]:
    """All corridors, in the order in which they are searched."""
    text = files("CementTrajectoryLib.screws").joinpath("corridors.json").read_text(encoding="utf-8")
    return tuple(
        CorridorDefinition(
            name=row["name"],
            frame=row["frame"],
            entry=_end(row["entry"]),
            exit=_end(row["exit"]),
            source=row["source"],
            status=row["status"],
            published=tuple(Published(**published) for published in row["published"]),
            apart_from=row.get("apart_from"),
            also=row.get("also"),
        )
        for row in json.loads(text)
    )


def limb_published(name: str) -> tuple[Published, ...]:
    """What is known of the size of a limb's corridor; KeyError for a name that ``limbs.json`` does not hold."""
    return tuple(Published(**row) for row in _limbs()[name]["published"])


def corridor_provenance() -> tuple[Provenance, ...]:
    """Where the numbers and places of the search come from."""
    places = [Provenance(f"place of {d.name}", None, "", d.source, d.status) for d in corridor_definitions()]
    limbs = [Provenance(f"place of {n}", None, "", d["source"], d["status"]) for n, d in _limbs().items()]
    return (*NUMBERS.provenance(), *SHOULDER.provenance(), *places, *limbs)


@cache
def _limbs() -> dict[str, dict[str, Any]]:
    text = files("CementTrajectoryLib.screws").joinpath("limbs.json").read_text(encoding="utf-8")
    return {row["name"]: row for row in json.loads(text)}


def _end(row: dict[str, Any]) -> EndDefinition:
    x, y, z = row["at"]
    return EndDefinition((float(x), float(y), float(z)), float(row["radius_mm"]), bool(row.get("blind", False)))
