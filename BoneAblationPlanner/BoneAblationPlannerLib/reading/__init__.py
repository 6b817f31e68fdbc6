"""The one door through which scans, masks, label maps and markups enter.

Every refusal is an `InputError` of one line: what, where, what was expected. Files are named without their folder.
"""

from BoneAblationPlannerLib.reading.images import is_image_name
from BoneAblationPlannerLib.reading.labels import read_label_map, read_lone_mask, read_mask
from BoneAblationPlannerLib.reading.markups import read_nerve_curve, read_points
from BoneAblationPlannerLib.reading.scans import ct_from_array, frame_of_reference, list_series, read_ct

__all__ = [
    "ct_from_array",
    "frame_of_reference",
    "is_image_name",
    "list_series",
    "read_ct",
    "read_label_map",
    "read_lone_mask",
    "read_mask",
    "read_nerve_curve",
    "read_points",
]
