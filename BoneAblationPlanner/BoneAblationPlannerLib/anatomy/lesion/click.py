"""Whether a click can be the start of a bone lesion, and what the user marked beside it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.opposite import Opposite
from BoneAblationPlannerLib.anatomy.lesion.smoothing import REACH as BLUR_REACH
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate

AIR_BELOW_HU = -300.0
BONE_WITHIN_MM = 15.0
METAL_ABOVE_HU = 2200.0
MOST_METAL = 0.3
"""Share of dense voxels around the click above which only metal and its streaks are seen."""
CONTRAST_HU = (130.0, 2000.0)
CONTRAST_SHELL_MM = (1.5, 4.5)
"""The wall that must be soft lies this far outside: beyond the blurred edge."""
SOFT_BELOW_HU = 120.0
SMALLEST_CONTRAST_ML = 8.0
"""A smooth dense body this large with soft tissue all around is contrast in an organ, not bone."""
MOST_GRADED = 60.0
"""Largest spread in HU (interquartile) of contrast; bone varies more between cortex and marrow."""


def checked_seed(ct: CtVolume, seed_ras_mm: ArrayLike) -> tuple[int, int, int]:
    """Voxel (k, j, i) of the click.

    Raises
    ------
    InputError
        Outside the image, in air or metal, or in contrast that fills an organ.
    """
    name = click_name(seed_ras_mm)
    try:
        seed = ct.grid.nearest_voxel(seed_ras_mm)
    except ValueError:
        raise InputError(f"{name}: outside the image; expected a point inside the lesion") from None
    if ct.hu[seed] < AIR_BELOW_HU:
        raise InputError(f"{name}: in air ({ct.hu[seed]} HU); expected a point inside the lesion")
    region = ct.grid.region_around(seed_ras_mm, BONE_WITHIN_MM)
    points = ct.grid.crop(region)
    hu, near = ct.hu[region], ball(points, seed_ras_mm, BONE_WITHIN_MM)
    dense = near & (hu > 150)
    if (hu[dense] > METAL_ABOVE_HU).sum() > MOST_METAL * max(dense.sum(), 1):
        raise InputError(f"{name}: mostly metal within {BONE_WITHIN_MM:g} mm; expected bone that can be seen")
    if _is_contrast(ct, seed, seed_ras_mm):
        raise InputError(f"{name}: in an evenly dense body without cortex, as contrast in bladder or bowel; "
                         "expected a point inside a bone lesion")  # fmt: skip
    return seed


def check_bone_near(near: Neighbourhood, opposite: Opposite | None, seed_ras_mm: ArrayLike) -> None:
    """Refuse a click far from bone; where all of it was destroyed, that of the other side counts.

    Raises
    ------
    InputError
        No bone near the click on either side.
    """
    bone = near.bone if opposite is None else near.bone | opposite.bone
    if not (bone & (near.radius_mm <= BONE_WITHIN_MM)).any():
        raise InputError(f"{click_name(seed_ras_mm)}: no bone within {BONE_WITHIN_MM:g} mm; "
                         "expected a point inside a bone lesion")  # fmt: skip


def click_name(seed_ras_mm: ArrayLike) -> str:
    """How messages call the click."""
    return f"lesion seed {np.round(np.asarray(seed_ras_mm, dtype=float), 1).tolist()} RAS mm"


def _is_contrast(ct: CtVolume, seed: tuple[int, int, int], seed_ras_mm: ArrayLike) -> bool:
    """A large, even, dense body whose surroundings are soft: its wall is no cortex and no bone continues it."""
    region = ct.grid.region_around(seed_ras_mm, 45.0)
    grid, hu = ct.grid.crop(region), ct.hu[region].astype(np.float32)
    index = tuple(s - r.start for s, r in zip(seed, region, strict=True))
    level = _blurred_at(hu, index, 1.0 / grid.spacing_kji_mm)
    if not CONTRAST_HU[0] < level < CONTRAST_HU[1]:
        return False
    smooth = blurred(hu, 1.0 / grid.spacing_kji_mm)
    labels, _ = ndimage.label(smooth > max(level / 2, CONTRAST_HU[0] - 30))
    body = labels == labels[index]
    if body.sum() * grid.voxel_ml < SMALLEST_CONTRAST_ML:
        return False
    inner = ndimage.binary_erosion(body, iterations=2)
    low, high = np.percentile(smooth[inner], [25, 75]) if inner.any() else (0.0, np.inf)
    if high - low > max(MOST_GRADED, 0.15 * level):
        return False
    spacing = grid.spacing_kji_mm
    shell = dilate(body, CONTRAST_SHELL_MM[1], spacing) & ~dilate(body, CONTRAST_SHELL_MM[0], spacing)
    return bool(shell.any() and np.percentile(smooth[shell], 85) < SOFT_BELOW_HU)


def _blurred_at(hu: NDArray[np.float32], index: tuple[int, ...], blur: NDArray[np.float64]) -> float:
    """The blurred value at one voxel, from what the blur reaches."""
    reach = np.ceil(BLUR_REACH * blur).astype(int) + 1
    low = np.maximum(np.array(index) - reach, 0)
    part = tuple(slice(a, i + r + 1) for a, i, r in zip(low, index, reach, strict=True))
    smooth = blurred(hu[part], blur)
    return float(smooth[tuple(np.array(index) - low)])


def ball(grid: Grid, centre_ras_mm: ArrayLike, radius_mm: float) -> NDArray[np.bool_]:
    """Voxels whose centre lies within a radius of a point."""
    k, j, i = (np.arange(n) for n in grid.shape)
    centre = grid.ijk_from_ras(centre_ras_mm)[0]
    si, sj, sk = grid.spacing_ijk_mm
    squared = (
        ((k - centre[2]) * sk)[:, None, None] ** 2
        + ((j - centre[1]) * sj)[None, :, None] ** 2
        + ((i - centre[0]) * si)[None, None, :] ** 2
    )
    return squared <= radius_mm**2


def box_mask(grid: Grid, box_ras_mm: ArrayLike) -> NDArray[np.bool_]:
    """Voxels whose centre lies between two corners (2, 3) in RAS mm.

    Raises
    ------
    InputError
        If the corners are not two points, or no voxel lies between them.
    """
    corners = np.asarray(box_ras_mm, dtype=np.float64)
    if corners.shape != (2, 3) or not np.isfinite(corners).all():
        raise InputError(f"lesion box: shape {corners.shape}; expected two corners (2, 3) in RAS mm")
    low, high = corners.min(axis=0), corners.max(axis=0)
    mask = np.zeros(grid.shape, dtype=bool)
    ends = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    region = grid.region_around(ends, grid.half_diagonal_mm)
    part = grid.crop(region)
    points = part.ras_of_mask(np.ones(part.shape, dtype=bool))
    mask[region] = ((points >= low) & (points <= high)).all(axis=1).reshape(part.shape)
    if not mask.any():
        raise InputError("lesion box: holds no voxel of the image; expected two corners around the lesion")
    return mask


def marked_voxels(grid: Grid, marks: ArrayLike | None, name: str) -> NDArray[np.intp]:
    """Voxels (N, 3) in k, j, i that were marked, from points (N, 3) in RAS mm or from a mask on the grid.

    Raises
    ------
    InputError
        For another shape, or points outside the image.
    """
    if marks is None:
        return np.empty((0, 3), dtype=np.intp)
    values = np.asarray(marks)
    if values.dtype == bool:
        if values.shape != grid.shape:
            raise InputError(f"{name}: shape {values.shape}; expected {grid.shape} of the CT")
        return np.argwhere(values)
    if values.ndim != 2 or values.shape[1] != 3:
        raise InputError(f"{name}: shape {values.shape}; expected points (N, 3) in RAS mm or a mask on the CT's grid")
    index = np.rint(grid.ijk_from_ras(values.astype(np.float64)))[:, ::-1]
    beyond = ~((index >= 0) & (index < grid.shape)).all(axis=1)
    if beyond.any():
        point = values[beyond][0].astype(float).round(1).tolist()
        raise InputError(f"{name}: point {point} RAS mm lies outside the image; expected points inside the image")
    return index.astype(np.intp)
