"""All candidates of one device, and the set that is chosen of them: sampled in the search, measured exactly after."""

from dataclasses import dataclass

import numpy as np

from BoneAblationPlannerLib.access.region import AccessRegion
from BoneAblationPlannerLib.placement.candidates import Candidate, ZoneSlack, zone_slack_mm
from BoneAblationPlannerLib.placement.chosen import ChosenProbes, fixed_zones
from BoneAblationPlannerLib.placement.defaults import placement_error
from BoneAblationPlannerLib.placement.needles import Needles, Spacing
from BoneAblationPlannerLib.placement.optimiser import select_probes
from BoneAblationPlannerLib.placement.problem import Problem, build_problem
from BoneAblationPlannerLib.placement.tiers import GIVEN_UP_COST, TIERS, ExactClearance, Tier
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress
from BoneAblationPlannerLib.zones.reach import Reach

LEAST_LESION_FRACTION = 0.95


@dataclass(frozen=True, eq=False)
class Pool:
    """All candidates of one device that the last tier admits, rasterised once."""

    candidates: list[Candidate]
    slack: ZoneSlack
    problem: Problem
    reach: Reach

    @classmethod
    def of(
        cls,
        prepared: PreparedCase,
        region: AccessRegion,
        candidates: list[Candidate],
        spacing: Spacing,
        reach: Reach,
    ) -> "Pool":
        """Candidates whose zones have this reach, with those that are placed already."""
        fixed = prepared.case.fixed
        slack = zone_slack_mm(region, [c.outer_zone for c in candidates])
        rows = np.flatnonzero(TIERS[-1].admits(slack))
        candidates, slack = [candidates[row] for row in rows], slack.take(rows)
        problem = build_problem(candidates, prepared.target, spacing, fixed_zones(fixed, reach))
        there = Needles.of([(p.entry_ras_mm, p.tip_ras_mm, p.device.diameter_mm) for p in fixed])
        free = np.ones(len(candidates), dtype=bool)
        for n in range(len(fixed)):
            free &= problem.needles.apart_from(there, n, spacing)
        rows = np.flatnonzero(free)
        if len(rows) < len(candidates):
            candidates, slack = [candidates[row] for row in rows], slack.take(rows)
            problem = problem.take(rows, np.zeros(len(rows)))
        return cls(candidates, slack, problem, reach)

    def of_tier(self, tier: Tier, failing: set[Candidate]) -> tuple[list[Candidate], Problem]:
        """What a tier admits without those that failed exact measurement; distances given up cost."""
        admitted = tier.admits(self.slack) & np.array([c not in failing for c in self.candidates], dtype=bool)
        rows = np.flatnonzero(admitted)
        given_up = GIVEN_UP_COST * self.problem.whole * Tier.given_up_mm(self.slack.take(rows))
        return [self.candidates[row] for row in rows], self.problem.take(rows, given_up)


def select_exactly(
    prepared: PreparedCase, pool: Pool, tier: Tier, exact: ExactClearance, report: ReportProgress
) -> ChosenProbes | None:
    """Select, measure the chosen probes exactly, and select again without those that fail; None if nothing is left.

    The search samples zones at points and could miss something thin; what is planned never rests on that.
    """
    fixed = prepared.case.fixed
    zones = fixed_zones(fixed, pool.reach)
    failing: set[Candidate] = set()
    while True:
        candidates, problem = pool.of_tier(tier, failing)
        if not candidates or reachable(problem) < LEAST_LESION_FRACTION:
            return None
        error = placement_error(prepared.case.choices)
        selection = select_probes(problem, candidates, prepared.target, error, report, zones)
        bad = {candidates[row] for row in selection.rows if not exact.keeps(candidates[row], tier)}
        if not bad:
            return ChosenProbes(selection, candidates, problem, tier, exact, fixed, pool.reach)
        failing |= bad


def reachable(problem: Problem) -> float:
    """Share of the lesion that all candidates cover together, with the fixed probes."""
    union = np.bitwise_or.reduce(problem.bits[:, : problem.lesion_words], axis=0) if len(problem.bits) else 0
    return (int(np.bitwise_count(union).sum()) + problem.fixed_lesion) / problem.lesion_count
