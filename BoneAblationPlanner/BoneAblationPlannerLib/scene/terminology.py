"""What a segment of the scene is by its terminology."""

from typing import Any

from BoneAblationPlannerLib.anatomy.coded_names import slicer_meanings
from BoneAblationPlannerLib.scene.segmentation import tag
from BoneAblationPlannerLib.segment_tags import TERMINOLOGY_TAG


def meanings(segment: Any) -> tuple[str, ...]:
    """Names that a segment's terminology gives it, the most direct one first, as ``hip bone left``."""
    return slicer_meanings(tag(segment, TERMINOLOGY_TAG) or "")
