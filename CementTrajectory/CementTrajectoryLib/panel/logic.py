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

    def chosenCorridors(self, parameters: Any) -> list[str] | None:
        """Titles of the corridors that the user chose; None for those near the lesion."""
        return json.loads(parameters.corridors) if parameters.corridors else None

    def show(self, document: Any, result: Any) -> None:
        """Show what was added to a plan, and keep it."""
        from BoneAblationPlannerLib.scene.live import update

        update(document, result)

    def _prepared(self, document: Any, work: Work) -> Work:
        from BoneAblationPlannerLib.scene.live import prepare_result

        measure = prepare_result(document)
        return lambda report: work(measure(), report)


def _unassessed(result: Any) -> Any:
    """Stability of another filling or other screws has to be assessed again."""
    from BoneAblationPlannerLib.plan import Stability

    return replace(result, plan=replace(result.plan, stability=Stability()))
