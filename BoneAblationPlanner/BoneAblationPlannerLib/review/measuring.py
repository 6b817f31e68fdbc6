"""The figures of a what-if. The one place that decides how they are computed; free of nodes, so that a thread may."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.coverage import covered_in
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.reevaluation import evaluate_placements, prepare_stored
from BoneAblationPlannerLib.review.draft import Proposal
from BoneAblationPlannerLib.scene.stored import StoredPlan


@dataclass(frozen=True, eq=False)
class Measured:
    """A proposal's figures as a plan, the signed margin (S,) at the lesion's surface points, and what is left.

    `remainder` (k, j, i) bool are the voxels of lesion + margin that are not wholly in one zone, on `remainder_grid`.
    """

    proposal: Proposal
    plan: Plan
    surface_margins_mm: NDArray[np.float64]
    remainder: NDArray[np.bool_]
    remainder_grid: Grid


@dataclass(frozen=True, eq=False)
class _Case:
    """A prepared case with what its figures share."""

    prepared: PreparedCase
    live: LivePlacements


class Measuring:
    """A stored plan's anatomy, ready to measure needles in it."""

    def __init__(self, stored: StoredPlan, devices: tuple[Device, ...]) -> None:
        self._plan = self._last = stored.plan
        self._devices = devices
        prepared = prepare_stored(stored)
        self._case = _Case(prepared, LivePlacements(prepared))

    @property
    def prepared(self) -> PreparedCase:
        """The case as it is measured, with the margin of the last proposal."""
        return self._case.prepared

    @property
    def surface_ras_mm(self) -> NDArray[np.float64]:
        """Points (S, 3) of the lesion's surface where margins are given; the same for every margin asked for."""
        return self._case.prepared.target.surface_ras_mm

    def quickly(self, proposal: Proposal) -> Measured:
        """Clearances, coverage and margins, equal to those of `completely`; warnings are still those of before."""
        case = self._with_margin(proposal.margin_mm)
        figures = case.live.figures(proposal.placements)
        coverage = case.live.coverage(proposal.placements, figures)
        nominal = figures.nominal
        plan = replace(
            self._last,
            probes=figures.probes,
            coverage=coverage,
            zone=replace(self._last.zone, volume_ml=nominal.zone_ml),
        )
        return _measured(proposal, plan, nominal.surface_margins_mm, nominal.covered, case)

    def completely(self, proposal: Proposal) -> Measured:
        """Every figure and every warning."""
        case = self._with_margin(proposal.margin_mm)
        result = self._result(proposal, case)
        self._last = result.plan
        covered = covered_in(case.prepared.target, [p.zone for p in proposal.placements])
        return _measured(proposal, result.plan, result.surface_margins_mm, covered, case)

    def result(self, proposal: Proposal) -> PlanningResult:
        """A proposal as the complete result that scenes and reports are made of."""
        return self._result(proposal, self._with_margin(proposal.margin_mm))

    def _result(self, proposal: Proposal, case: _Case) -> PlanningResult:
        return evaluate_placements(self._plan, case.prepared, proposal.placements, self._devices, case.live)

    def _with_margin(self, margin_mm: float) -> _Case:
        """The case with a margin; whoever works with it keeps it, whatever margin another thread asks for."""
        case = self._case
        if margin_mm != case.prepared.margin_mm:
            prepared = with_margin(case.prepared, margin_mm)
            case = self._case = _Case(prepared, LivePlacements(prepared))
        return case


def _measured(
    proposal: Proposal,
    plan: Plan,
    surface_margins_mm: NDArray[np.float64],
    covered: NDArray[np.bool_],
    case: _Case,
) -> Measured:
    target = case.prepared.target
    return Measured(proposal, plan, surface_margins_mm, _remainder(target, covered), target.grid)


def with_margin(prepared: PreparedCase, margin_mm: float) -> PreparedCase:
    """The same case with another margin around the lesion."""
    choices = replace(prepared.case.choices, margin_mm=margin_mm)
    target = build_target(prepared.anatomy.lesion, prepared.anatomy.ct.grid, margin_mm)
    return replace(prepared, case=replace(prepared.case, choices=choices), margin_mm=margin_mm, target=target)


def _remainder(target: Target, covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is not covered, on the target's own grid."""
    left = target.points_ras_mm[~covered]
    mask = np.zeros(target.grid.shape, dtype=np.bool_)
    mask[tuple(np.rint(target.grid.ijk_from_ras(left)[:, ::-1]).astype(np.intp).T)] = True
    return mask
