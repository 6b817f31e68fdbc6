"""Which names mean a bone, and which one: every usual spelling becomes one name.

Spellings of TotalSegmentator (``hip_right``), of its 3D Slicer extension ("right hip", "left rib 5", "L5 vertebra"),
of radiotherapy structure sets by AAPM TG-263 (``Femur_Head_L``, ``VB_L5``), coded meanings ("Fifth rib left") and
usual clinical words. All words of a name must be known: what says anything else ("hip joint", "femoral nail", "bone
metastasis") is no bone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from BoneAblationPlannerLib.anatomy.bone_words import bone_words
from BoneAblationPlannerLib.anatomy.names import Side, side_of_word, words_of

UNKNOWN_BONE = "bone"
"""Name of bone of which is not said which one it is."""

_LEVEL = re.compile(r"(c|th|t|d|l|s)0?(\d{1,2})")
_LEVELS = {"C": 7, "T": 13, "L": 6, "S": 5}
"""Vertebrae of each region at most."""
_WHOLE_SINGLE = ("sacrum", "coccyx", "sternum", "skull", "mandible", "hyoid")
_SEVERAL = frozenset(("carpal", "metacarpal", "tarsal", "metatarsal", "phalanges_hand", "phalanges_feet", "phalanges"))
_ASSEMBLED = ("ilium", "ischium", "pubis")
"""These three make up a whole hip bone."""


@cache
def bone_name(label: str) -> str | None:
    """The one name of the bone that a label means, or None if it means none.

    Returns
    -------
    str or None
        TotalSegmentator's name of a bone (``hip_right``, ``rib_left_5``, ``vertebrae_L5``); without its side where
        none is said (``femur``); a part in brackets (``femur_left (head)``); ``pelvis``, ``ribs``, ``vertebrae`` for
        several at once; ``bone`` where it is not said which one.
    """
    known, words = bone_words(), _phrased(words_of(label))
    nouns = {known.nouns[word] for word in words if word in known.nouns}
    sides = {side for word in words if (side := side_of_word(word)) is not None}
    level = _vertebra(words, nouns)
    if level is not None:
        return level
    nouns -= {UNKNOWN_BONE} if nouns != {UNKNOWN_BONE} else set()
    if "pelvicbone" in words:
        nouns = {"hip"} if sides or nouns == {"hip"} or "hip" in words_of(label) else {"pelvis"}
    if len(nouns) != 1 or not all(_is_known(word) for word in words):
        return None
    (noun,) = nouns
    side = sides.pop() if len(sides) == 1 else None
    if noun == "rib":
        return _rib(words, side)
    if noun == "pelvis" and side is not None:
        noun = "hip"
    if noun not in known.paired:
        side = None
    name = noun if side is None else f"{noun}_{side}"
    parts = [word for word in words if word in known.part_words | known.part_nouns]
    return f"{name} ({' '.join(parts)})" if parts and noun != UNKNOWN_BONE else name


def is_known_bone(name: str) -> bool:
    """Whether a name says which bone it is, or which group of bones."""
    return bone_name(name) not in (None, UNKNOWN_BONE)


def is_single_bone(name: str) -> bool:
    """Whether one of the names here is that of one whole bone, with its side if there are two of it."""
    kind = name.removesuffix("_left").removesuffix("_right")
    if name.startswith(("rib_left_", "rib_right_", "vertebrae_")):
        return True
    return name in _WHOLE_SINGLE or (name != kind and kind in bone_words().paired and kind not in _SEVERAL)


def holds_several_bones(name: str) -> bool:
    """Whether one of the names here is that of several bones at once: no axis, length or section is theirs."""
    return name.split("_")[0] in ("pelvis", "ribs") or name == "vertebrae"


def whole_bone(name: str) -> str:
    """The bone that a part belongs to (``femur_left`` of ``femur_left (head)``); any other name as it is."""
    return name.split(" (")[0]


def clinic_name(name: str) -> str:
    """A bone of this project in words for people: "right hip bone", "left rib 5", "L5 vertebra"."""
    whole, part = whole_bone(name), name[len(whole_bone(name)) :]
    words = whole.split("_")
    side = next((word for word in words if word in ("left", "right")), None)
    rest = [word for word in words if word != side]
    kind = {"hip": "hip bone", "clavicula": "clavicle"}.get(rest[0], rest[0])
    plain = f"{rest[1]} vertebra" if rest[0] == "vertebrae" and len(rest) > 1 else " ".join([kind, *rest[1:]])
    return (f"{side} {plain}" if side else plain) + part


def names_in_one_map(names: Mapping[int, str | None]) -> dict[int, str]:
    """One name for each value that means a bone, seen together: parts of a bone that is all there carry its name."""
    known = {value: name for value, name in names.items() if name is not None}
    whole = {name for name in known.values() if whole_bone(name) == name} | _assembled(known.values())
    return {value: whole_bone(name) if whole_bone(name) in whole else name for value, name in known.items()}


def _assembled(names: Iterable[str]) -> set[str]:
    """Hip bones whose three parts are among the names."""
    present = set(names)
    return {hip for hip in ("hip_left", "hip_right") if all(f"{hip} ({part})" in present for part in _ASSEMBLED)}


def _phrased(words: tuple[str, ...]) -> tuple[str, ...]:
    text = " ".join(words)
    for pattern, instead in bone_words().phrases:
        text = pattern.sub(instead, text)
    return tuple(text.split())


def _is_known(word: str) -> bool:
    known = bone_words()
    return (
        any(
            word in table for table in (known.nouns, known.part_words, known.say_nothing, known.ordinals, known.regions)
        )
        or word == "pelvicbone"
        or side_of_word(word) is not None
        or re.fullmatch(r"\d{1,3}(st|nd|rd|th)?", word) is not None
        or _LEVEL.fullmatch(word) is not None
    )


def _number(words: Sequence[str]) -> int | None:
    """The one number that the words say."""
    ordinals = bone_words().ordinals
    said = {ordinals[word] for word in words if word in ordinals}
    said |= {int(found[1]) for word in words if (found := re.fullmatch(r"[lr]?0*(\d{1,2})(st|nd|rd|th)?", word))}
    return said.pop() if len(said) == 1 else None


def _rib(words: tuple[str, ...], side: Side | None) -> str:
    number = _number(words)
    sides: set[Side] = {"left" if word[0] == "l" else "right" for word in words if re.fullmatch(r"[lr]\d{1,2}", word)}
    side = side or (sides.pop() if len(sides) == 1 else None)
    if number is None:
        return "ribs" if side is None else f"ribs_{side}"
    return f"rib_{number}" if side is None else f"rib_{side}_{number}"


def _vertebra(words: tuple[str, ...], nouns: set[str]) -> str | None:
    """``vertebrae_L5`` where a level is said, ``vertebrae`` where none or several are; None for other names."""
    other = nouns - {"vertebrae", UNKNOWN_BONE}
    if other or not all(_is_known(word) for word in words):
        return None
    levels = {
        f"{_letter(found[1])}{int(found[2])}"
        for word in words
        if (found := _LEVEL.fullmatch(word)) and 1 <= int(found[2]) <= _LEVELS[_letter(found[1])]
    }
    spine = bone_words().regions
    regions = {spine[word] for word in words if word in spine}
    number = _number([word for word in words if _LEVEL.fullmatch(word) is None])
    if not levels and len(regions) == 1 and number is not None:
        levels = {f"{next(iter(regions))}{number}"}
    alone = len(levels) == 1 and not next(iter(levels)).startswith("S")
    if "vertebrae" not in nouns and not (
        alone and all(_LEVEL.fullmatch(w) or w in bone_words().say_nothing for w in words)
    ):
        return None
    return f"vertebrae_{levels.pop()}" if len(levels) == 1 else "vertebrae"


def _letter(word: str) -> str:
    return "T" if word in ("th", "d") else word.upper()
