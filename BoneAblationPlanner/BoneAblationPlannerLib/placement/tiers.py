"""How strictly zones keep clear, and candidates that do, by sampling first and by exact measurement at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.candidates import Candidate, ZoneSlack
from BoneAblationPlannerLib.placement.clearance import StructureSurface, clearances
from BoneAblationPlannerLib.plan import Clearance

GIVEN_UP_COST = 0.002
"""Cost of a millimetre of wanted distance that a zone does not keep, as a share of the whole target's value."""


@dataclass(frozen=True)
class Tier:
    """`share` of the wanted distances is kept; with `may_touch` joints may be reached."""

    share: float
    may_touch: bool
    warning: str = ""

    def admits(self, slack: ZoneSlack) -> NDArray[np.bool_]:
        """Which zones keep what this tier asks for."""
        kept = (slack.kept if self.share == 1 else slack.untouched) >= 0
        return kept if self.may_touch else kept & (slack.touchable_kept >= 0)

    @staticmethod
    def given_up_mm(slack: ZoneSlack) -> NDArray[np.float64]:
        """Millimetres of the wanted distances that each zone does not keep."""
        return np.asarray(np.maximum(-slack.kept, 0) + np.maximum(-slack.touchable_kept, 0))

    def keeps(self, rows: Sequence[Clearance], touchable: set[str]) -> bool:
        """Whether measured clearances keep what this tier asks for; `touchable` names structures by their name."""

        def zone_limits(c: Clearance) -> bool:
            return c.required_zone_mm > 0 and not (self.may_touch and c.structure in touchable)

        return all(
            c.shaft_mm >= c.required_shaft_mm and (not zone_limits(c) or c.zone_mm >= self.share * c.required_zone_mm)
            for c in rows
        )


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


class ExactClearance:
    """Clearances of candidates by exact measurement, each measured once."""

    def __init__(self, surfaces: Sequence[StructureSurface], grid: Grid) -> None:
        self._surfaces, self._grid = surfaces, grid
        self._touchable = {s.structure.name for s in surfaces if s.structure.zone_may_touch}
        self._measured: dict[Candidate, tuple[Clearance, ...]] = {}

    def keeps(self, candidate: Candidate, tier: Tier) -> bool:
        """Whether shaft and zone keep what a tier asks for."""
        if candidate not in self._measured:
            self._measured[candidate] = clearances(
                self._surfaces,
                self._grid,
                candidate.entry_ras_mm,
                candidate.tip_ras_mm,
                candidate.device.diameter_mm / 2,
                candidate.outer_zone,
            )
        return tier.keeps(self._measured[candidate], self._touchable)
