"""What is said of a plan whose zone was simulated."""

from collections.abc import Mapping

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.evaluation import coverage_warnings, probe_warnings
from BoneAblationPlannerLib.plan import Coverage, Extremes, PlacementRound, Plan, SimulatedPlacement, SizeInPatient
from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up
from BoneAblationPlannerLib.zones.heat.effects import Effect, Limit

STATED = (
    "zone simulated in this patient's tissues with properties from tables: their spread is large, and figures under "
    "placement error are still the chart's"
)
LARGEST_STATED = (
    "clearances of the simulated zone are to the largest that is plausible (strong device, weak perfusion), coverage "
    "and margins are those of the nominal one"
)
CHART_AGAIN = "heat or ice was simulated for this plan; these figures are the charts': simulate again"
"""Said of a plan that was simulated and then measured by the charts."""

LARGER_FROM = 1.1
"""Ratio of volumes from which a simulated zone counts as larger than the chart's."""


def simulation_warnings(
    chart: Plan,
    new: Plan,
    effects: tuple[Effect, ...],
    bands: tuple[Effect, ...],
    worst: Mapping[tuple[str, str], Extremes],
) -> tuple[str, ...]:
    """Those of the charts' coverage and clearances give way to the simulation's; the rest stays, each once."""
    limits = access_limits(chart.parameters.get("limits") or {})

    def of_zones(plan: Plan) -> list[str]:
        return [
            *coverage_warnings(plan.coverage),
            *probe_warnings(plan.probes, limits, plan.position, plan.coverage.robust),
        ]

    cold = new.advice.modality == "cryo"
    outdated = {*of_zones(chart), CHART_AGAIN}
    kept = [w for w in chart.warnings if w not in outdated]
    said = (
        *of_zones(new),
        *kept,
        *_larger_than_chart(chart, new.zone.volume_ml),
        *_size_warnings(new, None if new.simulation is None else new.simulation.size),
        *_small_zone_warnings(new.coverage),
        *_effect_warnings(effects, "", cold),
        *_effect_warnings(bands, "somewhere in its band the ", cold),
        *_plausible_warnings(effects, worst, cold),
        *([LARGEST_STATED] if new.simulation is not None and new.simulation.distances_to == "largest" else []),
        STATED,
    )
    return tuple(dict.fromkeys(said))


def placement_warning(placement: SimulatedPlacement) -> str:
    """That probes were placed by the simulation, and what the chart's would have covered; or that it did not help."""
    chart, taken = placement.rounds[0], placement.rounds[placement.taken]
    assert chart.size is not None  # the charts' plan is always simulated
    here = _of_the_chart(chart.size)
    if placement.taken == 0:
        tried = "; ".join(f"round {n}: {_tried(row)}" for n, row in enumerate(placement.rounds[1:], start=1))
        return (
            f"placed by the chart, {_covers(chart)} by the simulated zone, which is {here}; placing again for zones of "
            f"that size did no better ({tried})"
        )
    return (
        f"PLACED BY THE SIMULATED ZONE, in this patient {here}: {_covers(taken)}; placed by the chart, "
        f"{_covers(chart)} (round {placement.taken} of {len(placement.rounds) - 1})"
    )


def _of_the_chart(size: SizeInPatient) -> str:
    return f"{size.across:.0%} of the chart's across the needle and {size.along:.0%} along it"


def _size_warnings(plan: Plan, size: SizeInPatient | None) -> list[str]:
    """What a needle off its way may leave where zones are smaller than the charts'."""
    robust = plan.coverage.robust
    if size is None or size.p05_lesion_fraction >= robust.p05_lesion_fraction:
        return []
    left = percent_up(1 - size.p05_lesion_fraction)
    return [
        f"with zones of the simulated size, {_of_the_chart(size)}, a needle {robust.lateral_error_mm:g} mm off may "
        f"leave {left} of the lesion (5th percentile)"
    ]


def _tried(row: PlacementRound) -> str:
    return row.reason or f"{_covers(row)}, {row.harmed} structures beyond their limit or distance"


def _covers(row: PlacementRound) -> str:
    assert row.lesion_fraction is not None  # only what was simulated is said
    assert row.lesion_plus_margin_fraction is not None
    probes = f"{row.probes} probe{'s' * (row.probes != 1)} cover{'s' * (row.probes == 1)}"
    return (
        f"{probes} {percent_down(row.lesion_fraction)} of the lesion and "
        f"{percent_down(row.lesion_plus_margin_fraction)} of lesion + margin"
    )


def _larger_than_chart(plan: Plan, simulated_ml: float) -> list[str]:
    """Bone is not known to give larger zones than the chart's medium: what only the simulation covers is not safe."""
    chart = plan.coverage
    if simulated_ml <= LARGER_FROM * plan.zone.volume_ml:
        return []
    return [
        f"THE SIMULATED ZONE IS LARGER THAN THE CHART ({simulated_ml:.0f} against {plan.zone.volume_ml:.0f} ml): do "
        f"not rely on the extra reach; by the chart {percent_down(chart.lesion_fraction)} of the lesion and "
        f"{percent_down(chart.lesion_plus_margin_fraction)} of lesion + margin are covered, smallest margin "
        f"{mm_down(chart.minimum_margin_mm)}"
    ]


def _small_zone_warnings(coverage: Coverage) -> list[str]:
    share = coverage.small_zone_lesion_fraction
    if share is None or share >= 1:
        return []
    return [f"with strong perfusion and weak conduction the simulated zone covers {percent_down(share)} of the lesion"]


def _effect_warnings(effects: tuple[Effect, ...], where: str, cold: bool) -> list[str]:
    broken = [e for e in effects if e.extremes.ok is False and e.limit is not None]
    return [f"SIMULATED: {where}{e.structure} {_broken(e.extremes, e.limit, cold)}" for e in broken]


def _plausible_warnings(
    effects: tuple[Effect, ...], worst: Mapping[tuple[str, str], Extremes], cold: bool
) -> list[str]:
    """Limits that hold as simulated, but not over the whole plausible range."""
    said = []
    for effect in effects:
        extremes = worst.get((effect.structure, effect.kind))
        if effect.extremes.ok and effect.limit is not None and extremes is not None and extremes.ok is False:
            how = _broken(extremes, effect.limit, cold)
            said.append(f"SIMULATED, AT THE END OF WHAT IS PLAUSIBLE: {effect.structure} {how}")
    return said


def _broken(extremes: Extremes, limit: Limit | None, cold: bool) -> str:
    assert limit is not None  # only broken limits are told
    extreme, bound = (
        (extremes.coldest_celsius, limit.coldest_celsius) if cold else (extremes.hottest_celsius, limit.hottest_celsius)
    )
    if (extreme < bound) if cold else (extreme > bound):
        return f"reaches {extreme:.0f} degrees (limit {bound:g})"
    return f"takes a dose of {extremes.cem43_min:.0f} CEM43 min (limit {limit.largest_cem43_min:g})"
