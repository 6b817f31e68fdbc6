"""Candidate ends of corridors: points of a bone, or of its surface, in a ball."""

import numpy as np
from numpy.typing import NDArray

from CementTrajectoryLib.screws.depth import DepthMap

SURFACE_SHARE = 0.6
"""A voxel no deeper than this share of the largest voxel edge lies at the surface."""


def ends_in_ball(
    depth: DepthMap, centre_ras_mm: NDArray[np.float64], radius_mm: float, spacing_mm: float, surface: bool
) -> NDArray[np.float64]:
    """Points (N, 3) RAS of the bone, or of its surface, about one per cube of edge `spacing_mm`."""
    region = depth.grid.region_around(centre_ras_mm[None], radius_mm + spacing_mm)
    depths, grid = depth.depth_mm[region], depth.grid.crop(region)
    rim = SURFACE_SHARE * float(grid.spacing_ijk_mm.max())
    points = grid.ras_of_mask((depths > 0) & (depths <= rim) if surface else depths > 0)
    points = points[np.linalg.norm(points - centre_ras_mm, axis=1) <= radius_mm]
    _, first = np.unique(np.floor((points - centre_ras_mm) / spacing_mm), axis=0, return_index=True)
    return np.asarray(points[np.sort(first)])


def largest_ball(depth: DepthMap, radius_mm: tuple[float, float]) -> tuple[NDArray[np.float64], float] | None:
    """Centre (3,) RAS and radius of the largest ball in a bone, or None if its radius is out of a range."""
    at = np.unravel_index(int(np.argmax(depth.depth_mm)), depth.depth_mm.shape)
    largest = float(depth.depth_mm[at])
    if not radius_mm[0] <= largest <= radius_mm[1]:
        return None
    return np.asarray(depth.grid.ras_from_ijk(np.array(at)[::-1])[0]), largest
