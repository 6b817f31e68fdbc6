"""The words of ``bone_words.json``, as `bone_name` uses them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class BoneWords:
    """`nouns` maps a word to its bone; `part_nouns` name a part with it, `part_words` a part of the bone beside them.

    `phrases` are patterns of several words and what to write instead of them.
    """

    paired: frozenset[str]
    nouns: Mapping[str, str]
    part_nouns: frozenset[str]
    part_words: frozenset[str]
    say_nothing: frozenset[str]
    ordinals: Mapping[str, int]
    regions: Mapping[str, str]
    phrases: tuple[tuple[re.Pattern[str], str], ...]


@cache
def bone_words() -> BoneWords:
    """The words, read once."""
    document = json.loads(files(__package__).joinpath("bone_words.json").read_text(encoding="utf-8"))
    tables = (document["paired"], document["single"], document["parts"])
    part_words = frozenset(document["part_words"].split())
    before = rf"(?=(?:{'|'.join(sorted(part_words))}|bones?)\b)"
    phrases = [(rf"\b{pattern}\b", instead) for pattern, instead in document["phrases"].items()]
    phrases += [(rf"\b{adjective} {before}", f"{noun} ") for adjective, noun in document["adjectives"].items()]
    return BoneWords(
        paired=frozenset(document["paired"]),
        nouns={word: bone for table in tables for bone, words in table.items() for word in words.split()},
        part_nouns=frozenset(word for words in document["parts"].values() for word in words.split()),
        part_words=part_words,
        say_nothing=frozenset(document["say_nothing"].split()),
        ordinals={word: n for n, word in enumerate(document["ordinals"].split(), start=1)},
        regions=document["regions"],
        phrases=tuple((re.compile(pattern), instead) for pattern, instead in phrases),
    )
