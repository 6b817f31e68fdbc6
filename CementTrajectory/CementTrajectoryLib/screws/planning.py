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
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Probe, Screw, ScrewCorridor
from CementTrajectoryLib.screws.bones import Pelvis, bone_of
from CementTrajectoryLib.screws.catalogue import DEFAULTS, ScrewType, largest_screw
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.figures import screw_at
from CementTrajectoryLib.screws.measure import LesionContact, lesion_contact, skin_entry
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


@dataclass(frozen=True, eq=False)
class _Candidate:
    corridor: Corridor
    kind: ScrewType
    entry_ras_mm: NDArray[np.float64]
    tip_ras_mm: NDArray[np.float64]
    contact: LesionContact | None

    @property
    def name(self) -> str:
        return self.corridor.title

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Screws that cross the lesion come first, those with most metal in it, then the thickest."""
        inside = self.contact.inside_mm if self.contact else 0.0
        return (self.contact is None, -inside * self.kind.diameter_mm**2, -self.kind.diameter_mm)


def propose_screws(
    anatomy: Anatomy,
    bones: LabelMap,
    probes: Sequence[Probe],
    clearance_mm: float | None = None,
    only: Collection[str] | None = None,
) -> ScrewProposal:
    """Screws through or beside the lesion of a pelvis.

    Parameters
    ----------
    anatomy : Anatomy
    bones : LabelMap
        Separate bones on the CT's grid, named; fragments of a bone carry one name.
    probes : sequence of Probe
        Screws keep clear of them.
    clearance_mm : float, optional
        Bone to keep around a screw; the default has a source.
    only : collection of str, optional
        Titles of the corridors to use, whether near the lesion or not; by default those near the lesion.
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
    candidates = []
    for corridor in wanted:
        found = _candidate(anatomy, corridor, clearance)
        if isinstance(found, str):
            cautions.append(found)
        else:
            candidates.append(found)
    if not wanted:
        cautions.append("no screw corridor passes within reach of the lesion")
    pelvis = Pelvis(whole)
    surfaces = [StructureSurface.of(s) for s in anatomy.structures]
    ranked = sorted(candidates, key=lambda c: c.rank)
    screws, left_out = _chosen(anatomy, pelvis, surfaces, ranked, probes)
    if not screws and probes:
        # A screw through the lesion lies where the probes lay: better one that waits for them than none.
        screws, left_out = _chosen(anatomy, pelvis, surfaces, ranked, ())
        for screw in screws:
            met = _meets(_ends(screw), screw.diameter_mm / 2, probes)
            cautions += [f"{screw.name} passes where {met} lies: place it when the probe is out"] if met else []
    cautions += left_out
    rows = [*(_corridor_row(c, c in near, cautions) for c in corridors), *map(_missing_row, missing)]
    return ScrewProposal(tuple(screws), tuple(cautions), tuple(rows))


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
        kept = _kept[anatomy] = _Searched(bones, whole, *find_corridors(whole))
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
    return ScrewCorridor(
        name=corridor.name,
        side=corridor.side,
        found=True,
        diameter_mm=float(np.floor(corridor.diameter_mm * 10) / 10),
        length_mm=float(np.floor(corridor.length_mm)),
        entry_ras_mm=rounded_point(corridor.entry_ras_mm),
        exit_ras_mm=rounded_point(corridor.exit_ras_mm),
        near_lesion=near,
        reason=reason,
    )


def _missing_row(missing: MissingCorridor) -> ScrewCorridor:
    widest = None if missing.widest_mm is None else float(np.floor(missing.widest_mm * 10) / 10)
    return ScrewCorridor(missing.name, missing.side, False, widest, reason=missing.reason)


def _chosen(
    anatomy: Anatomy,
    pelvis: Pelvis,
    surfaces: Sequence[StructureSurface],
    ranked: Sequence[_Candidate],
    probes: Sequence[Probe],
) -> tuple[list[Screw], list[str]]:
    """The best candidates that keep clear of each other, the probes and every structure; why the others do not."""
    screws: list[Screw] = []
    left_out = []
    for candidate in ranked:
        radius = candidate.kind.diameter_mm / 2
        met = _meets((candidate.entry_ras_mm, candidate.tip_ras_mm), radius, (*screws, *probes))
        if met is not None:
            reason = f"it would meet {met}"
        elif len(screws) >= int(DEFAULTS["most_screws"]):
            reason = f"{len(screws)} screws are planned already"
        else:
            screw = _screw(anatomy, pelvis, surfaces, candidate, f"Screw {len(screws) + 1}")
            bad = [c for c in screw.clearances if not c.ok]
            if not bad:
                screws.append(screw)
                continue
            reason = f"{bad[0].distance_mm:.1f} mm to {bad[0].structure}, {bad[0].required_mm:g} mm are required"
        left_out.append(f"no {candidate.name} screw: {reason}")
    return screws, left_out


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


def segments_apart_mm(
    first: tuple[NDArray[np.float64], NDArray[np.float64]], second: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> float:
    """Smallest distance between two segments, each a pair of end points (3,) in mm."""
    p, u = first[0], first[1] - first[0]
    q, v = second[0], second[1] - second[0]
    a, b, c, w = u @ u, u @ v, v @ v, p - q
    flat = a * c - b * b
    s = float(np.clip((b * (v @ w) - c * (u @ w)) / flat, 0, 1)) if flat > 1e-9 * a * c else 0.0
    t = float(np.clip((b * s + v @ w) / c, 0, 1)) if c > 0 else 0.0
    s = float(np.clip((b * t - u @ w) / a, 0, 1)) if a > 0 else 0.0
    return float(np.linalg.norm(w + s * u - t * v))


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


def _candidate(anatomy: Anatomy, corridor: Corridor, clearance_mm: float) -> _Candidate | str:
    """The thickest and longest screw of a corridor, or why none is proposed."""
    name = corridor.title
    kind = largest_screw(corridor.clearance_mm, clearance_mm)
    if kind is None:
        return (
            f"no {name} screw: the corridor is {corridor.diameter_mm:.1f} mm wide, "
            f"too narrow for any screw with {clearance_mm:g} mm of bone around it"
        )
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
    return _Candidate(corridor, kind, entry, tip, contact)


def _meets(
    own: tuple[NDArray[np.float64], NDArray[np.float64]], radius_mm: float, others: Sequence[Screw | Probe]
) -> str | None:
    """Name of the screw or probe that a shaft would meet."""
    for other in others:
        apart = segments_apart_mm(own, _ends(other)) - radius_mm - other.diameter_mm / 2
        if apart < DEFAULTS["gap_mm"]:
            return other.name
    return None


def _ends(shaft: Screw | Probe) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(shaft.entry_ras_mm), np.array(shaft.tip_ras_mm)


def _screw(
    anatomy: Anatomy, pelvis: Pelvis, surfaces: Sequence[StructureSurface], candidate: _Candidate, name: str
) -> Screw:
    return screw_at(
        anatomy,
        surfaces,
        _depth_for(pelvis, candidate.corridor),
        candidate.kind,
        (candidate.entry_ras_mm, candidate.tip_ras_mm),
        (name, candidate.name),
        max(candidate.corridor.trims_mm),
    )


def _depth_for(pelvis: Pelvis, corridor: Corridor) -> DepthMap:
    """The map that the corridor was found in."""
    side = corridor.side
    if not corridor.bones[0].startswith(("hip_", "sacrum")):
        return depth_map(pelvis.grid, bone_of(pelvis.bones, corridor.bones[0]))
    return pelvis.ring if "sacrum" in corridor.bones or side == "both" else pelvis.hips[side]
