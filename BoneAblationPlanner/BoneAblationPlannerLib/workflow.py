"""From a case to a plan: the one workflow that the command line, the panel and the review page call."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from BoneAblationPlannerLib.case import Case, PlanningResult
from BoneAblationPlannerLib.evaluation import evaluate
from BoneAblationPlannerLib.placement.choice import (
    advise_modality,
    chosen_modality,
    find_access,
    optimiser_record,
    place_probes,
    placements_of,
)
from BoneAblationPlannerLib.preparation import prepare_case
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
    clock = _Clock()
    with clock.stage("anatomy"):
        prepared = prepare_case(case, part(report, 0.0, 0.4))
    with clock.stage("access"):
        step(report, 0.4, "looking for paths from the skin")
        region, paths = find_access(prepared)
    with clock.stage("placement"):
        advice = advise_modality(prepared, region)
        chosen, advice = place_probes(prepared, region, paths, advice, part(report, 0.55, 0.85))
    with clock.stage("figures"):
        step(report, 0.85, "measuring coverage and clearances")
        optimiser = optimiser_record(chosen.selection)
        result = evaluate(prepared, placements_of(chosen), advice, optimiser, chosen.warnings)
    return replace(result, plan=replace(result.plan, timings_s=clock.seconds))
