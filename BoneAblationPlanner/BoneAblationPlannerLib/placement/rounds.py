"""Probes placed by the zone that is simulated: rounds of placing for zones as far as they reached, and simulating.

What is searched and simulated is handed in, so that this file holds the strategy alone: when placing again is worth
it, for how large zones, and which of the plans is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.placement.optimiser import ENOUGH_LESION, ENOUGH_ROBUST, ENOUGH_TARGET, WORTH_A_PROBE
from BoneAblationPlannerLib.plan import Coverage, SizeInPatient
from BoneAblationPlannerLib.progress import ReportProgress, part
from BoneAblationPlannerLib.zones.reach import BY_THE_CHART, Reach, ZoneScale

ROUNDS = 3
SMALLER = 0.94
"""What is taken off both axes where zones of the size that was seen still leave lesion."""
DIFFERS = 0.02
"""Factors nearer to each other than this count as the same."""


class ProbeSet(Protocol):
    """What is placed and simulated, whatever else it holds."""

    @property
    def probe_count(self) -> int:
        """How many probes."""


Placed = TypeVar("Placed", bound=ProbeSet)


@dataclass(frozen=True)
class Wanted:
    """Shares of lesion and of lesion + margin that the simulated zone is to cover, and of lesion if needles are off."""

    lesion_fraction: float
    target_fraction: float
    p05_lesion_fraction: float

    @classmethod
    def of_chart(cls, coverage: Coverage) -> "Wanted":
        """What counts as enough for the charts, or what they covered where that is less."""
        target = max(0.0, coverage.lesion_plus_margin_fraction - WORTH_A_PROBE)
        return cls(
            min(ENOUGH_LESION, coverage.lesion_fraction),
            min(ENOUGH_TARGET, target),
            min(ENOUGH_ROBUST, coverage.robust.p05_lesion_fraction),
        )


@dataclass(frozen=True)
class Seen:
    """What the simulated zone of a set of probes does.

    `size` is what zones have of the chart's, `outer` the same of what may injure. `harmed` counts structures whose
    limit of temperature or wanted distance is not kept.
    """

    probes: int
    lesion_fraction: float
    target_fraction: float
    harmed: int
    size: SizeInPatient
    outer: ZoneScale

    def lacks(self, wanted: Wanted) -> bool:
        """Whether lesion is left, or clearly more of the margin than by the charts."""
        return self.lesion_fraction < wanted.lesion_fraction or self.target_fraction < wanted.target_fraction

    def rank(self, wanted: Wanted) -> tuple[float, int, float]:
        """Less is better: lesion left (in per cent), structures harmed; then margin, lesion if needles are off, probes.

        One probe more is worth it for as large a share as in the search by the charts.
        """
        margin_left = max(0.0, wanted.target_fraction - self.target_fraction)
        left_if_off = max(0.0, wanted.p05_lesion_fraction - self.size.p05_lesion_fraction)
        return (
            round(max(0.0, wanted.lesion_fraction - self.lesion_fraction), 2),
            self.harmed,
            margin_left + left_if_off + WORTH_A_PROBE * self.probes,
        )


@dataclass(frozen=True, eq=False)
class Round(Generic[Placed]):
    """One set of probes: for which reach it was placed and what was seen; or why there is none."""

    reach: Reach
    placed: Placed | None = None
    seen: Seen | None = None
    reason: str = ""


def place_in_rounds(
    first: Placed,
    seen: Seen,
    wanted: Wanted,
    place: Callable[[Reach, ReportProgress], Placed],
    simulate: Callable[[Placed, ReportProgress], Seen],
    report: ReportProgress,
) -> tuple[tuple[Round[Placed], ...], int]:
    """Every round, that of the charts first, and which of them is to be taken.

    The one that is taken never leaves more lesion than the first. Where one covers what is wanted, the next looks for
    fewer probes, for zones as large as they were seen to be with the help of their neighbours.

    Raises
    ------
    Cancelled
        If `report` returned False.
    """
    rounds = [Round(BY_THE_CHART, first, seen)]
    reach = _next_reach(rounds, wanted)
    for n in range(ROUNDS):
        if reach is None:
            break
        span = part(report, n / ROUNDS, (n + 1) / ROUNDS)
        rounds.append(_round(rounds, reach, wanted, place, simulate, span))
        reach = _next_reach(rounds, wanted)
    return tuple(rounds), best_of(rounds, wanted)


def best_of(rounds: list[Round[Placed]], wanted: Wanted) -> int:
    """Place of the round to take: the best by rank that leaves no more lesion than the first; the first of equals."""
    first = rounds[0].seen
    assert first is not None  # the charts' plan is always simulated
    found = [
        (row.seen.rank(wanted), n)
        for n, row in enumerate(rounds)
        if row.seen is not None and row.seen.lesion_fraction >= first.lesion_fraction
    ]
    return min(found)[1]


def _round(
    rounds: list[Round[Placed]],
    reach: Reach,
    wanted: Wanted,
    place: Callable[[Reach, ReportProgress], Placed],
    simulate: Callable[[Placed, ReportProgress], Seen],
    report: ReportProgress,
) -> Round[Placed]:
    enough = [row.seen.probes for row in rounds if row.seen is not None and not row.seen.lacks(wanted)]
    try:
        placed = place(reach, part(report, 0.0, 0.2))
        if enough and placed.probe_count >= min(enough):
            return Round(reach, reason=f"{placed.probe_count} probes, no fewer than before: not simulated")
        return Round(reach, placed, simulate(placed, part(report, 0.2, 1.0)))
    except PlanningError as error:
        return Round(reach, reason=error.reason)
    except InputError as error:  # a thermocouple too far from where the probes are now
        return Round(reach, reason=str(error))


def _next_reach(rounds: list[Round[Placed]], wanted: Wanted) -> Reach | None:
    """For which zones to place next; None where nothing is left to try."""
    last, best = rounds[-1], rounds[best_of(rounds, wanted)].seen
    assert best is not None  # only simulated rounds are taken
    used, seen = last.reach.covers, last.seen
    if seen is not None and not seen.lacks(wanted):
        return None if len(rounds) == 1 else _as_far_as_seen(rounds, used, seen.size)
    if not best.lacks(wanted):
        return None  # fewer probes do not
    if seen is None:
        return _reach(rounds, _half_way(used))
    if len(rounds) > 1 and best.lesion_fraction >= wanted.lesion_fraction:
        return None  # margin alone: what another probe is worth has been decided
    return _not_failed(rounds, used, _smaller(used, seen.size))


def _not_failed(rounds: list[Round[Placed]], used: ZoneScale, wished: ZoneScale) -> Reach | None:
    """Half way to zones for which no set could be placed, in place of ones as small as those; None if that is near."""
    for row in rounds:
        failed = row.reach.covers
        if row.seen is None and wished.across <= failed.across and wished.along <= failed.along:
            wished = ZoneScale((used.across + failed.across) / 2, (used.along + failed.along) / 2)
    if max(used.across - wished.across, used.along - wished.along) <= DIFFERS:
        return None
    return _reach(rounds, wished)


def _as_far_as_seen(rounds: list[Round[Placed]], used: ZoneScale, seen: SizeInPatient) -> Reach | None:
    """Larger zones for fewer probes, where those that were placed reached further than they were placed for."""
    across, along = max(used.across, min(1.0, seen.across)), max(used.along, min(1.0, seen.along))
    if max(across - used.across, along - used.along) <= DIFFERS:
        return None
    return _reach(rounds, ZoneScale(across, along))


def _smaller(used: ZoneScale, seen: SizeInPatient) -> ZoneScale:
    """Zones as small as they were seen to be, smaller in any case than those that left lesion."""
    across, along = min(used.across, seen.across), min(used.along, seen.along)
    if used.across - across > DIFFERS or used.along - along > DIFFERS:
        return ZoneScale(across, along)
    return ZoneScale(SMALLER * across, SMALLER * along)


def _half_way(used: ZoneScale) -> ZoneScale:
    """Half way back to the chart: as good a plan as can be placed, where zones so small cannot cover."""
    return ZoneScale((1 + used.across) / 2, (1 + used.along) / 2)


def _reach(rounds: list[Round[Placed]], covers: ZoneScale) -> Reach:
    """Structures are kept away from as far as any simulated zone reached, and never nearer than the chart says."""
    seen = [row.seen.outer for row in rounds if row.seen is not None]
    return Reach(covers, ZoneScale(max(1.0, *(s.across for s in seen)), max(1.0, *(s.along for s in seen))))
