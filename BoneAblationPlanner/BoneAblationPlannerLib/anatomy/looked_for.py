"""Which kinds of critical anatomy were looked for at this lesion: a structure elsewhere tells nothing of it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.names import Side, side_of, spellings, words_of
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Status

IN_BAND_SHARE = 0.5
"""A drawn nerve of which this much lies in the band of an expected one, or that covers this much of it, is that one."""
_NAMES_SAID = 3


@dataclass(frozen=True)
class Telling:
    """What given structures of a kind must be like to tell that the kind was looked for at a lesion."""

    kind: str
    source: str
    status: Status
    near_mm: float | None = None
    sided: bool = False
    all_of: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Site:
    """Where the lesion is: its voxels (k, j, i) bool on a grid, and the side of its bone where that is known."""

    grid: Grid
    lesion: NDArray[np.bool_]
    side: Side | None


@cache
def telling_rules() -> dict[str, Telling]:
    """The rules by kind."""
    rows = json.loads(files(__package__).joinpath("looked_for.json").read_text(encoding="utf-8"))["kinds"]
    return {row["kind"]: Telling(**{**row, "all_of": tuple(row.get("all_of", ()))}) for row in rows}


def not_looked_for(given: Sequence[Structure], site: Site) -> dict[str, str]:
    """The kinds of which structures were given, but none that tells of this site, each with the reason in words."""
    reasons = {}
    for kind, rule in telling_rules().items():
        own = [structure for structure in given if structure.kind == kind]
        reason = _why_not(rule, own, site) if own else None
        if reason is not None:
            reasons[kind] = f"{kind}: only {_listed(own)} {'was' if len(own) == 1 else 'were'} given; {reason}"
    return reasons


def undrawn(expected: Sequence[Structure], drawn: Sequence[Structure]) -> tuple[str, ...]:
    """Names of expected nerves (bands) that none of the drawn nerves is, by its name or its course."""
    return tuple(_plain(band) for band in expected if not any(_is(nerve, band) for nerve in drawn))


def _why_not(rule: Telling, own: Sequence[Structure], site: Site) -> str | None:
    if rule.near_mm is not None:
        away_mm = min(_away_mm(structure, site, rule.near_mm) for structure in own)
        if away_mm > rule.near_mm:
            return f"none within {rule.near_mm:g} mm of the lesion, so those near it are not checked"
    sides = {side_of(structure.name) for structure in own}
    if rule.sided and None not in sides and not ({site.side} if site.side else {"left", "right"}) <= sides:
        where = f"the lesion is on the {site.side}" if site.side else "the lesion's side is not known"
        return f"{where}, so this side's is not checked"
    forms = [form for structure in own for form in spellings(structure.name)]
    if any(not any(re.search(pattern, form) for form in forms) for pattern in rule.all_of):
        return "the rest of it is not checked"
    return None


def _away_mm(structure: Structure, site: Site, within_mm: float) -> float:
    """Distance between voxel centres of a structure and the lesion; infinite where it is more than `within_mm`."""
    lesion = site.grid.ras_of_mask(site.lesion)
    region = site.grid.region_around(lesion, within_mm + site.grid.half_diagonal_mm)
    near = structure.mask[region]
    if not near.any():
        return float("inf")
    away, _ = cKDTree(lesion).query(site.grid.crop(region).ras_of_mask(near), distance_upper_bound=within_mm + 1e-6)
    return float(np.min(away))


def _is(nerve: Structure, band: Structure) -> bool:
    words, said = words_of(nerve.name), words_of(_plain(band))
    sides = {side_of(nerve.name), side_of(_plain(band))} - {None}
    if said[0] in words and len(sides) < 2 and (nerve.mask & band.mask).any():
        return True
    both = int((nerve.mask & band.mask).sum())
    return both > 0 and both >= IN_BAND_SHARE * min(int(nerve.mask.sum()), int(band.mask.sum()))


def _plain(band: Structure) -> str:
    return band.name.split(" (")[0]


def _listed(own: Sequence[Structure]) -> str:
    names = [structure.name for structure in own[:_NAMES_SAID]]
    return ", ".join(names) + (f" and {len(own) - _NAMES_SAID} more" if len(own) > _NAMES_SAID else "")
