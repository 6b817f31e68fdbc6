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

    _outliner: Any = None  # remembers the bone between corrections

    def outline(self, case: Any, report: Callable[[float, str], bool]) -> Any:
        """The lesion's outline and its figures; runs in the background."""
        from BoneAblationPlannerLib.outlining import Outliner

        if self._outliner is None:
            self._outliner = Outliner()
        return self._outliner.outline(case, report)

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

    def isFromPoint(self, parameters: Any) -> bool:
        """Whether the chosen outline is the planner's own, from a point that is still there."""
        seed, node = parameters.seed, parameters.lesionSegmentation
        placed = seed is not None and seed.GetNumberOfDefinedControlPoints() == 1
        return placed and node is not None and node is self._own_outline(parameters)

    def outlineState(self, parameters: Any) -> tuple[str, str, str] | None:
        """What the chosen outline is and holds: segmentation, segment, hash of its voxels; None where there is none."""
        from BoneAblationPlannerLib.scene.written import segment_hash

        node, identifier = parameters.lesionSegmentation, parameters.lesionSegment
        segment = None if node is None else node.GetSegmentation().GetSegment(identifier)
        return None if segment is None else (node.GetID(), identifier, segment_hash(segment))

    def paintedMarks(self, parameters: Any) -> tuple[Any, str]:
        """The segmentation to paint marks into, made if none is chosen, and the segment to begin with."""
        from BoneAblationPlannerLib.scene.painted_marks import new_painted_marks

        if parameters.painted is None:
            parameters.painted = new_painted_marks(slicer.mrmlScene, parameters.ct)
        return parameters.painted, next(iter(segment_names(parameters.painted)), "")

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
