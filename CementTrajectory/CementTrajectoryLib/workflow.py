"""Cement after ablation: the one workflow that the command line and the panel call."""

from dataclasses import dataclass, replace

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Cement, CementLeak, CementNeedle, Plan, Probe
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from CementTrajectoryLib.cement.defaults import DEFAULTS, GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.defects import Defect, find_defects


@dataclass(frozen=True)
class CementChoices:
    """What the user decided; None takes the default with its provenance."""

    gauge: int = 11
    filling_fraction: float | None = None


def plan_cement(
    result: PlanningResult, choices: CementChoices | None = None, report: ReportProgress = silent
) -> PlanningResult:
    """Add cement to a plan: one needle along the probe track that reaches the lesion's middle best.

    The volume is a share of the lesion; nothing is simulated. Leaks are named per cortical defect.

    Raises
    ------
    InputError
        For a gauge or filling fraction out of range, or a plan without probes.
    """
    choices = choices or CementChoices()
    fraction = DEFAULTS["filling_fraction"] if choices.filling_fraction is None else choices.filling_fraction
    if choices.gauge not in GAUGE_DIAMETER_MM:
        known = ", ".join(f"{gauge} G" for gauge in GAUGE_DIAMETER_MM)
        raise InputError(f"cement needle: {choices.gauge} G; expected one of {known}")
    if not 0 < fraction <= 1:
        raise InputError(f"cement filling: {fraction:g}; expected more than 0 and at most 1")
    if not result.plan.probes:
        raise InputError("cement: the plan has no probes; expected a planned ablation to share a track with")
    step(report, 0.1, "looking for cortical defects")
    defects = find_defects(result.anatomy, DEFAULTS["smallest_defect_mm2"])
    step(report, 0.8, "choosing the needle's track")
    plan = result.plan
    cement = Cement(
        needles=(_needle(plan, choices.gauge),),
        fill_ml=plan.lesion.volume_ml * fraction,
        fill_fraction=fraction,
        leaks=tuple(CementLeak(d.towards, d.distance_mm, round(d.area_mm2, 1)) for d in defects),
        cautions=tuple(_cautions(plan, defects, choices.gauge)),
        provenance=DEFAULTS.provenance(),
    )
    return replace(result, plan=replace(plan, cement=cement))


def _needle(plan: Plan, gauge: int) -> CementNeedle:
    """Along the track of the probe whose zone is centred nearest to the lesion's centroid, tip at that centre."""
    probe = _central_probe(plan)
    return CementNeedle("Cement needle 1", gauge, probe.entry_ras_mm, probe.zone_centre_ras_mm, probe.name)


def _central_probe(plan: Plan) -> Probe:
    centroid = plan.lesion.centroid_ras_mm

    def off_centre(probe: Probe) -> float:
        return sum((a - b) ** 2 for a, b in zip(probe.zone_centre_ras_mm, centroid, strict=True))

    return min(plan.probes, key=off_centre)


def _cautions(plan: Plan, defects: tuple[Defect, ...], gauge: int) -> list[str]:
    shared = _central_probe(plan)
    thicker = GAUGE_DIAMETER_MM[gauge] > shared.diameter_mm
    cautions = []
    if thicker:
        cautions.append(
            f"the needle ({GAUGE_DIAMETER_MM[gauge]:.1f} mm) is thicker than the probe whose track it takes: "
            "widen the track or use an access set; clearances were measured for the probe"
        )
    if plan.structures.not_checked:
        cautions.append(f"leaks towards {', '.join(plan.structures.not_checked)} cannot be told: not checked")
    total = sum(d.area_mm2 for d in defects)
    if defects:
        cautions.append(
            f"cement can leave the bone through {len(defects)} cortical defect(s), {total:.0f} mm2 in all, "
            f"the largest towards {defects[0].towards}: inject slowly under fluoroscopy and stop at the first leak"
        )
    if plan.lesion.diameters_mm[2] > DEFAULTS["exotherm_thickness_mm"]:
        cautions.append("a filling this thick heats the bone around it: keep away from joint and nerve")
    if plan.advice.modality == "cryo":
        cautions.append("after cryoablation wait for the full thaw before injecting, or stage the cement")
    if plan.lesion.bone and plan.lesion.bone.startswith("femur"):
        cautions.append(
            "proximal femur: cement alone is contraindicated where the cortex is involved over more than 30 mm "
            "(fractures in 40.6 % within a year; Deschamps 2012): consider screws"
        )
    return cautions
