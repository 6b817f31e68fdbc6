"""Growing a star-shaped region from a point.

Along each direction the boundary is where the evidence for "still inside" is largest; neighbouring directions share
their evidence, so that one gap in a wall does not let the region leak through it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.frames import Grid

DIRECTIONS = 800
STEP_MM = 0.6
SHARED_DEGREES = 9.0
BEYOND_GRID = -3.0
RECENTRINGS = 3
LARGEST_SHIFT = 0.4
"""The centre stays within this share of the region's mean radius around the seed, so that it cannot wander off."""


def grow_star(
    score: NDArray[np.float32], grid: Grid, seed_ras_mm: NDArray[np.float64], reach_mm: float
) -> NDArray[np.bool_]:
    """Grow the star-shaped region around a seed with the largest sum of score.

    Parameters
    ----------
    score : (k, j, i) float32
        Evidence of every voxel for the inside: positive inside, negative outside.
    seed_ras_mm : (3,)
        Start; the centre then moves to the region's centroid and the region is grown again.
    reach_mm : float
        Largest radius.

    Returns
    -------
    (k, j, i) bool
    """
    directions = fibonacci_sphere(DIRECTIONS)
    sharing = _sharing_weights(directions, np.deg2rad(SHARED_DEGREES))
    belongs = score > 0
    centre = seed_ras_mm
    for _ in range(RECENTRINGS):
        radii = _boundary_radii(score, grid, centre, directions, sharing, reach_mm)
        region = _voxelise(grid, centre, directions, radii)
        members = grid.ras_of_mask(region & belongs)
        if len(members) == 0:
            return region
        shift = members.mean(axis=0) - seed_ras_mm
        allowed = LARGEST_SHIFT * float(np.cbrt(len(members) * grid.voxel_ml * 1000 * 3 / (4 * np.pi)))
        centre = seed_ras_mm + shift * min(1.0, allowed / max(float(np.linalg.norm(shift)), 1e-9))
    return region


def fibonacci_sphere(count: int) -> NDArray[np.float64]:
    """Nearly even unit vectors (count, 3)."""
    n = np.arange(count) + 0.5
    polar = np.arccos(1 - 2 * n / count)
    turn = np.pi * (1 + np.sqrt(5)) * n
    return np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)


def _sharing_weights(directions: NDArray[np.float64], sigma: float) -> NDArray[np.float32]:
    angle = np.arccos(np.clip(directions @ directions.T, -1, 1))
    weights = np.exp(-((angle / sigma) ** 2) / 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _boundary_radii(
    score: NDArray[np.float32],
    grid: Grid,
    centre: NDArray[np.float64],
    directions: NDArray[np.float64],
    sharing: NDArray[np.float32],
    reach_mm: float,
) -> NDArray[np.float32]:
    """Radius (D,) mm at which the shared, volume-weighted evidence is largest."""
    radii = np.arange(STEP_MM, reach_mm + STEP_MM / 2, STEP_MM)
    points = centre + radii[None, :, None] * directions[:, None, :]
    kji = grid.ijk_from_ras(points.reshape(-1, 3))[:, ::-1].T
    sampled = ndimage.map_coordinates(score, kji, order=1, mode="constant", cval=BEYOND_GRID)
    evidence = np.cumsum(sampled.reshape(len(directions), len(radii)) * radii, axis=1)
    shared = sharing @ evidence.astype(np.float32)
    best = shared.argmax(axis=1)
    found = np.where(shared.max(axis=1) > 0, radii[best], 0.0).astype(np.float32)
    return sharing @ found


def _voxelise(
    grid: Grid, centre: NDArray[np.float64], directions: NDArray[np.float64], radii: NDArray[np.float32]
) -> NDArray[np.bool_]:
    region = np.zeros(grid.shape, dtype=bool)
    near = grid.region_around(centre, float(radii.max()) + grid.half_diagonal_mm)
    offset = grid.crop(near).ras_of_mask(np.ones([s.stop - s.start for s in near], dtype=bool)) - centre
    length = np.linalg.norm(offset, axis=1)
    _, nearest = cKDTree(directions).query(offset / np.maximum(length, 1e-9)[:, None], k=3)
    inside = length <= radii[nearest].mean(axis=1)
    region[near] = inside.reshape(region[near].shape)
    return region
