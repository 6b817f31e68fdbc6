"""Everything that the plan says about stability: score, class, rigidity and cautions."""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_names import holds_several_bones
from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.plan import Acetabulum, Mirels, Plan, Reason, Rigidity, Stability
from CementTrajectoryLib.stability.acetabulum import NUMBERS as ACETABULUM
from CementTrajectoryLib.stability.acetabulum import acetabular_class
from CementTrajectoryLib.stability.limbs import above_ras_mm
from CementTrajectoryLib.stability.mirels import mirels_provenance, mirels_score, width_share
from CementTrajectoryLib.stability.modulus import DEFAULTS
from CementTrajectoryLib.stability.rigidity import LONG_BONES, lesion_rigidity
from CementTrajectoryLib.stability.sections import bone_axis

END_OF_SHAFT_MM = 80.0
"""Depth below a long bone's upper end from which its shaft begins."""


def assess_stability(
    anatomy: Anatomy,
    bones: LabelMap,
    plan: Plan,
    cement_share: NDArray[np.floating] | None = None,
    pain: int | None = None,
) -> Stability:
    """Stability before and after the planned treatment.

    Parameters
    ----------
    anatomy : Anatomy
    bones : LabelMap
        Separate bones on the CT's grid.
    plan : Plan
        Lesion and screws.
    cement_share : (k, j, i) float, optional
        Share of every voxel that cement fills.
    pain : int, optional
        Mirels' points for pain, 1 to 3; None if it was not asked.
    """
    name = plan.lesion.bone
    mask = np.isin(bones.labels, [value for value, label in bones.names.items() if label == name])
    depth = share = None
    if mask.any() and not holds_several_bones(name or ""):
        axis = bone_axis(anatomy.ct.grid.ras_of_mask(mask), DEFAULTS["station_mm"], above_ras_mm(bones, name))
        share = width_share(anatomy.ct.grid, mask, anatomy.lesion, axis)
        depth = float((np.array(plan.lesion.centroid_ras_mm) - axis.origin_ras_mm) @ axis.direction)
    mirels = mirels_score(name, depth, plan.lesion.kind, share, pain)
    rigidity = lesion_rigidity(anatomy, bones, plan, cement_share)
    acetabulum = _acetabulum(anatomy, mask, name)
    return Stability(
        mirels=mirels,
        rigidity=rigidity,
        acetabulum=acetabulum,
        cautions=_cautions(name, depth, mirels, rigidity, acetabulum),
        provenance=(*DEFAULTS.provenance(), *mirels_provenance(), *ACETABULUM.provenance()),
    )


def _acetabulum(anatomy: Anatomy, hip: NDArray[np.bool_], name: str | None) -> Acetabulum | None:
    if name is None or not name.startswith("hip_") or not hip.any():
        return None
    side = name.removeprefix("hip_")
    joint = np.zeros(anatomy.lesion.shape, dtype=bool)
    for structure in anatomy.structures:
        if structure.kind == "joint" and structure.name.startswith(f"hip joint {side}"):
            joint |= structure.mask
    return acetabular_class(anatomy.ct.grid, hip, joint, anatomy.lesion, side)


def _cautions(
    bone: str | None, depth_mm: float | None, mirels: Mirels, rigidity: Rigidity | None, acetabulum: Acetabulum | None
) -> tuple[Reason, ...]:
    """The rules of ``cautions.json`` that hold."""
    bone = bone or ""
    shaft = bone.startswith(LONG_BONES) and depth_mm is not None and depth_mm > END_OF_SHAFT_MM
    holds = {
        "proximal_femur": bone.startswith("femur") and not shaft,
        "diaphysis": shaft,
        "shear": bone.startswith("hip_") and acetabulum is None,
        "acetabulum": acetabulum is not None,
        "humerus": bone.startswith("humerus"),
        "mirels_high": mirels.highest is not None and mirels.highest >= 9,
        "rigidity": rigidity is not None and rigidity.reduction_fraction > DEFAULTS["threshold"],
        "flat_bone": rigidity is not None and rigidity.validated is False,
    }
    return tuple(reason for rule, reason in _rules() if holds[rule])


@cache
def _rules() -> tuple[tuple[str, Reason], ...]:
    text = files("CementTrajectoryLib.stability").joinpath("cautions.json").read_text(encoding="utf-8")
    return tuple((row["id"], Reason(row["rule"], row["source"], row["status"])) for row in json.loads(text))
