"""Masks <-> segments. Segments that do not overlap share one labelmap, which keeps files small and loading fast."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import Region, bounding_region, label_regions
from BoneAblationPlannerLib.scene.colours import PART_COLOURS, ROLE_COLOURS, Colour, structure_colour
from BoneAblationPlannerLib.scene.convert import (
    fill_image,
    image_array,
    matrix_array,
    printable,
    unique_name,
    vtk_matrix,
)
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.segment_tags import KIND_TAG, ROLE_TAG

LABELMAP = "Binary labelmap"

_TITLES = {
    "bone": "Bone",
    "lesion": "Lesion",
    "defect": "Cortical defect",
    "cement": "Cement (simulated, advised volume)",
    "target": "Target (lesion + margin)",
    "remainder": "Remainder (target outside the zones)",
    "zone": "Zone (tissue expected to die)",
    "zone-visible": "Visible ice",
    "skin": "Skin (body)",
}
HIDDEN_ROLES = ("bone", "single-bone", "bone-tissue", "skin")
"""Segments that are there to be edited or looked up; the CT shows these well enough."""
_FILL_OPACITY = {"zone": 0.12, "estimate": 0.0, "defect": 0.6, "remainder": 0.4, "cement": 0.4}
_FILL_OPACITY |= dict.fromkeys(("zone-visible", "lesion", "target", *HIDDEN_ROLES), 0.0)
_STRUCTURE_FILL_OPACITY = 0.25
_MAXIMUM_LABEL = 255
_GRID_TOLERANCE_VOXELS = 1e-3
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}  # else Windows


@dataclass(frozen=True, eq=False)
class NamedMask:
    """One segment: `kind` is set for structures only."""

    identifier: str
    role: str
    name: str
    kind: str | None
    colour: Colour
    mask: NDArray[np.bool_]


def masks_of(result: PlanningResult) -> list[NamedMask]:
    """The segments of a plan, in the order in which they are listed and drawn."""
    anatomy = result.anatomy
    by_role = {
        "skin": anatomy.body,
        "bone": anatomy.bone,
        "zone-visible": result.visible_zone,
        "zone": result.zone,
        "target": result.target,
        "remainder": result.remainder if result.remainder is not None and result.remainder.any() else None,
        "lesion": anatomy.lesion,
        "defect": anatomy.defects if anatomy.defects is not None and anatomy.defects.any() else None,
        "cement": cement_mask(result),
    }
    plain = [
        NamedMask(role, role, _TITLES[role], None, ROLE_COLOURS[role], mask)
        for role, mask in by_role.items()
        if mask is not None
    ]
    named = [
        NamedMask(f"{role}-{n}", role, s.name, s.kind, structure_colour(s.kind), s.mask)
        for role, group in (("structure", anatomy.structures), ("estimate", anatomy.estimates))
        for n, s in enumerate(group, start=1)
    ]
    inserted = [
        NamedMask(f"inserted-{n}", "inserted", item.name, None, ROLE_COLOURS["inserted"], item.mask)
        for n, item in enumerate(anatomy.inserted, start=1)
    ]
    bones = _labelled(anatomy.bones, "single-bone", "bone") + _labelled(anatomy.bone_tissue, "bone-tissue", "tissue")
    return plain + named + inserted + bones


def cement_mask(result: PlanningResult) -> NDArray[np.bool_] | None:
    """Voxels (k, j, i) of the cement at the advised volume; None without cement."""
    cement = result.plan.cement
    if cement is None or result.cement is None or not cement.stop_ml:
        return None
    return result.cement.mask(cement.stop_ml, result.anatomy.ct.grid.shape)


def _labelled(labels: LabelMap | None, role: str, prefix: str) -> list[NamedMask]:
    """The parts of a label map, by name; parts that hold nothing are left out."""
    if labels is None:
        return []
    parts = []
    for value, name in sorted(labels.names.items(), key=lambda row: row[1]):
        colour = PART_COLOURS.get(name, ROLE_COLOURS["bone"])
        parts.append(NamedMask(f"{prefix}-{value}", role, name, None, colour, labels.labels == value))
    return [part for part in parts if part.mask.any()]


def add_segmentation(scene: Any, result: PlanningResult, ct_node: Any, name: str) -> Any:
    """A segmentation node with the segments of `masks_of`, on the CT's grid."""
    slicer = slicer_module()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", unique_name(scene, name))
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(ct_node)
    masks = masks_of(result)
    images, places = _layers(masks, result.anatomy.ct.grid)
    for item, (layer, label) in zip(masks, places, strict=True):
        segment = slicer.vtkSegment()
        segment.SetName(printable(item.name))
        segment.SetNameAutoGenerated(False)
        segment.SetColor(*item.colour)
        segment.SetColorAutoGenerated(False)
        segment.SetTag(ROLE_TAG, item.role)
        if item.kind is not None:
            segment.SetTag(KIND_TAG, printable(item.kind))
        segment.AddRepresentation(LABELMAP, images[layer])
        segment.SetLabelValue(label)
        if not node.GetSegmentation().AddSegment(segment, item.identifier):
            raise InputError(f"segment {item.name!r}: Slicer refused it")
    _set_display(node, masks)
    return node


def segments(node: Any) -> Iterator[tuple[str, Any]]:
    """(id, vtkSegment) of every segment in order."""
    segmentation = node.GetSegmentation()
    for n in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(n)
        yield identifier, segmentation.GetSegment(identifier)


def tag(segment: Any, name: str) -> str | None:
    """Value of a segment's tag or None."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else None


def replace_mask(node: Any, role: str, mask: NDArray[np.bool_], grid: Grid) -> None:
    """Give the segment of a role other voxels; other segments, which may share its labelmap, stay as they are.

    A role that the segmentation does not hold is added.
    """
    slicer = slicer_module()
    segment = next((s for _, s in segments(node) if tag(s, ROLE_TAG) == role), None)
    if segment is None:
        segment = slicer.vtkSegment()
        segment.SetName(_TITLES[role])
        segment.SetColor(*ROLE_COLOURS[role])
        segment.SetTag(ROLE_TAG, role)
        set_voxels(segment, mask, grid)
        if not node.GetSegmentation().AddSegment(segment, role):
            raise InputError(f"segment {role!r}: Slicer refused it")
    else:
        set_voxels(segment, mask, grid)


def remove_role(node: Any, role: str) -> None:
    """Take the segments of a role out of a segmentation."""
    for identifier in [i for i, s in segments(node) if tag(s, ROLE_TAG) == role]:
        node.GetSegmentation().RemoveSegment(identifier)


def changed_at(node: Any) -> int:
    """When a segmentation, or the voxels of one of its segments, last changed; not when it was shown otherwise."""
    labelmaps = [labelmap_of(segment) for _, segment in segments(node)]
    return max([node.GetSegmentation().GetMTime(), *(m.GetMTime() for m in labelmaps if m is not None)])


def set_voxels(segment: Any, mask: NDArray[np.bool_], grid: Grid) -> None:
    """Give a segment a labelmap of its own with the voxels of a mask on a grid."""
    segment.AddRepresentation(LABELMAP, _oriented_image(mask.astype(np.uint8), grid))
    segment.SetLabelValue(1)
    segment.Modified()


def labelmap_of(segment: Any) -> Any | None:
    """A segment's binary labelmap, None if it has none."""
    return segment.GetRepresentation(LABELMAP)


class LabelBoxes:
    """Where each label of a labelmap lies, looked for once: many segments may share a labelmap."""

    def __init__(self) -> None:
        self._boxes: dict[Any, dict[int, Region]] = {}

    def of(self, image: Any, value: int) -> Region | None:
        """Slices (k, j, i) of an image's array that hold a label; None where it does not occur."""
        if image not in self._boxes:
            self._boxes[image] = label_regions(image_array(image))
        return self._boxes[image].get(value)


def segment_mask(segment: Any, grid: Grid, boxes: LabelBoxes | None = None) -> NDArray[np.bool_]:
    """The voxels of a segment as a bool array on `grid`, padded where the segment was cropped.

    A segment that an editor moved to another grid is resampled to the nearest voxel. `boxes` remembers what is looked
    for in a labelmap, where several segments are read.
    """
    mask = _sparse_mask(grid.shape)
    image = segment.GetRepresentation(LABELMAP)
    if image is None:
        raise InputError(f"segment {segment.GetName()!r}: has no binary labelmap")
    if image_array(image).size == 0:
        return mask
    origin = _offset_ijk(image, grid)
    if origin is None:
        image = _resampled(image, grid)
        origin = np.zeros(3, dtype=int)
    held = (boxes or LabelBoxes()).of(image, segment.GetLabelValue())
    if held is None:
        return mask
    labels = image_array(image)[held] == segment.GetLabelValue()
    start_kji = (origin + np.array(image.GetExtent()[::2]))[::-1] + [s.start for s in held]
    stop_kji = start_kji + labels.shape
    low = np.maximum(start_kji, 0)
    high = np.minimum(stop_kji, grid.shape)
    if (high > low).all():
        target = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        source = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start_kji, strict=True))
        mask[target] = labels[source]
    return mask


def _sparse_mask(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of False of which only the pages that are written to take memory.

    `np.zeros` asks for huge pages, and a small structure in a large CT touches, and so fills, most of them.
    """
    memory = mmap.mmap(-1, int(np.prod(shape)), **_PRIVATE)
    return np.frombuffer(memory, dtype=np.bool_).reshape(shape)


def _layers(masks: list[NamedMask], grid: Grid) -> tuple[list[Any], list[tuple[int, int]]]:
    """Shared labelmaps and, per mask, its (layer, label value)."""
    arrays: list[NDArray[np.uint8]] = []
    counts: list[int] = []
    places = []
    for item in masks:
        region = bounding_region(item.mask) or (slice(0, 0), slice(0, 0), slice(0, 0))
        inside = item.mask[region]
        for layer, array in enumerate(arrays):
            if counts[layer] < _MAXIMUM_LABEL and not (array[region][inside]).any():
                break
        else:
            layer = len(arrays)
            arrays.append(np.zeros(grid.shape, dtype=np.uint8))
            counts.append(0)
        counts[layer] += 1
        arrays[layer][region][inside] = counts[layer]
        places.append((layer, counts[layer]))
    images = []
    while arrays:  # one by one, so that both forms of all layers are never in memory together
        images.append(_oriented_image(arrays.pop(0), grid))
    return images, places


def _oriented_image(array: NDArray[np.uint8], grid: Grid) -> Any:
    image = slicer_module().vtkOrientedImageData()
    region: Region = bounding_region(array != 0) or (slice(0, 1), slice(0, 1), slice(0, 1))
    fill_image(image, array[region], region)
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.ijk_to_ras))
    return image


def _offset_ijk(image: Any, grid: Grid) -> NDArray[np.int_] | None:
    """Index of the image's origin in `grid`, or None when the axes differ or the offset is not whole."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    image_to_grid = grid.ras_to_ijk @ matrix_array(matrix)
    drift = np.abs(image_to_grid[:3, :3] - np.eye(3)) * (np.array(grid.shape[::-1])[:, None])
    offset = image_to_grid[:3, 3]
    if drift.max() > _GRID_TOLERANCE_VOXELS or np.abs(offset - np.rint(offset)).max() > _GRID_TOLERANCE_VOXELS:
        return None
    whole: NDArray[np.int_] = np.rint(offset).astype(int)
    return whole


def _resampled(image: Any, grid: Grid) -> Any:
    slicer = slicer_module()
    reference = slicer.vtkOrientedImageData()
    nk, nj, ni = grid.shape
    reference.SetExtent(0, ni - 1, 0, nj - 1, 0, nk - 1)
    reference.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.ijk_to_ras))
    output = slicer.vtkOrientedImageData()
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(image, reference, output, False):
        raise InputError("segment: could not be resampled to the CT's grid")
    return output


def _set_display(node: Any, masks: list[NamedMask]) -> None:
    display = node.GetDisplayNode()
    display.SetVisibility3D(False)  # models with less detail stand for the anatomy in 3D
    display.SetSliceIntersectionThickness(2)
    for item in masks:
        fill = _FILL_OPACITY.get(item.role, _STRUCTURE_FILL_OPACITY)
        outlined = item.role not in HIDDEN_ROLES and item.kind != "skin"
        display.SetSegmentVisibility(item.identifier, outlined)
        display.SetSegmentOpacity2DFill(item.identifier, fill)
        display.SetSegmentVisibility2DFill(item.identifier, outlined and fill > 0)
        display.SetSegmentOpacity2DOutline(item.identifier, 1.0 if outlined else 0.0)
