"""Materials that were put into the patient, told by the names of their outlines; names in ``inserted.json``."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import InsertedMaterial
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Provenance


def material_of(name: str) -> str | None:
    """Row of the table of tissues that an outline's name stands for, or None for anatomy."""
    row = _row_of(name)
    return None if row is None else str(row["tissue"])


def limits_no_path(name: str) -> bool:
    """Whether an outline's name is that of fluid or gas. Cement is a structure as well: needles keep clear of it."""
    tissue = material_of(name)
    return tissue is not None and tissue not in _document()["limits_paths"]


def inserted_from_labels(organs: LabelMap | None) -> tuple[InsertedMaterial, ...]:
    """Fluid and gas among named labels."""
    if organs is None:
        return ()
    masks = ((name, organs.labels == value) for value, name in organs.names.items() if limits_no_path(name))
    return tuple(inserted_material(name, mask) for name, mask in masks if mask.any())


def inserted_material(name: str, mask: NDArray[np.bool_]) -> InsertedMaterial:
    """Material that a user names, with its outline (k, j, i); raises InputError that lists what is known."""
    tissue = material_of(name)
    if tissue is None:
        known = ", ".join(dict.fromkeys(row["tissue"] for row in _document()["materials"]))
        raise InputError(f"inserted material {name!r}: not known; expected a name such as {known}")
    if not mask.any():
        raise InputError(f"inserted material {name!r}: its outline is empty; expected at least one voxel")
    return InsertedMaterial(name, tissue, mask.astype(bool))


def provenance_of_inserted(inserted: tuple[InsertedMaterial, ...]) -> tuple[Provenance, ...]:
    """Why an outline counts as its material."""
    rows = [(item, _row_of(item.name)) for item in inserted]
    return tuple(
        Provenance(f"{item.name}: taken as", item.tissue, "", row["source"], row["status"])
        for item, row in rows
        if row is not None
    )


@cache
def _document() -> dict[str, Any]:
    return json.loads(files(__package__).joinpath("inserted.json").read_text(encoding="utf-8"))


def _row_of(name: str) -> dict[str, Any] | None:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return next((row for row in _document()["materials"] if re.search(row["pattern"], plain)), None)
