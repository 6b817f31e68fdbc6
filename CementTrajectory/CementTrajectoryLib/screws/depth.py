"""How deep every point lies inside bone: the map that all corridor searches sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.compute import inlined, kernel
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid, subdivide
from BoneAblationPlannerLib.morphology import closed
from BoneAblationPlannerLib.regions import bounding_region

EDGE_MM = 1.2
"""Fine voxels are thinned, and thick slices split, to edges of at most this."""
PADDING = 2
OPPOSITE = 0.0
"""Cosine between the ways to two bones below which a point lies between them."""
PINHOLE_MM = 2.0


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Distance to the nearest surface of bone in mm, (k, j, i) float32: positive inside, negative outside.

    Distances inside are to the voxel boxes outside along the grid's axes; half the largest voxel edge is taken off
    towards the inside, so that the depth of bone is rather understated.
    """

    grid: Grid
    depth_mm: NDArray[np.float32]

    def local_mm(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) in mm along the grid's axes i, j, k from the first voxel: distances stay what they are."""
        return self.grid.ijk_from_ras(points_ras_mm) * self.grid.spacing_ijk_mm

    def ras_mm(self, points_local_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of `local_mm`."""
        return self.grid.ras_from_ijk(np.atleast_2d(points_local_mm) / self.grid.spacing_ijk_mm)

    def along(self, start_ras_mm: NDArray[np.float64], end_ras_mm: NDArray[np.float64], step_mm: float) -> NDArray:
        """Depths (N,) at equal steps of at most `step_mm` from start to end, both included."""
        count = int(np.ceil(np.linalg.norm(np.subtract(end_ras_mm, start_ras_mm)) / step_mm)) + 1
        points = np.linspace(start_ras_mm, end_ras_mm, max(count, 2))
        return self.at(points)

    def at(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Depths (N,) of points (N, 3), trilinear; far outside where the map ends."""
        places = self.grid.ijk_from_ras(points_ras_mm)[:, ::-1].T
        return np.asarray(ndimage.map_coordinates(self.depth_mm, places, order=1, cval=-1e3), dtype=np.float64)


def depth_map(grid: Grid, bone: NDArray[np.bool_]) -> DepthMap:
    """The map of a bone mask (k, j, i) on a grid, cropped to the bone.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    box = bounding_region(bone)
    if box is None:
        raise ValueError("bone: empty mask; expected at least one voxel")
    local, mask = grid.crop(box), np.ascontiguousarray(bone[box])
    local, mask = _thinned(local, mask)
    split = local.refinement(EDGE_MM)
    mask = np.pad(subdivide(mask, split), PADDING)
    padded = _padded(local.refined(split), PADDING)
    spacing = padded.spacing_kji_mm
    half = float(spacing.max()) / 2
    inside, outside = distance_mm(~mask, spacing), distance_mm(mask, spacing)
    return DepthMap(padded, np.where(mask, inside - half, -outside + half).astype(np.float32))


def _thinned(grid: Grid, mask: NDArray[np.bool_]) -> tuple[Grid, NDArray[np.bool_]]:
    """Every n-th voxel where voxels are much finer than needed: its place stays exact, its box grows."""
    i, j, k = (max(1, int(EDGE_MM / s + 1e-6)) for s in grid.spacing_ijk_mm)
    if (k, j, i) == (1, 1, 1):
        return grid, mask
    matrix = np.array(grid.ijk_to_ras)
    matrix[:3, :3] = grid.ijk_to_ras[:3, :3] * [i, j, k]
    thin = np.ascontiguousarray(mask[::k, ::j, ::i])
    return Grid(thin.shape, matrix), thin


def _padded(grid: Grid, count: int) -> Grid:
    matrix = np.array(grid.ijk_to_ras)
    matrix[:3, 3] = grid.ras_from_ijk([-count] * 3)[0]
    k, j, i = (n + 2 * count for n in grid.shape)
    return Grid((k, j, i), matrix)


def with_joint_space(
    grid: Grid, first: NDArray[np.bool_], second: NDArray[np.bool_], widest_mm: float
) -> NDArray[np.bool_]:
    """Two bones and the space between them where they face each other at most `widest_mm` apart, on their own grid.

    A screw across a joint or a fracture passes the gap; to the search it is bone. Only what truly lies between the two
    counts: the ways to them lead in opposite directions, which they do not beyond the joint's rim.
    """
    both = first | second
    box_one, box_two = bounding_region(first), bounding_region(second)
    if box_one is None or box_two is None:
        return both
    pad = np.ceil(widest_mm / grid.spacing_kji_mm).astype(int) + 1
    starts = [max(max(s.start, t.start) - p, 0) for s, t, p in zip(box_one, box_two, pad, strict=True)]
    stops = [min(s.stop, t.stop) + p for s, t, p in zip(box_one, box_two, pad, strict=True)]
    if any(stop - start < 2 for start, stop in zip(starts, stops, strict=True)):
        return both
    box = tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    one, two = np.ascontiguousarray(first[box]), np.ascontiguousarray(second[box])
    if one.any() and two.any():
        spacing = grid.spacing_kji_mm
        near = distance_mm(one, spacing, widest_mm) + distance_mm(two, spacing, widest_mm) <= widest_mm
        places = np.argwhere(near & ~one & ~two)
        if len(places):
            ways = [_way_to(mask, places, spacing) for mask in (one, two)]
            facing = (ways[0] * ways[1]).sum(axis=1) <= OPPOSITE
            filled = one | two
            filled[tuple(places[facing].T)] = True
            # The ways are coarse where the gap is a voxel or two wide: holes left there are closed.
            both[box] |= closed(filled, PINHOLE_MM, spacing) & near
    return both


def _way_to(mask: NDArray[np.bool_], places: NDArray[np.int64], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3) from voxels outside a mask to its nearest voxel."""
    surface = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    distance, row = cKDTree(surface * spacing).query(places * spacing)
    return np.asarray((surface[row] - places) * spacing / distance[:, None], dtype=np.float64)


@kernel
def sample_depth(depth, per_mm, x, y, z):  # type: ignore[no-untyped-def]
    """Trilinear depth at local mm (x, y, z along i, j, k); far outside beyond the map."""
    shape_k, shape_j, shape_i = depth.shape
    i, j, k = x * per_mm[0], y * per_mm[1], z * per_mm[2]
    if not (i >= 0.0 and j >= 0.0 and k >= 0.0 and i < shape_i - 1 and j < shape_j - 1 and k < shape_k - 1):
        return -1e3
    i0, j0, k0 = int(i), int(j), int(k)
    fi, fj, fk = i - i0, j - j0, k - k0
    near = (depth[k0, j0, i0] * (1 - fi) + depth[k0, j0, i0 + 1] * fi) * (1 - fj) + (
        depth[k0, j0 + 1, i0] * (1 - fi) + depth[k0, j0 + 1, i0 + 1] * fi
    ) * fj
    far = (depth[k0 + 1, j0, i0] * (1 - fi) + depth[k0 + 1, j0, i0 + 1] * fi) * (1 - fj) + (
        depth[k0 + 1, j0 + 1, i0] * (1 - fi) + depth[k0 + 1, j0 + 1, i0 + 1] * fi
    ) * fj
    return near * (1 - fk) + far * fk


@inlined
def nearest_depth(depth, per_mm, x, y, z):  # type: ignore[no-untyped-def]
    """Depth of the voxel that holds a point in local mm; far outside beyond the map."""
    i, j, k = int(x * per_mm[0] + 0.5), int(y * per_mm[1] + 0.5), int(z * per_mm[2] + 0.5)
    if i < 0 or j < 0 or k < 0 or i >= depth.shape[2] or j >= depth.shape[1] or k >= depth.shape[0]:
        return np.float32(-1e3)
    return depth[k, j, i]
