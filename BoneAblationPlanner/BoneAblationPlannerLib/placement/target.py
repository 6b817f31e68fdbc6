"""The lesion and lesion + margin as voxels of 1 mm or less, which is what coverage is counted on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid, subdivide
from BoneAblationPlannerLib.morphology import filled

FINEST_MM = 1.0


@dataclass(frozen=True, eq=False)
class Target:
    """Voxel centres, lesion first.

    Parameters
    ----------
    grid : Grid
        Refined crop of the CT around the lesion; gives voxel size and obliquity.
    points_ras_mm : (N, 3) float64
        Centres of lesion voxels, then of margin voxels; within each, neighbours follow each other.
    lesion_count : int
        How many of the points are lesion.
    surface_ras_mm : (S, 3) float64
        Centres of the outer voxel faces of the lesion, where margins are measured.
    mask : (k, j, i) bool
        The same target on the grid of the lesion's outline: voxels of which at least half belongs to it.
    """

    grid: Grid
    points_ras_mm: NDArray[np.float64]
    lesion_count: int
    surface_ras_mm: NDArray[np.float64]
    mask: NDArray[np.bool_]

    @property
    def lesion_ras_mm(self) -> NDArray[np.float64]:
        """Lesion voxel centres (L, 3)."""
        return self.points_ras_mm[: self.lesion_count]


def build_target(lesion: NDArray[np.bool_], grid: Grid, margin_mm: float) -> Target:
    """Refine the lesion to 1 mm or below and add the margin.

    A voxel belongs to the margin if its centre lies within `margin_mm` of the lesion's voxel boxes (to half the
    finest edge), so that rounding never makes the target smaller than half a voxel less than asked.
    """
    if not lesion.any():
        raise ValueError("lesion: empty mask; expected at least one voxel")
    if margin_mm < 0:
        raise ValueError(f"margin_mm: {margin_mm:g}; expected 0 or more")
    region = grid.region_around(grid.ras_of_mask(lesion), margin_mm + 2.0 + float(grid.spacing_ijk_mm.max()))
    factors = grid.crop(region).refinement(FINEST_MM)
    fine_grid = grid.crop(region).refined(factors)
    fine = subdivide(np.ascontiguousarray(lesion[region]), factors)
    lesion_points = _near_by_near(fine, fine_grid)
    surface = _outer_faces(fine, fine_grid)
    if margin_mm == 0:
        return Target(fine_grid, lesion_points, len(lesion_points), surface, lesion)
    reach = margin_mm + float(fine_grid.spacing_kji_mm.min()) / 2
    margin = ~fine & (distance_mm(fine, fine_grid.spacing_kji_mm, reach) <= reach)
    points = np.concatenate([lesion_points, _near_by_near(margin, fine_grid)])
    mask = np.zeros_like(lesion)
    mask[region] = _block_share(fine | margin, factors) >= 0.5
    return Target(fine_grid, points, len(lesion_points), surface, mask)


def _block_share(fine: NDArray[np.bool_], factors: tuple[int, int, int]) -> NDArray[np.float64]:
    """Share of each coarse voxel that is true on the refined grid."""
    k, j, i = (n // f for n, f in zip(fine.shape, factors, strict=True))
    blocks = fine.reshape(k, factors[0], j, factors[1], i, factors[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float64)


def _near_by_near(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """Centres of a mask's voxels in Morton order, so that any run of them is a compact clump."""
    kji = np.argwhere(mask)
    code = np.zeros(len(kji), dtype=np.int64)
    for bit in range(int(max(mask.shape)).bit_length()):
        for axis in range(3):
            code |= ((kji[:, axis] >> bit) & 1) << (3 * bit + axis)
    return grid.ras_from_ijk(kji[np.argsort(code)][:, ::-1])


def _outer_faces(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """Centres of voxel faces between mask and background, holes filled first: (F, 3) RAS mm."""
    solid = np.pad(filled(mask), 1)
    faces = []
    for axis in range(3):
        for side in (-1, 1):
            open_ = solid & ~np.roll(solid, -side, axis=axis)
            kji = np.argwhere(open_).astype(np.float64) - 1
            kji[:, axis] += side / 2
            faces.append(kji)
    return grid.ras_from_ijk(np.concatenate(faces)[:, ::-1])
