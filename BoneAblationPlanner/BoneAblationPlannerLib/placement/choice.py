"""Paths, modality, device and probes for a prepared case."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.bone_entry import bone_entry
from BoneAblationPlannerLib.access.limits import default_limits
from BoneAblationPlannerLib.access.paths import Paths, find_paths, skin_entries
from BoneAblationPlannerLib.access.region import LESION, AccessRegion, build_region
from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.advice.modality import LesionFacts, advise
from BoneAblationPlannerLib.case import Anatomy, Case
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.placement.candidates import (
    Candidate,
    build_candidates,
    choose_paths,
    path_effort,
    spread_points,
    zone_slack_mm,
)
from BoneAblationPlannerLib.placement.certificate import certify
from BoneAblationPlannerLib.placement.clearance import StructureSurface, clearances
from BoneAblationPlannerLib.placement.coverage import PlacementError
from BoneAblationPlannerLib.placement.defaults import DEFAULTS, placement_error
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_LESION, Selection, select_probes
from BoneAblationPlannerLib.placement.probe_figures import Placement, rounded_point
from BoneAblationPlannerLib.plan import Advice, Clearance, Modality, Optimiser
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress, part

AIM_POINTS = 60
AIM_SPACING_MM = 4.0
LEAST_LESION_FRACTION = 0.95


def find_access(prepared: PreparedCase) -> tuple[AccessRegion, Paths]:
    """Distance maps around the lesion and every admissible path to points spread over it."""
    limits = default_limits()
    anatomy = prepared.anatomy
    region = build_region(anatomy, limits.longest_depth_mm)
    aims = spread_points(prepared.target.lesion_ras_mm, AIM_POINTS, AIM_SPACING_MM)
    skin = next(s.mask for s in anatomy.structures if s.kind == "skin")
    if prepared.case.excluded_entries is not None:
        skin = skin & ~prepared.case.excluded_entries
    entries = skin_entries(anatomy.ct.grid, skin, aims.mean(axis=0), limits)
    if len(entries) == 0:
        raise PlanningError(
            f"no skin within {limits.longest_depth_mm:g} mm of the lesion in this image: "
            "the field of view is cropped there; scan with the skin in view", {"no skin in view": 1})  # fmt: skip
    widest_mm = max(device.diameter_mm for device in prepared.case.devices)
    paths = find_paths(region, entries, aims, limits, prepared.position, widest_mm / 2)
    if len(paths) == 0:
        total = sum(paths.excluded_by.values())
        ranked = sorted(paths.excluded_by.items(), key=lambda row: -row[1])
        shares = [f"{name} ({count / total:.0%})" for name, count in ranked if count]
        raise PlanningError(
            f"no admissible path from the skin to the lesion in {prepared.position} position: "
            f"{shares[0]} excludes most, then {', '.join(shares[1:]) or 'nothing'}",
            paths.excluded_by,
        )
    return region, paths


def advise_modality(prepared: PreparedCase, region: AccessRegion) -> Advice:
    """The rules' ranking for this lesion and its neighbours; the user's choice wins."""
    in_lesion = region.distances[(region.tissue & LESION) > 0]
    near = {kind: float(in_lesion[:, n].min()) * DISTANCE_STEP_MM for n, kind in enumerate(region.kinds)}
    lesion, choices = prepared.lesion, prepared.case.choices
    facts = LesionFacts(
        lesion.kind, lesion.diameters_mm[0], lesion.cortical_breach_fraction or 0.0, choices.cement, near)  # fmt: skip
    return advise(facts, chosen_modality(prepared.case), prepared.structures.not_checked)


def chosen_modality(case: Case) -> Modality | None:
    """The modality that the user asked for, by name or by device; raises InputError if the two disagree."""
    choices = case.choices
    if choices.device is None:
        return choices.modality
    device = find_device(choices.device, case.devices)
    if choices.modality not in (None, device.modality):
        raise InputError(f"device {device.id}: is {device.modality}; expected a device for modality {choices.modality}")
    return device.modality


@dataclass(frozen=True)
class Tier:
    """How strictly zones keep clear: a share of the wanted distances, and whether joints may be reached."""

    share: float
    may_touch: bool
    warning: str = ""


TIERS = (
    Tier(1.0, False),
    Tier(
        1.0,
        True,
        "the wanted distance between zone and joint cannot be kept while covering the lesion: expect damage to "
        "cartilage and subchondral bone where a clearance is not ok",
    ),
    Tier(
        0.0,
        True,
        "the wanted distance between zone and critical structures cannot be kept while covering the lesion: see the "
        "clearances that are not ok; protect or displace these structures (hydrodissection, CO2, thermocouple, "
        "monitoring)",
    ),
)
"""Tried in this order; a later one only where the earlier ones do not cover the lesion."""


@dataclass(frozen=True, eq=False)
class ChosenProbes:
    """The probes of one modality and what had to be given up for them."""

    selection: Selection
    candidates: list[Candidate]
    tier: Tier

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was given up, in words."""
        return (self.tier.warning,) if self.tier.warning else ()

    @property
    def preference(self) -> tuple[bool, int, int, float]:
        """Covered first, then with as little given up as possible, then few probes, then value."""
        s = self.selection
        return (s.lesion_fraction < ENOUGH_LESION, TIERS.index(self.tier), len(s.rows), -s.value)

    @property
    def easy(self) -> bool:
        """Good enough not to look at the next modality."""
        return self.preference[:2] == (False, 0) and len(self.selection.rows) <= DEFAULTS["easy_probes"]


def place_probes(
    prepared: PreparedCase, region: AccessRegion, paths: Paths, advice: Advice, report: ReportProgress
) -> tuple[ChosenProbes, Advice]:
    """Probes for the advised modality; if the rules chose it and it needs many probes, the next ones are tried too.

    Raises
    ------
    PlanningError
        If no modality covers the lesion without a zone touching a critical structure.
    """
    effort = path_effort(paths, default_limits())
    paths, effort = _practicable(prepared.anatomy, paths, effort)
    surfaces = [StructureSurface.of(s) for s in prepared.anatomy.structures]
    ranked = [r.modality for r in advice.ranked] if advice.chosen_by == "rules" else [advice.modality]
    found: list[tuple[ChosenProbes, Modality]] = []
    failures: list[PlanningError] = []
    for n, modality in enumerate(ranked):
        span = part(report, n / len(ranked), (n + 1) / len(ranked))
        try:
            found.append((_place_modality(prepared, region, paths, effort, modality, surfaces, span), modality))
        except PlanningError as error:
            failures.append(error)
            continue
        if found[-1][0].easy:
            break
    if not found:
        raise failures[0]
    chosen, modality = min(found, key=lambda row: row[0].preference)
    chosen = _certified(chosen, prepared, surfaces)
    if modality != advice.modality:
        note = f"{advice.modality} ranks first but covers the lesion less easily here: {modality} is planned"
        advice = replace(advice, modality=modality, warnings=(*advice.warnings, note))
    return chosen, advice


def _practicable(anatomy: Anatomy, paths: Paths, effort: NDArray[np.float64]) -> tuple[Paths, NDArray[np.float64]]:
    """Diverse easy paths that do not skive along the cortex, through one bone only where there are such."""
    rows = choose_paths(paths, effort)
    limit = default_limits().incidence_limit_deg
    bone, grid = anatomy.bone | anatomy.lesion, anatomy.ct.grid
    met = [bone_entry(bone, anatomy.ct.hu, grid, paths.entries_ras_mm[n], paths.aims_ras_mm[n]) for n in rows]
    steep = np.array([m.incidence_deg is None or m.incidence_deg <= limit for m in met])
    if not steep.any():
        reason = f"every path meets the cortex at more than {limit:g} degrees and would skive"
        raise PlanningError(reason, {"cortex incidence": len(rows)})
    one_bone = steep & np.array([m.bones_met <= 1 for m in met])
    if one_bone.any():
        steep = one_bone
    return paths.take(rows[steep]), effort[rows[steep]]


def _place_modality(
    prepared: PreparedCase,
    region: AccessRegion,
    paths: Paths,
    effort: NDArray[np.float64],
    modality: Modality,
    surfaces: Sequence[StructureSurface],
    report: ReportProgress,
) -> ChosenProbes:
    """Probes of the modality's best device; zone clearances are kept, or given up with a warning if they cannot be."""
    choices = prepared.case.choices
    devices = [d for d in prepared.case.devices if d.modality == modality and choices.device in (None, d.id)]
    error = placement_error(choices)
    best_fraction = 0.0
    for n, tier in enumerate(TIERS):
        found = []
        for m, device in enumerate(devices):
            span = part(report, (n + m / len(devices)) / len(TIERS), (n + (m + 1) / len(devices)) / len(TIERS))
            candidates = _admissible(build_candidates(paths, effort, device, default_limits()), region, tier)
            chosen = _select_exactly(prepared, candidates, surfaces, tier, error, span)
            if chosen is not None:
                found.append(chosen)
        if not found:
            continue
        chosen = min(found, key=lambda c: c.preference)
        best_fraction = max(best_fraction, chosen.selection.lesion_fraction)
        if chosen.selection.lesion_fraction >= LEAST_LESION_FRACTION:
            return chosen
    raise PlanningError(
        f"no set of up to 6 {modality} probes covers the lesion without its zone touching a critical structure: "
        f"at best {best_fraction:.0%} of the lesion; displace the structure (hydrodissection) or change modality",
        {"zone touches critical structure": 1},
    )


def _certified(chosen: ChosenProbes, prepared: PreparedCase, surfaces: Sequence[StructureSurface]) -> ChosenProbes:
    """With a proven bound; the proof's own probes are taken only if they keep clear by exact measurement too."""
    gap_mm = default_limits().probe_gap_mm
    proven = certify(chosen.candidates, prepared.target, gap_mm, chosen.selection)
    if all(_keeps_clear(chosen.candidates[row], surfaces, prepared, chosen.tier) for row in proven.rows):
        return replace(chosen, selection=proven)
    return replace(chosen, selection=replace(chosen.selection, bound=proven.bound))


def _select_exactly(
    prepared: PreparedCase,
    candidates: list[Candidate],
    surfaces: Sequence[StructureSurface],
    tier: Tier,
    error: PlacementError,
    report: ReportProgress,
) -> ChosenProbes | None:
    """Select, measure the chosen probes exactly, and select again without those that fail; None if nothing is left.

    The search samples zones at points and could miss something thin; what is planned never rests on that.
    """
    gap_mm = default_limits().probe_gap_mm
    while candidates:
        selection = select_probes(candidates, prepared.target, gap_mm, error, report)
        failing = [row for row in selection.rows if not _keeps_clear(candidates[row], surfaces, prepared, tier)]
        if not failing:
            return ChosenProbes(selection, candidates, tier)
        candidates = [c for n, c in enumerate(candidates) if n not in failing]
    return None


def _keeps_clear(
    candidate: Candidate, surfaces: Sequence[StructureSurface], prepared: PreparedCase, tier: Tier
) -> bool:
    """Whether shaft and zone keep the distances of a tier, by exact measurement."""
    rows = clearances(
        surfaces,
        prepared.anatomy.ct.grid,
        candidate.entry_ras_mm,
        candidate.tip_ras_mm,
        candidate.device.diameter_mm / 2,
        candidate.outer_zone,
    )

    touchable = {structure.kind for structure in prepared.anatomy.structures if structure.zone_may_touch}

    def zone_limits(c: Clearance) -> bool:
        return c.required_zone_mm > 0 and not (tier.may_touch and c.kind in touchable)

    return all(
        c.shaft_mm >= c.required_shaft_mm and (not zone_limits(c) or c.zone_mm >= tier.share * c.required_zone_mm)
        for c in rows
    )


def _admissible(candidates: list[Candidate], region: AccessRegion, tier: Tier) -> list[Candidate]:
    slack = zone_slack_mm(region, [c.outer_zone for c in candidates], tier.share, tier.may_touch)
    return [c for c, s in zip(candidates, slack, strict=True) if s >= 0]


def placements_of(chosen: ChosenProbes) -> tuple[Placement, ...]:
    """Named from cranial to caudal."""
    ordered = sorted((chosen.candidates[row] for row in chosen.selection.rows), key=lambda c: -float(c.tip_ras_mm[2]))
    return tuple(
        Placement(f"Probe {n + 1}", c.device, c.program, rounded_point(c.entry_ras_mm), rounded_point(c.tip_ras_mm))
        for n, c in enumerate(ordered)
    )


def optimiser_record(selection: Selection) -> Optimiser:
    gap = max(0.0, (selection.bound - selection.value) / selection.bound)
    text = "5 x lesion + margin voxels covered, less healthy tissue and effort, as a share of the whole target"
    return Optimiser(selection.value, selection.bound, gap, selection.evaluations, text)
