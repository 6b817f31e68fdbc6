"""Bones of a chest parted from each other where joint spaces do not show: by what hugs the lungs and what does not.

Markers lie where there is no doubt: ribs on the lungs, the spine around its axis, the sternum in the middle in front,
other bone well away from all of these. A watershed along the darkest way shares out the rest.
"""

from enum import IntEnum

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.thorax.frame import outside_hull_mm
from BoneAblationPlannerLib.anatomy.thorax.lungs import Lungs
from BoneAblationPlannerLib.anatomy.thorax.spine import SpineAxis
from BoneAblationPlannerLib.regions import bounding_region

HUG_MM = 6.0
"""Ribs touch the lung's hull at this distance or less (measured: the nearest tenth of 12 ribs within 1 to 6 mm,
scapulae from 7 mm, clavicles from 11 mm on)."""
IN_HULL_MM = 7.0
"""A rib lies no deeper than this inside the convex hull of the lungs."""
OF_THICK_MM, FROM_THICK_MM = 8.0, 14.0
"""Nearer than the first to the middle of thick bone is that bone; nearer than the second nothing is surely rib, but may
be the side of a vertebra, or a vessel."""
AWAY_MM = 20.0
"""Bone this far from the lungs is none of the chest's wall, apart from spine and sternum."""
SPINE_CORE_MM, SPINOUS_MM, SPINE_BACK_MM = 19.0, 6.0, 65.0
"""Around the spine's axis: vertebrae only, and their spinous processes behind it."""
RIB_FROM_SPINE_MM, OTHER_FROM_SPINE_MM = 44.0, 65.0
"""Transverse processes end 35 to 40 mm beside the axis: from the first of these on nothing is spine."""
STERNUM_HALF_MM, STERNUM_TO_MM, BESIDE_STERNUM_MM = 10.0, 30.0, 48.0
"""Around the middle plane: sternum only; clavicles and rib cartilages from the last on."""
IN_FRONT = 0.8
"""Share of the chest's depth from which the sternum lies in front."""
SMALLEST_MARKER_ML = 0.3


class Kind(IntEnum):
    """What bone of a chest is."""

    RIB = 1
    SPINE = 2
    STERNUM = 3
    OTHER = 4


def markers(
    work: Work,
    bone: NDArray[np.bool_],
    from_thick_mm: NDArray[np.float32],
    lungs: Lungs,
    spine: SpineAxis | None,
) -> NDArray[np.uint8]:
    """The kind of bone (k, j, i) where it is beyond doubt, 0 elsewhere.

    Parameters
    ----------
    work : Work
    bone : (k, j, i) bool
    from_thick_mm : (k, j, i) float32
        Distance to the middles of thick bones (see `thick_cores`).
    lungs : Lungs
    spine : SpineAxis, optional
    """
    at = np.argwhere(bone)
    points = work.grid.ras_from_ijk(at[:, ::-1])
    away, thin = lungs.away_mm[tuple(at.T)], from_thick_mm[tuple(at.T)] > FROM_THICK_MM
    outside = np.full(len(at), -np.inf)
    near = away <= AWAY_MM + STERNUM_TO_MM
    outside[near] = outside_hull_mm(lungs.points_ras_mm, points[near])
    hugging = (away <= HUG_MM) & (outside >= -IN_HULL_MM) & thin
    other = away >= AWAY_MM
    kinds = np.zeros(len(at), dtype=np.uint8)
    if lungs.frame is not None:
        own = lungs.frame.own(points)
        across, forward = (own[:, 0], own[:, 1]) if spine is None else spine.beside(own)
        if spine is None:
            # Where the spine was not found, what may be part of it has no kind.
            hugging &= (np.abs(across) > RIB_FROM_SPINE_MM) | (lungs.frame.depth(own) > 0.5)
            other &= (np.abs(across) > OTHER_FROM_SPINE_MM) | (lungs.frame.depth(own) > 0.5)
        else:
            behind = (forward < 0) & (forward > -SPINE_BACK_MM)
            of_spine = (np.hypot(across, forward) <= SPINE_CORE_MM) | (behind & (np.abs(across) <= SPINOUS_MM))
            back = lungs.frame.depth(own) <= 0.5
            hugging &= (np.abs(across) >= RIB_FROM_SPINE_MM) | ~back
            other &= (np.abs(across) >= OTHER_FROM_SPINE_MM) | ~back
            heights = spine.middles[:, 2]
            kinds[of_spine & (own[:, 2] >= heights[0]) & (own[:, 2] <= heights[-1])] = Kind.SPINE
        front = (lungs.frame.depth(own) >= IN_FRONT) & (outside >= -IN_HULL_MM)
        low, high = lungs.frame.lowest_mm, lungs.frame.highest_mm
        front &= (own[:, 2] >= low) & (own[:, 2] <= high) & (away <= AWAY_MM + STERNUM_TO_MM)
        middle = np.abs(across) <= BESIDE_STERNUM_MM
        hugging &= ~(front & middle)
        other &= ~(front & middle)
        kinds[front & (np.abs(across) <= STERNUM_HALF_MM) & (kinds == 0)] = Kind.STERNUM
    kinds[hugging & (kinds == 0)] = Kind.RIB
    kinds[(other | (from_thick_mm[tuple(at.T)] <= OF_THICK_MM)) & (kinds == 0)] = Kind.OTHER
    result = np.zeros(bone.shape, dtype=np.uint8)
    result[tuple(at.T)] = kinds
    return result


def clip_middle(work: Work, kinds: NDArray[np.uint8], lungs: Lungs, spine: SpineAxis | None) -> None:
    """Take spine and sternum back, in place, where they went on into a rib or a clavicle: beyond their widths."""
    if lungs.frame is None:
        return
    for kind, half_mm in ((Kind.SPINE, RIB_FROM_SPINE_MM), (Kind.STERNUM, BESIDE_STERNUM_MM)):
        at = np.argwhere(kinds == kind)
        own = lungs.frame.own(work.grid.ras_from_ijk(at[:, ::-1]))
        across = own[:, 0] if spine is None else spine.beside(own)[0]
        kinds[tuple(at[np.abs(across) > half_mm].T)] = 0


def shared_out(
    hu: NDArray[np.float32], sheet: NDArray[np.float32], bone: NDArray[np.bool_], marked: NDArray[np.integer]
) -> NDArray[np.uint8]:
    """Every voxel of bone (k, j, i) gets the marker that reaches it first along the densest way.

    Parameters
    ----------
    hu, sheet : (k, j, i) float32
        HU, and the strength of dark sheets (see `Work`).
    bone : (k, j, i) bool
    marked : (k, j, i) int
        Markers, 0 where there is none.
    """
    result = np.zeros(bone.shape, dtype=np.uint8)
    box = bounding_region(bone)
    if box is None:
        return result
    local = bone[box]
    relief = np.where(local, 0.2 * sheet[box] - hu[box] / 25.0, 1e3).astype(np.float32)
    seeds = np.where(local, marked[box], 0).astype(np.uint8)
    flooded = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(relief), sitk.GetImageFromArray(seeds), markWatershedLine=False
    )
    result[box] = np.where(local, sitk.GetArrayFromImage(flooded), 0)
    return result
