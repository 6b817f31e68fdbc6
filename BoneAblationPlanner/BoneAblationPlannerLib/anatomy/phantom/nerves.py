"""Courses of the nerves that matter for ablation about the hip, drawn on the right."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, smooth_chain
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue, box_of, distance_of, on_side

COURSES: dict[str, Curve] = {
    "sacral plexus": [(34, -14, 108, 2.5), (40, -24, 90, 2.5), (43, -34, 72, 3), (51, -42, 54, 4), (62, -46, 38, 4)],
    "sciatic nerve": [
        (62, -46, 38, 4),
        (70, -54, 22, 4),
        (80, -58, 4, 4),
        (89, -52, -20, 4),
        (95, -46, -50, 4),
        (94, -40, -84, 4),
    ],
    "femoral nerve": [
        (60, -6, 132, 2),
        (70, 8, 106, 2),
        (80, 36, 66, 2),
        (84, 52, 34, 2.5),
        (84, 54, 4, 2.5),
        (90, 50, -26, 2),
    ],
    "obturator nerve": [
        (38, -16, 110, 1.5),
        (46, -14, 80, 1.5),
        (50, -4, 50, 1.5),
        (46, 10, 20, 1.5),
        (42, 20, -2, 1.5),
    ],
}


def polylines() -> tuple[tuple[str, NDArray[np.float64]], ...]:
    """Name and course (N, 3) in RAS mm of each nerve, right and left."""
    lines = []
    for name, balls in COURSES.items():
        for side in ("right", "left"):
            lines.append((f"{name} {side}", smooth_chain(on_side(balls, side), 6)[:, :3]))
    return tuple(lines)


def bundles() -> list[Tissue]:
    """The nerves as the scanner sees them: soft tissue in a thin coat of fat."""
    tissues = []
    for balls in COURSES.values():
        for side in ("right", "left"):
            placed = on_side(balls, side)
            lattice = box_of([placed], 1.5)
            tissues.append(Tissue(lattice, distance_of(lattice, placed), 34.0, rim_mm=1.5))
    return tissues
