"""A computed lesion outline as a segment that a person edits: what was computed is known from what was drawn."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion import LesionOutline
from BoneAblationPlannerLib.case import ComputedOutline
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import labelmap_of, segment_mask, set_voxels, tag
from BoneAblationPlannerLib.scene.volumes import volume_grid

SEGMENT = "lesion"
_COMPUTED = "BonePlan.Computed"
"""Tag of a computed segment: a hash of its voxels, confidence and checks."""


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
    known = {"voxels": _hash(outline.mask), "confidence": outline.confidence, "checks": list(outline.checks)}
    segment.SetTag(_COMPUTED, json.dumps(known))
    return node


def computed_outline(node: Any, segment_id: str, mask: NDArray[np.bool_]) -> ComputedOutline | None:
    """What is known of a segment's voxels on the CT's grid if they are as they were computed; None if drawn."""
    known = _known(node, segment_id)
    if known is None or known["voxels"] != _hash(mask):
        return None
    return ComputedOutline(float(known["confidence"]), tuple(known["checks"]))


def was_edited(node: Any, segment_id: str, ct_node: Any) -> bool:
    """Whether a segment holds voxels that a person drew: not empty, and not what was computed."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None or labelmap_of(segment) is None:
        return False
    mask = segment_mask(segment, volume_grid(ct_node))
    return bool(mask.any()) and computed_outline(node, segment_id, mask) is None


def _known(node: Any, segment_id: str) -> dict[str, Any] | None:
    segment = node.GetSegmentation().GetSegment(segment_id)
    text = tag(segment, _COMPUTED) if segment is not None else None
    if text is None:
        return None
    known: dict[str, Any] = json.loads(text)
    return known


def _hash(mask: NDArray[np.bool_]) -> str:
    """Of shape and voxels."""
    digest = hashlib.sha256(str(mask.shape).encode())
    digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()
