"""A femur made of a ball and two rods, for tests. Holds no test itself."""

import numpy as np
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.ct import LabelMap

HEAD = np.array([12.0, -34.0, 86.0])
ANGLE = np.radians(130.0 - 90.0)


def rod(points, start, end, radius):
    axis = end - start
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - along[:, None] * axis, axis=1) <= radius


def femur(side="right", neck_radius=15.0):
    """Head of 24 mm, neck at 130 degrees to a shaft of 15 mm radius."""
    sign = 1.0 if side == "right" else -1.0
    grid = oblique_grid((100, 100, 110), (1.5, 1.5, 1.5), HEAD + [20 * sign, 0, -35])
    points = every_point(grid)
    neck = np.array([np.cos(ANGLE) * sign, 0.0, -np.sin(ANGLE)])
    knee = HEAD + 58 * neck
    bone = np.linalg.norm(points - HEAD, axis=1) <= 24
    bone |= rod(points, HEAD, knee, neck_radius)
    bone |= rod(points, knee + [0, 0, 12], knee + [0, 0, -60], 15.0)
    return LabelMap(grid, bone.reshape(grid.shape).astype(np.uint8), {1: f"femur_{side}"}), neck
