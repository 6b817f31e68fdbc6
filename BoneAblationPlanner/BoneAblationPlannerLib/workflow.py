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
from BoneAblationPlannerLib.placement.choice import (
    advise_modality,
    chosen_modality,
    optimiser_record,
    place_probes,
    placements_of,
)
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Advice, Lesion
from BoneAblationPlannerLib.preparation import PreparedCase, prepare_case
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


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
    chosen_modality(case)  # refuse contradictions before any work
    access_limits(case.choices.limits)
    clock = _Clock()
    with clock.stage("anatomy"):
        prepared = prepare_case(case, part(report, 0.0, 0.4))
    with clock.stage("access"):
        step(report, 0.4, "looking for paths from the skin")
        access = find_access(prepared)
    with clock.stage("placement"):
        advice = advise_modality(prepared, access.region)
        chosen, advice = place_probes(prepared, access.region, access.paths, advice, part(report, 0.55, 0.85))
    with clock.stage("figures"):
        step(report, 0.85, "measuring coverage and clearances")
        optimiser = optimiser_record(chosen.selection)
        result = evaluate(prepared, placements_of(chosen), advice, optimiser, chosen.warnings)
    with clock.stage("alternatives"):
        alternatives = find_alternatives(prepared, chosen, part(report, 0.9, 1.0))
    plan = replace(result.plan, timings_s=clock.seconds, alternatives=alternatives)
    return replace(result, plan=plan, skin=access.skin)


def advise_case(case: Case, report: ReportProgress = silent) -> tuple[Advice, Lesion]:
    """The rules' ranking of modalities before any probe is looked for, and the lesion that they looked at.

    Raises
    ------
    InputError
        If the case cannot be used.
    Cancelled
        If `report` returned False.
    """
    prepared = prepare_case(case, part(report, 0.0, 0.8))
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
    clock = _Clock()
    with clock.stage("anatomy"):
        prepared = prepare_case(case, part(report, 0.0, 0.6))
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
