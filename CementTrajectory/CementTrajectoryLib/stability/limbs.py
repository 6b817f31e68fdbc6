"""Which end of a limb's bone is its upper one, however the limb lies in the scanner."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import LabelMap

ABOVE = {
    "femur": ("hip",),
    "tibia": ("femur",),
    "fibula": ("femur",),
    "humerus": ("scapula", "clavicula"),
    "radius": ("humerus",),
    "ulna": ("humerus",),
}
"""The bone that a limb's bone hangs on, by the beginning of its name; the side is the same."""


def above_ras_mm(bones: LabelMap, name: str | None) -> NDArray[np.float64] | None:
    """Middle (3,) of the bone that a limb's bone hangs on; None for other bones, or where it is not in the image."""
    limb = next((limb for limb in ABOVE if name is not None and name.startswith(limb)), None)
    if limb is None or name is None:
        return None
    side = name.removeprefix(limb)
    wanted = {f"{bone}{side}" for bone in ABOVE[limb]}
    values = [value for value, label in bones.names.items() if label in wanted]
    mask = np.isin(bones.labels, values)
    if not values or not mask.any():
        return None
    middle: NDArray[np.float64] = bones.grid.ras_of_mask(mask).mean(axis=0)
    return middle
