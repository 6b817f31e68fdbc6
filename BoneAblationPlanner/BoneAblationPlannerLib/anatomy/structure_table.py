"""The table of critical structures: which names are what, and how far needle and zone stay away, with provenance."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from BoneAblationPlannerLib.anatomy.bone_names import UNKNOWN_BONE, bone_name, names_in_one_map
from BoneAblationPlannerLib.anatomy.names import spellings
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import MODALITIES, Modality, Status

LARGEST_DISTANCE_MM = 50.0

NEVER_IGNORED = ("nerve", "spinal canal", "vessel", "joint", "implant")
"""A name of these kinds counts even where it also names a bone or a muscle ("tibial nerve", "hip joint")."""
NEVER_MISSING = ("other", "implant", "barred bone")
"""Kinds that a scan need not hold."""
IS_BONE = "bone: taken into the bone mask"
NO_TISSUE = ("pathology: the lesion is outlined separately", "body wall: taken from the CT", "not in the patient")
"""Reasons to ignore a label that say nothing of the tissue under it, as against muscle or bone."""
BONE = "bone"
"""What a user's table may call a name instead of a kind: it belongs to the bone."""


@dataclass(frozen=True)
class KindRule:
    """Smallest allowed distances of one kind of structure, with provenance.

    `zone_mm` is the largest of `zone_by_mm` (per modality: rfa, mwa, cryo) where a table tells modalities apart,
    for as long as the modality is not known (see `StructureTable.for_modality`). Where the wanted distance
    cannot be kept, `zone_may_touch` lets the zone reach the structure, with a warning, instead of giving the plan up.
    """

    kind: str
    shaft_mm: float
    zone_mm: float
    source: str
    status: Status
    zone_by_mm: Mapping[str, float] = field(default_factory=dict)
    zone_may_touch: bool = False


@dataclass(frozen=True)
class StructureTable:
    """Kinds with their distances, and patterns that map names to kinds or ignore them; the first match counts.

    `own_names` are the user's: they go before everything that is ignored.
    """

    kinds: Mapping[str, KindRule]
    names: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[str, str], ...]
    own_names: tuple[tuple[str, str], ...] = ()

    def kind_of(self, name: str) -> str | None:
        """Kind of a structure by its name, or None if the table does not know it or ignores it."""
        if self.ignored_reason(name) is not None:
            return None
        return _first_match((*self.own_names, *self.names), name)

    def for_modality(self, modality: Modality) -> "StructureTable":
        """The table with the zone distances of one modality; this one itself where it does not tell modalities apart.

        A modality that a row leaves out keeps the row's largest distance.
        """
        own = {kind: rule.zone_by_mm.get(modality, rule.zone_mm) for kind, rule in self.kinds.items()}
        if all(own[kind] == rule.zone_mm for kind, rule in self.kinds.items()):
            return self
        kinds = {kind: replace(rule, zone_mm=own[kind]) for kind, rule in self.kinds.items()}
        return replace(self, kinds=kinds)

    def bone_of(self, name: str) -> str | None:
        """The one name of the bone that a label means (see `bone_name`), or None if it means none.

        A name that the user calls bone is bone, of which one ever; one that the user calls something else is that as
        well, and stays bone where it is one.
        """
        own = _first_match(self.own_names, name)
        return bone_name(name) or (UNKNOWN_BONE if own == BONE else None)

    def bones_of(self, names: Mapping[int, str]) -> dict[int, str]:
        """The values of a label map that are bone, with the one name of each; parts of a bone that is whole carry its
        name."""
        return names_in_one_map({value: self.bone_of(name) for value, name in names.items()})

    def ignored_reason(self, name: str) -> str | None:
        """Why a label is deliberately not a critical structure, or None."""
        own = _first_match(self.own_names, name)
        if own == BONE:
            return IS_BONE
        if own is not None:
            return None
        if _first_match([row for row in self.names if row[1] in NEVER_IGNORED], name) is not None:
            return None
        if bone_name(name) is not None:
            return IS_BONE
        return _first_match(self.ignored, name)


def _first_match(rows: Sequence[tuple[str, str]], name: str) -> str | None:
    forms = spellings(name)
    return next((what for pattern, what in rows if any(re.search(pattern, form) for form in forms)), None)


@cache
def builtin_table() -> StructureTable:
    """The shipped table."""
    text = files(__package__).joinpath("structures.json").read_text(encoding="utf-8")
    return _parsed(json.loads(text), "structures.json", None)


def load_structure_table(path: Path) -> StructureTable:
    """Read a user's table; its rows go before the shipped ones.

    The file is a JSON object with any of ``kinds`` (``{"kind", "shaft_mm", "zone_mm", "source", "status"}``, where
    ``zone_mm`` is a number or ``{"rfa": 10, "mwa": 10, "cryo": 8}``), ``names`` (``{"pattern", "kind"}``) and
    ``ignored`` (``{"pattern", "reason"}``); patterns are regular expressions on the lower-case name with underscores.
    The kind ``bone`` of a name says that its label is bone, whatever it is called.

    Raises
    ------
    InputError
        Naming the row that is wrong.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{Path(path).name}: not readable as JSON ({error}); expected a table of structures") from None
    return _parsed(document, Path(path).name, builtin_table())


def _parsed(document: Any, where: str, base: StructureTable | None) -> StructureTable:
    if not isinstance(document, dict) or not set(document) <= {"kinds", "names", "ignored"}:
        raise InputError(f"{where}: expected an object with kinds, names and ignored")
    kinds = dict(base.kinds) if base else {}
    for n, row in enumerate(_rows(document, "kinds", where), start=1):
        rule = _kind_rule(row, f"{where}: kinds row {n}", kinds)
        kinds[rule.kind] = rule
    names = [_pattern(row, "kind", f"{where}: names row {n}")
             for n, row in enumerate(_rows(document, "names", where), start=1)]  # fmt: skip
    for n, (_, kind) in enumerate(names, start=1):
        if kind not in kinds and not (base and kind == BONE):
            raise InputError(f"{where}: names row {n}: kind {kind!r}; expected one of {', '.join((*kinds, BONE))}")
    ignored = [_pattern(row, "reason", f"{where}: ignored row {n}")
               for n, row in enumerate(_rows(document, "ignored", where), start=1)]  # fmt: skip
    if base:
        return StructureTable(kinds, base.names, (*ignored, *base.ignored), tuple(names))
    return StructureTable(kinds, tuple(names), tuple(ignored))


def _rows(document: dict[str, Any], key: str, where: str) -> list[Any]:
    rows = document.get(key, [])
    if not isinstance(rows, list):
        raise InputError(f"{where}: {key}: expected a list of rows")
    return rows


def _kind_rule(row: Any, where: str, known: Mapping[str, KindRule]) -> KindRule:
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str) or not row["kind"]:
        raise InputError(f"{where}: {row!r}; expected an object with a kind")
    before = known.get(row["kind"])
    zone = row.get("zone_mm", before.zone_mm if before else None)
    by = (
        {str(k): _millimetres(v, f"{where}: zone_mm of {k}") for k, v in zone.items()} if isinstance(zone, dict) else {}
    )
    if unknown := set(by) - set(MODALITIES):
        raise InputError(f"{where}: modality {sorted(unknown)[0]!r}; expected {', '.join(MODALITIES)}")
    status = row.get("status", "default")
    if status not in get_args(Status):
        raise InputError(f"{where}: status {status!r}; expected one of {', '.join(get_args(Status))}")
    return KindRule(
        row["kind"],
        _millimetres(row.get("shaft_mm", before.shaft_mm if before else None), f"{where}: shaft_mm"),
        max(by.values()) if by else _millimetres(zone, f"{where}: zone_mm"),
        str(row.get("source") or "set by the user"),
        status,
        by,
        bool(row.get("zone_may_touch", before.zone_may_touch if before else False)),
    )


def _millimetres(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_DISTANCE_MM:
        raise InputError(f"{where}: {value!r}; expected 0 to {LARGEST_DISTANCE_MM:g} mm")
    return float(value)


def _pattern(row: Any, key: str, where: str) -> tuple[str, str]:
    if not isinstance(row, dict) or not all(isinstance(row.get(k), str) and row[k] for k in ("pattern", key)):
        raise InputError(f"{where}: {row!r}; expected an object with pattern and {key}")
    try:
        re.compile(row["pattern"])
    except re.error as error:
        raise InputError(f"{where}: pattern {row['pattern']!r}: {error}; expected a regular expression") from None
    return row["pattern"], row[key]


def with_distances(table: StructureTable, changed: Mapping[str, Sequence[float]]) -> StructureTable:
    """The table with shaft and zone distances in mm that a person changed, by kind; their source is the user.

    Raises
    ------
    InputError
        For a kind that the table does not know, or distances that make no sense.
    """
    kinds = dict(table.kinds)
    for kind, (shaft, zone) in changed.items():
        if kind not in kinds:
            raise InputError(f"distances: kind {kind!r}; expected one of {', '.join(kinds)}")
        shaft_mm, zone_mm = _millimetres(shaft, f"{kind}: shaft"), _millimetres(zone, f"{kind}: zone")
        kinds[kind] = KindRule(kind, shaft_mm, zone_mm, "set by the user", "default", {}, kinds[kind].zone_may_touch)
    return StructureTable(kinds, table.names, table.ignored, table.own_names)


def distance_in_mm(text: str, where: str) -> float:
    """A distance that a person typed; raises InputError for anything but 0 to 50 mm."""
    try:
        value: Any = float(text.strip().removesuffix("mm").replace(",", "."))
    except ValueError:
        value = text
    return _millimetres(value, where)


def kind_rules() -> Mapping[str, KindRule]:
    """The shipped rules of all kinds, keyed by kind."""
    return builtin_table().kinds


def kind_of(name: str) -> str | None:
    """`StructureTable.kind_of` of the shipped table."""
    return builtin_table().kind_of(name)


def ignored_reason(name: str) -> str | None:
    """`StructureTable.ignored_reason` of the shipped table."""
    return builtin_table().ignored_reason(name)
