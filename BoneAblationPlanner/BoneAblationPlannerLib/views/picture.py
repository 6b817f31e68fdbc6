"""What the report knows of a picture; free of VTK, so that the report can be made where nothing can be drawn."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PictureKind = Literal[
    "context",
    "axial",
    "coronal",
    "sagittal",
    "3d",
    "margin-map",
    "access",
    "along",
    "across",
    "barrel",
    "entry",
    "stabilisation",
    "rigidity",
    "density",
    "temperature",
]


@dataclass(frozen=True)
class Picture:
    """A picture file with what the report says about it; `probe` is the probe's name where it shows one."""

    file: Path
    title: str
    caption: str
    probe: str | None
    kind: PictureKind
