"""Length and thickness of long bones that may be curved: ribs and collar bones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.frames import Grid

NODE_MM = 3.0
"""Voxels are joined to blocks of this size; blocks whose middles are nearer than `LINK_MM` are neighbours."""
LINK_MM = 5.5


class Tube(NamedTuple):
    """The way through a bone between its two ends: length in mm, mean section in mm2, and the ends, RAS mm (2, 3)."""

    length_mm: float
    section_mm2: float
    ends_ras_mm: NDArray[np.float64]


def tube_of(grid: Grid, mask: NDArray[np.bool_]) -> Tube:
    """The longest way through a mask (k, j, i), which must hold a voxel."""
    points = grid.ras_of_mask(mask)
    _, block, count = np.unique(
        np.floor(points / NODE_MM).astype(np.int64), axis=0, return_inverse=True, return_counts=True
    )
    nodes = np.stack([np.bincount(block.ravel(), weights=points[:, n]) for n in range(3)], axis=1) / count[:, None]
    pairs = cKDTree(nodes).query_pairs(LINK_MM, output_type="ndarray")
    lengths = np.linalg.norm(nodes[pairs[:, 0]] - nodes[pairs[:, 1]], axis=1)
    graph = coo_array((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes))).tocsr()
    first = _farthest(graph, 0)[0]
    last, length = _farthest(graph, first)
    length = max(length, NODE_MM)
    return Tube(length, len(points) * grid.voxel_ml * 1000.0 / length, nodes[[first, last]])


def _farthest(graph: coo_array, start: int) -> tuple[int, float]:
    away = dijkstra(graph, directed=False, indices=start)
    away[~np.isfinite(away)] = -1.0
    return int(away.argmax()), float(away.max())
