"""Words and sides in the names that segmentation tools, planning systems and people give to anatomy."""

import re
import unicodedata
from typing import Literal

Side = Literal["left", "right"]

_WORDS: dict[Side, str] = {
    "left": "left l lt lft links li linke linker linkes sinister sinistra sinistrum sinistro sx gauche gauches "
    "izquierdo izquierda izq",
    "right": "right r rt rgt rechts re rechte rechter rechtes dexter dextra dextrum destro destra dx droit droite "
    "droits droites derecho derecha",
}
"""English, Latin, German, French, Spanish, Italian."""
_SIDES: dict[str, Side] = {word: side for side, words in _WORDS.items() for word in words.split()}
_LETTERS = str.maketrans({"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O"})
"""What does not fall apart into a letter and an accent."""


def words_of(name: str) -> tuple[str, ...]:
    """Lower-case words of a name: ``LumbSacPlex_R`` is lumb, sac, plex, r; accents are left out."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
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
