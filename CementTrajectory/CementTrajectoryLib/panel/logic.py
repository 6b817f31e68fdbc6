"""What the module does between scene and workflow; works without the panel."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import slicer
from slicer.i18n import tr as _

from CementTrajectoryLib.panel.parameters import CementTrajectoryParameters

Work = Callable[..., Any]


class CementLogic:
    """Mixed into a ScriptedLoadableModuleLogic. Engine modules are imported at use: Slicer may lack what they need."""

    def wrapped(self, node: Any) -> CementTrajectoryParameters:
        """Parameters over a module's parameter node."""
        return CementTrajectoryParameters(node)  # type: ignore[call-arg]

    def ensureRequirements(self) -> None:
        """Ask for what the engine needs and Slicer does not bring."""
        from BoneAblationPlannerLib.scene.requirements import ensure_requirements

        ensure_requirements()

    def chooseDefaults(self, parameters: Any) -> None:
        """The only plan of a scene needs no choosing."""
        from BoneAblationPlannerLib.scene.build import plan_documents

        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and len(documents) == 1:
            parameters.plan = documents[0]

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
