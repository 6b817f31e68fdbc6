"""What the page says and shows of cement, screws and stability: volumes, leaks, density as lines, one volume."""

from collections.abc import Sequence
from typing import Any

from BoneAblationPlannerLib.advice.order import pull_backs, tenths_below, work_steps
from BoneAblationPlannerLib.plan import Cement, CementLeak, Plan, Screw
from BoneAblationPlannerLib.review.curves import Curve, drawing
from BoneAblationPlannerLib.review.windows import Windows
from BoneAblationPlannerLib.rounding import percent_down, percent_up
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.stabilisation import show_cement_at


def cement_rows(plan: Plan) -> dict[str, Any]:
    """Cement, screws and stability, as far as the plan has them."""
    cement = plan.cement
    return {
        "fill": "" if cement is None else _fill_words(cement),
        "needles": [
            f"{n.name}: {n.gauge} G"
            + (f", along {n.shares_track_with}" if n.shares_track_with else ", on a track of its own")
            + ("" if n.volume_ml is None else f", {tenths_below(n.volume_ml)} ml")
            for n in (cement.needles if cement else ())
        ],
        "leaks": [_leak_words(leak) for leak in (cement.leaks if cement else ())],
        "pulled_back": list(pull_backs(cement)) if cement else [],
        "steps": _cement_steps(cement) if cement else [],
        "cautions": [*(cement.cautions if cement else ()), *(c.rule for c in plan.stability.cautions)],
        "order": list(work_steps(plan)) if cement is not None or plan.screws else [],
        "screws": [
            {
                "name": s.name,
                "corridor": s.corridor,
                "size": f"{s.diameter_mm:.1f} x {s.length_mm:.0f} mm",
                "clearance": f"{s.cortical_clearance_mm:.1f} mm",
                "purchase": "" if s.purchase_beyond_lesion_mm is None else f"{s.purchase_beyond_lesion_mm:.0f} mm",
                "bone": ", ".join(f"{percent_down(share)} {kind}" for kind, share in s.hu_shares.items()),
                "joints": ", ".join(s.joints_met) or "none",
            }
            for s in plan.screws
        ],
        "density": density_curves(plan.screws),
        "stability": [{"what": w, "before": b, "after": a} for w, b, a in _stability_rows(plan)],
    }


def _fill_words(cement: Cement) -> str:
    words = f"{cement.fill_ml:.1f} ml, {percent_down(cement.fill_fraction)} of the lesion"
    if cement.stop_ml is not None:
        words += f"; stop at {tenths_below(cement.stop_ml)} ml"
    return words if cement.viscosity is None else f"{words}; simulated with {cement.viscosity} viscosity"


def _leak_words(leak: CementLeak) -> str:
    when = "no simulated cement leaves there" if leak.at_ml is None else f"from {leak.at_ml:.1f} ml"
    return f"Gap of {leak.defect_area_mm2:.0f} mm2 towards {leak.towards}, {leak.distance_mm:.0f} mm away: {when}"


def _cement_steps(cement: Cement) -> list[dict[str, str]]:
    """Where the cement is and what leaks, millilitre by millilitre."""
    rows = []
    for step in cement.steps:
        leaking = [x for x in cement.leaks if x.at_ml is not None and x.at_ml <= step.injected_ml]
        rows.append(
            {
                "injected": f"{step.injected_ml:.1f}",
                "lesion": f"{step.lesion_ml:.1f}",
                "bone": f"{step.bone_ml:.1f}",
                "outside": f"{step.outside_ml:.1f}",
                "leaks": ", ".join(x.towards for x in leaking) or "none",
                "advised": "" if cement.stop_ml is None or step.injected_ml <= cement.stop_ml + 0.05 else "beyond",
            }
        )
    return rows


def _stability_rows(plan: Plan) -> list[tuple[str, str, str]]:
    mirels, rigidity, acetabulum = plan.stability.mirels, plan.stability.rigidity, plan.stability.acetabulum
    rows = []
    if mirels.lowest is not None and mirels.highest is not None:
        total = str(mirels.lowest) if mirels.lowest == mirels.highest else f"{mirels.lowest} to {mirels.highest}"
        rows.append(("Mirels score", total, ""))
    if acetabulum is not None:
        rows.append(("Acetabulum", f"Harrington {acetabulum.harrington}, Levy {acetabulum.levy}", ""))
    if rigidity is not None:
        for key, word in (("EA", "axial"), ("EI_min", "bending"), ("GJ", "torsion")):
            before, after = getattr(rigidity.before, key), getattr(rigidity.after, key)
            rows.append((f"Rigidity, {word} ({key})", f"{before:.3g}", f"{after:.3g}"))
        after_loss = rigidity.reduction_after_fraction
        rows.append(
            (
                f"Largest loss against {rigidity.reference_kind or 'the reference'}",
                percent_up(rigidity.reduction_fraction),
                "" if after_loss is None else percent_up(max(after_loss, 0.0)),
            )
        )
        if rigidity.validated is False:
            rows.append(("Not validated: this bone is no beam", "", ""))
    return rows


def density_curves(screws: Sequence[Screw]) -> dict[str, Any]:
    """HU along the screws from head to tip; empty without any."""
    shown = [s for s in screws if len(s.hu_every_5_mm) > 1]
    if not shown:
        return {}
    low, high = (edge(0.0, *(hu for s in shown for hu in s.hu_every_5_mm)) for edge in (min, max))
    last_mm = max(s.hu_at_mm[-1] for s in shown)
    lines = [
        Curve(s.hu_at_mm, s.hu_every_5_mm, f"{s.name}: {min(s.hu_every_5_mm):.0f} to {max(s.hu_every_5_mm):.0f} HU")
        for s in shown
    ]
    return drawing(lines, low, max(high, low + 1.0), "HU", f"{last_mm:.0f} mm")


class CementSlider:
    """The cement in the views, as it is once a volume is in."""

    def __init__(self, nodes: PlanNodes, windows: Windows) -> None:
        self._nodes, self._windows = nodes.stabilisation, windows

    def first(self, plan: Plan) -> int:
        """The step nearest to the advised volume, which the views show at first."""
        cement = plan.cement
        if cement is None or not cement.steps:
            return 0
        advised = cement.fill_ml if cement.stop_ml is None else cement.stop_ml
        return min(range(len(cement.steps)), key=lambda n: abs(cement.steps[n].injected_ml - advised))

    def show(self, plan: Plan, number: int) -> int:
        """Show the cement of a step of the plan's filling; the number of the step that is shown."""
        steps = plan.cement.steps if plan.cement else ()
        if not 0 <= number < len(steps):
            return self.first(plan)
        show_cement_at(self._nodes, steps[number].injected_ml)
        self._windows.render()
        return number
