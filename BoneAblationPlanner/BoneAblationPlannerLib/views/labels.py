"""Where a text goes on a picture so that it covers no other. Boxes are (left, top, right, bottom) in pixels."""

import math
from collections.abc import Sequence

Box = tuple[float, float, float, float]

_STEPS = 12
"""How far a text may move: so many halves of its height, and half as many of its width."""


def free_shift(box: Box, taken: Sequence[Box], width: float, height: float) -> tuple[float, float]:
    """The shortest move, in columns and rows, that frees a box of those taken and keeps it inside the picture.

    Where there is no room, as far as it looks, the box is only brought inside.
    """
    dx, dy = inside_shift(box, width, height)
    start = _moved(box, dx, dy)
    across, down = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    moves = [(i * across, j * down) for i in range(-_STEPS // 2, _STEPS // 2 + 1) for j in range(-_STEPS, _STEPS + 1)]
    for mx, my in sorted(moves, key=lambda move: math.hypot(*move)):
        place = _moved(start, mx, my)
        if inside_shift(place, width, height) == (0.0, 0.0) and not any(overlap(place, other) for other in taken):
            return dx + mx, dy + my
    return dx, dy


def inside_shift(box: Box, width: float, height: float) -> tuple[float, float]:
    """The move that brings a box inside a picture."""
    dx = max(-box[0], 0.0) - max(box[2] - width, 0.0)
    dy = max(-box[1], 0.0) - max(box[3] - height, 0.0)
    return dx, dy


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _moved(box: Box, dx: float, dy: float) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
