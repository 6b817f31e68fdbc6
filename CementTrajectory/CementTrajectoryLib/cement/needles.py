"""Which cement needles along which tracks: one where it reaches the filling, two or three where it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from BoneAblationPlannerLib.case import Anatomy, PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import CementNeedle, Plan, Point, Probe
from CementTrajectoryLib.cement.access import NeedleAccess
from CementTrajectoryLib.cement.cautions import advised_stop_ml
from CementTrajectoryLib.cement.defaults import DEFAULTS, GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.defects import Defect
from CementTrajectoryLib.cement.filling import Fill, Viscosity, simulate_fill

MOST_NEEDLES = 3
TIP_SPACING_MM = 4.0
TIPS_OF_A_FURTHER_NEEDLE = 6
FULL_ML = 0.05
Places = tuple[Point, ...]
"""Where one needle injects, deepest first."""


@dataclass(frozen=True)
class Track:
    """A straight way that was checked for a probe; `shares` names the probe that goes along it in this plan."""

    entry_ras_mm: Point
    tip_ras_mm: Point
    first_ras_mm: Point | None
    shares: str | None


@dataclass(frozen=True)
class PullBack:
    """How needles are pulled back while cement goes in: so often, so far each time."""

    times: int
    step_mm: float


@dataclass(frozen=True, eq=False)
class ChosenNeedles:
    """Needles in the order of filling, and the fill of the wanted volume through all of them."""

    needles: tuple[CementNeedle, ...]
    fill: Fill
    stop_ml: float
    pull_back_after_ml: tuple[float, ...] = ()


def central_probe(plan: Plan) -> Probe:
    """The probe whose zone lies nearest to the lesion's centre."""
    centroid = plan.lesion.centroid_ras_mm

    def off_centre(probe: Probe) -> float:
        return sum((a - b) ** 2 for a, b in zip(probe.zone_centre_ras_mm, centroid, strict=True))

    return min(plan.probes, key=off_centre)


def tracks(plan: Plan) -> list[Track]:
    """The central probe's track, those of the other probes, then those of alternatives that keep every distance."""
    central = central_probe(plan)
    probes = [central, *(p for p in plan.probes if p is not central)]
    own = [Track(p.entry_ras_mm, p.tip_ras_mm, p.zone_centre_ras_mm, p.name) for p in probes]
    others = [p for a in plan.alternatives if a.clearances_ok for p in a.probes]
    return own + [Track(p.entry_ras_mm, p.tip_ras_mm, None, None) for p in others]


def choose_needles(
    result: PlanningResult,
    gauge: int,
    fill_ml: float,
    defects: Sequence[Defect],
    viscosity: Viscosity,
    count: int | None = None,
    pull_back: PullBack | None = None,
    most: int = MOST_NEEDLES,
) -> ChosenNeedles:
    """Needles through which most cement goes in before it leaks.

    The first goes along the central probe's track. Another is added where it raises the advised volume by a tenth of
    what is wanted and half a millilitre, up to `most`; with `count`, as many as that, as far as there are tracks. All
    are pulled back alike (by default not at all), each as long as its tip stays in the lesion. A track that no probe
    takes is used only where a needle of this gauge keeps every required distance; on a probe's track it is warned of.

    Raises
    ------
    InputError
        If the probes' tracks hold no place for a tip.
    """
    pull_back = pull_back or PullBack(0, 0.0)
    access = NeedleAccess(result.anatomy, gauge)
    available = [t for t in tracks(result.plan) if t.shares or access.is_free(t.entry_ras_mm, t.tip_ras_mm)]
    chosen: list[tuple[Track, Places]] = []
    best: tuple[Fill, float] | None = None
    while len(chosen) < (count or most) and available:
        if count is None and best is not None and best[1] >= fill_ml - FULL_ML:
            break
        places = [
            (track, places)
            for track in (available if chosen else available[:1])
            for places in _places(result, track, pull_back)[: TIPS_OF_A_FURTHER_NEEDLE if chosen else None]
        ]
        found = _next_needle(result.anatomy, places, [p for _, p in chosen], fill_ml, defects, viscosity)
        if found is None:
            break
        track, injects_at, fill, stop_ml = found
        worth_ml = max(DEFAULTS["further_needle_share"] * fill_ml, DEFAULTS["further_needle_ml"])
        if count is None and best is not None and stop_ml < best[1] + worth_ml:
            break
        chosen.append((track, injects_at))
        available.remove(track)
        best = fill, stop_ml
    if best is None:
        raise InputError("cement: the probes' tracks hold no place for a tip; expected a planned ablation")
    fill, stop_ml = best
    shares = fill.shares_ml([places for _track, places in chosen], stop_ml)
    order = sorted(range(len(chosen)), key=lambda n: -_away_from_leaks(fill, defects, chosen[n][1]))
    needles = tuple(
        CementNeedle(
            f"Cement needle {number}",
            gauge,
            chosen[n][0].entry_ras_mm,
            chosen[n][1][0],
            chosen[n][0].shares,
            GAUGE_DIAMETER_MM[gauge],
            round(shares[n], 2),
            chosen[n][1],
        )
        for number, n in enumerate(order, start=1)
    )
    stages = max(len(places) for _track, places in chosen)
    pulls = tuple(round(fill_ml * n / stages, 2) for n in range(1, stages))
    return ChosenNeedles(access.measured(needles), fill, stop_ml, pulls)


def _next_needle(
    anatomy: Anatomy,
    available: Sequence[tuple[Track, Places]],
    before: Sequence[Places],
    fill_ml: float,
    defects: Sequence[Defect],
    viscosity: Viscosity,
) -> tuple[Track, Places, Fill, float] | None:
    """The needle with the largest advised volume, together with those before it.

    A place counts as better than one tried before it, the planned one first, if it adds `other_place_share` of the
    volume.
    """
    best: tuple[Track, Places, Fill, float] | None = None
    better_ml = DEFAULTS["other_place_share"] * fill_ml
    for track, places in available:
        # The needle that has no way left to be pulled back stays where it is.
        needles = [*before, places]
        stages = [[p[min(n, len(p) - 1)] for p in needles] for n in range(max(map(len, needles)))]
        fill = simulate_fill(anatomy, stages[0], fill_ml, defects, viscosity, stages[1:])
        stop_ml = advised_stop_ml(fill, fill_ml)
        if best is None or stop_ml > best[3] + better_ml:
            best = track, places, fill, stop_ml
        if stop_ml >= fill_ml - FULL_ML:
            return track, places, fill, stop_ml
    return best


def _places(result: PlanningResult, track: Track, pull_back: PullBack) -> list[Places]:
    """Where a needle on a track may inject, about each of its middles, deepest first; every choice once."""
    grid, lesion = result.anatomy.ct.grid, result.anatomy.lesion
    entry, end = np.array(track.entry_ras_mm), np.array(track.tip_ras_mm)
    length = float(np.linalg.norm(end - entry))
    inwards = (end - entry) / length
    offsets = (pull_back.times / 2 - np.arange(pull_back.times + 1)) * pull_back.step_mm
    choices: list[Places] = []
    middles = _middles(result, track)
    for middle in middles:
        # Deeper than the probe went, nothing was checked.
        along = (np.array(middle) - entry) @ inwards + offsets
        points = entry + np.minimum(along, length)[:, None] * inwards
        index = np.rint(grid.ijk_from_ras(points)[:, ::-1]).astype(int)
        seen = ((index >= 0) & (index < grid.shape)).all(axis=1)
        inside = points[seen][lesion[tuple(index[seen].T)]]
        places = tuple(dict.fromkeys(rounded_point(p) for p in inside)) if len(offsets) > 1 else ()
        choices.append(places or (middle,))
    # Last those that stay where they are: near a gap in the cortex pulling back may bring the leak sooner.
    return list(dict.fromkeys([*choices, *((middle,) for middle in middles)]))


def _middles(result: PlanningResult, track: Track) -> list[Point]:
    """The track's first place, then those inside the lesion, nearest to it (or to the lesion's centre) first."""
    grid, lesion = result.anatomy.ct.grid, result.anatomy.lesion
    entry, tip = np.array(track.entry_ras_mm), np.array(track.tip_ras_mm)
    count = int(np.linalg.norm(tip - entry) // TIP_SPACING_MM)
    places = np.linspace(entry, tip, max(count, 2))
    index = np.rint(grid.ijk_from_ras(places)[:, ::-1]).astype(int)
    seen = ((index >= 0) & (index < grid.shape)).all(axis=1)
    inside = places[seen][lesion[tuple(index[seen].T)]]
    centre = track.first_ras_mm or result.plan.lesion.centroid_ras_mm
    order = np.argsort(np.linalg.norm(inside - np.array(centre), axis=1), kind="stable")
    first = [] if track.first_ras_mm is None else [track.first_ras_mm]
    return first + [rounded_point(point) for point in inside[order]]


def _away_from_leaks(fill: Fill, defects: Sequence[Defect], places_ras_mm: Places) -> float:
    """Distance in mm from a needle to the nearest defect at which simulated cement leaves; infinite if it does not."""
    leaking = [d.centre_ras_mm for d, at in zip(defects, fill.leak_ml, strict=True) if at is not None]
    away = (float(np.linalg.norm(np.subtract(place, c))) for place in places_ras_mm for c in leaking)
    return min(away, default=float("inf"))
