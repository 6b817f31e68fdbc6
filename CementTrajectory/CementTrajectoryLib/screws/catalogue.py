"""Screws that can be had: ``catalogue.json``, with provenance."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from BoneAblationPlannerLib.plan import Provenance, Status
from BoneAblationPlannerLib.sourced import SourcedNumbers

DEFAULTS = SourcedNumbers("CementTrajectoryLib.screws", "defaults.json")


@dataclass(frozen=True)
class ScrewType:
    """A cannulated screw: diameters over thread and head, lengths from shortest to longest in steps."""

    id: str
    diameter_mm: float
    head_mm: float
    shortest_mm: float
    longest_mm: float
    step_mm: float
    thread: str
    wire_mm: float
    source: str
    status: Status

    def length_mm(self, room_mm: float) -> float | None:
        """The longest screw that fits into a length of bone, or None if none is short enough."""
        steps = np.floor((min(room_mm, self.longest_mm) - self.shortest_mm) / self.step_mm + 1e-9)
        return None if steps < 0 else float(self.shortest_mm + steps * self.step_mm)


@cache
def screw_types() -> tuple[ScrewType, ...]:
    """The catalogue, thickest first."""
    text = files("CementTrajectoryLib.screws").joinpath("catalogue.json").read_text(encoding="utf-8")
    return tuple(sorted((ScrewType(**row) for row in json.loads(text)), key=lambda s: -s.diameter_mm))


def largest_screw(radius_mm: float, clearance_mm: float) -> ScrewType | None:
    """The thickest screw that leaves `clearance_mm` of bone around it in a corridor of a radius; None if none does."""
    fitting = (s for s in screw_types() if s.diameter_mm / 2 + clearance_mm <= radius_mm + 1e-9)
    return next(fitting, None)


def screw_provenance(chosen: set[str]) -> tuple[Provenance, ...]:
    """Where the numbers come from that chose these screws (ids)."""
    used = [s for s in screw_types() if s.id in chosen]
    rows = [Provenance(f"screw {s.id}", s.diameter_mm, "mm", s.source, s.status) for s in used]
    return (*DEFAULTS.provenance(), *rows)
