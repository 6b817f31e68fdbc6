"""The usual hip bones and sacrum laid into a patient's bone, beside hip bones that are known roughly.

One lumbar vertebra is much like the next, but only the sacrum has its alae: it is laid in from several starts, and
taken where most of its free surface is there. Where it is not, there is no sacrum.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame, Side
from BoneAblationPlannerLib.anatomy.shape_field import (
    Freedom,
    SurfacePoints,
    UsualSurface,
    covered,
    laid_into,
    usual_surface,
)
from BoneAblationPlannerLib.anatomy.usual_pelvis import UsualPelvis, mirrored, usual_pelvis

HIP_FREEDOM = Freedom(10.0, 10.0, 0.06, True, (25.0, 8.0), 25, 15.0)
SACRUM_FREEDOM = Freedom(8.0, 8.0, 0.03, False, (12.0, 5.0), 12, 7.5)
FINAL_FREEDOM = Freedom(6.0, 6.0, 0.04, False, (8.0, 4.0), 12, 20.0)
"""Sacra of six people lie within 4 mm and 6 degrees (standard deviation) of where their hip bones let expect them; one
that is laid in from a start a vertebra's half away must still get there, so most is left to the surface."""
HIP_POINTS, SACRUM_POINTS, FINAL_POINTS, PLACES = 4000, 2500, 6000, 1200
HIP_NEAR_MM, SACRUM_NEAR_MM = 11.5, 100.0
STARTS_UP_MM, STARTS_PITCH_DEG = (-24.0, -12.0, 0.0, 12.0), (-8.0, 8.0)
"""Where the sacrum starts, along and about its own axes from where it is expected; each draws it from some 12 mm."""
OF_HIP_MM, OF_HIP_FACING = 5.0, 0.3
"""Surface this near to a hip bone's that faces the same way is the hip bone's."""
JOINT_MM, CUT_MM, CUT_FACING = 8.0, 15.0, -0.6
"""The sacrum's surface this near to a hip bone is joint, which thick slices do not show; what faces down this near to
where the usual sacrum ends is no surface."""
HIP_COVERED, SACRUM_COVERED = 0.55, 0.55
"""Share of a bone's free surface that must be there. Measured on three pelvises, whole and cropped at random: hip bones
0.74 to 0.93, and 0.31 and less where none was; sacra 0.59 to 0.92, and 0.52 and less where they lay wrong."""
HIP_SEEN, SACRUM_SEEN = 0.4, 0.6
"""Shares of their surfaces that the image must hold."""


@dataclass(frozen=True, eq=False)
class LaidPelvis:
    """Frames of the hip bones that were found, and of the sacrum.

    `unseen` is the frame of the other hip bone as a mirror image, where only one was found.
    """

    hips: Mapping[Side, BoneFrame]
    sacrum: BoneFrame
    unseen: BoneFrame | None

    @property
    def all_hips(self) -> tuple[BoneFrame, ...]:
        return (*self.hips.values(), *([] if self.unseen is None else [self.unseen]))


def laid_hips(work: Work, surface: SurfacePoints, hips: Mapping[Side, BoneFrame]) -> dict[Side, BoneFrame]:
    """Frames of hip bones laid into a surface, from rough ones; without those whose surface is not there."""
    field, tree = usual_pelvis().hip, cKDTree(surface.ras_mm)
    usual = usual_surface(field, PLACES)
    found: dict[Side, BoneFrame] = {}
    for side, rough in hips.items():
        near = np.abs(field.at(rough, surface.ras_mm)) < HIP_NEAR_MM
        frame = laid_into(field, rough, surface.some(near).spread_over(HIP_POINTS), HIP_FREEDOM)
        share, seen = covered(field, usual, frame, surface, tree, work)
        if share >= HIP_COVERED and seen >= HIP_SEEN:
            found[side] = frame
    return found


def laid_pelvis(work: Work, surface: SurfacePoints, hips: Mapping[Side, BoneFrame]) -> LaidPelvis | None:
    """The pelvis with these hip bones, as `laid_hips` finds them, if its sacrum is found for certain; else None."""
    if not hips:
        return None
    pelvis = usual_pelvis()
    expected = pelvis.expected_sacrum(hips)
    free = surface.some(np.linalg.norm(surface.ras_mm - expected.origin_ras_mm, axis=1) < SACRUM_NEAR_MM)
    free = free.some(~_of_hips(pelvis, hips, free))
    if not len(free.ras_mm):
        return None
    few, tree = free.spread_over(SACRUM_POINTS), cKDTree(free.ras_mm)
    tried = []
    for up in STARTS_UP_MM:
        for pitch in STARTS_PITCH_DEG:
            axes = expected.axes @ Rotation.from_rotvec([0.0, 0.0, np.radians(pitch)]).as_matrix()
            start = BoneFrame(expected.origin_ras_mm + up * expected.axes[:, 0], axes, expected.spread_mm)
            laid = _between(hips, laid_into(pelvis.sacrum, start, few, SACRUM_FREEDOM))
            tried.append((covered(pelvis.sacrum, _free_surface(laid, pelvis), laid.sacrum, free, tree, work)[0], laid))
    first = max(tried, key=lambda found: found[0])[1]
    last = _between(hips, laid_into(pelvis.sacrum, first.sacrum, free.spread_over(FINAL_POINTS), FINAL_FREEDOM))
    share, seen = covered(pelvis.sacrum, _free_surface(last, pelvis), last.sacrum, free, tree, work)
    return last if share >= SACRUM_COVERED and seen >= SACRUM_SEEN else None


def _between(hips: Mapping[Side, BoneFrame], sacrum: BoneFrame) -> LaidPelvis:
    one = next(iter(hips.values()))
    return LaidPelvis(hips, sacrum, mirrored(one, sacrum) if len(hips) < len(SIDES) else None)


def _of_hips(pelvis: UsualPelvis, hips: Mapping[Side, BoneFrame], surface: SurfacePoints) -> NDArray[np.bool_]:
    found = np.zeros(len(surface.ras_mm), dtype=bool)
    for frame in hips.values():
        away, slope = pelvis.hip.near(frame.own(surface.ras_mm) * pelvis.hip.usual_mm)
        facing = (pelvis.hip.outward(frame, slope) * surface.outward).sum(axis=1)
        found |= (np.abs(away) < OF_HIP_MM) & (facing > OF_HIP_FACING)
    return found


def _free_surface(laid: LaidPelvis, pelvis: UsualPelvis) -> UsualSurface:
    """The sacrum's surface that faces soft tissue, as it lies beside these hip bones."""
    usual = usual_surface(pelvis.sacrum, PLACES)
    places = laid.sacrum.ras_mm(usual.places_mm / pelvis.sacrum.usual_mm)
    joint = np.min([pelvis.hip.at(hip, places) for hip in laid.all_hips], axis=0) < JOINT_MM
    end = (usual.places_mm[:, 0] < pelvis.cut_mm + CUT_MM) & (usual.slope[:, 0] < CUT_FACING)
    return UsualSurface(usual.places_mm[~(joint | end)], usual.slope[~(joint | end)])
