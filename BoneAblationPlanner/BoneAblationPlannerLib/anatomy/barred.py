"""Bones that no needle may cross, as structures to keep clear of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError

KIND = "barred bone"
CHOSEN = "chosen by the user"


def barred_structures(
    names: Sequence[str], bones: LabelMap, lesion: NDArray[np.bool_], host: str | None, table: StructureTable
) -> list[Structure]:
    """The named bones without the lesion; `host` is the bone that holds it.

    Raises
    ------
    InputError
        For a bone that is not known here, or that needles must enter.
    """
    present = {bones.names[int(v)]: int(v) for v in np.unique(bones.labels) if int(v) in bones.names}
    found = []
    for name in dict.fromkeys(given if given in present else table.bone_of(given) or given for given in names):
        if name not in present:
            known = ", ".join(sorted(present)) or "none: the bones could not be told apart"
            raise InputError(f"bone not to cross: {name!r} is not known in this scan; expected one of {known}")
        if name == host:
            raise InputError(f"bone not to cross: {name} holds the lesion; expected a bone that needles need not enter")
        rule = table.kinds[KIND]
        mask = (bones.labels == present[name]) & ~lesion
        found.append(Structure(name, KIND, mask, rule.shaft_mm, rule.zone_mm, CHOSEN))
    return found
