"""Angles that the operator dials in, and how the patient lies.

The image stays in the patient's RAS frame however the patient lies on the table.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Position

_TOWARDS_TABLE: dict[Position, tuple[float, float, float]] = {
    "supine": (0.0, -1.0, 0.0),
    "prone": (0.0, 1.0, 0.0),
    "left-lateral": (-1.0, 0.0, 0.0),
    "right-lateral": (1.0, 0.0, 0.0),
}


def towards_table(position: Position) -> NDArray[np.float64]:
    """Unit vector (3,) in RAS from the patient to the table that he lies on."""
    return np.array(_TOWARDS_TABLE[position])


def axial_angle_deg(entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, position: Position) -> float:
    """Angle in the axial plane between the needle and the vertical of the room, -180..180.

    0 is a needle that goes straight down to the table; positive when, seen from the feet with the table below, the
    needle goes down towards the right-hand side of the picture.
    A needle along the patient's long axis has no such angle: 0 by convention.
    """
    direction = _direction(entry_ras_mm, tip_ras_mm)
    down = towards_table(position)
    # Seen from the feet (looking cranially, +S away from the viewer) the right-hand side is down x S.
    right_hand = np.cross(down, [0.0, 0.0, 1.0])
    sideways, vertical = float(direction @ right_hand), float(direction @ down)
    if np.hypot(sideways, vertical) < 1e-6:
        return 0.0
    return float(np.degrees(np.arctan2(sideways, vertical)))


def craniocaudal_angle_deg(entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike) -> float:
    """Angle of the needle out of the axial plane, -90..90; positive when the tip is more cranial than the entry."""
    return float(np.degrees(np.arcsin(np.clip(_direction(entry_ras_mm, tip_ras_mm)[2], -1.0, 1.0))))


def _direction(entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike) -> NDArray[np.float64]:
    return unit_vector(np.asarray(tip_ras_mm, dtype=np.float64) - np.asarray(entry_ras_mm, dtype=np.float64))
