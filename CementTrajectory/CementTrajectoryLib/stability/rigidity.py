"""How much strength a lesion takes from a bone, and what cement and screws give back.

The weakest cross-section governs. It is compared to the same section of the other side's bone where that is whole and
in the image, else to the bone itself with the lesion's voxels as dense as the bone around them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_names import holds_several_bones
from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Plan, Rigidity, RigidityCurve, SectionRigidity
from BoneAblationPlannerLib.regions import bounding_region
from CementTrajectoryLib.stability.limbs import above_ras_mm
from CementTrajectoryLib.stability.modulus import DEFAULTS, bone_modulus_mpa, with_cement, with_screws
from CementTrajectoryLib.stability.sections import Axis, Sections, bone_axis, rigidity_along

LONG_BONES = ("femur", "humerus", "tibia", "fibula", "radius", "ulna", "clavicula")
AROUND_MM = 6.0
"""Bone this near to the lesion tells what was in its place."""
END_SHARE = 0.05
"""The tapering ends of a bone hold no weakest section."""


@dataclass(frozen=True, eq=False)
class _States:
    """Sections of one bone as it is, as it was taken to be, and after treatment, on one axis."""

    axis: Axis
    before: Sections
    reference: Sections
    after: Sections
    reference_kind: str


def lesion_rigidity(
    anatomy: Anatomy, bones: LabelMap, plan: Plan, cement_share: NDArray[np.floating] | None
) -> Rigidity | None:
    """Rigidity of the lesion's bone at its weakest section; None where the lesion lies in no known single bone.

    Parameters
    ----------
    anatomy : Anatomy
    bones : LabelMap
        Separate bones on the CT's grid.
    plan : Plan
        Its screws count as metal.
    cement_share : (k, j, i) float, optional
        Share of every voxel that cement fills.
    """
    name = plan.lesion.bone
    if name is None or name not in bones.names.values() or holds_several_bones(name):
        return None
    states = _states(anatomy, bones, plan, name, cement_share)
    at = None if states is None else _weakest(states, anatomy)
    if states is None or at is None:
        return None
    before, reference, after = (_section(s, at) for s in (states.before, states.reference, states.after))
    low, high = _uncertainty()
    return Rigidity(
        before=before,
        after=after,
        reduction_fraction=_loss(before, reference),
        reference=reference,
        reference_kind=states.reference_kind,
        reduction_after_fraction=_loss(after, reference),
        weakest_ras_mm=rounded_point(states.axis.point_ras_mm(at)),
        weakest_station_mm=round(float(states.axis.station_mm[at]), 1),
        uncertainty_factor=(round(low, 3), round(high, 3)),
        validated=name.startswith(LONG_BONES),
        curve=_curve(states),
    )


def _states(
    anatomy: Anatomy, bones: LabelMap, plan: Plan, name: str, cement_share: NDArray[np.floating] | None
) -> _States | None:
    """Before, reference and after on the axis of the lesion's bone; None if the map holds none of it."""
    bone = _mask(bones, name) | (anatomy.lesion & anatomy.bone)
    region = bounding_region(bone)
    if region is None:
        return None
    grid, mask = anatomy.ct.grid.crop(region), np.ascontiguousarray(bone[region])
    hu, lesion = anatomy.ct.hu[region], np.ascontiguousarray(anatomy.lesion[region])
    modulus = np.where(mask, bone_modulus_mpa(hu), 0).astype(np.float32)
    axis = bone_axis(grid.ras_of_mask(mask), DEFAULTS["station_mm"], above_ras_mm(bones, name))
    poisson = DEFAULTS["poisson"]
    treated = modulus
    if cement_share is not None:
        treated = with_cement(treated, np.where(mask, cement_share[region], 0))
    treated = np.where(mask, with_screws(treated, grid, plan.screws), 0).astype(np.float32)
    before, after = (rigidity_along(grid, m, axis, poisson) for m in (modulus, treated))
    other = _other_side(anatomy, bones, name, axis)
    if other is not None:
        return _States(axis, before, other, after, "the other side's bone")
    around = dilate(lesion, AROUND_MM, grid.spacing_kji_mm) & mask & ~lesion
    filled = modulus.copy()
    if around.any():
        filled[lesion & mask] = np.maximum(filled[lesion & mask], float(modulus[around].mean()))
    reference = rigidity_along(grid, filled, axis, poisson)
    return _States(axis, before, reference, after, "the bone itself, the lesion as dense as the bone around it")


def _other_side(anatomy: Anatomy, bones: LabelMap, name: str, axis: Axis) -> Sections | None:
    """Sections of the other side's bone, station by station from its upper end; None if it is not whole there."""
    opposite = name.replace("left", "right") if "left" in name else name.replace("right", "left")
    if opposite == name or opposite not in bones.names.values():
        return None
    mask = _mask(bones, opposite)
    region = bounding_region(mask)
    if region is None:
        return None
    grid, local = anatomy.ct.grid.crop(region), np.ascontiguousarray(mask[region])
    own = bone_axis(grid.ras_of_mask(local), axis.step_mm, above_ras_mm(bones, opposite))
    if abs(own.count - axis.count) > 0.05 * axis.count:
        return None
    modulus = np.where(local, bone_modulus_mpa(anatomy.ct.hu[region]), 0).astype(np.float32)
    same = Axis(own.origin_ras_mm, own.direction, own.step_mm, axis.count)
    return rigidity_along(grid, modulus, same, DEFAULTS["poisson"])


def _mask(bones: LabelMap, name: str) -> NDArray[np.bool_]:
    return np.isin(bones.labels, [value for value, label in bones.names.items() if label == name])


def _weakest(states: _States, anatomy: Anatomy) -> int | None:
    """The station with the greatest loss among those that the lesion reaches."""
    points = anatomy.ct.grid.ras_of_mask(anatomy.lesion)
    along = (points - states.axis.origin_ras_mm) @ states.axis.direction
    stations = states.axis.station_mm
    total = stations[-1]
    inner = (stations > END_SHARE * total) & (stations < (1 - END_SHARE) * total)
    reached = (stations >= along.min()) & (stations <= along.max())
    usable = reached & inner & (states.reference.EA > 0) & (states.reference.EI_min > 0)
    if not usable.any():
        return None
    losses = [_loss(_section(states.before, n), _section(states.reference, n)) if usable[n] else -np.inf
              for n in range(len(stations))]  # fmt: skip
    return int(np.argmax(losses))


def _section(sections: Sections, at: int) -> SectionRigidity:
    return SectionRigidity(float(sections.EA[at]), float(sections.EI_min[at]), float(sections.GJ[at]))


def _loss(section: SectionRigidity, reference: SectionRigidity) -> float:
    """The largest relative loss of any rigidity; negative where all are gained."""
    pairs = ((section.EA, reference.EA), (section.EI_min, reference.EI_min), (section.GJ, reference.GJ))
    return max(1.0 - own / whole for own, whole in pairs if whole > 0)


def _uncertainty() -> tuple[float, float]:
    """What absolute figures may be multiplied with, from the density scale alone; ratios keep most of their value."""
    exponent, scale = DEFAULTS["modulus_exponent"], DEFAULTS["hu_per_density"]
    return (
        (scale / DEFAULTS["hu_per_density_high"]) ** exponent,
        (scale / DEFAULTS["hu_per_density_low"]) ** exponent,
    )


def _curve(states: _States) -> RigidityCurve:
    """EI_min, the rigidity that bending spares least, along the bone."""
    return RigidityCurve(
        station_mm=tuple(round(float(v), 1) for v in states.axis.station_mm),
        before_EI_min=tuple(float(f"{v:.4g}") for v in states.before.EI_min),
        reference_EI_min=tuple(float(f"{v:.4g}") for v in states.reference.EI_min),
        after_EI_min=tuple(float(f"{v:.4g}") for v in states.after.EI_min),
    )
