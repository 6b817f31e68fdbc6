"""A plan in a few lines on the terminal."""

from BoneAblationPlannerLib.advice.order import pull_backs
from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.command_line.terminal import RESEARCH_USE
from BoneAblationPlannerLib.plan import Cement, Plan
from BoneAblationPlannerLib.rounding import percent_down


def summarise(result: PlanningResult) -> None:
    plan = result.plan
    kind = plan.lesion.kind or "kind not known"
    a, b, c = plan.lesion.diameters_mm
    print(f"lesion: {kind}, {plan.lesion.volume_ml:.1f} ml, {a:.0f} x {b:.0f} x {c:.0f} mm")
    print(f"modality: {plan.advice.modality} (chosen by {plan.advice.chosen_by}); position: {plan.position}")
    for p in plan.probes:
        print(
            f"{p.name}: {p.device}, {p.program}; {p.depth_mm:.0f} mm deep, axial {p.axial_angle_deg:.0f}, "
            f"craniocaudal {p.craniocaudal_angle_deg:.0f} degrees"
        )
    covered = plan.coverage
    print(
        f"coverage: lesion {percent_down(covered.lesion_fraction)}, "
        f"lesion + {covered.margin_mm:g} mm {percent_down(covered.lesion_plus_margin_fraction)}, "
        f"smallest margin {covered.minimum_margin_mm:.1f} mm; "
        f"under placement error {percent_down(covered.robust.p05_lesion_fraction)} (5th percentile)"
    )
    for line in _stabilisation(plan):
        print(line)
    print(f"not checked: {', '.join(plan.structures.not_checked) or 'nothing'}")
    for warning in dict.fromkeys((*plan.advice.warnings, *plan.warnings)):
        print(f"warning: {warning}")
    print(RESEARCH_USE)


def _stabilisation(plan: Plan) -> list[str]:
    """Cement, screws and stability in a line each, as far as the plan has them."""
    lines = []
    if plan.cement is not None:
        advised = "" if plan.cement.stop_ml is None else f", stop at {plan.cement.stop_ml:.1f} ml"
        lines.append(f"cement: {plan.cement.fill_ml:.1f} ml wanted{advised}")
        lines += _cement_site(plan.cement)
    for s in plan.screws:
        lines.append(
            f"{s.name}: {s.corridor}, {s.diameter_mm:g} x {s.length_mm:.0f} mm, "
            f"{s.cortical_clearance_mm:.1f} mm of bone around it"
        )
    mirels, rigidity, acetabulum = plan.stability.mirels, plan.stability.rigidity, plan.stability.acetabulum
    if mirels.lowest is not None and mirels.highest is not None:
        total = str(mirels.lowest) if mirels.lowest == mirels.highest else f"{mirels.lowest} to {mirels.highest}"
        lines.append(f"Mirels score: {total}, risk {mirels.risk}")
    if acetabulum is not None:
        lines.append(f"acetabulum: Harrington {acetabulum.harrington}, Levy {acetabulum.levy} (proposed)")
    if rigidity is not None:
        after = rigidity.reduction_after_fraction
        treated = "" if after is None else f", {round(-after, 2) + 0.0:+.0%} after treatment"
        lines.append(f"rigidity at the weakest section: {-rigidity.reduction_fraction:+.0%} by the lesion{treated}")
    return lines + [f"caution: {caution.rule}" for caution in plan.stability.cautions]


def _cement_site(cement: Cement) -> list[str]:
    """Where cement goes and what is usual there; where its needles are pulled back."""
    site, lines = cement.site, []
    if site is not None:
        usual = "" if site.usual_ml is None else f", usually {site.usual_ml[0]:g} to {site.usual_ml[1]:g} ml"
        lines.append(f"cement site: {site.name}{usual}: {site.compared}")
        lines.append(f"usual approach: {site.approach}")
    return lines + [f"cement needles: {step}" for step in pull_backs(cement)]
