"""Kind and size of any outline."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_tissue import STREAK_MM, foreign_material, measurable_bone
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import LesionKind

DENSE_ABOVE_HU = 420.0
MIXED_SHARE = 0.15


def lesion_kind(ct: CtVolume, lesion: NDArray[np.bool_]) -> LesionKind:
    """Lytic, sclerotic or mixed, from the share of dense voxels inside the outline; metal and cement tell nothing."""
    return kind_of_densities(densities(ct, lesion))


def densities(ct: CtVolume, mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Densities (N,) inside an outline away from metal, old cement and their streaks; all where none is left."""
    region = ct.grid.region_around(ct.grid.ras_of_mask(mask), STREAK_MM + 1.0)
    inside, hu = np.ascontiguousarray(mask[region]), ct.hu[region]
    part = CtVolume(ct.grid.crop(region), hu, ct.source, "")
    everywhere = np.ones_like(inside)
    usable = measurable_bone(part, inside, foreign_material(part, everywhere, everywhere))
    return hu[usable if usable.any() else inside]


def kind_of_densities(hu: NDArray) -> LesionKind:
    """As `lesion_kind`, from the densities (N,) inside an outline."""
    dense = float(np.mean(hu > DENSE_ABOVE_HU))
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
