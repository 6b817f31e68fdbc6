"""The axis of the thoracic spine: thick bone between the backs of both lungs, with a canal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.thorax.lungs import Lungs
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.morphology import closed, dilate

CLOSING_MM, THICK_MM = 8.0, 9.0
"""Bone whose gaps are closed is this deep only in vertebrae, pelvis and the ends of limbs' bones (measured: vertebrae
without dense marrow 9.5 to 24 mm, ribs up to 6.7, scapula's neck 12, clavicle's end 9.8)."""
MIDWAY_MM = 30.0
"""The distances of a vertebra's body to both lungs differ by no more than this."""
BACK_SHARE = 0.4
"""The body of a vertebra lies in this share of the chest's depth, from the back."""
WITHIN_MM = 70.0
"""Of the middle between both lungs, across."""
SMALLEST_CORE_ML = 3.0
HOLLOW_MM, HOLLOW_HU, HOLLOW_SHARE = 4.0, 140.0, 0.04
"""Share of the core and this much around it that is no denser: canal, foramina and marrow. A vessel full of contrast
has none."""
SLAB_MM = 15.0
FURTHER_MM = 45.0
"""The axis goes on straight for this long above and below what the lungs show of it."""


@dataclass(frozen=True, eq=False)
class SpineAxis:
    """Middle of body and canal, (N, 3) in the chest's own coordinates by height."""

    middles: NDArray[np.float64]

    def beside(self, own_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far places (N, 3) lie to the right and to the front of the axis at their height."""
        heights = self.middles[:, 2]
        right, front = (np.interp(own_mm[:, 2], heights, self.middles[:, n]) for n in (0, 1))
        return own_mm[:, 0] - right, own_mm[:, 1] - front


def thick_cores(work: Work) -> NDArray[np.bool_]:
    """The middles of thick bones (k, j, i) bool, marrow included that is no denser than soft tissue."""
    spacing = work.grid.spacing_kji_mm
    solid = closed(work.bone, CLOSING_MM, spacing)
    return distance_mm(~solid, spacing) >= THICK_MM if not solid.all() else solid


def find_spine(work: Work, cores: NDArray[np.bool_], lungs: Lungs) -> SpineAxis | None:
    """The axis of the spine; None where it is not certain.

    Parameters
    ----------
    work : Work
    cores : (k, j, i) bool
        The middles of thick bones (see `thick_cores`) that have no name yet.
    lungs : Lungs
        With a frame where it holds two lungs.
    """
    at = np.argwhere(cores)
    if lungs.frame is None or not len(at):
        return None
    own = lungs.frame.own(work.grid.ras_from_ijk(at[:, ::-1]))
    right, left = (lungs.by_side[side][tuple(at.T)] for side in ("right", "left"))
    kept = (own[:, 2] >= lungs.frame.lowest_mm) & (own[:, 2] <= lungs.frame.highest_mm)
    kept &= (np.abs(right - left) <= MIDWAY_MM) & (np.abs(own[:, 0]) <= WITHIN_MM)
    kept &= lungs.frame.depth(own) <= BACK_SHARE
    if kept.sum() * work.grid.voxel_ml < SMALLEST_CORE_ML:
        return None
    core = np.zeros_like(cores)
    core[tuple(at[kept].T)] = True
    # Canal and foramina lie within this of the middles of vertebrae.
    around = dilate(core, HOLLOW_MM, work.grid.spacing_kji_mm)
    if float((work.hu[around] < HOLLOW_HU).mean()) < HOLLOW_SHARE:
        return None
    return _axis(own[kept])


def _axis(own_mm: NDArray[np.float64]) -> SpineAxis | None:
    low, high = own_mm[:, 2].min(), own_mm[:, 2].max()
    middles = []
    for height in np.arange(low, high + SLAB_MM, SLAB_MM):
        slab = own_mm[np.abs(own_mm[:, 2] - height) <= SLAB_MM]
        if len(slab):
            middles.append(np.array([*np.median(slab[:, :2], axis=0), height]))
    if len(middles) < 2:
        return None
    points = np.array(middles)
    slope = (points[-1] - points[0]) / max(float(points[-1, 2] - points[0, 2]), 1.0)
    return SpineAxis(np.vstack([points[0] - FURTHER_MM * slope, points, points[-1] + FURTHER_MM * slope]))
