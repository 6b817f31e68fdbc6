"""Lungs in a CT: air inside the body with the density of lung, however much of it the image holds.

They are the one landmark that every scan of a chest or shoulder has: what hugs them is chest wall.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.anatomy.thorax.frame import ChestFrame, chest_frame
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.regions import Region

LUNG_BELOW_HU = -500
LUNG_MEAN_HU = (-945.0, -650.0)
"""Mean of a lung without its rim. Gas in bowel, trachea, stomach or a pneumothorax is near -1000 (measured: lungs -766
to -853, bowel gas -956 and -963)."""
LUNG_SPREAD_HU = 260.0
"""Between the 10th and 90th percentile; stool and gas together spread wider (measured in lungs: 100 to 150)."""
SMALLEST_LUNG_ML = 20.0
COARSE_MM = 3.5
"""Lungs are looked for on every second working voxel where that is no coarser than this, else on every one."""
WIDEST_LUNG_MM = 210.0
"""Air wider than this across the body is both lungs in one: they touch in front of and behind the heart."""
MOST_EROSIONS = 5
APART_MM = 60.0
"""Middles of two lungs lie at least this far apart across the body."""


@dataclass(frozen=True, eq=False)
class Lungs:
    """Lungs on the working grid.

    Parameters
    ----------
    away_mm : (k, j, i) float32
        Distance of each working voxel to the nearest lung.
    points_ras_mm : (N, 3)
        Places in the lungs.
    by_side : dict
        Distance to the lung of each side, where two lungs are in the image; else empty.
    frame : ChestFrame, optional
        Directions of the chest, where two lungs are in the image.
    """

    away_mm: NDArray[np.float32]
    points_ras_mm: NDArray[np.float64]
    by_side: dict[Side, NDArray[np.float32]]
    frame: ChestFrame | None = None


def find_lungs(ct: CtVolume, body: NDArray[np.bool_], work: Work, box: Region) -> Lungs | None:
    """Lung around the bone of a working grid; None where there is none.

    Parameters
    ----------
    ct : CtVolume
    body : (k, j, i) bool
        The patient with the gas inside, on the CT's grid.
    work : Work
    box : Region
        The part of the CT that `work` shows.
    """
    every = 2 if 2 * work.step_mm <= COARSE_MM else 1
    at = [
        np.clip(np.rint((np.arange(0, n, every) + 0.5) * work.step_mm / mm - 0.5).astype(int), 0, s.stop - s.start - 1)
        for n, s, mm in zip(work.grid.shape, box, ct.grid.spacing_kji_mm, strict=True)
    ]
    hu, inside = ct.hu[box][np.ix_(*at)], body[box][np.ix_(*at)]
    air = inside & (hu < LUNG_BELOW_HU)
    voxel_ml = work.grid.voxel_ml * every**3
    parts, lungs = _lung_parts(air, hu, voxel_ml)
    if not lungs:
        return None
    core = np.isin(parts, lungs)
    lung = ndimage.binary_dilation(core) & air
    away, points = _away_mm(work, lung, every), _ras_mm(work, lung, every)
    halves = _two_lungs(work, core, every, voxel_ml)
    if halves is None:
        return None if np.ptp(points[:, 0]) > WIDEST_LUNG_MM else Lungs(away, points, {})
    right, left = halves
    frame = chest_frame(_ras_mm(work, right, every), _ras_mm(work, left, every))
    return Lungs(away, points, {"right": _away_mm(work, right, every), "left": _away_mm(work, left, every)}, frame)


def _lung_parts(air: NDArray[np.bool_], hu: NDArray, voxel_ml: float) -> tuple[NDArray[np.int32], list[int]]:
    """Connected air without its rim, and which parts of it are lung by density."""
    parts, count = ndimage.label(ndimage.binary_erosion(air, border_value=1))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    lungs = []
    for part in np.flatnonzero(sizes[1:] * voxel_ml >= SMALLEST_LUNG_ML) + 1:
        values = hu[parts == part]
        low, high = np.percentile(values, [10, 90])
        if LUNG_MEAN_HU[0] <= values.mean() <= LUNG_MEAN_HU[1] and high - low <= LUNG_SPREAD_HU:
            lungs.append(int(part))
    return parts, lungs


def _two_lungs(
    work: Work, lung: NDArray[np.bool_], every: int, voxel_ml: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Seeds of the right and the left lung; None where only one is in the image, or they cannot be parted."""
    seeds = lung
    for _ in range(MOST_EROSIONS):
        parts, count = ndimage.label(seeds)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        large = np.flatnonzero(sizes[1:] * voxel_ml >= SMALLEST_LUNG_ML) + 1
        if not large.size:
            return None
        across = {int(part): _ras_mm(work, parts == part, every)[:, 0] for part in large}
        if max(np.ptp(x) for x in across.values()) <= WIDEST_LUNG_MM:
            return _by_side(parts, across)
        seeds = ndimage.binary_erosion(seeds, border_value=1)
    return None


def _by_side(
    parts: NDArray[np.int32], across: dict[int, NDArray[np.float64]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Parts of the lungs right and left of the widest gap between their middles."""
    middles = sorted((float(x.mean()), part) for part, x in across.items())
    gaps = [(after[0] - before[0], n) for n, (before, after) in enumerate(pairwise(middles))]
    if not gaps or max(gaps)[0] < APART_MM:
        return None
    split = max(gaps)[1] + 1
    left, right = ([part for _, part in group] for group in (middles[:split], middles[split:]))
    return np.isin(parts, right), np.isin(parts, left)


def _ras_mm(work: Work, coarse: NDArray[np.bool_], every: int) -> NDArray[np.float64]:
    return work.grid.ras_from_ijk(np.argwhere(coarse)[:, ::-1] * float(every))


def _away_mm(work: Work, coarse: NDArray[np.bool_], every: int) -> NDArray[np.float32]:
    """Distance to what every so many voxels show, on the working grid."""
    away = distance_mm(coarse, work.grid.spacing_kji_mm * every)
    k, j, i = work.grid.shape
    return np.ascontiguousarray(away.repeat(every, 0).repeat(every, 1).repeat(every, 2)[:k, :j, :i])
