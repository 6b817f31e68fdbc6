"""All figures of one screw, whether it was planned in a corridor or placed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.clearance import StructureSurface, path_clearances
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Point, Screw
from CementTrajectoryLib.screws.bones import Pelvis
from CementTrajectoryLib.screws.catalogue import ScrewType, screw_types
from CementTrajectoryLib.screws.definitions import NUMBERS
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.measure import (
    breach,
    density_profile,
    joints_met,
    lesion_contact,
    skin_entry,
)

SHORTEST_MM = 5.0
ALONG_MM = 1.0
TOUCHED_MM = 5.0
"""A bone that a screw passes for less than this does not hold it."""


def screw_at(
    anatomy: Anatomy,
    surfaces: Sequence[StructureSurface],
    depth: DepthMap,
    kind: ScrewType,
    ends_ras_mm: tuple[NDArray[np.float64], NDArray[np.float64]],
    names: tuple[str, str],
    trim_mm: float,
) -> Screw:
    """A screw with its figures.

    Parameters
    ----------
    anatomy : Anatomy
    surfaces : sequence of StructureSurface
        Of the anatomy's structures.
    depth : DepthMap
        Of the bone that the screw lies in.
    kind : ScrewType
    ends_ras_mm : pair of (3,)
        Where its head meets bone, and its tip.
    names : (str, str)
        Of the screw and of its corridor.
    trim_mm : float
        Length behind the entry, where the cortex is crossed, over which no bone is asked for around it.
    """
    grid, radius, (entry, tip) = anatomy.ct.grid, kind.diameter_mm / 2, ends_ras_mm
    direction = (tip - entry) / np.linalg.norm(tip - entry)
    broken = breach(depth, entry, tip, radius, trim_mm)
    skin = skin_entry(anatomy, entry, direction)
    profile, shares = density_profile(anatomy, entry, tip, radius)
    contact = lesion_contact(grid, anatomy.lesion, entry, tip)
    passed = [s for s in surfaces if s.structure.kind != "joint"]  # joints that it meets are named apart
    return Screw(
        name=names[0],
        corridor=names[1],
        diameter_mm=kind.diameter_mm,
        length_mm=round(float(np.linalg.norm(tip - entry)), 1),
        entry_ras_mm=rounded_point(entry),
        tip_ras_mm=rounded_point(tip),
        cortical_clearance_mm=float(np.floor(broken.clearance_mm * 100) / 100),
        purchase_beyond_lesion_mm=round(contact.beyond_mm, 1) if contact else None,
        purchase_before_lesion_mm=round(contact.before_mm, 1) if contact else None,
        lesion_path_mm=round(contact.inside_mm, 1) if contact else 0.0,
        screw_type=kind.id,
        head_diameter_mm=kind.head_mm,
        side_breach_mm=round(broken.side_mm, 2),
        tip_breach_mm=round(broken.tip_mm, 2),
        skin_entry_ras_mm=None if skin is None else rounded_point(skin),
        skin_to_bone_mm=None if skin is None else round(float(np.linalg.norm(skin - entry)), 1),
        joints_met=joints_met(surfaces, grid, entry, tip, radius),
        hu_every_5_mm=tuple(round(float(v)) for v in profile),
        hu_shares={key: round(value, 3) for key, value in shares.items()},
        clearances=path_clearances(passed, grid, entry if skin is None else skin, tip, radius),
    )


@dataclass(frozen=True, eq=False)
class ScrewMeasure:
    """Measures screws that a person places, in bones that are named; maps are kept for the next move."""

    anatomy: Anatomy
    bones: LabelMap
    _maps: dict[frozenset[str], DepthMap] = field(default_factory=dict, repr=False)

    @cached_property
    def _surfaces(self) -> list[StructureSurface]:
        return [StructureSurface.of(s) for s in self.anatomy.structures]

    @cached_property
    def _pelvis(self) -> Pelvis:
        return Pelvis(self.bones)

    def screw(self, name: str, corridor: str, type_id: str, entry_ras_mm: Point, tip_ras_mm: Point) -> Screw:
        """All figures of a screw of the catalogue from entry to tip.

        Raises
        ------
        InputError
            For a type that the catalogue does not hold, or ends that lie less than 5 mm apart.
        """
        kind = next((k for k in screw_types() if k.id == type_id), None)
        if kind is None:
            raise InputError(f"{name}: no screw {type_id!r}; expected one of {', '.join(k.id for k in screw_types())}")
        entry, tip = np.array(entry_ras_mm, dtype=np.float64), np.array(tip_ras_mm, dtype=np.float64)
        if np.linalg.norm(tip - entry) < SHORTEST_MM:
            raise InputError(f"{name}: its ends lie less than {SHORTEST_MM:g} mm apart; expected head and tip")
        depth = self._depth(entry, tip)
        return screw_at(self.anatomy, self._surfaces, depth, kind, (entry, tip), (name, corridor), NUMBERS["trim_mm"])

    def _depth(self, entry: NDArray[np.float64], tip: NDArray[np.float64]) -> DepthMap:
        """The map of the bones that a line passes; of all bones where it passes none."""
        count = int(np.linalg.norm(tip - entry) / ALONG_MM) + 1
        kji = np.rint(self.bones.grid.ijk_from_ras(np.linspace(entry, tip, count))[:, ::-1]).astype(int)
        inside = ((kji >= 0) & (kji < self.bones.grid.shape)).all(axis=1)
        values, counts = np.unique(self.bones.labels[tuple(kji[inside].T)], return_counts=True)
        passed = {
            self.bones.names[int(v)]
            for v, n in zip(values, counts, strict=True)
            if n * ALONG_MM >= TOUCHED_MM and int(v) in self.bones.names
        }
        key = frozenset(passed or self.bones.names.values())
        if key not in self._maps:
            self._maps[key] = self._made(key)
        return self._maps[key]

    def _made(self, names: frozenset[str]) -> DepthMap:
        hips = {name for name in names if name.startswith("hip_")}
        if hips and "sacrum" in names:
            return self._pelvis.ring
        wanted = [value for value, name in self.bones.names.items() if name in names]
        return depth_map(self.bones.grid, np.isin(self.bones.labels, wanted))
