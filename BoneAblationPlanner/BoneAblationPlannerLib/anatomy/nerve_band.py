"""The expected course of a nerve as a tube around points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from BoneAblationPlannerLib.anatomy.bone_landmarks import Point, Points
from BoneAblationPlannerLib.anatomy.nerve_rules import band_rules


@dataclass(frozen=True, eq=False)
class NerveBand:
    """An expected course (N, 3) RAS mm and the radius of its band."""

    name: str
    points_ras_mm: Points
    radius_mm: float


def band_of(nerve: str, side: str, points: Sequence[Point] | Points) -> NerveBand:
    """The band of a nerve of one side along points (N, 3) RAS mm."""
    return NerveBand(f"{nerve} {side}", np.asarray(points, dtype=np.float64), band_rules()[nerve].radius_mm)
