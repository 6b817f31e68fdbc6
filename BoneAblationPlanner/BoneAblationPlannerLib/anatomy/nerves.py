"""Where nerves are expected, from bony landmarks: bands that warn and never reassure.

No public tool segments these nerves on CT. A band is a tube of generous radius around an expected course; that a needle
keeps clear of it proves nothing, so the kind ``nerve`` stays "not checked" unless a person drew the nerves.
Landmarks are read in RAS: the courses assume a patient whose axes are those of the scanner within some 20 degrees.
"""

from collections.abc import Sequence

import numpy as np

from BoneAblationPlannerLib.anatomy.ball_joints import BallJoint
from BoneAblationPlannerLib.anatomy.bone_landmarks import Ball, LandmarkBone
from BoneAblationPlannerLib.anatomy.bones import SeparatedBones
from BoneAblationPlannerLib.anatomy.brachial_bands import brachial_bands
from BoneAblationPlannerLib.anatomy.nerve_band import NerveBand
from BoneAblationPlannerLib.anatomy.nerve_rules import band_rules
from BoneAblationPlannerLib.anatomy.pelvic_bands import pelvic_bands
from BoneAblationPlannerLib.anatomy.structure_table import kind_rules
from BoneAblationPlannerLib.anatomy.structures import tube_mask
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Provenance

ESTIMATED = "estimated"


def expected_nerves(bones: LabelMap) -> tuple[NerveBand, ...]:
    """Bands for every nerve whose landmarks are in the image; bones without a certain name give none."""
    named = {name: value for value, name in bones.names.items()}
    balls = bones.balls if isinstance(bones, SeparatedBones) else {}
    bands: list[NerveBand] = []
    for side, sign in (("right", 1.0), ("left", -1.0)):
        hip, femur = (LandmarkBone.of(bones, named.get(f"{name}_{side}")) for name in ("hip", "femur"))
        if hip is not None and femur is not None:
            ball = _head(femur, balls.get(f"femur_{side}"))
            bands += pelvic_bands(hip, femur, ball, LandmarkBone.of(bones, named.get("sacrum")), side, sign)
        humerus, scapula = (LandmarkBone.of(bones, named.get(f"{name}_{side}")) for name in ("humerus", "scapula"))
        if humerus is not None:
            bands += brachial_bands(humerus, scapula, _head(humerus, balls.get(f"humerus_{side}")), side)
    return tuple(bands)


def band_structures(bands: Sequence[NerveBand], grid: Grid) -> tuple[Structure, ...]:
    """The bands as structures of origin ``estimated``; their distances are for warnings, never limits."""
    rule = kind_rules()["nerve"]
    found = []
    for band in bands:
        mask = tube_mask(grid, band.points_ras_mm, band.radius_mm)
        if mask.any():
            found.append(Structure(f"{band.name} (estimated, verify)", "nerve", mask, rule.shaft_mm, rule.zone_mm,
                                   ESTIMATED))  # fmt: skip
    return tuple(found)


def bands_provenance(estimates: Sequence[Structure]) -> tuple[Provenance, ...]:
    """Sources of the bands that were drawn."""
    rules = [r for nerve, r in band_rules().items() if any(s.name.startswith(nerve) for s in estimates)]
    return tuple(Provenance(f"estimated {r.nerve}: band radius", r.radius_mm, "mm", r.source, r.status) for r in rules)


def _head(bone: LandmarkBone, seen: BallJoint | None) -> Ball | None:
    """The largest ball in a bone; where that is elsewhere than the ball that told the bones apart, the latter.

    Where slices of 3 mm and more cut pieces off the head, the largest ball may be among the trochanters.
    """
    largest = bone.head()
    if seen is None:
        return largest
    if largest is not None and float(np.linalg.norm(largest[0] - seen.centre_ras_mm)) <= seen.radius_mm / 2:
        return largest
    return seen.centre_ras_mm, seen.radius_mm
