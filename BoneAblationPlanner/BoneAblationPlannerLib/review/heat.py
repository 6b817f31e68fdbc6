"""What the page says and shows of heat or ice: figures against the chart, thermocouples as lines, one moment."""

from typing import Any

from BoneAblationPlannerLib.plan import Plan, Simulation, Thermocouple
from BoneAblationPlannerLib.report.simulation import placement_words, round_rows
from BoneAblationPlannerLib.review.curves import Curve, drawing
from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.rounding import dose_word, percent_down
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.temperature import COURSE, COURSE_NOW, frame_times_s


def heat_rows(now: Plan, stored: Plan) -> dict[str, Any]:
    """The simulation of the plan that is shown; that of the stored plan, marked so, where needles were changed."""
    plan = now if now.simulation is not None else stored
    simulation = plan.simulation
    if simulation is None:
        return {}
    return {
        "cold": plan.zone.model == "ice",
        "outdated": now.simulation is None and _needles(now) != _needles(stored),
        "figures": [{"what": what, "value": value} for what, value in _figures(plan, simulation)],
        "effects": [
            {
                "structure": e.structure,
                "temperature": f"{e.coldest_celsius:.0f} to {e.hottest_celsius:.0f}",
                "at_worst": (
                    f"{e.at_worst.coldest_celsius:.0f} to {e.at_worst.hottest_celsius:.0f}" if e.at_worst else ""
                ),
                "dose": "" if e.cem43_min is None else dose_word(e.cem43_min),
                "light": "amber" if e.may_break else {False: "red", None: "amber", True: "green"}[e.ok],
                "verdict": (
                    "may be beyond its limit"
                    if e.may_break
                    else {False: "beyond its limit", None: "no known limit", True: "within its limit"}[e.ok]
                ),
            }
            for e in sorted(simulation.effects, key=lambda e: (False, None, True).index(e.ok))
        ],
        "tried": [
            {
                "program": t.program,
                "minutes": f"{t.minutes:.1f}",
                "lesion": percent_down(t.lesion_fraction),
                "broken": ", ".join(t.broken),
            }
            for t in (simulation.search.tried if simulation.search else ())
        ],
        "placed": [] if simulation.placement is None else [list(row) for row in round_rows(simulation.placement)],
        "placed_words": "" if simulation.placement is None else placement_words(simulation.placement),
        "inserted": [f"{i.name}: {i.tissue}, {i.volume_ml:.1f} ml" for i in simulation.inserted],
        "curves": curves(simulation.thermocouples),
    }


def _needles(plan: Plan) -> list[tuple[Any, ...]]:
    return [(p.device, p.program, p.entry_ras_mm, p.tip_ras_mm) for p in plan.probes]


def curves(wires: tuple[Thermocouple, ...]) -> dict[str, Any]:
    """Temperature over time at the thermocouples; empty without any."""
    if not wires:
        return {}
    low, high = min(w.lowest_celsius for w in wires) - 1, max(w.highest_celsius for w in wires) + 1
    last_s = max(max(w.times_s) for w in wires)
    lines = [Curve(w.times_s, w.celsius, _wire_words(w)) for w in wires]
    return drawing(lines, low, high, "°C", f"{last_s / 60:.0f} min")


def _wire_words(wire: Thermocouple) -> str:
    text = f"{wire.name}: {wire.lowest_celsius:.0f} to {wire.highest_celsius:.0f} °C"
    return f"{text}, {dose_word(wire.cem43_min[-1])} CEM43 min" if wire.cem43_min else text


def _figures(plan: Plan, simulation: Simulation) -> list[tuple[str, str]]:
    found = [
        ("Simulated zone", f"{plan.zone.volume_ml:.1f} ml"),
        ("Chart", f"{simulation.chart_ml:.1f} ml"),
        ("Agreement (Dice)", f"{simulation.chart_dice:.2f}"),
        ("Surfaces apart, mean", f"{simulation.chart_mean_surface_mm:.1f} mm"),
        ("Surfaces apart, at most", f"{simulation.chart_largest_surface_mm:.1f} mm"),
    ]
    if simulation.smallest_ml is not None and simulation.largest_ml is not None:
        found.append(("Plausible range", f"{simulation.smallest_ml:.1f} to {simulation.largest_ml:.1f} ml"))
    found.append(("Structures are measured to", f"the {simulation.distances_to} zone"))
    if simulation.smallest_lesion_fraction is not None:
        found.append(("Lesion covered at its low end", percent_down(simulation.smallest_lesion_fraction)))
    if simulation.search is not None:
        found.append(("Shortest program that does", simulation.search.chosen or "none of the device"))
    if simulation.in_turn:
        found.append(("Needles", "one after the other"))
    return found


class TimeSlider:
    """The stored moments of a treatment as a layer over the CT."""

    def __init__(self, nodes: PlanNodes, windows: Windows) -> None:
        by_role = {node.GetAttribute("BonePlan.Role"): node for node in nodes.temperature}
        self._course, self._shown = by_role.get(COURSE), by_role.get(COURSE_NOW)
        self._windows = windows

    @property
    def times_s(self) -> list[float]:
        """When the moments are; empty where the scene holds no simulation."""
        return [] if self._course is None or self._shown is None else frame_times_s(self._course)

    @property
    def scale_celsius(self) -> list[int]:
        """Temperatures of the first and the last colour; empty where the scene holds no simulation."""
        if not self.times_s:
            return []
        display = self._shown.GetDisplayNode()  # type: ignore[union-attr]
        middle, half = display.GetLevel(), display.GetWindow() / 2
        return [round(middle - half), round(middle + half)]

    def show(self, number: int) -> bool:
        """Lay a moment's temperatures over the CT; a number that no moment has takes the layer away."""
        if not 0 <= number < len(self.times_s):
            self._windows.overlay(None)
            return False
        self._shown.SetAndObserveImageData(self._course.GetNthDataNode(number).GetImageData())  # type: ignore[union-attr]
        self._windows.overlay(self._shown)
        return True
