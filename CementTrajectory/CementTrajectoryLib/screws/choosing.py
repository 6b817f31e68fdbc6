"""Which screws go together: the best ones first, each clear of the others, of cement needles and of structures.

Probes are out before screws go in: a screw that keeps clear of them comes first, one that crosses the place of a probe
fills what room is left, and says that it has to wait.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.plan import CementNeedle, Probe, Screw
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM
from CementTrajectoryLib.screws.bones import Pelvis, bone_of
from CementTrajectoryLib.screws.catalogue import DEFAULTS, ScrewType
from CementTrajectoryLib.screws.corridor import Corridor
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.figures import screw_at
from CementTrajectoryLib.screws.measure import LesionContact

UNKNOWN_NEEDLE_MM = max(GAUGE_DIAMETER_MM.values())
"""A cement needle that does not say how thick it is counts as the thickest."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A screw of the catalogue in a corridor, and how it passes the lesion."""

    corridor: Corridor
    kind: ScrewType
    entry_ras_mm: NDArray[np.float64]
    tip_ras_mm: NDArray[np.float64]
    contact: LesionContact | None

    @property
    def name(self) -> str:
        """Name and side of the corridor."""
        return self.corridor.title

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Screws that cross the lesion come first, those with most metal in it, then the thickest."""
        inside = self.contact.inside_mm if self.contact else 0.0
        return (self.contact is None, -inside * self.kind.diameter_mm**2, -self.kind.diameter_mm)


@dataclass(frozen=True)
class Chosen:
    """Screws that go together, why others do not, and what has to be done in which order."""

    screws: tuple[Screw, ...]
    left_out: tuple[str, ...]
    in_order: tuple[str, ...]


def choose(
    anatomy: Anatomy,
    pelvis: Pelvis,
    candidates: Sequence[Candidate],
    probes: Sequence[Probe],
    needles: Sequence[CementNeedle] = (),
) -> Chosen:
    """As many of the best candidates as go together, up to the largest number of screws.

    Parameters
    ----------
    anatomy : Anatomy
    pelvis : Pelvis
        The bones that the corridors were found in.
    candidates : sequence of Candidate
    probes, needles : sequence
        Screws keep clear of cement needles, which are in place together with them, unless there would be no screw.
    """
    surfaces = [StructureSurface.of(s) for s in anatomy.structures]
    ranked = sorted(candidates, key=lambda c: c.rank)
    screws: list[Screw] = []
    reasons: dict[str, str] = {}
    stages: list[Sequence[Probe | CementNeedle]] = [(*needles, *probes), needles, ()]
    for number, obstacles in enumerate(stages):
        if screws and number == 2:
            break  # needles are crossed only where there would be no screw at all
        reasons = _add(anatomy, pelvis, surfaces, ranked, obstacles, screws)
    in_order = [
        f"{screw.name} passes where {met} lies: place it when that is out"
        for screw in screws
        if (met := _meets(_ends(screw), screw.diameter_mm / 2, (*needles, *probes))) is not None
    ]
    left_out = [f"no {name} screw: {reason}" for name, reason in reasons.items()]
    return Chosen(tuple(screws), tuple(left_out), tuple(in_order))


def _add(
    anatomy: Anatomy,
    pelvis: Pelvis,
    surfaces: Sequence[StructureSurface],
    ranked: Sequence[Candidate],
    obstacles: Sequence[Probe | CementNeedle],
    screws: list[Screw],
) -> dict[str, str]:
    """Add to `screws` what goes with them; why each other candidate does not, by its name."""
    reasons = {}
    planned: Collection[str] = {screw.corridor for screw in screws}
    for candidate in ranked:
        if candidate.name in planned:
            continue
        ends = candidate.entry_ras_mm, candidate.tip_ras_mm
        met = _meets(ends, candidate.kind.diameter_mm / 2, (*screws, *obstacles))
        if met is not None:
            reasons[candidate.name] = f"it would meet {met}"
        elif len(screws) >= int(DEFAULTS["most_screws"]):
            reasons[candidate.name] = f"{len(screws)} screws are planned already"
        else:
            screw = _screw(anatomy, pelvis, surfaces, candidate, f"Screw {len(screws) + 1}")
            bad = [c for c in screw.clearances if not c.ok]
            if bad:
                required = f"{bad[0].required_mm:g} mm are required"
                reasons[candidate.name] = f"{bad[0].distance_mm:.1f} mm to {bad[0].structure}, {required}"
            else:
                screws.append(screw)
    return reasons


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


def _meets(
    own: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius_mm: float,
    others: Sequence[Screw | Probe | CementNeedle],
) -> str | None:
    """Name of the screw, probe or needle that a shaft would meet."""
    for other in others:
        diameter = UNKNOWN_NEEDLE_MM if other.diameter_mm is None else other.diameter_mm
        apart = segments_apart_mm(own, _ends(other)) - radius_mm - diameter / 2
        if apart < DEFAULTS["gap_mm"]:
            return other.name
    return None


def _ends(shaft: Screw | Probe | CementNeedle) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(shaft.entry_ras_mm), np.array(shaft.tip_ras_mm)


def _screw(
    anatomy: Anatomy, pelvis: Pelvis, surfaces: Sequence[StructureSurface], candidate: Candidate, name: str
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
