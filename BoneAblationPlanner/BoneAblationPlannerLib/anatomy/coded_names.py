"""What a segment is called: by its own name, or by the coded meanings of DICOM and Slicer where only these tell."""

import re
from collections.abc import Sequence

from BoneAblationPlannerLib.anatomy.names import side_of, side_of_word, words_of
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.zones.heat.inserted import limits_no_path

_TYPE, _REGION = 2, 5
"""Places in an entry of Slicer; each is followed by its modifier. Context and category come first."""
_SIDES = ("left", "right")


def spoken_name(label: str, meanings: Sequence[str], table: StructureTable | None = None) -> str:
    """The name that says what a segment is.

    Parameters
    ----------
    label : str
        Its own name, which goes first; a side that only a meaning says is added to it.
    meanings : sequence of str
        Coded meanings with their side, the most direct one first.
    table : StructureTable, optional
        Which names are known; the shipped one where absent.
    """
    table = table or builtin_table()
    label = label.strip()
    known = [meaning for meaning in meanings if says_something(meaning, table)]
    if says_something(label, table):
        more = next((meaning for meaning in known if _words(label) < _words(meaning)), None)
        if more is not None:
            return more
        sides = {side for meaning in known if (side := side_of(meaning)) and _alike(label, meaning, table)}
        return f"{label} {sides.pop()}" if len(sides) == 1 and not _has_side(label) else label
    if not known:
        return label or next((meaning for meaning in meanings if meaning), "")
    both = f"{label} ({known[0]})"
    return known[0] if _says_nothing(label) or not _same(both, known[0], table) else both


def says_something(name: str, table: StructureTable) -> bool:
    """Whether a name tells what a structure is."""
    return table.kind_of(name) is not None or table.ignored_reason(name) is not None or limits_no_path(name)


def slicer_meanings(entry: str) -> tuple[str, ...]:
    """Meanings of a segment's terminology as Slicer stores it, as ``hip bone left``, the type before the region.

    The entry is ``context~category~type~modifier~context~region~modifier``, each code ``scheme^value^meaning``.
    """
    codes = entry.split("~")
    meanings = [_meaning(codes[n]) if n < len(codes) else "" for n in (_TYPE, _TYPE + 1, _REGION, _REGION + 1)]
    return tuple(name.lower() for name in (with_side(*meanings[:2]), with_side(*meanings[2:])) if name)


def with_side(meaning: str, modifier: str) -> str:
    """A coded meaning and its modifier where that is a side; empty without a meaning."""
    meaning, modifier = meaning.strip(), modifier.strip().lower()
    return f"{meaning} {modifier if modifier in _SIDES else ''}".strip() if meaning else ""


def _meaning(code: str) -> str:
    parts = code.split("^")
    return parts[2] if len(parts) == 3 else ""


def _words(name: str) -> frozenset[str]:
    """Words of a name, a side always as left or right: "Hip_R" says no less than "Hip right"."""
    return frozenset(side_of_word(word) or word for word in words_of(name))


def _has_side(name: str) -> bool:
    return any(side_of_word(word) for word in words_of(name))


def _says_nothing(label: str) -> bool:
    """Names that are given by themselves: ``Segment_1``."""
    return re.fullmatch(r"(segment|seg|label|structure)?[ _]*\d*", label.lower()) is not None


def _alike(name: str, other: str, table: StructureTable) -> bool:
    """Whether two names are of one kind, or both of bones."""
    return (table.kind_of(name), table.ignored_reason(name)) == (table.kind_of(other), table.ignored_reason(other))


def _same(name: str, other: str, table: StructureTable) -> bool:
    """Whether two names mean the same, to the bone."""
    return (
        _alike(name, other, table)
        and table.bone_of(name) == table.bone_of(other)
        and limits_no_path(name) == limits_no_path(other)
    )
