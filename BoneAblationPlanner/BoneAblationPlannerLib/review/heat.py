"""What the page says and shows of heat or ice: figures against the chart, thermocouples as lines, one moment."""

from typing import Any

from BoneAblationPlannerLib.plan import Plan, Simulation, Thermocouple
from BoneAblationPlannerLib.report.words import percent_word
from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.scene.build import PlanNodes
from BoneAblationPlannerLib.scene.temperature import COURSE, COURSE_NOW, frame_times_s
from BoneAblationPlannerLib.zones.heat.planned import LARGEST_DOSE_MIN

WIDE, HIGH = 400, 160
"""Of the drawing of the curves, in its own units."""
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#aaaaaa")


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
                "lesion": percent_word(t.lesion_fraction),
                "broken": ", ".join(t.broken),
            }
            for t in (simulation.search.tried if simulation.search else ())
        ],
        "inserted": [f"{i.name}: {i.tissue}, {i.volume_ml:.1f} ml" for i in simulation.inserted],
        "curves": curves(simulation.thermocouples),
    }


def dose_word(cem43_min: float) -> str:
    """A thermal dose as it is read; one that is dead many times over is cut off."""
    if cem43_min >= LARGEST_DOSE_MIN:
        return "over 10⁶"
    return f"{cem43_min:.1f}" if cem43_min < 100 else f"{cem43_min:.0f}"


def _needles(plan: Plan) -> list[tuple[Any, ...]]:
    return [(p.device, p.program, p.entry_ras_mm, p.tip_ras_mm) for p in plan.probes]


def curves(wires: tuple[Thermocouple, ...]) -> dict[str, Any]:
    """Polylines in a drawing of `WIDE` by `HIGH`, and what its edges mean; empty without thermocouples."""
    if not wires:
        return {}
    last = max(max(w.times_s) for w in wires) or 1.0
    low, high = min(w.lowest_celsius for w in wires) - 1, max(w.highest_celsius for w in wires) + 1
    lines = []
    for n, w in enumerate(wires):
        points = " ".join(
            f"{t / last * WIDE:.1f},{HIGH - (c - low) / (high - low) * HIGH:.1f}"
            for t, c in zip(w.times_s, w.celsius, strict=True)
        )
        text = f"{w.name}: {w.lowest_celsius:.0f} to {w.highest_celsius:.0f} °C"
        if w.cem43_min:
            text += f", {dose_word(w.cem43_min[-1])} CEM43 min"
        lines.append({"points": points, "colour": _COLOURS[n % len(_COLOURS)], "text": text})
    return {"lines": lines, "last": f"{last / 60:.0f} min", "low": f"{low:.0f} °C", "high": f"{high:.0f} °C"}


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
        found.append(("Lesion covered at its low end", percent_word(simulation.smallest_lesion_fraction)))
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
