"""A lesion outline from one click, a box or scribbles, and what can be read off any outline."""

from BoneAblationPlannerLib.anatomy.lesion.figures import densities, diameters_mm, lesion_kind
from BoneAblationPlannerLib.anatomy.lesion.outline import LesionOutline, segment_lesion
from BoneAblationPlannerLib.anatomy.lesion.plausible import outline_warnings
from BoneAblationPlannerLib.anatomy.lesion.report import LesionReport, describe_outline

__all__ = [
    "LesionOutline",
    "LesionReport",
    "densities",
    "describe_outline",
    "diameters_mm",
    "lesion_kind",
    "outline_warnings",
    "segment_lesion",
]
