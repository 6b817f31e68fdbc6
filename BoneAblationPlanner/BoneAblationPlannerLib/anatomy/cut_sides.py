"""Where a side of the image cuts through the patient: skin and organs beyond it are not seen."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid

SMALLEST_CUT_CM2 = 5.0
"""An elbow or a fold of skin at the image's edge is no cut through the patient."""
_SIDES = (("left", "right"), ("back", "front"), ("feet", "head"))
"""Names of the sides towards lower and higher R, A and S."""


def cut_sides(body: NDArray[np.bool_], grid: Grid) -> tuple[str, ...]:
    """Sides (front, back, left, right) on which the image ends inside the patient (k, j, i) bool.

    Head and feet are always cut: they are not named.
    """
    spacing = grid.spacing_kji_mm
    found = []
    for axis in range(3):
        outwards = grid.ijk_to_ras[:3, 2 - axis]
        towards = int(np.abs(outwards).argmax())
        if towards == 2:
            continue
        face_cm2 = float(np.delete(spacing, axis).prod()) / 100
        for end in (0, -1):
            if float(body.take(end, axis).sum()) * face_cm2 >= SMALLEST_CUT_CM2:
                higher = (end == -1) == (outwards[towards] > 0)
                found.append(_SIDES[towards][int(higher)])
    return tuple(sorted(found))


def cut_warnings(body: NDArray[np.bool_], grid: Grid) -> list[str]:
    """One warning that names the sides, or none."""
    sides = cut_sides(body, grid)
    if not sides:
        return []
    named = ", ".join(sides)
    return [
        f"the image cuts the patient ({named}): skin and organs beyond are not seen, no needle is planned from there"
    ]
