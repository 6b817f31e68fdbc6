"""The search for probes of one modality in a prepared case, as often as asked, for zones of any reach."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.bone_entry import bone_entries
from BoneAblationPlannerLib.access.limits import AccessLimits, access_limits
from BoneAblationPlannerLib.access.paths import Paths
from BoneAblationPlannerLib.access.region import LESION, AccessRegion, with_zone_distances
from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.devices.catalogue import usable_devices
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.errors import PlanningError
from BoneAblationPlannerLib.placement.by_modality import prepared_for
from BoneAblationPlannerLib.placement.candidates import (
    build_candidates,
    choose_parallel_paths,
    choose_paths,
    path_effort,
)
from BoneAblationPlannerLib.placement.chosen import ChosenProbes
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.placement.needles import Spacing
from BoneAblationPlannerLib.placement.pool import LEAST_LESION_FRACTION, Pool, reachable, select_exactly
from BoneAblationPlannerLib.placement.tiers import ExactClearance, Tier
from BoneAblationPlannerLib.plan import Modality
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress, part
from BoneAblationPlannerLib.rounding import mm_down
from BoneAblationPlannerLib.zones.reach import BY_THE_CHART, Reach

NAMED_WITHIN_MM, MOST_NAMED = 15.0, 3
"""Structures that a refusal names."""


class Placer:
    """Searches in one prepared case; paths are looked at once, exact clearances are kept.

    Parameters
    ----------
    prepared : PreparedCase
    region : AccessRegion
        Distance maps around the lesion.
    paths : Paths
        Every admissible path.
    """

    def __init__(self, prepared: PreparedCase, region: AccessRegion, paths: Paths) -> None:
        self.prepared, self.region = prepared, region
        self._limits = access_limits(prepared.case.choices.limits)
        self._paths, self._effort = paths, path_effort(paths, self._limits)
        self._exact = ExactClearance(
            [StructureSurface.of(s) for s in prepared.anatomy.structures], prepared.anatomy.ct.grid
        )
        self._ways: dict[bool, tuple[Paths, NDArray[np.float64]]] = {}

    def for_modality(self, modality: Modality) -> "Placer":
        """A placer that keeps the distances of one modality; this one where they do not differ between modalities."""
        prepared = prepared_for(self.prepared, modality)
        if prepared is self.prepared:
            return self
        return Placer(prepared, with_zone_distances(self.region, prepared.anatomy.structures), self._paths)

    def place(
        self, modality: Modality, tiers: Sequence[Tier], report: ReportProgress, reach: Reach = BY_THE_CHART
    ) -> ChosenProbes:
        """Probes of the modality's best device; zone clearances are kept, or given up with a warning.

        Raises
        ------
        PlanningError
            If no set covers the lesion without a zone touching a critical structure.
        Cancelled
            If `report` returned False.
        """
        prepared, limits = self.prepared, self._limits
        usable = usable_devices(prepared.case.devices, prepared.case.choices.device)
        devices = [d for d in usable if d.modality == modality]
        parallel = prepared.case.choices.parallel and modality == "cryo"
        widest_deg = limits.parallel_deg if parallel else 180.0
        spacing = Spacing(limits.probe_gap_mm, limits.entry_gap_mm, limits.hub_mm, widest_deg)
        paths, effort = self._practicable(modality == "cryo")
        pools = [
            Pool.of(prepared, self.region, build_candidates(paths, effort, d, limits, reach), spacing, reach)
            for d in devices
        ]
        strict = prepared.case.choices.strict
        best_fraction, reached = 0.0, 0.0
        for n, tier in enumerate(tiers):
            found = []
            reached = max((reachable(pool.of_tier(tier, set())[1]) for pool in pools), default=0.0)
            for m, pool in enumerate(pools):
                span = part(report, (n + m / len(pools)) / len(tiers), (n + (m + 1) / len(pools)) / len(tiers))
                chosen = select_exactly(prepared, pool, tier, self._exact, span)
                if chosen is not None:
                    found.append(chosen)
            if not found:
                continue
            chosen = min(found, key=lambda c: c.preference)
            best_fraction = max(best_fraction, chosen.selection.lesion_fraction)
            enough = chosen.selection.covers if strict else chosen.selection.lesion_fraction >= LEAST_LESION_FRACTION
            if enough:
                return chosen
        if strict:
            raise _cannot_be_kept(self.region, modality, best_fraction, reached)
        aligned = "parallel " if parallel else ""
        raise PlanningError(
            f"no set of up to 6 {aligned}{modality} probes covers the lesion without its zone touching a critical "
            f"structure: at best {best_fraction:.0%} of the lesion; {_nearest(prepared)}displace the structure "
            "(hydrodissection) or change modality",
            {"zone touches critical structure": 1},
        )

    def _practicable(self, ice: bool) -> tuple[Paths, NDArray[np.float64]]:
        """Ice probes are placed in one direction by habit, so that families of parallel paths are offered to them."""
        if ice not in self._ways:
            paths, effort, limits = self._paths, self._effort, self._limits
            only_parallel = ice and self.prepared.case.choices.parallel
            singles = np.zeros(0, np.int64) if only_parallel else choose_paths(paths, effort)
            families = choose_parallel_paths(paths, effort, limits.parallel_deg) if ice else singles
            rows = np.union1d(singles, families)
            self._ways[ice] = _practicable(self.prepared.anatomy, paths.take(rows), effort[rows], limits)
        return self._ways[ice]


def _nearest(prepared: PreparedCase) -> str:
    """The structures nearest to the lesion that a zone must keep clear of, in words; nothing where none is near."""
    anatomy = prepared.anatomy
    grid, lesion = anatomy.ct.grid, anatomy.lesion
    region = grid.region_around(grid.ras_of_mask(lesion), NAMED_WITHIN_MM)
    away = distance_mm(np.ascontiguousarray(lesion[region]), grid.spacing_kji_mm)
    limiting = [s for s in anatomy.structures if s.required_zone_mm > 0 and s.mask[region].any()]
    rows = sorted((float(away[s.mask[region]].min()), s.name) for s in limiting)
    named = [f"{name} {mm_down(mm, 0)}" for mm, name in rows[:MOST_NAMED] if mm <= NAMED_WITHIN_MM]
    return f"nearest to the lesion: {', '.join(named)}; " if named else ""


def distance_to_kinds_mm(region: AccessRegion) -> dict[str, float]:
    """Distance from the lesion to each kind of structure, not overstated."""
    in_lesion = region.distances[(region.tissue & LESION) > 0]
    return {kind: float(in_lesion[:, n].min()) * DISTANCE_STEP_MM for n, kind in enumerate(region.kinds)}


def _practicable(
    anatomy: Anatomy, paths: Paths, effort: NDArray[np.float64], limits: AccessLimits
) -> tuple[Paths, NDArray[np.float64]]:
    """Paths that do not skive along the cortex, through one bone only where there are such.

    Their angle to the cortex adds to their effort.
    """
    limit = limits.incidence_limit_deg
    bone, grid = anatomy.bone | anatomy.lesion, anatomy.ct.grid
    met = bone_entries(bone, anatomy.ct.hu, grid, paths.entries_ras_mm, paths.aims_ras_mm)
    steep = np.array([m.incidence_deg is None or m.incidence_deg <= limit for m in met])
    if not steep.any():
        reason = f"every path meets the cortex at more than {limit:g} degrees and would skive"
        raise PlanningError(reason, {"cortex incidence": len(paths)})
    one_bone = steep & np.array([m.bones_met <= 1 for m in met])
    if one_bone.any():
        steep = one_bone
    angles = np.array([m.incidence_deg or 0.0 for m in met])
    effort = effort + limits.incidence_weight * (angles / limits.incidence_preferred_deg) ** 2
    return paths.take(np.flatnonzero(steep)), effort[steep]


def _cannot_be_kept(region: AccessRegion, modality: Modality, best: float, reached: float) -> PlanningError:
    """Why no plan covers the lesion and keeps every wanted distance: what leaves zones least room comes first.

    `best` is the share of the lesion that a set of probes covers in place, `reached` that of all zones together.
    """
    wanted = dict(zip(region.kinds, region.required_zone_mm.tolist(), strict=False))
    room = {kind: mm - wanted[kind] for kind, mm in distance_to_kinds_mm(region).items() if wanted[kind] > 0}
    tightest = sorted(room, key=lambda kind: room[kind])[:2]
    named = ", ".join(
        f"{kind} {room[kind] + wanted[kind]:.1f} mm from the lesion with {wanted[kind]:g} mm wanted"
        for kind in tightest
    )
    share = f"at best {best:.0%} in place" if best else f"all such zones together reach {reached:.0%} of it"
    return PlanningError(
        f"no set of up to 6 {modality.upper()} probes covers the lesion, also under placement error, with all wanted "
        f"distances kept: {share} (nearest: {named}); allow distances to be given up to see which",
        {f"wanted distance to {kind}": 1 for kind in tightest},
    )
