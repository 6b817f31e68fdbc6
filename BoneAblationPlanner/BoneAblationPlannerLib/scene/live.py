"""Plans of this scene together with the results that they came from; a plan from a file is measured again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Plan, Point
from BoneAblationPlannerLib.preparation import PreparedCase
from BoneAblationPlannerLib.progress import ReportProgress
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.models import MARGIN_SCALARS
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes, plan_nodes, probe_lines, remove_document
from BoneAblationPlannerLib.scene.probes import read_line
from BoneAblationPlannerLib.scene.refresh import show_probes, show_result, show_stabilisation
from BoneAblationPlannerLib.scene.segmentation import changed_at
from BoneAblationPlannerLib.scene.stored import read_plan_document
from BoneAblationPlannerLib.scene.surfaces import set_scalars
from BoneAblationPlannerLib.scene.temperature import read_thermocouples

_SAME_POINT_MM = 1e-3


@dataclass(frozen=True, eq=False)
class LivePlan:
    """A plan that was made since the scene was opened.

    `edited` is the state of its segments and its CT when it was shown; `made` the plan before needles were moved by
    hand, so that needles that are put back are again what was planned.
    """

    nodes: PlanNodes
    result: PlanningResult
    edited: tuple[int, ...]
    made: Plan

    @cached_property
    def measuring(self) -> tuple[PreparedCase, LivePlacements]:
        """What measuring other needles starts from: made when first asked for, then kept."""
        from BoneAblationPlannerLib.reevaluation import prepared_of

        prepared = prepared_of(self.result)
        return prepared, LivePlacements(prepared)

    @cached_property
    def nearest_margin(self) -> NDArray[np.intp]:
        """For every vertex of the margin map the surface point whose margin it shows."""
        points = points_array(self.nodes.margin_map.GetPolyData())
        _distance, nearest = cKDTree(self.measuring[0].target.surface_ras_mm).query(points)
        return np.asarray(nearest, dtype=np.intp)


_plans: list[LivePlan] = []


def remember(nodes: PlanNodes, result: PlanningResult, made: Plan | None = None) -> None:
    """Keep a result with the nodes that show it; a newer result for the same document replaces the older."""
    before, live = live_plan(nodes.document), LivePlan(nodes, result, _state_of(nodes), made or result.plan)
    _plans[:] = [p for p in _plans if _is_there(p) and p is not before] + [live]
    if before is not None and before.result.anatomy is result.anatomy and "measuring" in vars(before):
        vars(live)["measuring"] = before.measuring  # the next drag starts from the same


def update(document: Any, result: PlanningResult) -> PlanNodes:
    """Show a result that has more or other cement and screws, and keep it; a loaded plan keeps nothing."""
    live = live_plan(document)
    nodes = show_stabilisation(document, result)
    if live is not None:
        remember(nodes, result)
    return nodes


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

    stored = read_plan_document(document)
    return lambda: evaluate_stored(stored)


def is_ready(document: Any) -> bool:
    """Whether figures follow a drag at once: the plan is kept, and what does not depend on its needles is computed."""
    live = live_plan(document)
    return live is not None and "measuring" in vars(live) and not _was_edited(live)


def prepare_live(document: Any) -> Callable[[], LivePlan]:
    """Read now what dragging starts from; the returned function computes it and touches no node. Then `keep_live`.

    Raises
    ------
    InputError
        When nodes of the plan are gone; the function: when its probes are not of the catalogue.
    """
    from BoneAblationPlannerLib.reevaluation import evaluate_stored

    live = live_plan(document)
    if live is not None and not _was_edited(live):
        return lambda: _measuring_made(live)
    nodes, stored = plan_nodes(document), read_plan_document(document)
    edited = _state_of(nodes)
    return lambda: _measuring_made(LivePlan(nodes, evaluate_stored(stored), edited, stored.plan))


def keep_live(live: LivePlan) -> None:
    """Keep what was prepared for dragging, unless the plan was deleted or measured anew meanwhile."""
    now = live_plan(live.nodes.document)
    if _is_there(live) and (now is None or _was_edited(now)):
        _plans[:] = [p for p in _plans if p is not now] + [live]


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
    from BoneAblationPlannerLib.reevaluation import evaluate_placements, evaluate_stored

    live = live_plan(document)
    if live is not None and not read_outlines and not _was_edited(live):
        prepared, measuring = live.measuring
        return lambda report: evaluate_placements(live.made, prepared, needles, live=measuring)
    stored = read_plan_document(document)
    return lambda report: evaluate_stored(stored, needles)


def placed_thermocouples(document: Any) -> dict[str, Point]:
    """The points that a plan's simulation is to read, as they lie in the scene now."""
    node = plan_nodes(document).thermocouples
    return {} if node is None else read_thermocouples(node)


def show(document: Any, result: PlanningResult) -> None:
    """Show a new result of a plan with its nodes and keep it."""
    live = live_plan(document)
    if live is not None and result.plan.cement is not None and result.cement is None:
        result = replace(result, cement=live.result.cement)
    remember(show_result(document, result), result, None if live is None else live.made)


def show_moving(document: Any) -> Plan | None:
    """Needles, zones and margin map where the lines are now; the plan with the figures that a drag changes.

    Figures under placement error are those of before the drag. None for a plan that was loaded and not measured yet.
    """
    live = live_plan(document)
    if live is None:
        return None
    _, measuring = live.measuring
    figures = measuring.figures(placements(document))
    show_probes(plan_nodes(document), figures.probes)
    _show_margins(live, figures.nominal.surface_margins_mm)
    before = live.result.plan
    return replace(before, probes=figures.probes, coverage=figures.nominal.with_robust(before.coverage.robust))


def remove(document: Any) -> None:
    """Remove a plan with all its nodes, whether it was made here or loaded."""
    remove_document(document)
    forget_removed()


def _measuring_made(live: LivePlan) -> LivePlan:
    """The plan with `measuring` computed."""
    _ = live.measuring
    return live


def _is_there(plan: LivePlan) -> bool:
    return bool(plan.nodes.document.GetScene() is plan.nodes.scene and plan.nodes.scene is not None)


def _was_edited(live: LivePlan) -> bool:
    """Whether a segment, or the CT below it, was changed since the result was shown."""
    return _state_of(live.nodes) != live.edited


def _state_of(nodes: PlanNodes) -> tuple[int, ...]:
    """Changes with the segments and with the CT's voxels; not with how they are shown."""
    image = nodes.ct.GetImageData()
    scalars = None if image is None else image.GetPointData().GetScalars()
    return (changed_at(nodes.segmentation), 0 if scalars is None else scalars.GetMTime())


def _show_margins(live: LivePlan, margins_mm: NDArray[np.float64]) -> None:
    """Colour the margin map as the needles are now, during a drag."""
    node = live.nodes.margin_map
    if node is not None and node.GetScene() is live.nodes.scene and node.GetPolyData() is not None:
        surface = node.GetPolyData()
        set_scalars(surface, MARGIN_SCALARS, margins_mm[live.nearest_margin])
        surface.Modified()


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
