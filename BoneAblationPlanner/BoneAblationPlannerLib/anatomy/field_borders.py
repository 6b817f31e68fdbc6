"""Circles and planes that bound a field of view, found among the voxels at its border.

By trial: each of many small samples gives a circle or plane, the one that most border voxels lie on is fitted to them.
"""

import numpy as np
from numpy.typing import NDArray

BORDER_HALF_VOXELS = 0.6
"""A digitised plane or circle lies within half a voxel of its true place."""
CIRCLE_FROM_MM = 40.0
CIRCLE_SHARE = 0.25
"""Of all border voxels that one circle must explain."""
BEYOND_SHARE = 0.999
"""Of what lies beyond a border, that must be padding."""
TRIALS, MOST_POINTS = 400, 3000


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[:: max(1, -(-len(points) // MOST_POINTS))]


def find_circle(border: NDArray[np.float64], within: float) -> tuple[NDArray[np.float64], float] | None:
    """Centre (2,) and radius in mm of the circle that most border points (N, 2) lie on, None without one.

    None of them lies far outside of it. `within` (mm) is how far off it points may lie.
    """
    points = _thinned(border)
    triples = points[np.random.default_rng(0).integers(0, len(points), (TRIALS, 3))]
    matrix = 2 * (triples[:, 1:] - triples[:, :1])
    right = (triples[:, 1:] ** 2).sum(axis=2) - (triples[:, :1] ** 2).sum(axis=2)
    usable = np.abs(np.linalg.det(matrix)) > 1.0
    if not usable.any():
        return None
    centres = np.linalg.solve(matrix[usable], right[usable][..., None])[..., 0]
    radii = np.linalg.norm(centres - triples[usable, 0], axis=1)
    off = np.linalg.norm(points[None] - centres[:, None], axis=2) - radii[:, None]
    votes = np.where((off > 4 * within).mean(axis=1) < 1 - BEYOND_SHARE, (np.abs(off) <= 2 * within).mean(axis=1), 0)
    best = int(votes.argmax())
    centre, radius = centres[best], float(radii[best])
    for _ in range(3):
        near = np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= 2 * within
        if near.sum() < 3:
            return None
        # x^2 + y^2 = 2 cx x + 2 cy y + (r^2 - c^2): linear in what is sought.
        fit = np.linalg.lstsq(np.column_stack([2 * points[near], np.ones(near.sum())]), (points[near] ** 2).sum(axis=1))
        centre = fit[0][:2]
        radius = float(np.sqrt(max(fit[0][2] + centre @ centre, 0.0)))
    share = float((np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= within).mean())
    return (centre, radius) if share >= CIRCLE_SHARE and radius >= CIRCLE_FROM_MM else None


def find_plane(border: NDArray[np.float64], spacing: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Normal (3,), of either sign, and offset in mm of the plane that most border points (N, 3) lie on.

    None of them lies far beyond it; `spacing` (3,) are the voxel's edges in mm.
    """
    points = _thinned(border)
    # Points that follow each other lie in one slice or the next, so often on one plane.
    random = np.random.default_rng(0)
    apart = max(3, len(points) // 8)
    rows = random.integers(0, len(points), (TRIALS, 1)) + random.integers(-apart, apart + 1, (TRIALS, 3))
    triples = points[np.clip(rows, 0, len(points) - 1)]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-6
    if not usable.any():
        return np.array([0.0, 0.0, 1.0]), np.inf
    normals = normals[usable] / lengths[usable, None]
    offsets = (triples[usable, 0] * normals).sum(axis=1)
    within = BORDER_HALF_VOXELS * np.abs(normals) @ spacing
    height = points @ normals.T - offsets
    votes = (np.abs(height) <= 2 * within).mean(axis=0)
    # One side must be free of scanned voxels.
    above, below = ((side > 4 * within).mean(axis=0) for side in (height, -height))
    votes[np.minimum(above, below) > 0.01] = 0
    best = int(votes.argmax())
    normal, offset = normals[best], float(offsets[best])
    for _ in range(3):
        on = points[np.abs(points @ normal - offset) <= 2 * BORDER_HALF_VOXELS * float(np.abs(normal) @ spacing)]
        if len(on) < 3:
            break
        centre = on.mean(axis=0)
        normal = np.linalg.svd(on - centre, full_matrices=False)[2][2]
        offset = float(centre @ normal)
    return normal, offset
