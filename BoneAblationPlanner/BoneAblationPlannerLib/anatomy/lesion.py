"""A first lesion outline from one point inside it, and what can be read off any outline.

The lesion is where the bone's density is not the bone's own: darker than trabecular bone (lytic part), or dense
in chunks that are thicker than cortex (sclerotic part), connected to the point, inside the bone as it was before
part of it was destroyed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from BoneAblationPlannerLib.anatomy.star import grow_star
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import closed, dilate, erode, filled_slices, opened
from BoneAblationPlannerLib.plan import LesionKind

REACH_MM = 45.0
"""Half the width of the region that is searched around the point."""
SMOOTHING_MM = 1.0
CORTEX_HALF_MM = 1.8
"""Dense bone thicker than twice this is not cortex."""
CLOSING_RADII_MM = (3.0, 6.0, 9.0)
HULL_RADIUS_MM = 25.0
ENVELOPE_DEPTH_MM = 1.5
SOFT_TISSUE_HU = (-30.0, 150.0)
DENSE_ABOVE_HU = 420.0
AIR_BELOW_HU = -300.0
MIXED_SHARE = 0.15
TEXTURE_MM = 2.0
RIM_MM = 1.5
"""Width of the blurred edge between lesion and bone."""
NORMAL_DEPTH_MM = 4.0
NORMAL_FROM_MM = 20.0
NORMAL_UNKNOWN_HU = 220.0
"""Trabecular bone where none is left to measure."""
SEED_BALL_MM = 7.0
"""What lies this near to the seed tells what the lesion looks like."""
SOFT_BAND_HU = (35.0, 70.0)
"""Narrowest and widest half-width of the density band around the lesion's soft tissue."""
SMALLEST_ML = 0.05
BONE_WITHIN_MM = 15.0


@dataclass(frozen=True, eq=False)
class LesionOutline:
    """`mask` on the CT's grid; `checks` are sentences on what a person should look at."""

    mask: NDArray[np.bool_]
    kind: LesionKind
    checks: tuple[str, ...] = ()


def segment_lesion(ct: CtVolume, bone: NDArray[np.bool_], seed_ras_mm: ArrayLike) -> LesionOutline:
    """Outline the lesion that holds a point.

    Parameters
    ----------
    ct : CtVolume
    bone : (k, j, i) bool
        Filled bone on the CT's grid; destroyed parts may be missing.
    seed_ras_mm : point
        Inside the lesion.

    Raises
    ------
    InputError
        If the point lies outside the image, in air, or far from any bone, or no lesion stands out there.
    """
    seed = _checked_seed(ct, bone, seed_ras_mm)
    region = ct.grid.region_around(seed_ras_mm, REACH_MM)
    grid = ct.grid.crop(region)
    k, j, i = (s - r.start for s, r in zip(seed, region, strict=True))
    hu = ndimage.gaussian_filter(ct.hu[region].astype(np.float32), SMOOTHING_MM / grid.spacing_kji_mm)
    local_bone = np.ascontiguousarray(bone[region])
    envelope = _envelope(local_bone, (k, j, i), grid)
    core, rim = _abnormal(hu, local_bone, grid, seed_ras_mm)
    found = grow_star(core & envelope, grid, np.asarray(seed_ras_mm, dtype=np.float64), REACH_MM)
    found = _cleaned(found, core & envelope, rim & envelope, grid)
    if found.sum() * grid.voxel_ml < SMALLEST_ML:
        point = np.round(np.asarray(seed_ras_mm, dtype=float), 1).tolist()
        raise InputError(f"lesion seed {point} RAS mm: nothing there differs from normal bone; "
                         "expected a point inside a lytic, sclerotic or mixed lesion (or give an outline)")  # fmt: skip
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[region] = found
    return LesionOutline(mask, lesion_kind(ct, mask), tuple(_checks(found, local_bone)))


def lesion_kind(ct: CtVolume, lesion: NDArray[np.bool_]) -> LesionKind:
    """Lytic, sclerotic or mixed, from the share of dense voxels inside the outline."""
    dense = float(np.mean(ct.hu[lesion] > DENSE_ABOVE_HU))
    if dense < MIXED_SHARE:
        return "lytic"
    return "sclerotic" if dense > 1 - MIXED_SHARE else "mixed"


def diameters_mm(lesion: NDArray[np.bool_], grid: Grid) -> tuple[float, float, float]:
    """Extents along the outline's principal axes, longest first, voxel edges included."""
    points = grid.ras_of_mask(lesion)
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    extents = np.ptp(centred @ axes.T, axis=0) + np.abs(axes @ (grid.ijk_to_ras[:3, :3])).max(axis=1)
    a, b, c = sorted((float(e) for e in extents), reverse=True)
    return (a, b, c)


def _checked_seed(ct: CtVolume, bone: NDArray[np.bool_], seed_ras_mm: ArrayLike) -> tuple[int, int, int]:
    point = np.round(np.asarray(seed_ras_mm, dtype=float), 1).tolist()
    try:
        seed = ct.grid.nearest_voxel(seed_ras_mm)
    except ValueError:
        raise InputError(f"lesion seed {point} RAS mm: outside the image; expected a point inside the lesion") from None
    if ct.hu[seed] < AIR_BELOW_HU:
        raise InputError(f"lesion seed {point} RAS mm: in air ({ct.hu[seed]} HU); expected a point inside the lesion")
    region = ct.grid.region_around(seed_ras_mm, BONE_WITHIN_MM)
    if not (bone[region] & _ball(ct.grid.crop(region), seed_ras_mm, BONE_WITHIN_MM)).any():
        raise InputError(
            f"lesion seed {point} RAS mm: no bone within {BONE_WITHIN_MM:g} mm; expected a point inside a bone lesion"
        )
    return seed


def _envelope(bone: NDArray[np.bool_], seed: tuple[int, int, int], grid: Grid) -> NDArray[np.bool_]:
    """The bone as it was: the smallest closing that puts the seed well inside, else the hull of the bone nearby."""
    spacing = grid.spacing_kji_mm
    for radius in CLOSING_RADII_MM:
        pad = np.ceil(radius / spacing).astype(int) + 1
        inner = tuple(slice(p, -p) for p in pad)
        padded = np.pad(bone, [(p, p) for p in pad])
        envelope = filled_slices(closed(padded, radius, spacing)[inner])
        if erode(envelope, ENVELOPE_DEPTH_MM, spacing)[seed]:
            return envelope
    return envelope | _local_hull(bone, seed, spacing)


def _local_hull(bone: NDArray[np.bool_], seed: tuple[int, int, int], spacing: NDArray) -> NDArray[np.bool_]:
    """Convex hull of the bone within 25 mm of the seed: bridges a plate whose whole thickness is gone."""
    voxels = np.argwhere(bone)
    near = voxels[np.linalg.norm((voxels - seed) * spacing, axis=1) < HULL_RADIUS_MM]
    if len(near) < 10 or np.ptp(near, axis=0).min() == 0:
        return np.zeros_like(bone)
    faces = ConvexHull(near.astype(float)).equations
    k, j, i = (np.arange(n, dtype=np.float32) for n in bone.shape)
    inside = np.ones(bone.shape, dtype=bool)
    for a, b, c, d in faces.astype(np.float32):
        inside &= (a * k)[:, None, None] + (b * j)[None, :, None] + (c * i)[None, None, :] + d <= 1e-3
    return inside


def _abnormal(
    hu: NDArray[np.float32], bone: NDArray[np.bool_], grid: Grid, seed_ras_mm: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voxels that look like what surrounds the seed: soft tissue, chunks of dense bone, or both.

    Returns
    -------
    core, rim : (k, j, i) bool
        Surely like it; and those nearer to it than to normal bone, which the blurred edge of a lesion is made of.
    """
    spacing = grid.spacing_kji_mm
    near = _ball(grid, seed_ras_mm, SEED_BALL_MM)
    dense = opened(hu > DENSE_ABOVE_HU, CORTEX_HALF_MM, spacing)
    soft = (hu > SOFT_TISSUE_HU[0]) & (hu < SOFT_TISSUE_HU[1])
    dense_share = float(dense[near].mean())
    core = np.zeros_like(bone)
    if dense_share > MIXED_SHARE:
        core |= dense
    rim = core.copy()
    if dense_share < 1 - MIXED_SHARE and (soft & near).any():
        centre = float(np.median(hu[soft & near]))
        spread = 1.4826 * float(np.median(np.abs(hu[soft & near] - centre)))
        band = float(np.clip(2.5 * spread, *SOFT_BAND_HU))
        core |= np.abs(hu - centre) < band
        rim |= np.abs(hu - centre) < max(band, (_normal_hu(hu, bone, grid, seed_ras_mm) - centre) / 2)
    return core, rim


def _normal_hu(hu: NDArray[np.float32], bone: NDArray[np.bool_], grid: Grid, seed_ras_mm: ArrayLike) -> float:
    """Median density of the bone around the lesion, deeper than the cortex."""
    deep = erode(bone, NORMAL_DEPTH_MM, grid.spacing_kji_mm) & ~_ball(grid, seed_ras_mm, NORMAL_FROM_MM)
    return float(np.median(hu[deep])) if deep.any() else NORMAL_UNKNOWN_HU


def _ball(grid: Grid, centre_ras_mm: ArrayLike, radius_mm: float) -> NDArray[np.bool_]:
    k, j, i = (np.arange(n) for n in grid.shape)
    centre = grid.ijk_from_ras(centre_ras_mm)[0]
    si, sj, sk = grid.spacing_ijk_mm
    squared = (
        ((k - centre[2]) * sk)[:, None, None] ** 2
        + ((j - centre[1]) * sj)[None, :, None] ** 2
        + ((i - centre[0]) * si)[None, None, :] ** 2
    )
    return squared <= radius_mm**2


def _cleaned(
    found: NDArray[np.bool_], core: NDArray[np.bool_], rim: NDArray[np.bool_], grid: Grid
) -> NDArray[np.bool_]:
    """Core voxels inside the grown shape, texture closed, one piece, blurred rim added, no holes."""
    spacing = grid.spacing_kji_mm
    smooth = closed(np.pad(found & core, 2), TEXTURE_MM, spacing)[2:-2, 2:-2, 2:-2] & found
    labels, count = ndimage.label(smooth)
    if count == 0:
        return smooth
    piece = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return ndimage.binary_fill_holes(piece | (dilate(piece, RIM_MM, spacing) & rim))


def _checks(found: NDArray[np.bool_], bone: NDArray[np.bool_]) -> list[str]:
    checks = []
    if any(found.take(index, axis).any() for axis in range(3) for index in (0, -1)):
        checks.append("the outline reaches the edge of the searched region: check for a leak")
    rebuilt = float((found & ~bone).sum() / found.sum())
    if rebuilt > 0.25:
        checks.append(f"{rebuilt:.0%} of the outline lies where bone was destroyed: its outer edge is estimated")
    return checks
