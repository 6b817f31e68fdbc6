"""A cut between two bones moved into their joint space: the surface through the least bone there.

Such a space may be narrower than a working voxel and bridged by osteophytes, and marrow may be darker than it is. What
tells it is that a cut through it passes little dense bone: the minimum cut of a graph of voxels (Boykov and Jolly,
Interactive graph cuts, ICCV 2001), on voxels as fine as the CT's.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import Region

FINEST_MM = 1.0
"""Voxels that the joint is looked for on; coarser where the CT is."""
MOVED_MM = 12.0
"""The cut moves by no more than this."""
AROUND_MM = 18.0
LEAST_HU, MOST_HU = 20.0, 900.0
"""What a face between two voxels counts: their mean HU within these."""


def moved_into_joint(
    ct: CtVolume, work: Work, box: Region, whole: NDArray[np.bool_], piece: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """`piece` of a bone with its cut moved to where it passes the least bone.

    Parameters
    ----------
    ct : CtVolume
    work : Work
    box : Region
        The part of the working grid that the masks show.
    whole, piece : (k, j, i) bool
        Two bones that hang together, and one of them as it was cut.
    """
    grid = work.grid.crop(box)
    step_mm = max(FINEST_MM, float(ct.grid.spacing_ijk_mm.min()))
    seam = ndimage.binary_dilation(piece) & whole & ~piece
    if not seam.any():
        return piece
    region = grid.region_around(grid.ras_of_mask(seam), AROUND_MM)
    fine, hu = _fine(ct, grid.crop(region), step_mm)
    whole_fine, piece_fine = (_nearest(grid, mask, fine) for mask in (whole, piece))
    spacing = fine.spacing_kji_mm
    rest = whole_fine & ~piece_fine
    if not (rest.any() and piece_fine.any()):
        return piece
    one = rest & (distance_mm(piece_fine, spacing, MOVED_MM) > MOVED_MM)
    other = piece_fine & (distance_mm(rest, spacing, MOVED_MM) > MOVED_MM)
    if not (one.any() and other.any()):
        return piece
    parted = least_cut(hu, whole_fine, one, other)
    moved = piece.copy()
    moved[region] = np.where(whole[region], _nearest(fine, parted, grid.crop(region)), piece[region])
    return moved


def least_cut(
    hu: NDArray[np.float32], bone: NDArray[np.bool_], one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """What belongs to `other` when bone (k, j, i) is parted between two seeds by the cut that passes the least HU."""
    number = np.full(bone.shape, -1, dtype=np.int64)
    count = int(bone.sum())
    number[bone] = np.arange(count)
    tails, heads, weights = [], [], []
    for axis in range(3):
        a, b = (np.moveaxis(number, axis, 0)[s].ravel() for s in (slice(None, -1), slice(1, None)))
        along = np.moveaxis(hu, axis, 0)
        mean = ((along[:-1] + along[1:]) / 2).ravel()
        joined = (a >= 0) & (b >= 0)
        weight = np.clip(mean[joined], LEAST_HU, MOST_HU).astype(np.int32)
        tails += [a[joined], b[joined]]
        heads += [b[joined], a[joined]]
        weights += [weight, weight]
    source, sink = count, count + 1
    unbroken = np.int32(MOST_HU * 6 + 1)
    for seeds, ends in ((number[one & bone], source), (number[other & bone], sink)):
        fixed = np.full(len(seeds), ends)
        tails.append(fixed if ends == source else seeds)
        heads.append(seeds if ends == source else fixed)
        weights.append(np.full(len(seeds), unbroken, dtype=np.int32))
    edges = (np.concatenate(weights), (np.concatenate(tails), np.concatenate(heads)))
    capacity = coo_array(edges, shape=(count + 2, count + 2)).tocsr()
    left = capacity - maximum_flow(capacity, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = np.zeros(count + 2, dtype=bool)
    reached[breadth_first_order(left, source, return_predecessors=False)] = True
    result = np.zeros_like(bone)
    result[bone] = ~reached[:count]
    return result


def _fine(ct: CtVolume, coarse: Grid, step_mm: float) -> tuple[Grid, NDArray[np.float32]]:
    """Cubic voxels over a block of the working grid, and their HU."""
    factor = step_mm / coarse.spacing_ijk_mm
    matrix = np.array(coarse.ijk_to_ras)
    matrix[:3, :3] = coarse.ijk_to_ras[:3, :3] * factor
    matrix[:3, 3] = coarse.ras_from_ijk((factor - 1) / 2)[0]
    k, j, i = (int(np.ceil(n / f)) for n, f in zip(coarse.shape, factor[::-1], strict=True))
    grid = Grid((k, j, i), matrix)
    points = grid.ras_of_mask(np.ones(grid.shape, dtype=bool))
    held = ct.grid.region_around(points, 2 * step_mm)
    at = ct.grid.crop(held).ijk_from_ras(points)[:, ::-1]
    hu = ndimage.map_coordinates(ct.hu[held].astype(np.float32), at.T, order=1, mode="nearest")
    return grid, hu.reshape(grid.shape).astype(np.float32)


def _nearest(grid: Grid, values: NDArray, wanted: Grid) -> NDArray:
    """Values (k, j, i) of one grid at the voxels of another that it holds."""
    at = np.rint(grid.ijk_from_ras(wanted.ras_of_mask(np.ones(wanted.shape, dtype=bool)))).astype(int)[:, ::-1]
    at = np.clip(at, 0, np.array(grid.shape) - 1)
    return np.asarray(values[tuple(at.T)].reshape(wanted.shape))
