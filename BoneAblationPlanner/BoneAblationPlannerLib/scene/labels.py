"""Segments, label maps and masks of the scene as one map of labels on the CT's grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.resampled_labels import nearest, structures_on_grid
from BoneAblationPlannerLib.anatomy.stacked_labels import LabelStack
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
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
    """A label array (k, j, i) on its own grid, the names of the labels that count, and labels that it hides."""

    labels: NDArray[np.integer]
    grid: Grid
    names: dict[int, str]
    beneath: NDArray[np.integer] | None = None


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
    labels, notes = flattened(segment_layers(node, chosen), reference, title, keep_thin=False)
    if not labels.names:
        raise InputError(f"{title}: empty inside the CT; expected to be drawn on this scan")
    return labels, notes


def with_masks(
    organs: LabelMap | None,
    masks: Sequence[tuple[str, NDArray[np.bool_]]],
    grid: Grid,
    table: StructureTable | None = None,
) -> tuple[LabelMap | None, list[str]]:
    """Named masks (k, j, i) bool on a grid as further labels of a map, if there is one; with notes."""
    if not masks:
        return organs, []
    layers = [] if organs is None else [Layer(organs.labels, grid, organs.names, organs.beneath)]
    layers += [Layer(mask.astype(np.uint8), grid, {1: name}) for name, mask in masks]
    labels, notes = flattened(layers, grid, "structures", table)
    return replace(labels, covered=None if organs is None else organs.covered), notes


def flattened(
    layers: Sequence[Layer],
    reference: Grid,
    title: str,
    table: StructureTable | None = None,
    keep_thin: bool = True,
) -> tuple[LabelMap, list[str]]:
    """One label array on the reference grid; where layers overlap see `LabelStack`.

    Structures thinner than the reference's voxels are kept (see `structures_on_grid`) unless `keep_thin` is False.
    """
    stack, moved = LabelStack(reference.shape, table), False
    wanted: list[str] = []
    for layer in layers:
        moved |= not _is_aligned(layer.grid, reference)
        numbers = {value: len(wanted) + n for n, value in enumerate(layer.names, start=1)}
        wanted += layer.names.values()
        stack.add(_on_grid(layer, reference, table, keep_thin), layer.names, numbers)
        if layer.beneath is not None:
            stack.add(layer.beneath, layer.names, numbers)
    notes = stack.notes
    if moved:
        lost = [name for name in wanted if name not in stack.names.values()]
        notes.insert(
            0,
            f"{title} on another grid: resampled to the CT's, nearest neighbour"
            + (f"; outside the CT or lost in its voxels: {', '.join(lost)}" if lost else ""),
        )
    return LabelMap(reference, stack.labels, stack.names, beneath=stack.beneath), notes


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


def _on_grid(layer: Layer, reference: Grid, table: StructureTable | None, keep_thin: bool) -> NDArray[np.integer]:
    """Labels on the reference grid, 0 outside."""
    if layer.grid.matches(reference, _SAME_GEOMETRY_MM):
        return layer.labels
    if not keep_thin:
        return nearest(layer.labels, layer.grid, reference)
    return structures_on_grid(layer.labels, layer.names, layer.grid, reference, table)


def _is_aligned(grid: Grid, reference: Grid) -> bool:
    """Whether voxels coincide where the grids meet, as in a cropped labelmap."""
    step = reference.ras_to_ijk @ grid.ijk_to_ras
    drift = np.abs(step[:3, :3] - np.eye(3)) * np.array(grid.shape[::-1])
    offset = step[:3, 3]
    return bool(drift.max() < _SAME_VOXEL and np.abs(offset - np.rint(offset)).max() < _SAME_VOXEL)
