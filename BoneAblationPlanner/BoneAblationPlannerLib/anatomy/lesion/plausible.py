"""Whether an outline can be that of one bone lesion outside the spine: what to say about it, however it was made."""

import re

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region

FAR_FROM_BONE_MM = 10.0
FAR_FROM_BONE_SHARE = 0.5
OUTSIDE_PATIENT_SHARE = 0.01
CRUMB_SHARE = 0.05
"""A further piece smaller than this share of the largest is a stray stroke, not a second lesion."""
_SPINE = re.compile("vertebra|sacrum|coccyx")


def outline_warnings(
    lesion: NDArray[np.bool_], bone: NDArray[np.bool_], body: NDArray[np.bool_], grid: Grid, bone_name: str | None
) -> list[str]:
    """Warnings on an outline.

    Parameters
    ----------
    lesion, bone, body : (k, j, i) bool
        The outline, the filled bone and the patient.
    grid : Grid
    bone_name : str or None
        The bone that holds most of the lesion.
    """
    warnings = []
    outside = float((lesion & ~body).sum() / lesion.sum())
    if outside > OUTSIDE_PATIENT_SHARE:
        warnings.append(f"{outside:.0%} of the lesion outline lies outside the patient: check the outline")
    far = _share_far_from_bone(lesion, bone, grid)
    if far > FAR_FROM_BONE_SHARE:
        warnings.append(
            f"{far:.0%} of the lesion outline lies more than {FAR_FROM_BONE_MM:g} mm from any bone: a large "
            "soft-tissue mass, or an outline that is misplaced"
        )
    warnings += _pieces(lesion, grid)
    if bone_name is not None and _SPINE.match(bone_name):
        warnings.append(
            f"the lesion lies in the {bone_name.replace('_', ' ')}: this planner is made for bones outside the spine; "
            "spinal canal, foramina and nerve roots need their own assessment; the canal is not looked for, needle and "
            "zone may lie in it"
        )
    return warnings


def _share_far_from_bone(lesion: NDArray[np.bool_], bone: NDArray[np.bool_], grid: Grid) -> float:
    region = grid.region_around(grid.ras_of_mask(lesion), FAR_FROM_BONE_MM + float(grid.spacing_ijk_mm.max()))
    local, near = np.ascontiguousarray(lesion[region]), np.ascontiguousarray(bone[region])
    if not near.any():
        return 1.0
    far = distance_mm(near, grid.spacing_kji_mm, FAR_FROM_BONE_MM) > FAR_FROM_BONE_MM
    return float((local & far).sum() / local.sum())


def _pieces(lesion: NDArray[np.bool_], grid: Grid) -> list[str]:
    """Several lesions in one outline are planned as one target; stray strokes enlarge it."""
    box = bounding_region(lesion)
    labels, count = (lesion, 0) if box is None else ndimage.label(lesion[box], np.ones((3, 3, 3)))
    if count < 2:
        return []
    sizes = np.sort(np.bincount(labels.ravel())[1:])[::-1]
    large = int((sizes > CRUMB_SHARE * sizes[0]).sum())
    crumbs_ml = float(sizes[large:].sum() * grid.voxel_ml)
    warnings = []
    if large > 1:
        warnings.append(f"the lesion outline consists of {large} separate parts: they are planned as one target")
    if large < count:
        warnings.append(
            f"the lesion outline holds {count - large} stray specks ({crumbs_ml:.2f} ml together) that the zone must "
            "cover as well: erase them if they are not lesion"
        )
    return warnings
