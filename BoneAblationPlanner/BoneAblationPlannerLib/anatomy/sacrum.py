"""The sacrum, told from hip bones and spine beside hip bones that are known; see `laid_pelvis` for how it is found.

What lies nearer to the usual sacrum's surface than to a hip bone's is sacrum, and the reverse. Below the usual sacrum,
whose surface ends at its second or third segment, what hangs together with it between the hip bones is the rest of it,
the coccyx included. What stands on it in the midline is spine: which vertebra that is cannot be told, some people have
four and some have six lumbar ones.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.anatomy.hips_by_shape import GAP_MM
from BoneAblationPlannerLib.anatomy.laid_pelvis import LaidPelvis
from BoneAblationPlannerLib.anatomy.usual_pelvis import usual_pelvis
from BoneAblationPlannerLib.morphology import closed, filled_slices
from BoneAblationPlannerLib.regions import Region

SPINE = "vertebrae"
REACH_MM = 5.0
"""Bone this far from the usual surface still belongs to it; people's surfaces lie nearer to the mean laid in."""
HIP_MARROW_MM, MARROW_MM, MARROW_HU = 2.0, 4.0, -150.0
"""This deep inside the usual surface lies marrow, which thick slices leave out of the bone: in hip bones what bone
encloses; in the sacrum, whose wall is thin and whose marrow is mostly fat, all tissue but gas. Canal and foramina of
people lie less deep in the mean of their surfaces."""
DENSE_HU = 100.0
"""The sacrum's own bone outside its marrow: filled bone holds its canal and foramina too."""
AROUND_MM = 45.0
BELOW_MM, BESIDE_MM, HIP_CLEAR_MM = 85.0, 45.0, 5.0
"""The rest of the sacrum and the coccyx lie this far below its segments that are laid in, and this far beside the
middle, at most; and this far from the hip bones at least."""
STANDS_ON_MM, MIDDLE_MM, SPINE_WIDE_MM = 15.0, 25.0, 55.0
"""The spine begins this near above the sacrum, in its middle; transverse processes reach this far from it."""
NARROW_SHARE, SMALLEST_SPINE_ML, SMALLEST_SACRUM_ML = 0.97, 10.0, 40.0


def with_sacrum(
    work: Work, regions: NDArray[np.int32], names: Mapping[int, str], laid: LaidPelvis
) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Tell the sacrum and the spine above it, as they lie beside hip bones whose regions have names.

    Parameters
    ----------
    work : Work
    regions : (k, j, i) int
        Regions of bone, also of marrow that thick slices left out of it; 0 elsewhere.
    names : mapping
        Names of the regions that are certain, those of the hip bones of `laid` among them.
    laid : LaidPelvis

    Returns
    -------
    regions, names
        The same where less of a sacrum is seen than a name is worth.
    """
    told = dict(names)
    number = {name: region for region, name in told.items()}
    box = work.grid.region_around(_corners(laid), AROUND_MM)
    parts = _parts(work, laid, box, regions[box], told)
    if parts.sacrum.sum() * work.grid.voxel_ml < SMALLEST_SACRUM_ML:
        return regions, told
    result, new = regions.copy(), int(regions.max()) + 1
    local = result[box]
    for side, mask in parts.hips.items():
        local[mask] = number[f"hip_{side}"]
    local[parts.unseen] = new + 1
    local[parts.canal] = 0
    local[parts.sacrum] = new
    told[new] = "sacrum"
    spine = _spine(work, laid, result, told)
    if spine is not None:
        result[spine] = new + 2
        told[new + 2] = SPINE
    return result, told


class _Parts(NamedTuple):
    """Masks in a box: sacrum, its canal and foramina, hip bones near it by side, the one that was not looked for."""

    sacrum: NDArray[np.bool_]
    canal: NDArray[np.bool_]
    hips: dict[Side, NDArray[np.bool_]]
    unseen: NDArray[np.bool_]


def _corners(laid: LaidPelvis) -> NDArray[np.float64]:
    """Corners of the usual sacrum's grid in RAS mm, which bound where bone is told anew."""
    field, corners = usual_pelvis().sacrum, np.array(list(np.ndindex(2, 2, 2)))
    extent = field.step_mm * (np.array(field.distance_mm.shape) - 1)
    return laid.sacrum.ras_mm((field.low_mm + corners * extent) / field.usual_mm)


def _parts(work: Work, laid: LaidPelvis, box: Region, regions: NDArray[np.int32], names: Mapping[int, str]) -> _Parts:
    grid, pelvis = work.grid.crop(box), usual_pelvis()
    of_hips = np.isin(regions, [region for region, name in names.items() if name.startswith("hip_")])
    others = np.isin(regions, list(names)) & ~of_hips
    solid = (work.bone[box] | of_hips) & ~others
    enclosed = filled_slices(closed(solid, GAP_MM, grid.spacing_kji_mm)) & ~others
    dense = solid & (work.hu[box] >= DENSE_HU)
    tissue = (work.hu[box] > MARROW_HU) & ~others
    to_sacrum = pelvis.sacrum.on_grid(laid.sacrum, grid)
    to_hips = [pelvis.hip.on_grid(hip, grid) for hip in laid.all_hips]
    nearest = np.minimum.reduce(to_hips)
    near_hip = [
        (away < to_sacrum) & (away <= nearest) & ((enclosed & (away < -HIP_MARROW_MM)) | (solid & (away < REACH_MM)))
        for away in to_hips
    ]
    of_sacrum = (to_sacrum < nearest) & (to_sacrum < REACH_MM)
    upper = of_sacrum & ((tissue & (to_sacrum < -MARROW_MM)) | dense)
    below = dense & ~of_hips & (nearest > HIP_CLEAR_MM)
    below[below] = _is_below(laid, grid.ras_of_mask(below))
    pieces, _ = ndimage.label(upper | below)
    hanging = np.zeros(int(pieces.max()) + 1, dtype=bool)
    hanging[np.unique(pieces[upper])] = True
    hanging[0] = False
    sacrum = hanging[pieces]
    unseen = near_hip.pop() & solid & ~sacrum if laid.unseen is not None else np.zeros_like(sacrum)
    return _Parts(sacrum, of_sacrum & solid & ~sacrum, dict(zip(laid.hips, near_hip, strict=True)), unseen)


def _is_below(laid: LaidPelvis, points_ras_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (N, 3) may be the lower sacrum or the coccyx, by where they lie to the upper one."""
    pelvis = usual_pelvis()
    own = laid.sacrum.own(points_ras_mm) * pelvis.sacrum.usual_mm
    under = pelvis.cut_mm + REACH_MM - own[:, 0]
    return np.asarray((under > 0) & (under < BELOW_MM) & (np.abs(own[:, 2]) < BESIDE_MM))


def _spine(
    work: Work, laid: LaidPelvis, regions: NDArray[np.int32], names: Mapping[int, str]
) -> NDArray[np.bool_] | None:
    """What stands on the sacrum in the midline and is as narrow as a spine; None where that is something wider."""
    rest = work.bone & (regions > 0) & ~np.isin(regions, list(names))
    rest[rest] = laid.sacrum.own(work.grid.ras_of_mask(rest))[:, 0] > 0
    at = np.argwhere(rest)
    points = work.grid.ras_from_ijk(at[:, ::-1])
    own = laid.sacrum.own(points) * usual_pelvis().sacrum.usual_mm
    on_it = np.abs(own[:, 2]) < MIDDLE_MM
    on_it[on_it] = usual_pelvis().sacrum.at(laid.sacrum, points[on_it]) < STANDS_ON_MM
    pieces, count = ndimage.label(rest)
    piece = pieces[tuple(at.T)]
    narrow = np.bincount(piece, weights=np.abs(own[:, 2]) < SPINE_WIDE_MM, minlength=count + 1)
    standing = np.zeros(count + 1, dtype=bool)
    standing[np.unique(piece[on_it])] = True
    standing &= narrow >= NARROW_SHARE * np.maximum(np.bincount(piece, minlength=count + 1), 1)
    found = standing[pieces]
    return found if found.sum() * work.grid.voxel_ml >= SMALLEST_SPINE_ML else None
