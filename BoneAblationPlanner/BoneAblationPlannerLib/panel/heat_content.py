"""What the panel says about a simulation, as rows of text."""

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import Table, plain
from BoneAblationPlannerLib.plan import Extremes, Plan, Simulation, StructureEffect


def simulation_line(plan: Plan, simulation: Simulation) -> str:
    """How the simulated zone differs from the chart's, and how sure it is."""
    line = _("Simulated zone {ml:.0f} ml, chart {chart:.0f} ml; the two agree with Dice {dice:.2f}.").format(
        ml=plan.zone.volume_ml, chart=simulation.chart_ml, dice=simulation.chart_dice
    )
    if simulation.smallest_ml is not None and simulation.largest_ml is not None:
        line += " " + _("Over the plausible range of tissues and device: {low:.0f} to {high:.0f} ml.").format(
            low=simulation.smallest_ml, high=simulation.largest_ml
        )
    search = simulation.search
    if search is not None and search.chosen is not None:
        line += " " + _("Shortest program that does: {program}.").format(program=search.chosen)
    elif search is not None:
        line += " " + _("No program of the device covers the lesion without breaking a limit.")
    return line


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
            _("{dose:.1f} min").format(dose=w.cem43_min[-1]) if w.cem43_min else "",
        )
        for w in simulation.thermocouples
    ]
    return Table((_("Thermocouple"), _("Temperature"), _("Dose (CEM43)")), (), tuple(rows))
