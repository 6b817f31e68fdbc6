"""Plans of this scene together with the results that they came from; a plan from a file is measured again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.progress import ReportProgress
from BoneAblationPlannerLib.scene.build import PlanNodes, plan_nodes, probe_lines, read_plan_nodes, remove_plan
from BoneAblationPlannerLib.scene.probes import read_line
from BoneAblationPlannerLib.scene.refresh import show_probes, show_result

_SAME_POINT_MM = 1e-3


@dataclass(frozen=True, eq=False)
class LivePlan:
    """A plan that was made since the scene was opened; `edited` is the state of its segments when it was shown."""

    nodes: PlanNodes
    result: PlanningResult
    edited: int


_plans: list[LivePlan] = []


def remember(nodes: PlanNodes, result: PlanningResult) -> None:
    """Keep a result with the nodes that show it; a newer result for the same document replaces the older."""
    _plans[:] = [p for p in _plans if _is_there(p) and p.nodes.document is not nodes.document]
    _plans.append(LivePlan(nodes, result, nodes.segmentation.GetSegmentation().GetMTime()))


def update(document: Any, result: PlanningResult, added: tuple[Any, ...]) -> None:
    """A result with more in it (cement, screws), and the nodes that show it; a loaded plan keeps nothing."""
    live = live_plan(document)
    if live is not None:
        kept = tuple(n for n in live.nodes.owned if n.GetScene() is live.nodes.scene)
        remember(replace(live.nodes, owned=(*kept, *added)), result)


def forget_removed() -> None:
    """Let go of results whose nodes are gone, as after a scene was closed; each holds a whole scan."""
    _plans[:] = [p for p in _plans if _is_there(p)]


def live_plan(document: Any) -> LivePlan | None:
    """The plan of a document node, or None if it came from a file."""
    return next((p for p in _plans if p.nodes.document is document and _is_there(p)), None)


def prepare_result(document: Any) -> Callable[[], PlanningResult]:
    """Read now what a document stands for; the returned function measures and touches no node.

    It gives the result as it was made or, if the plan was loaded or its probes moved, measured again.

    Raises
    ------
    InputError
        When nodes of the plan are gone; the function: when its probes are not of the catalogue.
    """
    live = live_plan(document)
    if live is not None and not _was_moved(live) and not _was_edited(live):
        return lambda: live.result
    from BoneAblationPlannerLib.reevaluation import evaluate_stored

    stored = read_plan_nodes(document.GetScene(), document.GetAttribute("BonePlan.Name"))
    return lambda: evaluate_stored(stored)


def placements(document: Any) -> tuple[Placement, ...]:
    """The needles of a plan as its lines are now.

    Raises
    ------
    InputError
        When a line lacks a point, or its device is not of the catalogue.
    """
    from BoneAblationPlannerLib.reevaluation import placement

    lines = [read_line(node) for node in probe_lines(document)]
    return tuple(placement(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm) for p in lines)


def prepare_measure(
    document: Any, needles: Sequence[Placement], read_outlines: bool = False
) -> Callable[[ReportProgress], PlanningResult]:
    """Read now what a plan stands on; the returned function measures it with other needles and touches no node.

    Masks come from the result that is kept, unless the plan was loaded, its segments were edited since, or
    `read_outlines` asks for it.
    """
    from BoneAblationPlannerLib.reevaluation import evaluate_result, evaluate_stored

    live = live_plan(document)
    if live is not None and not read_outlines and not _was_edited(live):
        return lambda report: evaluate_result(live.result, needles)
    stored = read_plan_nodes(document.GetScene(), document.GetAttribute("BonePlan.Name"))
    return lambda report: evaluate_stored(stored, needles)


def show(document: Any, result: PlanningResult) -> None:
    """Show a new result of a plan with its nodes and keep it."""
    remember(show_result(document, result), result)


def show_moving(document: Any) -> None:
    """Needles and zones where the lines are now; figures as far as they are known fast enough for a drag."""
    from BoneAblationPlannerLib.reevaluation import moved_probes

    live = live_plan(document)
    if live is not None:
        show_probes(plan_nodes(document), moved_probes(live.result, placements(document)))


def remove(document: Any) -> None:
    """Remove a plan with all its nodes, whether it was made here or loaded."""
    live = live_plan(document)
    remove_plan(plan_nodes(document) if live is None else live.nodes)
    forget_removed()


def _is_there(plan: LivePlan) -> bool:
    return bool(plan.nodes.document.GetScene() is plan.nodes.scene and plan.nodes.scene is not None)


def _was_edited(live: LivePlan) -> bool:
    """Whether a segment was changed since the result was shown."""
    return bool(live.nodes.segmentation.GetSegmentation().GetMTime() > live.edited)


def _was_moved(live: LivePlan) -> bool:
    """Whether a probe's line is gone or no longer where the plan has it."""
    lines = [n for n in live.nodes.probes if n.GetScene() is live.nodes.scene]
    if len(lines) != len(live.result.plan.probes):
        return True
    for node, probe in zip(lines, live.result.plan.probes, strict=True):
        line = read_line(node)
        now = np.array([line.entry_ras_mm, line.tip_ras_mm])
        if np.abs(now - np.array([probe.entry_ras_mm, probe.tip_ras_mm])).max() > _SAME_POINT_MM:
            return True
    return False
