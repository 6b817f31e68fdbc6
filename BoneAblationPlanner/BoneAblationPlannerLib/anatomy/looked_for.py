"""Which kinds of critical anatomy were looked for at this lesion: a structure elsewhere tells nothing of it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.names import Side, side_of, spellings, words_of
from BoneAblationPlannerLib.anatomy.nerve_rules import band_rules
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.plan import Status

COURSE_SHARE = 0.5
"""A drawn nerve is an expected one if it follows this much of its band near the lesion, not a short stretch of it. A
nerve whose name tells nothing must lie in the band with as much of its own length there."""
FOLLOWS_MM, NAMED_FOLLOWS_MM = 15.0, 30.0
"""So near to the drawn nerve its band is followed: about a band's radius, and more where the name says which it is."""
MAP_MAY_MISS = 0.01
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
    rows = _document()["kinds"]
    return {row["kind"]: Telling(**{**row, "all_of": tuple(row.get("all_of", ()))}) for row in rows}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(__package__).joinpath("looked_for.json").read_text(encoding="utf-8"))
    return document


def map_too_small(organs: LabelMap, body: NDArray[np.bool_], site: Site) -> str | None:
    """Why an organ map tells nothing of a site: it ends too near to the lesion. None where it covers what matters.

    Parameters
    ----------
    organs : LabelMap
    body : (k, j, i) bool
    site : Site
    """
    if organs.covered is None:
        return None
    near_mm = float(_document()["map"]["near_mm"])
    region = site.grid.region_around(site.grid.ras_of_mask(site.lesion), near_mm)
    near = dilate(np.ascontiguousarray(site.lesion[region]), near_mm, site.grid.spacing_kji_mm) & body[region]
    beyond = float((near & ~organs.covered[region]).sum() / max(int(near.sum()), 1))
    if beyond <= MAP_MAY_MISS:
        return None
    share = max(1, round(100 * beyond))
    return f"the organ map does not cover {share} % of the tissue within {near_mm:g} mm of the lesion"


def not_looked_for(given: Sequence[Structure], site: Site) -> dict[str, str]:
    """The kinds of which structures were given, but none that tells of this site, each with the reason in words."""
    reasons = {}
    for kind, rule in telling_rules().items():
        own = [structure for structure in given if structure.kind == kind]
        reason = _why_not(rule, own, site) if own else None
        if reason is not None:
            reasons[kind] = f"{kind}: only {_listed(own)} {'was' if len(own) == 1 else 'were'} given; {reason}"
    return reasons


def undrawn(expected: Sequence[Structure], drawn: Sequence[Structure], site: Site) -> tuple[str, ...]:
    """Names of expected nerves (bands) near a lesion that none of the drawn nerves is, by its name and its course.

    A drawn nerve is one nerve: where its name does not say which, it is that whose band it follows most.
    """
    missing = {_plain(band): band for band in expected}
    for nerve in drawn:
        shares = {name: _followed(nerve, band, site) for name, band in missing.items()}
        for name in [name for name, share in shares.items() if share == max(shares.values()) >= COURSE_SHARE]:
            del missing[name]
    return tuple(missing)


def is_called(drawn_name: str, expected_name: str) -> bool:
    """Whether a drawn nerve's name says that it is the expected one: ``Sciatic_R`` for ``sciatic nerve right``."""
    sides = {side_of(drawn_name), side_of(expected_name)} - {None}
    return words_of(expected_name)[0] in words_of(drawn_name) and len(sides) < 2


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


def _followed(nerve: Structure, band: Structure, site: Site) -> float:
    """Share of a band near the lesion, 0 to 1, that a drawn nerve follows; 0 if it is another nerve."""
    named = is_called(nerve.name, _plain(band))
    if not named and (_says_a_nerve(nerve.name) or len({side_of(nerve.name), side_of(band.name)} - {None}) > 1):
        return 0.0
    region = site.grid.region_around(site.grid.ras_of_mask(site.lesion), telling_rules()["nerve"].near_mm or 0.0)
    part, own = band.mask[region], np.ascontiguousarray(nerve.mask[region])
    if not part.any() or not own.any():
        return 0.0
    if not named and (own & part).sum() < COURSE_SHARE * min(own.sum(), part.sum()):
        return 0.0
    reach_mm = NAMED_FOLLOWS_MM if named else FOLLOWS_MM
    return float((distance_mm(own, site.grid.spacing_kji_mm, reach_mm) <= reach_mm)[part].mean())


def _says_a_nerve(name: str) -> bool:
    """Whether a name says which of the expected nerves it is."""
    return any(is_called(name, nerve) for nerve in band_rules())


def _plain(band: Structure) -> str:
    return band.name.split(" (")[0]


def _listed(own: Sequence[Structure]) -> str:
    names = [structure.name for structure in own[:_NAMES_SAID]]
    return ", ".join(names) + (f" and {len(own) - _NAMES_SAID} more" if len(own) > _NAMES_SAID else "")
