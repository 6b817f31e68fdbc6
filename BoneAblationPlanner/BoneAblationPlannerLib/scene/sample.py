"""The phantom as nodes that a person would have prepared: CT, segmentation, nerve curves, a point in the lesion."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk

from BoneAblationPlannerLib.anatomy.phantom import Phantom
from BoneAblationPlannerLib.anatomy.structure_table import kind_of
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, structure_colour
from BoneAblationPlannerLib.scene.convert import fill_image, vtk_matrix
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import LABELMAP
from BoneAblationPlannerLib.scene.volumes import add_ct

SAMPLE_NAME = "BonePlanPhantom"


@dataclass(frozen=True, eq=False)
class SampleNodes:
    """The nodes of the sample case."""

    ct: Any
    structures: Any
    nerves: tuple[Any, ...]
    seed: Any


def add_sample(scene: Any, phantom: Phantom, name: str = SAMPLE_NAME) -> SampleNodes:
    """Add the phantom to a scene."""
    ct = add_ct(scene, phantom.ct, name)
    structures = _add_structures(scene, phantom.organs, ct, f"{name} structures")
    nerves = tuple(_add_curve(scene, curve, points) for curve, points in phantom.nerves)
    seed = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", scene.GenerateUniqueName(f"{name} lesion"))
    seed.CreateDefaultDisplayNodes()
    seed.AddControlPoint(vtk.vtkVector3d(*phantom.seed_ras_mm), "lesion")
    return SampleNodes(ct, structures, nerves, seed)


def _add_structures(scene: Any, organs: LabelMap, ct: Any, name: str) -> Any:
    """A segmentation whose segments share one labelmap, with the label values of the map."""
    slicer = slicer_module()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    image = fill_image(slicer.vtkOrientedImageData(), organs.labels)
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(organs.grid.ijk_to_ras))
    for value, title in sorted(organs.names.items()):
        segment = slicer.vtkSegment()
        segment.SetName(title)
        kind = kind_of(title)
        segment.SetColor(*(ROLE_COLOURS["bone"] if kind is None else structure_colour(kind)))
        segment.AddRepresentation(LABELMAP, image)
        segment.SetLabelValue(value)
        node.GetSegmentation().AddSegment(segment)
    node.GetDisplayNode().SetOpacity2DFill(0.2)
    node.GetDisplayNode().SetVisibility3D(False)
    return node


def _add_curve(scene: Any, name: str, points_ras_mm: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode", scene.GenerateUniqueName(name))
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetSelectedColor(*structure_colour("nerve"))
    node.GetDisplayNode().PointLabelsVisibilityOff()
    node.GetDisplayNode().PropertiesLabelVisibilityOff()
    for point in np.asarray(points_ras_mm, dtype=np.float64):
        node.AddControlPoint(vtk.vtkVector3d(*point))
    node.SetLocked(True)
    return node
