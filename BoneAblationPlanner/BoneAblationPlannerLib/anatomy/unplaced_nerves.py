"""Nerves that are expected beside a lesion and of which no band could be drawn, with the reason."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_names import clinic_name, whole_bone
from BoneAblationPlannerLib.anatomy.joints import NEAR_MM
from BoneAblationPlannerLib.anatomy.looked_for import is_called
from BoneAblationPlannerLib.anatomy.names import side_of
from BoneAblationPlannerLib.anatomy.nerve_band import NerveBand
from BoneAblationPlannerLib.anatomy.nerve_rules import BandRule, band_rules
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.morphology import dilate


def unplaced_nerves(
    bones: LabelMap,
    bands: Sequence[NerveBand],
    lesion: NDArray[np.bool_],
    host: str | None,
    drawn: Sequence[str] = (),
) -> list[str]:
    """Warnings on nerves that run beside the bones near a lesion (k, j, i) bool and could not be placed.

    Parameters
    ----------
    bones : LabelMap
        Named bones; those within 30 mm of the lesion count, and `host`, the one that holds it.
    bands : sequence of NerveBand
        What was drawn.
    lesion : (k, j, i) bool
    host : str or None
    drawn : sequence of str
        Names of nerves that a person drew: these need not be placed.
    """
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), NEAR_MM)
    around = dilate(np.ascontiguousarray(lesion[region]), NEAR_MM, bones.grid.spacing_kji_mm)
    near = {whole_bone(bones.names[int(v)]) for v in np.unique(bones.labels[region][around]) if int(v) in bones.names}
    near |= {host} if host else set()
    placed = {band.name for band in bands}
    reasons: dict[str, list[str]] = {}
    for rule in band_rules().values():
        for side in ("right", "left"):
            name = f"{rule.nerve} {side}"
            if not _runs_beside(rule, side, near) or _beyond_image(rule, side, placed):
                continue
            if any(is_called(other, name) for other in drawn):
                continue
            if name not in placed:
                reasons.setdefault(_reason(rule.needs, side, bones), []).append(name)
            elif not set(rule.further_needs) <= set(bones.names.values()):
                further = _reason(rule.further_needs, side, bones)
                reasons.setdefault(further, []).append(f"{name} {rule.further_part}")
    return [
        f"expected nerves that could not be placed ({reason}): {', '.join(names)}; find them before treatment"
        for reason, names in reasons.items()
    ]


def _runs_beside(rule: BandRule, side: str, near: set[str]) -> bool:
    return any(name.split("_")[0] in rule.beside and side_of(name) in (None, side) for name in near)


def _beyond_image(rule: BandRule, side: str, placed: set[str]) -> bool:
    """A course whose landmarks were found but that the image does not reach: radial nerve, with an axillary one."""
    return rule.nerve == "radial nerve" and f"axillary nerve {side}" in placed


def _reason(needs: Sequence[str], side: str, bones: LabelMap) -> str:
    names = set(bones.names.values())
    wanted = [bone if bone == "sacrum" else f"{bone}_{side}" for bone in needs]
    missing = [bone for bone in wanted if bone not in names]
    if not missing:
        return "the image does not show the landmarks of the bones"
    unsided = [bone for bone in missing if bone.split("_")[0] in names]
    if unsided:
        return f"side of {' and '.join(bone.split('_')[0] for bone in unsided)} not given"
    return f"{' and '.join(clinic_name(bone) for bone in missing)} not told apart from other bone"
