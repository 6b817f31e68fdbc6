"""What a bone is made of: cortex, trabecular bone, marrow cavity, and material that is foreign to it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone import METAL_ABOVE_HU, implant_mask
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.morphology import dilate, erode, large_components
from BoneAblationPlannerLib.regions import bounding_region

CORTEX, TRABECULAR, MARROW_CAVITY, IMPLANT = 1, 2, 3, 4
"""Values of `tissue_map`."""
NAMES = {CORTEX: "Cortex", TRABECULAR: "Trabecular bone", MARROW_CAVITY: "Marrow cavity"}
SHOWN_MM = 30.0
CORTEX_DEPTH_MM = 8.0
CORTEX_ABOVE_HU = 350.0
CAVITY_BELOW_HU = 60.0
CAVITY_HALF_MM = 2.0
SMALLEST_CAVITY_ML = 0.3
CEMENT_ABOVE_HU = 1500.0
CEMENT_HALF_MM = 3.5
"""Cement is homogeneous and thicker than any cortex of that density."""
STREAK_MM = 5.0


def tissue_map(ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Tell cortex, trabecular bone, marrow cavity and foreign material apart.

    Parameters
    ----------
    ct : CtVolume
    bone, body : (k, j, i) bool

    Returns
    -------
    (k, j, i) uint8
        0 outside bone and implants, else CORTEX, TRABECULAR, MARROW_CAVITY or IMPLANT (metal, cement).
    """
    spacing = ct.grid.spacing_kji_mm
    tissue = np.zeros(ct.grid.shape, dtype=np.uint8)
    foreign = foreign_material(ct, bone, body)
    box = bounding_region(bone | foreign)
    if box is None:
        return tissue
    inner, hu = np.ascontiguousarray(bone[box]), ct.hu[box]
    padded = np.pad(inner, 1)
    depth = distance_mm(~padded, spacing)[1:-1, 1:-1, 1:-1]
    part = np.where(inner, TRABECULAR, 0).astype(np.uint8)
    part[inner & (hu > CORTEX_ABOVE_HU) & (depth <= CORTEX_DEPTH_MM)] = CORTEX
    # The outermost voxels are cortex even where partial volume darkens them.
    part[inner & (depth <= max(1.0, float(spacing.min()) + 1e-3)) & (hu > CAVITY_BELOW_HU)] = CORTEX
    smooth = ndimage.gaussian_filter(ct.hu[box].astype(np.float32), 1.0 / spacing)
    dark = erode(inner & (smooth < CAVITY_BELOW_HU), CAVITY_HALF_MM, spacing)
    cavity = dilate(dark, CAVITY_HALF_MM, spacing) & inner & (smooth < CAVITY_BELOW_HU) if dark.any() else dark
    cavity = large_components(cavity, SMALLEST_CAVITY_ML / ct.grid.voxel_ml)
    part[cavity] = MARROW_CAVITY
    part[foreign[box]] = IMPLANT
    tissue[box] = part
    return tissue


def bone_tissue_near(
    ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_], lesion: NDArray[np.bool_]
) -> LabelMap:
    """Cortex, trabecular bone and marrow cavity around a lesion, without it, as labels on the CT's grid."""
    region = ct.grid.region_around(ct.grid.ras_of_mask(lesion), SHOWN_MM)
    part = CtVolume(ct.grid.crop(region), ct.hu[region], ct.source, "")
    tissue = tissue_map(part, bone[region], body[region])
    tissue[lesion[region] | (tissue == IMPLANT)] = 0
    labels = np.zeros(ct.grid.shape, dtype=np.uint8)
    labels[region] = tissue
    return LabelMap(ct.grid, labels, dict(NAMES))


def foreign_material(ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Metal anywhere in the body, and old cement: chunks inside bone that are denser and thicker than cortex."""
    metal = implant_mask(ct, body)
    dense = bone & (ct.hu > CEMENT_ABOVE_HU)
    box = bounding_region(dense)
    if box is None:
        return metal
    local, spacing = np.pad(np.ascontiguousarray(dense[box]), 1), ct.grid.spacing_kji_mm
    core = erode(local, CEMENT_HALF_MM, spacing)
    if core.any():
        cement = (dilate(core, CEMENT_HALF_MM + 1.0, spacing) & local)[1:-1, 1:-1, 1:-1]
        metal = metal.copy()
        metal[box] |= cement
    return metal


def metal_and_cement(ct: CtVolume, body: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Foreign material (k, j, i) bool in the body: what hangs together with metal, and the rest."""
    foreign = foreign_material(ct, body, body)
    metal = np.zeros_like(foreign)
    box = bounding_region(foreign)
    if box is not None:
        labels, _ = ndimage.label(foreign[box])
        metal[box] = foreign[box] & np.isin(labels, np.unique(labels[foreign[box] & (ct.hu[box] > METAL_ABOVE_HU)]))
    return metal, foreign & ~metal


def measurable_bone(ct: CtVolume, mask: NDArray[np.bool_], foreign: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a mask whose Hounsfield units mean something: away from metal and cement and their streaks."""
    if not foreign.any():
        return mask
    return mask & ~dilate(foreign, STREAK_MM, ct.grid.spacing_kji_mm)
