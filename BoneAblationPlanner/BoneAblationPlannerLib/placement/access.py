"""Access to a prepared case's lesion; where there is none, what is in the way by name and what would open a way."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.limits import AccessLimits, access_limits
from BoneAblationPlannerLib.access.paths import Paths, find_paths, skin_entries
from BoneAblationPlannerLib.access.region import AccessRegion, build_region
from BoneAblationPlannerLib.access.screen import SAFETY_MM
from BoneAblationPlannerLib.access.skin_map import skin_map
from BoneAblationPlannerLib.case import Anatomy, SkinMap
from BoneAblationPlannerLib.devices.catalogue import usable_devices
from BoneAblationPlannerLib.errors import PlanningError
from BoneAblationPlannerLib.placement.candidates import path_effort, spread_points
from BoneAblationPlannerLib.placement.clearance import StructureSurface, shaft_distance_mm
from BoneAblationPlannerLib.plan import POSITIONS, Position
from BoneAblationPlannerLib.preparation import PreparedCase

AIM_POINTS = 60
AIM_SPACING_MM = 4.0
NAMED_FROM = 60
"""Blocked paths on which the structure in the way is looked up by exact distance."""
WIDER_ANGLE_DEG = 60.0
LONGER_BONE_MM = 100.0
DISPLACED_BY = {
    "bowel": "displacing {} (hydrodissection, CO2)",
    "bladder": "emptying or displacing {}",
    "vessel": "a path nearer to {}, under contrast",
    "nerve": "a path nearer to {}, displaced or monitored",
    "lung": "displacing {} (artificial pneumothorax)",
    "barred bone": "a path through {}",
}
OTHERWISE = "a path nearer to {}"


@dataclass(frozen=True, eq=False)
class Access:
    """Distance maps, admissible paths, and the map of good and bad skin."""

    region: AccessRegion
    paths: Paths
    skin: SkinMap


@dataclass(frozen=True, eq=False)
class _Question:
    """Everything that one search for paths takes."""

    region: AccessRegion
    entries: NDArray[np.float64]
    aims: NDArray[np.float64]
    limits: AccessLimits
    position: Position
    shaft_radius_mm: float
    bore_centre: NDArray[np.float64] | None

    def paths(self) -> Paths:
        return find_paths(
            self.region, self.entries, self.aims, self.limits, self.position, self.shaft_radius_mm, self.bore_centre
        )


def find_access(prepared: PreparedCase) -> Access:
    """Distance maps around the lesion and every admissible path to points spread over it.

    Raises
    ------
    PlanningError
        If no path is admissible: which constraint excludes most, which structures it names, what would open a way.
    """
    limits, anatomy = access_limits(prepared.case.choices.limits), prepared.anatomy
    aims = spread_points(prepared.target.lesion_ras_mm, AIM_POINTS, AIM_SPACING_MM)
    skin = next(s.mask for s in anatomy.structures if s.kind == "skin")
    if prepared.no_entry is not None:
        skin = skin & ~prepared.no_entry
    entries = skin_entries(anatomy.ct.grid, skin, aims.mean(axis=0), limits)
    if len(entries) == 0:
        where = f"no skin within {limits.longest_depth_mm:g} mm of the lesion"
        if prepared.no_entry is not None:
            raise PlanningError(f"{where} that was not painted as no entry; paint less", {"painted as no entry": 1})
        raise PlanningError(
            f"{where} in this image: the field of view is cropped there; scan with the skin in view",
            {"no skin in view": 1},
        )
    usable = usable_devices(prepared.case.devices, prepared.case.choices.device)
    widest_mm = max(device.diameter_mm for device in usable)
    region = build_region(anatomy, limits.longest_depth_mm)
    asked = _Question(region, entries, aims, limits, prepared.position, widest_mm / 2, bore_centre(anatomy))
    paths = asked.paths()
    if len(paths) == 0:
        raise _no_path(asked, paths, anatomy)
    return Access(region, paths, skin_map(entries, paths, path_effort(paths, limits)))


def bore_centre(anatomy: Anatomy) -> NDArray[np.float64] | None:
    """Centre (3,) of the bore: the patient is taken to lie in its middle; None where a cropped image does not tell."""
    body = anatomy.body
    if body[:, [0, -1]].any() or body[:, :, [0, -1]].any():
        return None
    points = anatomy.ct.grid.ras_of_mask(body)
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2)


def _no_path(asked: _Question, paths: Paths, anatomy: Anatomy) -> PlanningError:
    ranked = sorted(paths.excluded_by.items(), key=lambda row: -row[1])
    total = sum(paths.excluded_by.values())
    shares = [f"{name}{_named(asked, paths, anatomy, name)} ({n / total:.0%})" for name, n in ranked if n]
    opens = what_would_open(asked, paths, anatomy)
    advice = f"; a way would open with {', or '.join(opens)}" if opens else "; no single change tried would open a way"
    return PlanningError(
        f"no admissible path from the skin to the lesion in {asked.position} position: "
        f"{shares[0]} excludes most, then {', '.join(shares[1:]) or 'nothing'}{advice}",
        paths.excluded_by,
    )


def _named(asked: _Question, paths: Paths, anatomy: Anatomy, kind: str) -> str:
    name = blocking_structure(asked, paths, anatomy, kind)
    return "" if name is None or name == kind else f": {name}"


def blocking_structure(asked: _Question, paths: Paths, anatomy: Anatomy, kind: str) -> str | None:
    """Name of the structure of a kind that blocks most of the paths which that kind excludes; None for limits."""
    surfaces = [StructureSurface.of(s) for s in anatomy.structures if s.kind == kind]
    if not surfaces or kind not in paths.excluded_by:
        return None
    rows = np.argwhere(paths.first_broken == 1 + list(paths.excluded_by).index(kind))
    blocked: dict[str, int] = {}
    for entry, aim in rows[:: max(1, len(rows) // NAMED_FROM)]:
        for surface in surfaces:
            away = shaft_distance_mm(surface.voxels_kji, anatomy.ct.grid, asked.entries[entry], asked.aims[aim])
            if away - asked.shaft_radius_mm < surface.structure.required_shaft_mm + SAFETY_MM:
                blocked[surface.structure.name] = blocked.get(surface.structure.name, 0) + 1
    return max(blocked, key=lambda name: (blocked[name], name), default=None)


def what_would_open(asked: _Question, paths: Paths, anatomy: Anatomy) -> list[str]:
    """Single changes that would give admissible paths, the one that gives most first."""
    changes: list[tuple[str, _Question]] = []
    for position in POSITIONS:
        if position != asked.position:
            changes.append((f"the patient {position}", replace(asked, position=position)))
    wider = replace(asked.limits, craniocaudal_limit_deg=WIDER_ANGLE_DEG)
    changes.append((f"angles up to {WIDER_ANGLE_DEG:g} degrees out of the axial plane", replace(asked, limits=wider)))
    longer = replace(asked.limits, bone_path_limit_mm=LONGER_BONE_MM)
    changes.append((f"up to {LONGER_BONE_MM:g} mm through bone", replace(asked, limits=longer)))
    for n, kind in enumerate(asked.region.kinds):
        name = blocking_structure(asked, paths, anatomy, kind)
        if name is not None:
            required = asked.region.required_shaft_mm.copy()
            required[n] = 0.0
            text = DISPLACED_BY.get(kind, OTHERWISE).format(name)
            changes.append((text, replace(asked, region=replace(asked.region, required_shaft_mm=required))))
    if paths.excluded_by.get("needle too short"):
        reach = float(np.linalg.norm(asked.entries[:, None] - asked.aims, axis=2).max())
        text = f"a shaft that reaches {np.ceil(reach / 10) * 10:.0f} mm deep"
        changes.append((text, replace(asked, limits=replace(asked.limits, longest_depth_mm=reach + 1))))
    found = [(len(question.paths()), text) for text, question in changes]
    return [text for count, text in sorted(found, key=lambda row: -row[0]) if count]
