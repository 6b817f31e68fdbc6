"""The lesion's outline: computed from a point, kept as a segment, edited by a person."""

from collections.abc import Callable
from typing import Any

import slicer

from BoneAblationPlannerLib.panel.input_logic import InputLogic
from BoneAblationPlannerLib.panel.segment_combo import segment_names

_SEED = "BonePlan.Seed"
"""Reference of an outline to the point that it was computed from."""


class LesionLogic(InputLogic):
    """Outlines of lesions as segmentations of the planner's own."""

    def outline(self, case: Any, report: Callable[[float, str], bool]) -> Any:
        """The lesion's outline and its figures; runs in the background."""
        from BoneAblationPlannerLib.preparation import outline_case

        return outline_case(case, report)

    def putOutline(self, ct_node: Any, ct: Any, outline: Any, parameters: Any) -> tuple[Any, str]:
        """Put an outline into the planner's segmentation of this point, so that two lesions are kept apart."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT, put_outline

        seed = parameters.seed
        node = put_outline(slicer.mrmlScene, ct_node, ct, outline, self._own_outline(parameters))
        node.SetNodeReferenceID(_SEED, seed.GetID() if seed is not None else None)
        return node, SEGMENT

    def outlineWasEdited(self, parameters: Any) -> bool:
        """Whether the segment that a new outline would replace holds what a person drew."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT, was_edited

        node = self._own_outline(parameters)
        return parameters.ct is not None and node is not None and was_edited(node, SEGMENT, parameters.ct)

    def segmentEditorNode(self) -> Any:
        """The settings of the Segment Editor that is shown in the panel."""
        tag = "BoneAblationPlanner.SegmentEditor"
        node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag(tag)
            node = slicer.mrmlScene.AddNode(node)
        return node

    def _own_outline(self, parameters: Any) -> Any:
        """The segmentation that the planner made from the chosen point, None if there is none yet."""
        from BoneAblationPlannerLib.scene.outline import SEGMENT

        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        own = [n for n in nodes if n.GetAttribute("BonePlan.Role") == "outline" and SEGMENT in segment_names(n)]
        return next((n for n in own if n.GetNodeReference(_SEED) in (None, parameters.seed)), None)
