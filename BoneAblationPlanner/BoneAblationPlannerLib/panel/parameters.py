"""What the planner's panel remembers in the scene."""

from typing import Annotated, Union

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsCurveNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLModelNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTextNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from BoneAblationPlannerLib.panel.choices import IntentChoice, LesionSource, ModalityChoice, PatientPosition


@parameterNodeWrapper
class PlannerParameters:
    """Parameters of the planner.

    `painted` has the segments Inside and Outside. `models` are closed surfaces that are structures. `ignoredNerves` are
    curves that the user unchecked: a curve drawn later is kept clear of unless unchecked too. `distances` is JSON,
    ``{"nerve": [5, 10]}``: shaft and zone in mm where the user changed them. `device` is empty where any will do.
    `barredBones` names bones that no needle may cross.
    `marginMm` below 0 leaves the margin to the intent. With `strict` there is no plan rather than one that gives up a
    wanted distance; `cement` tells the rules that it is wanted in the same session.
    """

    ct: vtkMRMLScalarVolumeNode
    position: PatientPosition
    lesionSource: LesionSource
    seed: vtkMRMLMarkupsFiducialNode
    box: vtkMRMLMarkupsROINode
    insideMarks: vtkMRMLMarkupsFiducialNode
    outsideMarks: vtkMRMLMarkupsFiducialNode
    painted: vtkMRMLSegmentationNode
    lesionSegmentation: vtkMRMLSegmentationNode
    lesionSegment: str
    structures: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode]  # noqa: UP007 - older Slicers know this form only
    models: list[vtkMRMLModelNode]
    ignoredNerves: list[vtkMRMLMarkupsCurveNode]
    noEntry: vtkMRMLSegmentationNode
    distances: str
    modality: ModalityChoice
    device: str
    intent: IntentChoice
    marginMm: Annotated[float, WithinRange(-1, 30)] = -1.0
    parallel: bool = False
    strict: bool = False
    cement: bool = False
    barredBones: list[str]
    plan: vtkMRMLTextNode
