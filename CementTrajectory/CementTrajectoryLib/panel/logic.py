"""What the module does between scene and workflow; works without the panel."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.shared_logic import SharedLogic
from CementTrajectoryLib.panel.parameters import CementTrajectoryParameters

Work = Callable[..., Any]


class CementLogic(SharedLogic):
    """Mixed into a ScriptedLoadableModuleLogic. Engine modules are imported at use: Slicer may lack what they need."""

    _measured: tuple[Any, Any] | None = None
    """An anatomy, and what measures screws in it: kept from one move to the next."""

    def wrapped(self, node: Any) -> CementTrajectoryParameters:
        """Parameters over a module's parameter node."""
        return CementTrajectoryParameters(node)  # type: ignore[call-arg]

    def missing(self, parameters: Any) -> list[str]:
        """What the user still has to give, in words."""
        return [] if parameters.plan is not None else [_("an ablation plan (make one with Bone Ablation Planner)")]

    def prepare(self, document: Any, parameters: Any) -> Work:
        """Read plan and choices for cement now; returns the work to run in the background, free of the scene."""
        from CementTrajectoryLib.workflow import CementChoices, plan_cement

        percent = parameters.fillingPercent
        choices = CementChoices(
            parameters.gauge.value,
            percent / 100 if percent > 0 else None,
            parameters.viscosity.value,
            parameters.needleCount.value,
            int(parameters.pullBackTimes) if parameters.pullBackTimes >= 0 else None,
            parameters.pullBackMm if parameters.pullBackMm >= 0 else None,
        )
        return self._prepared(document, lambda result, report: _unassessed(plan_cement(result, choices, report)))

    def prepareScrews(self, document: Any, parameters: Any) -> Work:
        """Read plan and choices for screws now; returns the work to run in the background."""
        from CementTrajectoryLib.workflow import plan_screws

        clearance = parameters.screwClearanceMm if parameters.screwClearanceMm >= 0 else None
        only = self.chosenCorridors(parameters)
        return self._prepared(
            document, lambda result, report: _unassessed(plan_screws(result, clearance, report, only))
        )

    def prepareStability(self, document: Any, parameters: Any) -> Work:
        """Read plan and the answer about pain now; returns the work to run in the background."""
        from CementTrajectoryLib.workflow import plan_stability

        pain = parameters.pain.value
        return self._prepared(document, lambda result, report: plan_stability(result, pain, report))

    def screwLines(self, document: Any) -> list[Any]:
        """The lines of a plan's screws, which a person may move; none where the plan's nodes were deleted."""
        from BoneAblationPlannerLib.errors import InputError
        from BoneAblationPlannerLib.scene.stabilisation import screw_lines

        try:
            return screw_lines(self._stabilisation(document))
        except InputError:
            return []

    def movingScrews(self, document: Any) -> tuple[Any, ...] | None:
        """Screws where their lines are now, with all figures; None for a plan that was loaded and not measured yet."""
        from BoneAblationPlannerLib.scene.live import live_plan
        from BoneAblationPlannerLib.scene.stabilisation import read_screw_lines, show_screws
        from CementTrajectoryLib.workflow import place_screws, screw_measure

        live = live_plan(document)
        if live is None:
            return None
        if self._measured is None or self._measured[0] is not live.result.anatomy:
            self._measured = live.result.anatomy, screw_measure(live.result)
        nodes = self._stabilisation(document)
        screws = place_screws(live.result, read_screw_lines(nodes), self._measured[1]).plan.screws
        show_screws(nodes, screws)
        return screws

    def prepareMovedScrews(self, document: Any, parameters: Any) -> Work:
        """Read where the lines of the screws are now; returns the work to run in the background."""
        from BoneAblationPlannerLib.scene.stabilisation import read_screw_lines
        from CementTrajectoryLib.workflow import place_screws

        lines = read_screw_lines(self._stabilisation(document))
        return self._prepared(document, lambda result, report: _unassessed(place_screws(result, lines)))

    def _stabilisation(self, document: Any) -> Any:
        from BoneAblationPlannerLib.scene.plan_nodes import plan_nodes

        return plan_nodes(document).stabilisation

    def chosenCorridors(self, parameters: Any) -> list[str] | None:
        """Titles of the corridors that the user chose; None for those near the lesion."""
        return json.loads(parameters.corridors) if parameters.corridors else None

    def show(self, document: Any, result: Any) -> None:
        """Show what was added to a plan, and keep it."""
        from BoneAblationPlannerLib.scene.live import update

        update(document, result)

    def showCementAt(self, document: Any, volumeMl: float) -> None:
        """Show a plan's cement as it is once a volume is in."""
        from BoneAblationPlannerLib.scene.stabilisation import show_cement_at

        show_cement_at(self._stabilisation(document), volumeMl)

    def _prepared(self, document: Any, work: Work) -> Work:
        from BoneAblationPlannerLib.scene.live import prepare_result

        measure = prepare_result(document)
        return lambda report: work(measure(), report)


def _unassessed(result: Any) -> Any:
    """Stability of another filling or other screws has to be assessed again."""
    from BoneAblationPlannerLib.plan import Stability

    return replace(result, plan=replace(result.plan, stability=Stability()))
