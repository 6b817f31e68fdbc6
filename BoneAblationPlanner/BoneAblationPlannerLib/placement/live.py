"""The figures of placements while a person moves them: what does not depend on the needles is computed once.

The full evaluation goes through the same object, so that a dragged needle shows the figures that its plan would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.placement.coverage import Nominal, nominal_coverage, robust_figures
from BoneAblationPlannerLib.placement.defaults import placement_error
from BoneAblationPlannerLib.placement.probe_figures import Placement, measure_probe
from BoneAblationPlannerLib.plan import Coverage, Probe
from BoneAblationPlannerLib.preparation import PreparedCase


@dataclass(frozen=True, eq=False)
class LiveFigures:
    """Probes with their clearances, and coverage where the needles are; see `LivePlacements.coverage` for the rest."""

    probes: tuple[Probe, ...]
    nominal: Nominal


class LivePlacements:
    """Figures of placements in one prepared case.

    Parameters
    ----------
    prepared : PreparedCase
        Its structures' surfaces are found here, once.
    """

    def __init__(self, prepared: PreparedCase) -> None:
        self._prepared = prepared
        self._surfaces = [StructureSurface.of(structure) for structure in prepared.anatomy.structures]
        self._limits = access_limits(prepared.case.choices.limits)
        self._probes: dict[Placement, Probe] = {}

    def figures(self, placements: Sequence[Placement]) -> LiveFigures:
        """Everything that a drag changes; only probes that moved since the last call are measured anew."""
        self._probes = {p: self._probes.get(p) or self._measured(p) for p in placements}
        return LiveFigures(tuple(self._probes[p] for p in placements), self._nominal(placements))

    def coverage(self, placements: Sequence[Placement], figures: LiveFigures) -> Coverage:
        """Coverage under placement error too, for when the drag has ended."""
        zones = [p.zone for p in placements]
        error = placement_error(self._prepared.case.choices)
        return figures.nominal.with_robust(robust_figures(self._prepared.target, zones, error))

    def _nominal(self, placements: Sequence[Placement]) -> Nominal:
        uncertainty = [p.device.uncertainty_mm for p in placements]
        return nominal_coverage(
            self._prepared.target, [p.zone for p in placements], self._prepared.margin_mm, uncertainty
        )

    def _measured(self, placement: Placement) -> Probe:
        p = self._prepared
        return measure_probe(placement, p.anatomy, self._surfaces, p.position, self._limits)
