"""A computed lesion outline as a segment that a person edits: what was computed is known from what was drawn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion import LesionOutline
from BoneAblationPlannerLib.case import ComputedOutline
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.scene import written
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import labelmap_of, segment_mask, set_voxels
from BoneAblationPlannerLib.scene.volumes import volume_grid

SEGMENT = "lesion"


def put_outline(
    scene: Any, ct_node: Any, ct: CtVolume, outline: LesionOutline, node: Any | None = None, name: str = "Lesion"
) -> Any:
    """Put an outline into a segmentation, a new one unless `node` is given; returns the segmentation.

    The segment ``lesion`` is replaced whatever it holds: ask first where `was_edited` says so.
    """
    slicer = slicer_module()
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", unique_name(scene, f"{name} outline"))
        node.SetAttribute("BonePlan.Role", "outline")
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetSliceIntersectionThickness(2)
        node.GetDisplayNode().SetOpacity2DFill(0.2)
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct_node)
    segment = node.GetSegmentation().GetSegment(SEGMENT)
    if segment is None:
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetColor(*ROLE_COLOURS["lesion"])
        set_voxels(segment, outline.mask, ct.grid)
        node.GetSegmentation().AddSegment(segment, SEGMENT)
    else:
        set_voxels(segment, outline.mask, ct.grid)
    written.mark_computed(segment, outline.mask, outline.confidence, outline.checks)
    return node


def computed_outline(node: Any, segment_id: str, mask: NDArray[np.bool_]) -> ComputedOutline | None:
    """What is known of a segment's voxels on the CT's grid if they are as they were computed; None if drawn."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    return None if segment is None else written.computed_outline(segment, mask)


def was_edited(node: Any, segment_id: str, ct_node: Any) -> bool:
    """Whether a segment holds voxels that a person drew: not empty, and not what was computed."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None or labelmap_of(segment) is None:
        return False
    mask = segment_mask(segment, volume_grid(ct_node))
    return bool(mask.any()) and computed_outline(node, segment_id, mask) is None
