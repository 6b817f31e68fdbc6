"""A chosen set of probes, what it was chosen from, and its placements and record as a plan takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from BoneAblationPlannerLib.case import FixedProbe
from BoneAblationPlannerLib.placement.candidates import Candidate, cranial_first
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_LESION, Selection
from BoneAblationPlannerLib.placement.probe_figures import Placement, rounded_point
from BoneAblationPlannerLib.placement.problem import Problem
from BoneAblationPlannerLib.placement.tiers import TIERS, ExactClearance, Tier
from BoneAblationPlannerLib.plan import Optimiser
from BoneAblationPlannerLib.zones.reach import BY_THE_CHART, Reach
from BoneAblationPlannerLib.zones.spheroid import Spheroid


@dataclass(frozen=True, eq=False)
class ChosenProbes:
    """The probes of one modality and what had to be given up for them; `problem` is what they were chosen from.

    `reach` says for which zones: the chart's, or those that are expected in this patient.
    """

    selection: Selection
    candidates: list[Candidate]
    problem: Problem
    tier: Tier
    exact: ExactClearance
    fixed: tuple[FixedProbe, ...] = ()
    reach: Reach = BY_THE_CHART

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


def fixed_placement(probe: FixedProbe) -> Placement:
    """A fixed probe as the figures take it."""
    entry, tip = (rounded_point(np.asarray(point)) for point in (probe.entry_ras_mm, probe.tip_ras_mm))
    return Placement(probe.name, probe.device, probe.program, entry, tip)


def fixed_zones(fixed: Sequence[FixedProbe], reach: Reach) -> tuple[Spheroid, ...]:
    """What fixed probes cover."""
    return tuple(reach.covers.of(fixed_placement(p).zone) for p in fixed)


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


def optimiser_record(chosen: ChosenProbes) -> Optimiser:
    """How good the set is by its own measure, and for which zones."""
    selection, covers = chosen.selection, chosen.reach.covers
    gap = max(0.0, (selection.bound - selection.value) / selection.bound)
    text = (
        "5 x lesion + margin voxels covered, less healthy tissue, effort and wanted distances given up, "
        "as a share of the whole target; bound: Lagrangian relaxation, no set of as many candidates is worth more"
    )
    if chosen.reach != BY_THE_CHART:
        text += (
            f"; placed for zones as they were simulated in this patient: {covers.across:.0%} of the chart's across the "
            f"needle, {covers.along:.0%} along it"
        )
    return Optimiser(selection.value, selection.bound, gap, selection.evaluations, text)
