"""Body, bone and separate bones of a case: found on the CT, and replaced where a person drew them."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.body import AIR_BELOW_HU, Body, find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_names import UNKNOWN_BONE, bone_name
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.case import Case
from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError


def body_of(case: Case) -> Body:
    """The patient's body; skin is where a drawn one meets the air around it, hollows inside are no way in.

    Raises
    ------
    InputError
        As `find_body`, or if what was drawn is not on the CT's grid.
    """
    body, drawn = find_body(case.ct), case.edited.body
    if drawn is None:
        return body
    _check(case, "skin", drawn)
    unseen = ~(body.inside | body.outside)
    not_body = find_components(~(drawn | unseen))
    open_air = np.zeros(not_body.count + 1, dtype=bool)
    open_air[not_body.labels()[body.outside & ~drawn]] = True
    open_air[0] = False
    outside = not_body.mask(open_air)
    inside = drawn | ~(outside | unseen)
    return Body(inside, inside & (case.ct.hu <= AIR_BELOW_HU), outside)


def bone_of(case: Case, body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Filled bone inside `body` (k, j, i) bool.

    The bone that a plan shows holds its lesion, soft parts too. Where the lesion's outline is given, the CT therefore
    says what is bone inside it, whatever was drawn.
    """
    found, edited = bone_mask(case.ct, body, case.organs, case.structure_table), case.edited
    bone = found
    if edited.bone is not None:
        _check(case, "bone", edited.bone)
        bone = edited.bone & body
    if edited.bones is not None:
        _check(case, "bones", edited.bones.labels)
        bone = bone | ((edited.bones.labels != 0) & body)
    return bone if bone is found or case.lesion is None else np.where(case.lesion, found, bone)


def bones_of(case: Case, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> LabelMap:
    """Separate bones; one that was drawn replaces that of its name and takes its voxels from the others."""
    found = separate_bones(case.ct, bone, body, case.organs, case.structure_table)
    drawn = case.edited.bones
    if drawn is None:
        return found
    labels, names = found.labels.copy(), dict(found.names)
    for value, called in drawn.names.items():
        name = called if bone_name(called) in (None, UNKNOWN_BONE) else str(bone_name(called))
        for same in [v for v, n in names.items() if n == name]:
            labels[labels == same] = 0
            del names[same]
        number = max(names, default=0) + 1
        labels[(drawn.labels == value) & body] = number
        names[number] = name
    left = set(np.unique(labels).tolist())
    return LabelMap(found.grid, labels, {value: name for value, name in names.items() if value in left})


def _check(case: Case, what: str, drawn: NDArray) -> None:
    if drawn.shape != case.ct.grid.shape:
        raise InputError(f"drawn {what}: shape {drawn.shape}; expected {case.ct.grid.shape} of the CT")
