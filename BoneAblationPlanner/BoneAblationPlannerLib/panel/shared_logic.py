"""What the logics of both modules do alike."""

from typing import Any

import slicer


class SharedLogic:
    """Base of the logics; engine modules are imported at use: Slicer may lack what they need."""

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

    def chooseAnyPlan(self, parameters: Any) -> None:
        """The newest plan of the scene, after the one that was chosen is gone."""
        from BoneAblationPlannerLib.scene.build import plan_documents

        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and documents:
            parameters.plan = documents[-1]
