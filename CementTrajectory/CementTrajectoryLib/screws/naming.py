"""Names of pelvic bones as label maps write them, brought to ``hip_left``, ``hip_right`` and ``sacrum``."""

from collections.abc import Mapping

from BoneAblationPlannerLib.anatomy.bone_names import bone_name, whole_bone
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError

_PIECES = {"fragment", "fragments", "fracture", "piece"}
"""Parts of a bone that are joined again; any other part, as a head, does not stand for its bone."""
_FRAGMENTS = {"sacrum": range(1, 11), "hip_left": range(11, 21), "hip_right": range(21, 31)}
"""Numbers of fragments as public sets of pelvic fractures give them."""
_FIRST_SACRAL = "vertebrae_S1"
"""TotalSegmentator gives the first sacral vertebra a label of its own."""

_LIMBS = ("femur", "humerus", "scapula")
SEARCHED_BONES = {*_FRAGMENTS, *(f"{limb}_{side}" for limb in _LIMBS for side in ("left", "right"))}
"""Names of the bones that corridors are looked for in."""


def pelvic_name(name: str) -> str:
    """``hip_left``, ``scapula_left``, … or ``sacrum`` for any usual spelling, of its fragments too; else the name."""
    known = bone_name(name) or name
    whole = "sacrum" if known == _FIRST_SACRAL else whole_bone(known)
    parts = set(known[len(whole_bone(known)) :].strip(" ()").split())
    return whole if whole in SEARCHED_BONES and parts <= _PIECES else name


def named_pelvis(bones: LabelMap) -> tuple[LabelMap, list[str]]:
    """The map with its pelvic bones named, and notes.

    A map without any known name is read by the numbers of fracture sets: 1-10 sacrum, 11-20 left hip, 21-30 right hip.

    Raises
    ------
    InputError
        If no bone is known, or left and right do not lie where the image says.
    """
    names = {value: pelvic_name(name) for value, name in bones.names.items()}
    notes: list[str] = []
    if not set(names.values()) & SEARCHED_BONES:
        names = _by_number(names)
        notes.append("no names: labels 1-10 are read as sacrum, 11-20 as left hip, 21-30 as right hip")
    named = LabelMap(bones.grid, bones.labels, names)
    _check_sides(named)
    return named, notes


def _by_number(names: Mapping[int, str]) -> dict[int, str]:
    known = {value: bone for value in names for bone, numbers in _FRAGMENTS.items() if value in numbers}
    if len(known) < len(names) or not set(known.values()) & {"hip_left", "hip_right"}:
        raise InputError(
            f"bones: none of {', '.join(sorted(set(names.values())))} is a bone that screws are planned in; "
            'expected names such as {"1": "hip_left"}, or fragments 1-10 sacrum, 11-20 left hip, 21-30 right hip'
        )
    return known


def _check_sides(bones: LabelMap) -> None:
    middle = {}
    for side in ("left", "right"):
        values = [value for value, name in bones.names.items() if name == f"hip_{side}"]
        points = [bones.grid.ras_of_mask(bones.labels == value) for value in values]
        if points:
            middle[side] = sum(p[:, 0].sum() for p in points) / max(sum(len(p) for p in points), 1)
    if len(middle) == 2 and middle["left"] >= middle["right"]:
        raise InputError(
            "bones: the left hip bone lies to the right of the right one; expected names that agree with the image"
        )
