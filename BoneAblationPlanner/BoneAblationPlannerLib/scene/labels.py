"""Segments, label maps and masks of the scene as one map of labels on the CT's grid."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.convert import image_array, matrix_array
from BoneAblationPlannerLib.scene.geometry import grid_or_error, to_world, world_grid
from BoneAblationPlannerLib.scene.given import NamedSegment
from BoneAblationPlannerLib.scene.segmentation import LABELMAP

_SAME_VOXEL = 1e-3
_SAME_GEOMETRY_MM = 0.01


@dataclass(frozen=True, eq=False)
class Layer:
    """A label array (k, j, i) on its own grid, and the names of the labels that count."""

    labels: NDArray[np.integer]
    grid: Grid
    names: dict[int, str]


def segment_layers(node: Any, chosen: Sequence[NamedSegment]) -> list[Layer]:
    """One layer per labelmap that the chosen segments of a segmentation share, in their order."""
    shared: dict[str, tuple[Any, dict[int, str]]] = {}
    for item in chosen:
        image = _segment_image(node, item.segment)
        names = shared.setdefault(image.GetAddressAsString(""), (image, {}))[1]
        names[item.segment.GetLabelValue()] = item.name
    return [_layer(image, node, names) for image, names in shared.values()]


def volume_layer(node: Any) -> Layer:
    """A label map volume; names come from its colour table."""
    name = f"label map {node.GetName()!r}"
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise InputError(f"{name}: holds no image; expected labelled anatomy")
    labels = image_array(image)
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(f"{name}: values are no labels; expected whole numbers from 0")
    colours = node.GetDisplayNode().GetColorNode() if node.GetDisplayNode() is not None else None
    present = np.flatnonzero(np.bincount(labels.ravel()))
    names = {int(value): _colour_name(colours, int(value)) for value in present if value}
    return Layer(labels, world_grid(node, name), names)


def segments_on_grid(
    node: Any, chosen: Sequence[NamedSegment], reference: Grid, title: str
) -> tuple[LabelMap, list[str]]:
    """Segments as labels on a grid, with notes on what was changed; raises InputError where nothing lies inside it."""
    labels, notes = flattened(segment_layers(node, chosen), reference, title)
    if not labels.names:
        raise InputError(f"{title}: empty inside the CT; expected to be drawn on this scan")
    return labels, notes


def with_masks(
    organs: LabelMap | None, masks: Sequence[tuple[str, NDArray[np.bool_]]], grid: Grid
) -> tuple[LabelMap | None, list[str]]:
    """Named masks (k, j, i) bool on a grid as further labels of a map, if there is one; with notes."""
    if not masks:
        return organs, []
    layers = [] if organs is None else [Layer(organs.labels, grid, organs.names)]
    layers += [Layer(mask.astype(np.uint8), grid, {1: name}) for name, mask in masks]
    return flattened(layers, grid, "structures")


def flattened(layers: Sequence[Layer], reference: Grid, title: str) -> tuple[LabelMap, list[str]]:
    """One label array on the reference grid; where layers overlap the smaller structure stays on top."""
    labels = np.zeros(reference.shape, dtype=np.uint16)
    names: dict[int, str] = {}
    sizes = np.zeros(1 + sum(len(layer.names) for layer in layers), dtype=np.int64)
    first, overlap, moved, wanted = 1, 0, False, 0
    for layer in layers:
        moved |= not _is_aligned(layer.grid, reference)
        numbers = {value: first + n for n, value in enumerate(layer.names)}
        first += len(numbers)
        wanted += len(numbers)
        new = _renumbered(_on_grid(layer.labels, layer.grid, reference), numbers)
        count = np.bincount(new.ravel(), minlength=len(sizes))
        sizes[1:] += count[1 : len(sizes)]
        names |= {number: layer.names[value] for value, number in numbers.items() if count[number]}
        both = (labels != 0) & (new != 0)
        overlap += int(both.sum())
        # Of two of the same size the later one, as reading from a file does.
        on_top = (new != 0) & (~both | (sizes[new] <= sizes[labels]))
        labels[on_top] = new[on_top]
    notes = []
    if moved:
        lost = wanted - len(names)
        notes.append(
            f"{title} on another grid: resampled to the CT's, nearest neighbour"
            + (f"; {lost} label(s) lie outside the CT or vanish" if lost else "")
        )
    if overlap:
        notes.append(f"segments overlap in {overlap} voxels: the smaller segment was kept there")
    return LabelMap(reference, labels, names), notes


def _renumbered(labels: NDArray[np.integer], numbers: dict[int, int]) -> NDArray[np.uint16]:
    """Labels that are keys of `numbers` replaced by their values, all others by 0."""
    highest = max(int(labels.max(initial=0)), *numbers, 0) if numbers else int(labels.max(initial=0))
    table = np.zeros(highest + 1, dtype=np.uint16)
    for value, number in numbers.items():
        table[value] = number
    return table[labels]


def _segment_image(node: Any, segment: Any) -> Any:
    image = segment.GetRepresentation(LABELMAP)
    if image is None:
        node.CreateBinaryLabelmapRepresentation()
        image = segment.GetRepresentation(LABELMAP)
    if image is None:
        raise InputError(f"segment {segment.GetName()!r}: a surface without voxels; expected a binary labelmap")
    return image


def _layer(image: Any, node: Any, names: dict[int, str]) -> Layer:
    """A layer of a vtkOrientedImageData, whose extent may start anywhere."""
    array = image_array(image)
    if array.size == 0:
        return Layer(np.zeros((1, 1, 1), dtype=np.uint8), Grid((1, 1, 1), np.eye(4)), {})
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    start = np.eye(4)
    start[:3, 3] = image.GetExtent()[::2]
    name = f"segmentation {node.GetName()!r}"
    ijk_to_ras = to_world(node, name) @ matrix_array(matrix) @ start
    return Layer(array, grid_or_error(array.shape, ijk_to_ras, name), names)


def _colour_name(colours: Any | None, value: int) -> str:
    name = colours.GetColorName(value) if colours is not None and value < colours.GetNumberOfColors() else ""
    return name or f"label {value}"


def _on_grid(labels: NDArray[np.integer], grid: Grid, reference: Grid) -> NDArray[np.integer]:
    """Labels on the reference grid, nearest neighbour, 0 outside."""
    if grid.matches(reference, _SAME_GEOMETRY_MM):
        return labels
    corner = reference.crop((slice(0, 1), slice(0, 1), slice(0, 1)))
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(corner.image(np.zeros((1, 1, 1), dtype=np.uint8)))
    resample.SetSize(reference.shape[::-1])
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    return np.asarray(sitk.GetArrayFromImage(resample.Execute(grid.image(labels))))


def _is_aligned(grid: Grid, reference: Grid) -> bool:
    """Whether voxels coincide where the grids meet, as in a cropped labelmap."""
    step = reference.ras_to_ijk @ grid.ijk_to_ras
    drift = np.abs(step[:3, :3] - np.eye(3)) * np.array(grid.shape[::-1])
    offset = step[:3, 3]
    return bool(drift.max() < _SAME_VOXEL and np.abs(offset - np.rint(offset)).max() < _SAME_VOXEL)
