"""Critical structures: from organ labels, drawn nerve curves and the CT itself, with the distances each one needs."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.bone_tissue import metal_and_cement
from BoneAblationPlannerLib.anatomy.looked_for import Site, not_looked_for
from BoneAblationPlannerLib.anatomy.structure_table import NEVER_MISSING, StructureTable, builtin_table
from BoneAblationPlannerLib.case import NerveCurve, Structure
from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import large_components
from BoneAblationPlannerLib.plan import CheckedStructure, IgnoredLabel, Provenance, Status, Structures
from BoneAblationPlannerLib.zones.heat.inserted import limits_no_path

NERVE_RADIUS_MM = 3.0
SMALLEST_GAS_ML = 0.5
LUNG_ABOVE_HU = -930
LUNG_FROM_ML = 30.0
LUNG_SHARE = 0.5
"""The rim of bowel gas, blurred into its wall, is denser than bare gas too, but less than half of it."""
ORGAN = "organ label"
CURVE = "drawn curve"
FROM_CT = "computed from the CT"
INSERTED = "put in to protect: taken into the simulation of heat or ice, limits no path"
SOME_JOINTS = "joint: those found are kept clear of, but near the lesion there may be others, so joints are not checked"
NOT_IN_TABLE: tuple[str, Status] = ("set by the user when the plan was made", "default")


def collect_structures(
    ct: CtVolume,
    body: Body,
    organs: LabelMap | None,
    nerves: Sequence[NerveCurve],
    further: Sequence[Structure] = (),
    joints_checked: bool = False,
    table: StructureTable | None = None,
    site: Site | None = None,
    map_doubt: str | None = None,
) -> tuple[tuple[Structure, ...], Structures]:
    """All critical structures of a case, and the account of what was checked, ignored and not checked.

    A label that the table does not know counts as kind ``other``: it is kept clear of, not dropped. `further` ones
    (joints that were computed, bones not to cross) limit the plan in any case; the kind ``joint`` counts as checked
    only where `joints_checked` says so. `table`
    replaces the shipped names and distances (see `load_structure_table`). With a `site`, structures that lie elsewhere
    leave their kind unchecked; without one, each tells that its kind was looked for. With a `map_doubt`, the reason why
    the organ map is not to be relied on, its labels are kept clear of but leave their kinds unchecked.

    Raises
    ------
    InputError
        If an organ map has names but none of its labels occurs, or a nerve curve lies outside the image.
    """
    table = table or builtin_table()
    found: list[Structure] = []
    ignored: list[IgnoredLabel] = []
    if organs is not None:
        found, ignored = _from_labels(ct.grid, organs, table)
    found += [_from_curve(ct.grid, nerve, table) for nerve in nerves]
    found += _from_ct(ct, body, table)
    given = [s for s in found if s.origin != FROM_CT or s.kind in ("skin", "implant")]
    doubted: tuple[str, ...] = ()
    if map_doubt is not None:
        kinds = {s.kind for s in given if s.origin == ORGAN}
        given = [s for s in given if s.origin != ORGAN]
        told = {s.kind for s in given} | set(NEVER_MISSING)
        lost = [kind for kind in table.kinds if kind in kinds - told]
        doubted = (f"{', '.join(lost)}: {map_doubt}, so what it names is not checked",) if lost else ()
    elsewhere = {} if site is None else not_looked_for(given, site)
    present = {s.kind for s in given} - set(elsewhere)
    found += further
    if joints_checked:
        present.add("joint")
        elsewhere.pop("joint", None)
    elif "joint" not in present and any(s.kind == "joint" for s in further):
        elsewhere.setdefault("joint", SOME_JOINTS)
    checked = tuple(checked_structure(s) for s in found)
    not_checked = tuple(kind for kind in table.kinds if kind not in present and kind not in NEVER_MISSING)
    return tuple(found), Structures(checked, not_checked, tuple(ignored), why_not=(*doubted, *elsewhere.values()))


def checked_structure(structure: Structure) -> CheckedStructure:
    """What the plan stores of a structure besides its outline."""
    return CheckedStructure(
        structure.name,
        structure.kind,
        structure.origin,
        structure.required_shaft_mm,
        structure.required_zone_mm,
        structure.zone_may_touch,
    )


def provenance_of(structures: Sequence[Structure], table: StructureTable | None = None) -> tuple[Provenance, ...]:
    """Sources of the distances that were required of the given structures."""
    kinds = (table or builtin_table()).kinds
    rows = []
    for kind in sorted({s.kind for s in structures}):
        own = [s for s in structures if s.kind == kind]
        shaft, zone = max(s.required_shaft_mm for s in own), max(s.required_zone_mm for s in own)
        rule = kinds.get(kind)
        if rule is None or (rule.shaft_mm, rule.zone_mm) != (shaft, zone):
            source, status = NOT_IN_TABLE
        else:
            source, status = rule.source, rule.status
        rows.append(Provenance(f"{kind}: shaft clearance", shaft, "mm", source, status))
        rows.append(Provenance(f"{kind}: zone clearance", zone, "mm", source, status))
    return tuple(rows)


def _structure(table: StructureTable, name: str, kind: str, mask: NDArray[np.bool_], origin: str) -> Structure:
    rule = table.kinds[kind]
    return Structure(name, kind, mask, rule.shaft_mm, rule.zone_mm, origin, rule.zone_may_touch)


def _from_labels(grid: Grid, organs: LabelMap, table: StructureTable) -> tuple[list[Structure], list[IgnoredLabel]]:
    if not organs.grid.matches(grid):
        raise InputError("organs: not on the CT's grid; expected the same voxels")
    present = {int(v) for part in (organs.labels, organs.beneath) if part is not None for v in np.unique(part)} - {0}
    if not present & set(organs.names):
        raise InputError(
            f"organs: none of the {len(organs.names)} names belongs to a label in the map "
            f"(labels {sorted(present)[:8]}); expected names for the labels"
        )
    found, ignored = [], []
    for value in sorted(present):
        name = organs.names.get(value, f"label {value}")
        reason = INSERTED if limits_no_path(name) else table.ignored_reason(name)
        if reason is not None:
            ignored.append(IgnoredLabel(name, reason))
        else:
            found.append(_structure(table, name, table.kind_of(name) or "other", organs.mask(value), ORGAN))
    return found, ignored


def joint_structure(
    name: str, mask: NDArray[np.bool_], from_labels: bool, table: StructureTable | None = None
) -> Structure:
    """A computed joint with its distances; its origin is that of the bones."""
    return _structure(table or builtin_table(), name, "joint", mask, ORGAN if from_labels else FROM_CT)


def _from_curve(grid: Grid, nerve: NerveCurve, table: StructureTable) -> Structure:
    radius = nerve.radius_mm if nerve.radius_mm is not None else NERVE_RADIUS_MM
    mask = tube_mask(grid, nerve.points_ras_mm, radius)
    if not mask.any():
        raise InputError(f"nerve {nerve.name!r}: lies outside the image; expected a curve in RAS mm inside the CT")
    return _structure(table, nerve.name, "nerve", mask, CURVE)


def tube_mask(grid: Grid, points_ras_mm: NDArray[np.float64], radius_mm: float) -> NDArray[np.bool_]:
    """Voxels that a tube around a polyline (N, 3) touches; never thinner than the voxels it passes through."""
    points = np.atleast_2d(np.asarray(points_ras_mm, dtype=np.float64))
    mask = np.zeros(grid.shape, dtype=bool)
    reach = radius_mm + grid.half_diagonal_mm
    segments = itertools.pairwise(points) if len(points) > 1 else [(points[0], points[0])]
    for start, end in segments:
        region = grid.region_around([start, end], reach)
        local = grid.crop(region)
        centres = local.ras_of_mask(np.ones(local.shape, dtype=bool))
        axis = end - start
        along = np.clip(((centres - start) @ axis) / max(float(axis @ axis), 1e-12), 0, 1)
        near = np.linalg.norm(centres - start - along[:, None] * axis, axis=1) <= reach
        mask[region] |= near.reshape(local.shape)
    return mask


def _lung(ct: CtVolume, gas: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Stretches of gas most of which is denser than bare gas: airways and noise in a lung belong to it."""
    parts = find_components(gas)
    aerated = np.bincount(parts.labels()[gas & (ct.hu > LUNG_ABOVE_HU)], minlength=parts.count + 1)
    is_lung = (aerated * ct.grid.voxel_ml >= LUNG_FROM_ML) & (aerated >= LUNG_SHARE * parts.voxels())
    is_lung[0] = False
    return parts.mask(is_lung)


def _from_ct(ct: CtVolume, body: Body, table: StructureTable) -> list[Structure]:
    """Skin, gas-filled organs and metal need no organ map."""
    found = [_structure(table, "skin", "skin", body.skin, FROM_CT)]
    gas = large_components(body.gas, SMALLEST_GAS_ML / ct.grid.voxel_ml)
    if gas.any():
        lung = _lung(ct, gas)
        if lung.any():
            found.append(_structure(table, "gas: lung", "lung", lung, FROM_CT))
        if (gas & ~lung).any():
            found.append(_structure(table, "gas: bowel or other", "bowel", gas & ~lung, FROM_CT))
    for name, foreign in zip(("metal", "old cement"), metal_and_cement(ct, body.inside), strict=True):
        if foreign.any():
            found.append(_structure(table, name, "implant", foreign, FROM_CT))
    return found
