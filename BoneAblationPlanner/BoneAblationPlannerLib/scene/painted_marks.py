"""What a person painted as lesion and as no lesion, before it is outlined: two segments of one segmentation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.names import words_of
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.segmentation import labelmap_of, segment_mask, segments

INSIDE, OUTSIDE = "Inside", "Outside"
_OUTSIDE_COLOUR = (0.3, 0.6, 1.0)
Points = NDArray[np.float64]


def new_painted_marks(scene: Any, ct_node: Any) -> Any:
    """A segmentation on the CT's geometry with the empty segments Inside and Outside."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", unique_name(scene, "Painted marks"))
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct_node)
    for name, colour in ((INSIDE, ROLE_COLOURS["lesion"]), (OUTSIDE, _OUTSIDE_COLOUR)):
        node.GetSegmentation().AddEmptySegment(name.lower(), name, colour)
    return node


def painted_points(node: Any, grid: Grid) -> tuple[Points, Points]:
    """Voxel centres (N, 3) RAS mm on the CT's grid that were painted inside and outside.

    Raises
    ------
    InputError
        If something was painted into a segment whose name says neither.
    """
    found: dict[str, list[Points]] = {INSIDE: [], OUTSIDE: []}
    for _, segment in segments(node):
        mask = segment_mask(segment, grid) if labelmap_of(segment) is not None else np.zeros(grid.shape, dtype=bool)
        said = [side for side in found if side.lower() in words_of(segment.GetName())]
        if mask.any() and len(said) != 1:
            raise InputError(f"segment {segment.GetName()!r} of {node.GetName()!r}: painted, but neither inside nor "
                             f"outside; expected segments called {INSIDE} and {OUTSIDE}")  # fmt: skip
        if mask.any():
            found[said[0]].append(grid.ras_of_mask(mask))
    inside, outside = (np.concatenate([np.empty((0, 3)), *points]) for points in found.values())
    return inside, outside
