"""From a case to a plan: the one workflow that the command line, the panel and the review page call."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.access.region import build_region
from BoneAblationPlannerLib.case import Case, PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.evaluation import HAND_MADE, evaluate
from BoneAblationPlannerLib.placement.access import find_access
from BoneAblationPlannerLib.placement.alternatives import find_alternatives
from BoneAblationPlannerLib.placement.bound import bounded
from BoneAblationPlannerLib.placement.by_modality import case_for
from BoneAblationPlannerLib.placement.choice import advise_modality, chosen_modality, place_probes
from BoneAblationPlannerLib.placement.chosen import ChosenProbes, optimiser_record, placements_of
from BoneAblationPlannerLib.placement.placer import Placer
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.placement.tiers import TIERS
from BoneAblationPlannerLib.plan import Advice, Lesion
from BoneAblationPlannerLib.preparation import PreparedCase, prepare_case
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from BoneAblationPlannerLib.zones.reach import Reach


@dataclass
class Clock:
    """Seconds of each stage, for the plan."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True, eq=False)
class PlacedCase:
    """A plan as the charts measure it, without alternatives, and what its probes were placed from."""

    result: PlanningResult
    placer: Placer
    chosen: ChosenProbes
    advice: Advice

    @property
    def probe_count(self) -> int:
        """How many probes the plan has."""
        return len(self.result.plan.probes)

    def placed_again(self, reach: Reach, report: ReportProgress = silent) -> "PlacedCase":
        """Probes of the same modality placed for zones of another reach, measured by the charts all the same.

        Raises
        ------
        PlanningError
            If no set covers the lesion with such zones.
        Cancelled
            If `report` returned False.
        """
        strict = self.placer.prepared.case.choices.strict
        chosen = self.placer.place(self.advice.modality, TIERS[:1] if strict else TIERS, report, reach)
        chosen = replace(chosen, selection=bounded(chosen.problem, chosen.selection))
        result = _measured(self.placer.prepared, chosen, self.advice)
        plan = replace(result.plan, timings_s=self.result.plan.timings_s)
        return replace(self, result=replace(result, plan=plan, skin=self.result.skin), chosen=chosen)


def plan_case(case: Case, report: ReportProgress = silent) -> PlanningResult:
    """Plan a case.

    Raises
    ------
    InputError
        If the case cannot be used; the message names what, where and what was expected.
    PlanningError
        If no admissible plan exists; the reason names the constraint that excludes most.
    Cancelled
        If `report` returned False.
    """
    return with_alternatives(place_case(case, part(report, 0.0, 0.9)), part(report, 0.9, 1.0))


def place_case(case: Case, report: ReportProgress = silent) -> PlacedCase:
    """The best probes by the charts; raises as `plan_case`."""
    case = case_for(case, chosen_modality(case))  # refuses contradictions before any work
    access_limits(case.choices.limits)
    clock = Clock()
    with clock.stage("anatomy"):
        prepared = prepare_case(case, part(report, 0.0, 0.45))
    with clock.stage("access"):
        step(report, 0.45, "looking for paths from the skin")
        access = find_access(prepared)
    with clock.stage("placement"):
        advice = advise_modality(prepared, access.region)
        placer = Placer(prepared, access.region, access.paths)
        chosen, advice = place_probes(placer, advice, part(report, 0.6, 0.95))
        placer = placer.for_modality(advice.modality)
    with clock.stage("figures"):
        step(report, 0.95, "measuring coverage and clearances")
        result = _measured(placer.prepared, chosen, advice)
    plan = replace(result.plan, timings_s=clock.seconds)
    return PlacedCase(replace(result, plan=plan, skin=access.skin), placer, chosen, advice)


def with_alternatives(placed: PlacedCase, report: ReportProgress = silent) -> PlanningResult:
    """The plan with the other good ways in; raises Cancelled if `report` returned False."""
    clock, result = Clock(), placed.result
    with clock.stage("alternatives"):
        alternatives = find_alternatives(placed.placer.prepared, placed.chosen, report)
    timings = {**result.plan.timings_s, **clock.seconds}
    return replace(result, plan=replace(result.plan, timings_s=timings, alternatives=alternatives))


def _measured(prepared: PreparedCase, chosen: ChosenProbes, advice: Advice) -> PlanningResult:
    """A chosen set as the charts measure it."""
    return evaluate(prepared, placements_of(chosen), advice, optimiser_record(chosen), chosen.warnings)


def advise_case(case: Case, report: ReportProgress = silent) -> tuple[Advice, Lesion]:
    """The rules' ranking of modalities before any probe is looked for, and the lesion that they looked at.

    Raises
    ------
    InputError
        If the case cannot be used.
    Cancelled
        If `report` returned False.
    """
    prepared = prepare_case(case_for(case, chosen_modality(case)), part(report, 0.0, 0.8))
    step(report, 0.8, "looking at what lies around the lesion")
    return _advise(prepared), prepared.lesion


def measure_case(case: Case, placements: Sequence[Placement], report: ReportProgress = silent) -> PlanningResult:
    """A plan of probes that a person placed: every figure, nothing optimised.

    Raises
    ------
    InputError
        If the case cannot be used, or no probe is given.
    Cancelled
        If `report` returned False.
    """
    if not placements:
        raise InputError("probes: none given; expected at least one")
    clock = Clock()
    with clock.stage("anatomy"):
        prepared = prepare_case(case_for(case, placements[0].device.modality), part(report, 0.0, 0.6))
    with clock.stage("access"):
        step(report, 0.6, "looking at what lies around the lesion")
        advice = _advise(prepared)
    with clock.stage("figures"):
        step(report, 0.85, "measuring coverage and clearances")
        advice = replace(advice, modality=placements[0].device.modality, chosen_by="user")
        result = evaluate(prepared, placements, advice, HAND_MADE)
    return replace(result, plan=replace(result.plan, timings_s=clock.seconds))


def _advise(prepared: PreparedCase) -> Advice:
    """Advice where no paths are searched: only the distances around the lesion are needed."""
    limits = access_limits(prepared.case.choices.limits)
    return advise_modality(prepared, build_region(prepared.anatomy, limits.longest_depth_mm))
