"""Which cement needles along which tracks: one where it reaches the filling, two or three where it does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import CementNeedle, Plan, Point, Probe
from CementTrajectoryLib.cement.cautions import advised_stop_ml
from CementTrajectoryLib.cement.defaults import DEFAULTS, GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.defects import Defect
from CementTrajectoryLib.cement.filling import Fill, Viscosity, simulate_fill

MOST_NEEDLES = 3
TIP_SPACING_MM = 4.0
TIPS_OF_A_FURTHER_NEEDLE = 6
FULL_ML = 0.05


@dataclass(frozen=True)
class Track:
    """A straight way that was checked for a probe; `shares` names the probe that goes along it in this plan."""

    entry_ras_mm: Point
    tip_ras_mm: Point
    first_ras_mm: Point | None
    shares: str | None


@dataclass(frozen=True, eq=False)
class ChosenNeedles:
    """Needles in the order of filling, and the fill of the wanted volume through all of them."""

    needles: tuple[CementNeedle, ...]
    fill: Fill
    stop_ml: float


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
) -> ChosenNeedles:
    """Needles through which most cement goes in before it leaks.

    The first goes along the central probe's track. Another is added where it raises the advised volume by a tenth of
    what is wanted; with `count`, as many as that, as far as there are tracks.

    Raises
    ------
    InputError
        If the probes' tracks hold no place for a tip.
    """
    available = tracks(result.plan)
    chosen: list[tuple[Track, Point]] = []
    best: tuple[Fill, float] | None = None
    while len(chosen) < (count or MOST_NEEDLES) and available:
        if count is None and best is not None and best[1] >= fill_ml - FULL_ML:
            break
        found = _next_tip(result, available if chosen else available[:1], chosen, fill_ml, defects, viscosity)
        if found is None:
            break
        track, tip, fill, stop_ml = found
        if count is None and best is not None and stop_ml < best[1] + DEFAULTS["needle_gain"] * fill_ml:
            break
        chosen.append((track, tip))
        available.remove(track)
        best = fill, stop_ml
    if best is None:
        raise InputError("cement: the probes' tracks hold no place for a tip; expected a planned ablation")
    fill, stop_ml = best
    shares = fill.shares_ml([tip for _track, tip in chosen], stop_ml)
    order = sorted(range(len(chosen)), key=lambda n: -_away_from_leaks(fill, defects, chosen[n][1]))
    needles = tuple(
        CementNeedle(
            f"Cement needle {number}",
            gauge,
            chosen[n][0].entry_ras_mm,
            chosen[n][1],
            chosen[n][0].shares,
            GAUGE_DIAMETER_MM[gauge],
            round(shares[n], 2),
        )
        for number, n in enumerate(order, start=1)
    )
    return ChosenNeedles(needles, fill, stop_ml)


def _next_tip(
    result: PlanningResult,
    available: Sequence[Track],
    chosen: Sequence[tuple[Track, Point]],
    fill_ml: float,
    defects: Sequence[Defect],
    viscosity: Viscosity,
) -> tuple[Track, Point, Fill, float] | None:
    """The tip with the largest advised volume, together with the needles that are chosen.

    A track's first tip is kept unless another is better by `needle_gain` of the volume.
    """
    best: tuple[Track, Point, Fill, float] | None = None
    before = [tip for _track, tip in chosen]
    for track in available:
        tips = _tips(result, track)
        for tip in tips[:TIPS_OF_A_FURTHER_NEEDLE] if chosen else tips:
            fill = simulate_fill(result.anatomy, [*before, tip], fill_ml, defects, viscosity)
            stop_ml = advised_stop_ml(fill, fill_ml)
            if best is None or stop_ml > best[3] + DEFAULTS["needle_gain"] * fill_ml:
                best = track, tip, fill, stop_ml
            if stop_ml >= fill_ml - FULL_ML:
                return track, tip, fill, stop_ml
    return best


def _tips(result: PlanningResult, track: Track) -> list[Point]:
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


def _away_from_leaks(fill: Fill, defects: Sequence[Defect], tip_ras_mm: Point) -> float:
    """Distance in mm from a tip to the nearest defect at which simulated cement leaves; infinite if it does not."""
    leaking = [d.centre_ras_mm for d, at in zip(defects, fill.leak_ml, strict=True) if at is not None]
    return min((float(np.linalg.norm(np.subtract(tip_ras_mm, c))) for c in leaking), default=float("inf"))
