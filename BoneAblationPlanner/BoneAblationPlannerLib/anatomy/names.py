"""Words and sides in the names that segmentation tools, planning systems and people give to anatomy."""

import re
import unicodedata
from typing import Literal

Side = Literal["left", "right"]

_SIDES: dict[str, Side] = {
    **dict.fromkeys(("left", "l", "lt", "lft", "links", "sinister", "sinistra", "sinistrum"), "left"),
    **dict.fromkeys(("right", "r", "rt", "rgt", "rechts", "dexter", "dextra", "dextrum"), "right"),
}


def words_of(name: str) -> tuple[str, ...]:
    """Lower-case words of a name: ``LumbSacPlex_R`` is lumb, sac, plex, r; accents are left out."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return tuple(re.findall("[a-z0-9]+", apart.lower()))


def spellings(name: str) -> tuple[str, ...]:
    """Forms that patterns are matched with: lower case with underscores, as written and with words parted."""
    return tuple(dict.fromkeys((name.lower().replace(" ", "_"), "_".join(words_of(name)))))


def side_of_word(word: str) -> Side | None:
    """The side that a word stands for: left, l, lt, links, …"""
    return _SIDES.get(word)


def side_of(name: str) -> Side | None:
    """The side that a name says, or None where it says none or both."""
    said = {side for word in words_of(name) if (side := _SIDES.get(word)) is not None}
    return said.pop() if len(said) == 1 else None
