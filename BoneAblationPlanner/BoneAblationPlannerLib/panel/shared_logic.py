"""What the logics of both modules do alike."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _


class SharedLogic:
    """Base of the logics; engine modules are imported at use: Slicer may lack what they need."""

    def ensureRequirements(self) -> None:
        """Ask for what the engine needs and Slicer does not bring."""
        from BoneAblationPlannerLib.scene.requirements import ensure_requirements

        ensure_requirements()

    def chooseDefaults(self, parameters: Any) -> None:
        """The only plan of a scene needs no choosing; several can be told apart."""
        from BoneAblationPlannerLib.panel.plan_names import name_plans
        from BoneAblationPlannerLib.scene.plan_nodes import plan_documents

        name_plans(slicer.mrmlScene)
        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and len(documents) == 1:
            parameters.plan = documents[0]

    def chooseAnyPlan(self, parameters: Any) -> None:
        """The newest plan of the scene, after the one that was chosen is gone."""
        from BoneAblationPlannerLib.scene.plan_nodes import plan_documents

        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and documents:
            parameters.plan = documents[-1]

    def _place(self, node: Any) -> None:
        markups = slicer.modules.markups.logic()
        markups.SetActiveList(node)
        markups.StartPlaceMode(False)

    def figures(self, document: Any) -> dict[str, str]:
        """Tables and charts of a plan: what each is called, by the id of its node; none where its anatomy is gone."""
        from BoneAblationPlannerLib.errors import InputError
        from BoneAblationPlannerLib.panel.figures_section import figure_words
        from BoneAblationPlannerLib.scene.layouts import plan_figures

        try:
            return {node.GetID(): figure_words(node) for node in plan_figures(document)}
        except InputError:
            return {}

    def requirePlan(self, document: Any) -> None:
        """Raise InputError where a plan was deleted while a run went on."""
        from BoneAblationPlannerLib.errors import InputError

        if document.GetScene() is None:
            raise InputError(_("plan: was deleted during the run; nothing was changed"))

    def isReadyToDrag(self, document: Any) -> bool:
        """Whether zones and figures can follow a drag of the plan's lines at once."""
        from BoneAblationPlannerLib.scene.live import is_ready

        return is_ready(document)

    def prepareDragging(self, document: Any) -> Callable[..., Any]:
        """Read the plan now; returns the work that computes what a drag starts from, for `keepForDragging`."""
        from BoneAblationPlannerLib.progress import step
        from BoneAblationPlannerLib.scene.live import prepare_live

        prepare = prepare_live(document)

        def work(report: Callable[[float, str], bool]) -> Any:
            step(report, 0.1, _("getting the plan ready for dragging"))
            return prepare()

        return work

    def keepForDragging(self, prepared: Any) -> None:
        """Take up what `prepareDragging` computed."""
        from BoneAblationPlannerLib.scene.live import keep_live

        keep_live(prepared)
