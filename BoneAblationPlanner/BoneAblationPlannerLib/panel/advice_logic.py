"""Which kind of ablation the rules recommend for what is in the scene now, before anything is planned."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from BoneAblationPlannerLib.panel.choices import LesionSource
from BoneAblationPlannerLib.panel.input_logic import InputLogic


class AdviceLogic(InputLogic):
    """Advice for a case, and what it rests on."""

    def adviceInputs(self, parameters: Any, nerves: Sequence[Any]) -> tuple[Any, ...]:
        """What the advice depends on: equal as long as it would come out the same."""
        by_point = parameters.lesionSource == LesionSource.POINT
        points = (parameters.seed, parameters.box, parameters.insideMarks, parameters.outsideMarks) if by_point else ()
        outline = (
            _contents(parameters.painted)
            if by_point
            else (parameters.lesionSegment, *_contents(parameters.lesionSegmentation))
        )
        return (
            _contents(parameters.ct),
            _contents(parameters.structures),
            outline,
            tuple(_points(node) for node in (*points, *nerves)),
            parameters.distances,
            tuple(parameters.barredBones),
            parameters.cement,
        )

    def advise(self, case: Any, report: Callable[[float, str], bool]) -> Any:
        """The rules' ranking, whatever was chosen, and the lesion it is for; runs in the background."""
        from BoneAblationPlannerLib.workflow import advise_case

        return advise_case(replace(case, choices=replace(case.choices, modality=None, device=None)), report)


def _contents(node: Any) -> tuple[Any, ...]:
    """A volume or segmentation and when its voxels last changed; not how it is shown."""
    from BoneAblationPlannerLib.scene.segmentation import changed_at

    if node is None:
        return ()
    if node.IsA("vtkMRMLSegmentationNode"):
        return (node.GetID(), changed_at(node))
    image = node.GetImageData()
    return (node.GetID(), 0 if image is None else image.GetMTime())


def _points(node: Any) -> tuple[Any, ...]:
    """A markup and where its points are; a box with its size."""
    if node is None:
        return ()
    places = [node.GetNthControlPointPositionWorld(n) for n in range(node.GetNumberOfControlPoints())]
    size = tuple(node.GetSize()) if node.IsA("vtkMRMLMarkupsROINode") else ()
    return (node.GetID(), *(tuple(place) for place in places), *size)
