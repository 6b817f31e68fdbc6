"""Paths, modality, device and probes for a prepared case."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.bone_entry import bone_entries
from BoneAblationPlannerLib.access.limits import AccessLimits, access_limits
from BoneAblationPlannerLib.access.paths import Paths
from BoneAblationPlannerLib.access.region import LESION, AccessRegion
from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.advice.modality import LesionFacts, advise
from BoneAblationPlannerLib.case import Anatomy, Case, FixedProbe
from BoneAblationPlannerLib.devices.catalogue import find_device, usable_devices
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.placement.bound import bounded
from BoneAblationPlannerLib.placement.candidates import (
    Candidate,
    ZoneSlack,
    build_candidates,
    choose_parallel_paths,
    choose_paths,
    cranial_first,
    path_effort,
    zone_slack_mm,
)
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.placement.defaults import DEFAULTS, placement_error
from BoneAblationPlannerLib.placement.needles import Needles, Spacing
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_LESION, Selection, select_probes
from BoneAblationPlannerLib.placement.probe_figures import Placement, rounded_point
from BoneAblationPlannerLib.placement.problem import Problem, build_problem
from BoneAblationPlannerLib.placement.tiers import GIVEN_UP_COST, TIERS, ExactClearance, Tier
from BoneAblationPlannerLib.plan import Advice, Modality, Optimiser
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress, part

LEAST_LESION_FRACTION = 0.95


def advise_modality(prepared: PreparedCase, region: AccessRegion) -> Advice:
    """The rules' ranking for this lesion and its neighbours; the user's choice wins."""
    near = distance_to_kinds_mm(region)
    lesion, choices = prepared.lesion, prepared.case.choices
    facts = LesionFacts(
        lesion.kind, lesion.diameters_mm[0], lesion.cortical_breach_fraction or 0.0, choices.cement, near)  # fmt: skip
    return advise(facts, chosen_modality(prepared.case), prepared.structures.not_checked)


def distance_to_kinds_mm(region: AccessRegion) -> dict[str, float]:
    """Distance from the lesion to each kind of structure, not overstated."""
    in_lesion = region.distances[(region.tissue & LESION) > 0]
    return {kind: float(in_lesion[:, n].min()) * DISTANCE_STEP_MM for n, kind in enumerate(region.kinds)}


def chosen_modality(case: Case) -> Modality | None:
    """The modality that the user asked for, by name, device or fixed probes; raises InputError if they disagree."""
    modality = case.choices.modality
    devices = [probe.device for probe in case.fixed]
    if case.choices.device is not None:
        devices.append(find_device(case.choices.device, case.devices))
    for device in devices:
        if modality not in (None, device.modality):
            raise InputError(f"device {device.id}: is {device.modality}; expected a device for modality {modality}")
        modality = device.modality
    return modality


@dataclass(frozen=True, eq=False)
class ChosenProbes:
    """The probes of one modality and what had to be given up for them; `problem` is what they were chosen from."""

    selection: Selection
    candidates: list[Candidate]
    problem: Problem
    tier: Tier
    exact: ExactClearance
    fixed: tuple[FixedProbe, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was given up, in words."""
        return (self.tier.warning,) if self.tier.warning else ()

    @property
    def preference(self) -> tuple[bool, int, bool, int, float]:
        """Covered first, then with as little given up as possible, then robustly, with few probes, then value."""
        s = self.selection
        return (s.lesion_fraction < ENOUGH_LESION, TIERS.index(self.tier), not s.covers, len(s.rows), -s.value)

    @property
    def easy(self) -> bool:
        """Good enough not to look at the next modality."""
        return self.preference[:3] == (False, 0, False) and len(self.selection.rows) <= DEFAULTS["easy_probes"]


def place_probes(
    prepared: PreparedCase, region: AccessRegion, paths: Paths, advice: Advice, report: ReportProgress
) -> tuple[ChosenProbes, Advice]:
    """Probes for the advised modality; if the rules chose it and it needs many probes, the next ones are tried too.

    Raises
    ------
    PlanningError
        If no modality covers the lesion without a zone touching a critical structure.
    """
    limits = access_limits(prepared.case.choices.limits)
    effort = path_effort(paths, limits)
    exact = ExactClearance([StructureSurface.of(s) for s in prepared.anatomy.structures], prepared.anatomy.ct.grid)
    ranked = [r.modality for r in advice.ranked] if advice.chosen_by == "rules" else [advice.modality]

    @cache
    def practicable(ice: bool) -> tuple[Paths, NDArray[np.float64]]:
        """Ice probes are placed in one direction by habit, so that families of parallel paths are offered to them."""
        singles = choose_paths(paths, effort) if not (ice and prepared.case.choices.parallel) else np.zeros(0, np.int64)
        families = choose_parallel_paths(paths, effort, limits.parallel_deg) if ice else singles
        rows = np.union1d(singles, families)
        return _practicable(prepared.anatomy, paths.take(rows), effort[rows], limits)

    found: list[tuple[ChosenProbes, Modality]] = []
    failures: list[PlanningError] = []
    for n, modality in enumerate(ranked):
        span = part(report, n / len(ranked), (n + 1) / len(ranked))
        try:
            tiers = _worth_trying([chosen for chosen, _ in found], prepared.case.choices.strict)
            ways = practicable(modality == "cryo")
            found.append((_place_modality(prepared, region, *ways, modality, exact, tiers, span), modality))
        except PlanningError as error:
            failures.append(error)
            continue
        if found[-1][0].easy:
            break
    if not found:
        raise failures[0]
    chosen, modality = min(found, key=lambda row: row[0].preference)
    chosen = replace(chosen, selection=bounded(chosen.problem, chosen.selection))
    if modality != advice.modality:
        note = f"{advice.modality} ranks first but covers the lesion less easily here: {modality} is planned"
        advice = replace(advice, modality=modality, warnings=(*advice.warnings, note))
    return chosen, advice


def _worth_trying(found: Sequence[ChosenProbes], strict: bool) -> tuple[Tier, ...]:
    """The tiers in which another modality could still be preferred to those found; one only where all is to be kept."""
    if strict:
        return TIERS[:1]
    covering = [TIERS.index(c.tier) for c in found if c.selection.lesion_fraction >= ENOUGH_LESION]
    return TIERS[: min(covering) + 1] if covering else TIERS


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


def _place_modality(
    prepared: PreparedCase,
    region: AccessRegion,
    paths: Paths,
    effort: NDArray[np.float64],
    modality: Modality,
    exact: ExactClearance,
    tiers: Sequence[Tier],
    report: ReportProgress,
) -> ChosenProbes:
    """Probes of the modality's best device; zone clearances are kept, or given up with a warning if they cannot be."""
    usable = usable_devices(prepared.case.devices, prepared.case.choices.device)
    devices = [d for d in usable if d.modality == modality]
    limits = access_limits(prepared.case.choices.limits)
    widest_deg = limits.parallel_deg if prepared.case.choices.parallel and modality == "cryo" else 180.0
    spacing = Spacing(limits.probe_gap_mm, limits.entry_gap_mm, limits.hub_mm, widest_deg)
    pools = [_Pool.of(prepared, region, build_candidates(paths, effort, d, limits), spacing) for d in devices]
    strict = prepared.case.choices.strict
    best_fraction, reached = 0.0, 0.0
    for n, tier in enumerate(tiers):
        found = []
        reached = max((_reachable(pool.of_tier(tier, set())[1]) for pool in pools), default=0.0)
        for m, pool in enumerate(pools):
            span = part(report, (n + m / len(pools)) / len(tiers), (n + (m + 1) / len(pools)) / len(tiers))
            chosen = _select_exactly(prepared, pool, tier, exact, span)
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
        raise _cannot_be_kept(region, modality, best_fraction, reached)
    aligned = "parallel " if widest_deg < 180 else ""
    raise PlanningError(
        f"no set of up to 6 {aligned}{modality} probes covers the lesion without its zone touching a critical "
        f"structure: at best {best_fraction:.0%} of the lesion; displace the structure (hydrodissection) or change "
        "modality",
        {"zone touches critical structure": 1},
    )


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


@dataclass(frozen=True, eq=False)
class _Pool:
    """All candidates of one device that the last tier admits, rasterised once."""

    candidates: list[Candidate]
    slack: ZoneSlack
    problem: Problem

    @classmethod
    def of(cls, prepared: PreparedCase, region: AccessRegion, candidates: list[Candidate], spacing: Spacing) -> "_Pool":
        fixed = prepared.case.fixed
        slack = zone_slack_mm(region, [c.outer_zone for c in candidates])
        rows = np.flatnonzero(TIERS[-1].admits(slack))
        candidates, slack = [candidates[row] for row in rows], slack.take(rows)
        problem = build_problem(candidates, prepared.target, spacing, [fixed_placement(p).zone for p in fixed])
        there = Needles.of([(p.entry_ras_mm, p.tip_ras_mm, p.device.diameter_mm) for p in fixed])
        free = np.ones(len(candidates), dtype=bool)
        for n in range(len(fixed)):
            free &= problem.needles.apart_from(there, n, spacing)
        rows = np.flatnonzero(free)
        if len(rows) < len(candidates):
            candidates, slack = [candidates[row] for row in rows], slack.take(rows)
            problem = problem.take(rows, np.zeros(len(rows)))
        return cls(candidates, slack, problem)

    def of_tier(self, tier: Tier, failing: set[Candidate]) -> tuple[list[Candidate], Problem]:
        """What a tier admits without those that failed exact measurement; distances given up cost."""
        admitted = tier.admits(self.slack) & np.array([c not in failing for c in self.candidates], dtype=bool)
        rows = np.flatnonzero(admitted)
        given_up = GIVEN_UP_COST * self.problem.whole * Tier.given_up_mm(self.slack.take(rows))
        return [self.candidates[row] for row in rows], self.problem.take(rows, given_up)


def _select_exactly(
    prepared: PreparedCase, pool: _Pool, tier: Tier, exact: ExactClearance, report: ReportProgress
) -> ChosenProbes | None:
    """Select, measure the chosen probes exactly, and select again without those that fail; None if nothing is left.

    The search samples zones at points and could miss something thin; what is planned never rests on that.
    """
    fixed = prepared.case.fixed
    zones = tuple(fixed_placement(p).zone for p in fixed)
    failing: set[Candidate] = set()
    while True:
        candidates, problem = pool.of_tier(tier, failing)
        if not candidates or _reachable(problem) < LEAST_LESION_FRACTION:
            return None
        error = placement_error(prepared.case.choices)
        selection = select_probes(problem, candidates, prepared.target, error, report, zones)
        bad = {candidates[row] for row in selection.rows if not exact.keeps(candidates[row], tier)}
        if not bad:
            return ChosenProbes(selection, candidates, problem, tier, exact, fixed)
        failing |= bad


def _reachable(problem: Problem) -> float:
    """Share of the lesion that all candidates cover together, with the fixed probes."""
    union = np.bitwise_or.reduce(problem.bits[:, : problem.lesion_words], axis=0) if len(problem.bits) else 0
    return (int(np.bitwise_count(union).sum()) + problem.fixed_lesion) / problem.lesion_count


def fixed_placement(probe: FixedProbe) -> Placement:
    """A fixed probe as the figures take it."""
    entry, tip = (rounded_point(np.asarray(point)) for point in (probe.entry_ras_mm, probe.tip_ras_mm))
    return Placement(probe.name, probe.device, probe.program, entry, tip)


def placements_of(chosen: ChosenProbes, rows: Sequence[int] | None = None) -> tuple[Placement, ...]:
    """Fixed probes first, then the chosen ones (or other rows) named from cranial to caudal."""
    fixed = tuple(fixed_placement(p) for p in chosen.fixed)
    rows = chosen.selection.rows if rows is None else rows
    ordered = cranial_first([chosen.candidates[row] for row in rows])
    taken = {p.name for p in fixed}
    names = (name for name in (f"Probe {n}" for n in count(1)) if name not in taken)
    return (*fixed, *(
        Placement(next(names), c.device, c.program, rounded_point(c.entry_ras_mm), rounded_point(c.tip_ras_mm))
        for c in ordered
    ))  # fmt: skip


def optimiser_record(selection: Selection) -> Optimiser:
    gap = max(0.0, (selection.bound - selection.value) / selection.bound)
    text = (
        "5 x lesion + margin voxels covered, less healthy tissue, effort and wanted distances given up, "
        "as a share of the whole target; bound: Lagrangian relaxation, no set of as many candidates is worth more"
    )
    return Optimiser(selection.value, selection.bound, gap, selection.evaluations, text)
