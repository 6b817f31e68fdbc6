"""Bone as a filled mask: cortex, trabecular bone and marrow."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.morphology import closed, filled_slices, large_components
from BoneAblationPlannerLib.regions import bounding_region

BONE_ABOVE_HU = 180
METAL_ABOVE_HU = 2200
CLOSING_MM = 3.0
SMALLEST_BONE_ML = 1.0
SMALLEST_IMPLANT_ML = 0.1


def bone_mask(
    ct: CtVolume, body: NDArray[np.bool_], organs: LabelMap | None = None, table: StructureTable | None = None
) -> NDArray[np.bool_]:
    """Filled bone on the CT's grid: threshold, 3 mm closing, holes of each slice; labelled bones are added.

    `table` says which labels are bone, the shipped one unless given.
    """
    dense = large_components((ct.hu > BONE_ABOVE_HU) & body, SMALLEST_BONE_ML / ct.grid.voxel_ml)
    if organs is not None:
        bones = list((table or builtin_table()).bones_of(organs.names))
        others = [value for value in organs.names if value not in bones]
        dense = (dense & ~np.isin(organs.labels, others)) | np.isin(organs.labels, bones)
    held = bounding_region(dense)
    if held is None:
        return dense
    spacing = ct.grid.spacing_kji_mm
    pad = np.ceil(CLOSING_MM / spacing).astype(int) + 1
    box = tuple(slice(max(s.start - p, 0), s.stop + p) for s, p in zip(held, pad, strict=True))
    bone = np.zeros_like(dense)
    bone[box] = filled_slices(closed(np.ascontiguousarray(dense[box]), CLOSING_MM, spacing)) & body[box]
    return bone


def implant_mask(ct: CtVolume, body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Metal inside the body, by threshold."""
    return large_components((ct.hu > METAL_ABOVE_HU) & body, SMALLEST_IMPLANT_ML / ct.grid.voxel_ml)
