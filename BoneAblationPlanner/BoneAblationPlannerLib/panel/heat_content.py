"""What the panel says about a simulation, as rows of text."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import Table, plain
from BoneAblationPlannerLib.plan import Extremes, Plan, SimulatedPlacement, Simulation, StructureEffect
from BoneAblationPlannerLib.rounding import dose_word, percent_down


def simulation_line(plan: Plan, simulation: Simulation) -> str:
    """How the simulated zone differs from the chart's, and how sure it is."""
    line = _("Simulated zone {ml:.0f} ml, chart {chart:.0f} ml; the two agree with Dice {dice:.2f}.").format(
        ml=plan.zone.volume_ml, chart=simulation.chart_ml, dice=simulation.chart_dice
    )
    if simulation.smallest_ml is not None and simulation.largest_ml is not None:
        line += " " + _("Over the plausible range of tissues and device: {low:.0f} to {high:.0f} ml.").format(
            low=simulation.smallest_ml, high=simulation.largest_ml
        )
    if simulation.size is not None:
        line += " " + _("It reaches {across:.0%} of the chart across the needles, {along:.0%} along them.").format(
            across=simulation.size.across, along=simulation.size.along
        )
    if simulation.placement is not None:
        line += " " + placement_line(simulation.placement)
    search = simulation.search
    if search is not None and search.chosen is not None:
        line += " " + _("Shortest program that does: {program}.").format(program=search.chosen)
    elif search is not None:
        line += " " + _("No program of the device covers the lesion without breaking a limit.")
    return line


def placement_line(placement: SimulatedPlacement) -> str:
    """Whether needles were placed by the simulation, and what those of the chart would have covered."""
    chart = placement.rounds[0]
    if placement.taken == 0:
        return _("Placing the needles again for zones of that size did no better: they are those of the chart.")
    covered = "" if chart.lesion_fraction is None else percent_down(chart.lesion_fraction)
    return _("Needles placed by the simulation; by the chart, {count} would cover {covered} of the lesion.").format(
        count=chart.probes, covered=covered
    )


def effect_table(simulation: Simulation) -> Table:
    """Temperatures at structures; what is beyond its limit comes first, then what may be."""
    order = {False: 0, None: 2, True: 3}
    verdicts = {False: _("BEYOND THE LIMIT"), None: _("no known limit"), True: _("within the limit")}
    rows = [
        (
            plain(e.structure),
            _range(e),
            _range(e.at_worst) if e.at_worst is not None else "",
            _("may be beyond the limit") if e.may_break else verdicts[e.ok],
        )
        for e in sorted(simulation.effects, key=lambda e: 1 if e.may_break else order[e.ok])
    ]
    return Table((_("Structure"), _("Temperature"), _("At worst"), _("Result")), (), tuple(rows))


def _range(extremes: Extremes | StructureEffect) -> str:
    return _("{low:.0f} to {high:.0f} °C").format(low=extremes.coldest_celsius, high=extremes.hottest_celsius)


def thermocouple_table(simulation: Simulation) -> Table:
    """Extremes at the points that the user named, and the dose of heat."""
    rows = [
        (
            w.name,
            _("{low:.0f} to {high:.0f} °C").format(low=w.lowest_celsius, high=w.highest_celsius),
            _("{dose} min").format(dose=dose_word(w.cem43_min[-1])) if w.cem43_min else "",
        )
        for w in simulation.thermocouples
    ]
    return Table((_("Thermocouple"), _("Temperature"), _("Dose (CEM43)")), (), tuple(rows))
