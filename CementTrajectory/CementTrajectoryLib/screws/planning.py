"""Which screws, where: corridors that cross or border the lesion, the thickest screw in each, sets that stay apart."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import closed
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import CementNeedle, Probe, Screw, ScrewCorridor
from CementTrajectoryLib.screws.bones import Pelvis
from CementTrajectoryLib.screws.catalogue import DEFAULTS, ScrewType, largest_screw, screw_types
from CementTrajectoryLib.screws.choosing import Candidate, choose
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.measure import lesion_contact, skin_entry
from CementTrajectoryLib.screws.naming import SEARCHED_BONES

CLOSED_LESION_MM = 8.0
"""A lesion's hole in a bone's outline up to twice this wide is bone to the corridor search; what bulges out is not."""

SKIPPED = "not looked for: "
"""How the reason begins where a corridor could not be looked for."""


@dataclass(frozen=True)
class ScrewProposal:
    """Screws that can go together, what was left out and why, and every corridor that was looked for."""

    screws: tuple[Screw, ...]
    cautions: tuple[str, ...]
    corridors: tuple[ScrewCorridor, ...] = ()


def propose_screws(
    anatomy: Anatomy,
    bones: LabelMap,
    probes: Sequence[Probe],
    clearance_mm: float | None = None,
    only: Collection[str] | None = None,
    needles: Sequence[CementNeedle] = (),
) -> ScrewProposal:
    """Screws through or beside a lesion.

    Parameters
    ----------
    anatomy : Anatomy
    bones : LabelMap
        Separate bones on the CT's grid, named; fragments of a bone carry one name.
    probes : sequence of Probe
        Screws keep clear of them where they can; else they wait until the probe is out.
    clearance_mm : float, optional
        Bone to keep around a screw; the default has a source.
    only : collection of str, optional
        Titles of the corridors to use, whether near the lesion or not; by default those near the lesion.
    needles : sequence of CementNeedle
        Screws keep clear of them.
    """
    clearance = DEFAULTS["clearance_mm"] if clearance_mm is None else clearance_mm
    searched = _searched(anatomy, bones)
    whole, corridors, missing = searched.whole, searched.corridors, searched.missing
    cautions = [f"no {m.name} screw, {m.side}: {m.reason}" for m in missing if not m.reason.startswith(SKIPPED)]
    cautions += _skipped(missing)
    if not corridors:
        cautions.append(_no_corridor(bones))
        return ScrewProposal((), tuple(cautions), tuple(_missing_row(m) for m in missing))
    near = _near_lesion(anatomy.ct.grid, anatomy.lesion, corridors)
    wanted = near if only is None else [c for c in corridors if c.title in only]
    kinds = _kinds(wanted, clearance)
    found = [_candidate(anatomy, corridor, clearance, kinds[corridor.title]) for corridor in wanted]
    cautions += [reason for reason in found if isinstance(reason, str)]
    if not wanted:
        cautions.append("no screw corridor passes within reach of the lesion")
    candidates = [candidate for candidate in found if isinstance(candidate, Candidate)]
    chosen = choose(anatomy, Pelvis(whole), candidates, probes, needles)
    cautions += (*chosen.in_order, *chosen.left_out)
    rows = [*(_corridor_row(c, c in near, cautions) for c in corridors), *map(_missing_row, missing)]
    return ScrewProposal(chosen.screws, tuple(cautions), tuple(rows))


@dataclass(frozen=True, eq=False)
class _Searched:
    """What the search found in bones; `whole` are those with the lesion's hole filled."""

    bones: LabelMap
    whole: LabelMap
    corridors: tuple[Corridor, ...]
    missing: tuple[MissingCorridor, ...]


_kept: WeakKeyDictionary[Anatomy, _Searched] = WeakKeyDictionary()
"""The search of an anatomy: another clearance or other corridors do not change it. Goes when the anatomy goes."""


def _searched(anatomy: Anatomy, bones: LabelMap) -> _Searched:
    kept = _kept.get(anatomy)
    if kept is None or kept.bones.labels is not bones.labels or kept.bones.names != bones.names:
        whole = with_lesion(bones, anatomy.lesion)
        kept = _kept[anatomy] = _Searched(bones, whole, *find_corridors(whole, hu=anatomy.ct.hu))
    return kept


def _skipped(missing: Sequence[MissingCorridor]) -> list[str]:
    """Corridors that could not be looked for, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for m in missing:
        if m.reason.startswith(SKIPPED):
            by_reason.setdefault(m.reason.removeprefix(SKIPPED), []).append(m.title)
    return [f"not looked for, {reason}: {'; '.join(titles)}" for reason, titles in by_reason.items()]


def _no_corridor(bones: LabelMap) -> str:
    """Why there is none, in one line."""
    if not set(bones.names.values()) & SEARCHED_BONES:
        return (
            "no screw corridor was looked for: pelvis, femur, humerus and scapula cannot be told in this scan; give a "
            "label map of its bones"
        )
    return "no screw corridor was found in the bones of this image"


def _corridor_row(corridor: Corridor, near: bool, cautions: Sequence[str]) -> ScrewCorridor:
    """What the plan says of a corridor; sizes are rounded down."""
    start = f"no {corridor.title} screw: "
    reason = next((c.removeprefix(start) for c in cautions if c.startswith(start)), None)
    inside = None if corridor.inside_cortex_mm is None else float(np.floor(corridor.inside_cortex_mm * 10) / 10)
    return ScrewCorridor(
        name=corridor.name,
        side=corridor.side,
        found=True,
        diameter_mm=float(np.floor(corridor.diameter_mm * 10) / 10),
        length_mm=float(np.floor(corridor.length_mm)),
        inside_cortex_mm=inside,
        entry_ras_mm=rounded_point(corridor.entry_ras_mm),
        exit_ras_mm=rounded_point(corridor.exit_ras_mm),
        near_lesion=near,
        reason=reason,
    )


def _missing_row(missing: MissingCorridor) -> ScrewCorridor:
    widest = None if missing.widest_mm is None else float(np.floor(missing.widest_mm * 10) / 10)
    return ScrewCorridor(missing.name, missing.side, False, widest, reason=missing.reason)


def with_lesion(bones: LabelMap, lesion: NDArray[np.bool_]) -> LabelMap:
    """The bones with the lesion's hole in them filled, as far as it lies within the bone's closed outline."""
    spacing = bones.grid.spacing_kji_mm
    region = bones.grid.region_around(bones.grid.ras_of_mask(lesion), 4 * CLOSED_LESION_MM)
    local = bones.labels[region]
    values, counts = np.unique(local[local > 0], return_counts=True)
    labels = bones.labels.copy()
    for value in values[np.argsort(-counts)]:
        hole = closed(local == value, CLOSED_LESION_MM, spacing) & lesion[region] & (labels[region] == 0)
        labels[region][hole] = value
    return LabelMap(bones.grid, labels, bones.names)


def _near_lesion(grid: Grid, lesion: NDArray[np.bool_], corridors: Sequence[Corridor]) -> list[Corridor]:
    """Corridors whose cylinder comes within reach of the lesion."""
    reach = max(c.clearance_mm for c in corridors) + DEFAULTS["near_mm"]
    region = grid.region_around(grid.ras_of_mask(lesion), reach + 2 * float(grid.spacing_kji_mm.max()))
    away, local = distance_mm(np.ascontiguousarray(lesion[region]), grid.spacing_kji_mm), grid.crop(region)
    near = []
    for corridor in corridors:
        points = np.linspace(corridor.entry_ras_mm, corridor.exit_ras_mm, 200)
        places = local.ijk_from_ras(points)[:, ::-1].T
        distance = ndimage.map_coordinates(away, places, order=1, cval=1e3).min()
        if distance <= corridor.clearance_mm + DEFAULTS["near_mm"]:
            near.append(corridor)
    return near


def _kinds(corridors: Sequence[Corridor], clearance_mm: float) -> dict[str, ScrewType | None]:
    """The thickest screw of every corridor by its title; screws of one set are alike, as thick as all of them allow."""
    kinds = {c.title: largest_screw(c.clearance_mm, clearance_mm) for c in corridors}
    for corridor in corridors:
        own = [kinds[c.title] for c in corridors if c.of_set == corridor.of_set and c.side == corridor.side]
        fitting = [kind for kind in own if kind is not None]
        if corridor.of_set and kinds[corridor.title] is not None:
            kinds[corridor.title] = min(fitting, key=lambda kind: kind.diameter_mm)
    return kinds


def _too_narrow(corridor: Corridor, clearance_mm: float) -> str:
    thinnest = screw_types()[-1]
    left_mm = float(np.floor((corridor.clearance_mm - thinnest.diameter_mm / 2) * 10) / 10)
    other = f"; one of {thinnest.diameter_mm:g} mm would leave {left_mm:.1f} mm" if left_mm > 0 else ""
    return (
        f"no {corridor.title} screw: the corridor is {corridor.diameter_mm:.1f} mm wide, "
        f"too narrow for any screw with {clearance_mm:g} mm of bone around it{other}"
    )


def _candidate(anatomy: Anatomy, corridor: Corridor, clearance_mm: float, kind: ScrewType | None) -> Candidate | str:
    """The longest screw of a kind in a corridor, or why none is proposed."""
    name = corridor.title
    if kind is None:
        return _too_narrow(corridor, clearance_mm)
    blind = corridor.trims_mm[1] == 0
    # The corridor's clearance is known up to the trim at its far end only: the tip stays before it, whichever it is.
    length = kind.length_mm(corridor.length_mm - (0.0 if blind else max(corridor.trims_mm)))
    if length is None:
        return f"no {name} screw: the corridor is only {corridor.length_mm:.0f} mm long"
    axis = (corridor.exit_ras_mm - corridor.entry_ras_mm) / corridor.length_mm
    # A corridor may be entered at either end: the head goes where the lesion leaves more bone to hold, skin permitting.
    options = [(corridor.entry_ras_mm, axis)]
    if not blind:
        options.append((corridor.exit_ras_mm, -axis))
    found = []
    for entry, direction in options:
        tip = entry + direction * length
        contact = lesion_contact(anatomy.ct.grid, anatomy.lesion, entry, tip)
        held = min(contact.before_mm, contact.beyond_mm) if contact else np.inf
        to_skin = skin_entry(anatomy, entry, direction)
        depth = np.inf if to_skin is None else float(np.linalg.norm(to_skin - entry))
        found.append((held < DEFAULTS["purchase_mm"], depth, entry, tip, contact, held))
    short, _depth, entry, tip, contact, held = min(found, key=lambda row: row[:2])
    if short:
        return f"no {name} screw: it would hold only {held:.0f} mm of bone beyond the lesion at one end"
    return Candidate(corridor, kind, entry, tip, contact)
