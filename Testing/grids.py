"""Oblique, anisotropic grids for tests: geometry that a naive implementation gets wrong."""

import numpy as np

from BoneAblationPlannerLib.frames import Grid


def rotation(axis, degrees):
    """Rotation matrix about x, y or z (0, 1, 2)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = c
    matrix[a, b], matrix[b, a] = (-s, s) if axis != 1 else (s, -s)
    return matrix


def oblique_grid(shape=(30, 40, 50), spacing_ijk_mm=(0.8, 1.1, 2.6), centre_ras_mm=(12.0, -34.0, 56.0)):
    """A grid turned about all three axes, its middle at a given point."""
    axes = rotation(0, 17) @ rotation(1, -23) @ rotation(2, 31) * np.asarray(spacing_ijk_mm)
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    middle_ijk = (np.asarray(shape)[::-1] - 1) / 2
    matrix[:3, 3] = np.asarray(centre_ras_mm) - axes @ middle_ijk
    return Grid(shape, matrix)


def every_point(grid):
    """RAS centres (N, 3) of all voxels, in array order."""
    return grid.ras_of_mask(np.ones(grid.shape, dtype=bool))


def ball(grid, centre_ras_mm, radius_mm):
    """Voxels whose centre lies within a radius of a point."""
    distance = np.linalg.norm(every_point(grid) - np.asarray(centre_ras_mm), axis=1)
    return (distance <= radius_mm).reshape(grid.shape)
