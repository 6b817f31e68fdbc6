"""MRML nodes that a person prepared -> a `Case`, exact to the voxel: the panel plans what the command line would."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
import SimpleITK as sitk
import vtk
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.case import Case, Choices, LesionMarks, NerveCurve
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Point
from BoneAblationPlannerLib.reading import ct_from_array
from BoneAblationPlannerLib.scene.convert import image_array, matrix_array
from BoneAblationPlannerLib.scene.outline import computed_outline
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import LABELMAP, ROLE_TAG, segments, tag

SHORTEST_NEEDLE_MM = 5.0
_SAME_VOXEL = 1e-3
_SAME_GEOMETRY_MM = 0.01
_PLACED = 2  # vtkMRMLMarkupsNode::PositionDefined
_DICOM_MODALITY, _DICOM_PATIENT_POSITION = "0008,0060", "0018,5100"
_SCANNED_POSITION = {"S": "supine", "P": "prone", "DR": "right-lateral", "DL": "left-lateral"}


@dataclass(frozen=True, eq=False)
class SegmentChoice:
    """One segment of a segmentation node by its id; all segments together where the id is None."""

    node: Any
    segment_id: str | None


@dataclass(frozen=True, eq=False)
class _Layer:
    """A label array (k, j, i) on its own grid, and the names of the labels that count."""

    labels: NDArray[np.integer]
    grid: Grid
    names: dict[int, str]


def case_from_nodes(
    ct_node: Any,
    seed_node: Any | None = None,
    structures_node: Any | None = None,
    nerve_nodes: Iterable[Any] = (),
    choices: Choices | None = None,
    lesion: SegmentChoice | None = None,
    no_entry: SegmentChoice | None = None,
    marks: LesionMarks | None = None,
    structure_table: StructureTable | None = None,
) -> Case:
    """A case from what is in the scene; nothing in the scene is changed and nothing of it is referred to afterwards.

    Linear transforms that nodes are under are applied, as if they had been hardened.

    Parameters
    ----------
    ct_node : vtkMRMLScalarVolumeNode
    seed_node : vtkMRMLMarkupsFiducialNode, optional
        One placed point inside the lesion; not needed with `lesion`.
    structures_node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
        Named anatomy; brought onto the CT's grid, nearest neighbour. Segments that a plan made are left out.
    nerve_nodes : iterable of vtkMRMLMarkupsCurveNode
        Their control points are the course, as on the command line.
    choices : Choices, optional
    lesion : SegmentChoice, optional
        A finished outline; that it was computed and not edited is told from its tags.
    no_entry : SegmentChoice, optional
        Painted over skin that no needle may pass.
    marks : LesionMarks, optional
    structure_table : StructureTable, optional

    Raises
    ------
    InputError
        One line: what, where, what was expected.
    """
    ct = ct_from_node(ct_node)
    organs, notes = (None, []) if structures_node is None else label_map_from_node(structures_node, ct.grid, lesion)
    outline = computed = excluded = None
    if lesion is not None:
        outline, lesion_notes = segment_on_grid(lesion, ct.grid)
        notes += lesion_notes
        computed = computed_outline(lesion.node, lesion.segment_id or "", outline)
    if no_entry is not None:
        excluded, _ = segment_on_grid(no_entry, ct.grid)
    return Case(
        ct=replace(ct, notes=(*ct.notes, *notes)),
        seed_ras_mm=None if seed_node is None else seed_from_node(seed_node),
        lesion=outline,
        organs=organs,
        nerves=tuple(nerve_from_node(node) for node in nerve_nodes),
        choices=choices or Choices(),
        excluded_entries=excluded,
        marks=marks or LesionMarks(),
        structure_table=structure_table or builtin_table(),
        computed=computed,
    )


def marks_from_nodes(
    box_node: Any | None = None, inside_node: Any | None = None, outside_node: Any | None = None
) -> LesionMarks:
    """What guides an outline: a box (vtkMRMLMarkupsROINode) and point lists inside and outside the lesion."""
    box = None
    if box_node is not None:
        bounds = np.zeros(6)
        box_node.GetRASBounds(bounds)
        box = bounds.reshape(3, 2).T
        if not (box[1] > box[0]).all():
            raise InputError(f"box {box_node.GetName()!r}: is not placed; expected a box around the lesion")
    inside, outside = (None if node is None else _placed_points(node) for node in (inside_node, outside_node))
    return LesionMarks(
        box,
        inside if inside is not None and len(inside) else None,
        outside if outside is not None and len(outside) else None,
    )


def ct_from_node(node: Any) -> CtVolume:
    """The CT of a scalar volume node, checked as a file would be; same voxels and geometry, same hash."""
    name = f"volume {node.GetName()!r}"
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise InputError(f"{name}: holds no image; expected a CT")
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(f"{name}: {image.GetNumberOfScalarComponents()} values per voxel; expected a CT with one")
    modality = _dicom_value(node, _DICOM_MODALITY)
    if modality not in (None, "CT"):
        raise InputError(f"{name}: is {modality}; expected CT")
    values = np.array(image_array(image))  # a copy: the node may change while the plan is made
    return ct_from_array(_volume_grid(node, name), values, _source(node), scanned_position(node))


def is_plain_ct(node: Any) -> bool:
    """Whether a plan can refer to the node as it is: whole Hounsfield units, not under a transform."""
    image = node.GetImageData()
    return bool(node.GetParentTransformNode() is None and image is not None and image.GetScalarType() == vtk.VTK_SHORT)


def seed_from_node(node: Any) -> Point:
    """The one placed point (RAS mm) of a point list."""
    points = _placed_points(node)
    if len(points) != 1:
        raise InputError(f"point list {node.GetName()!r}: {len(points)} placed points; expected one inside the lesion")
    r, a, s = (float(v) for v in points[0])
    return (r, a, s)


def nerve_from_node(node: Any) -> NerveCurve:
    """The placed control points of a curve; a closed curve repeats its first."""
    points = _placed_points(node)
    if len(points) < 2:
        raise InputError(f"nerve {node.GetName()!r}: {len(points)} placed points; expected at least two")
    if node.IsA("vtkMRMLMarkupsClosedCurveNode"):
        points = np.vstack([points, points[:1]])
    return NerveCurve(node.GetName(), points)


def label_map_from_node(node: Any, reference: Grid, without: SegmentChoice | None = None) -> tuple[LabelMap, list[str]]:
    """Named anatomy on the CT's grid, with notes on what was changed.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode
    reference : Grid
        The CT's.
    without : SegmentChoice, optional
        A segment that is the lesion, not a structure.
    """
    title = f"{'segmentation' if node.IsA('vtkMRMLSegmentationNode') else 'label map'} {node.GetName()!r}"
    skip = without.segment_id if without is not None and without.node is node else None
    layers = _segment_layers(node, skip) if node.IsA("vtkMRMLSegmentationNode") else [_volume_layer(node)]
    if not any(layer.names for layer in layers):
        raise InputError(f"{title}: holds no structure; expected named segments")
    labels, names, notes = _flattened(layers, reference, title)
    if not names:
        raise InputError(f"{title}: nothing of it lies inside the CT; expected structures of the same scan")
    return LabelMap(reference, labels, names), notes


def segment_on_grid(choice: SegmentChoice, reference: Grid) -> tuple[NDArray[np.bool_], list[str]]:
    """The voxels of a segment on the CT's grid, nearest neighbour, with notes on what was changed."""
    if choice.segment_id is None:
        title = f"segmentation {choice.node.GetName()!r}"
        layers = [
            _layer(_segment_image(choice.node, segment), choice.node, {segment.GetLabelValue(): segment.GetName()})
            for _, segment in segments(choice.node)
        ]
    else:
        segment = choice.node.GetSegmentation().GetSegment(choice.segment_id)
        if segment is None:
            raise InputError(f"segmentation {choice.node.GetName()!r}: its chosen segment is gone; expected one of it")
        title = f"segment {segment.GetName()!r}"
        names = {segment.GetLabelValue(): segment.GetName()}
        layers = [_layer(_segment_image(choice.node, segment), choice.node, names)]
    labels, found, notes = _flattened(layers, reference, title)
    if not found:
        raise InputError(f"{title}: empty inside the CT; expected to be drawn on this scan")
    return labels != 0, notes


def structure_names(node: Any) -> tuple[str, ...]:
    """Names of the structures that a segmentation or label map brings, without looking at voxels of a segmentation."""
    if node.IsA("vtkMRMLSegmentationNode"):
        return tuple(s.GetName() for _, s in segments(node) if tag(s, ROLE_TAG) in (None, "structure"))
    return tuple(_volume_layer(node).names.values())


def clicked_points(line: Any) -> tuple[Point, Point]:
    """Target and entry of a line, in the order in which they were clicked, rounded as plans store them."""
    points = _placed_points(line)
    if len(points) != 2 or np.linalg.norm(points[1] - points[0]) < SHORTEST_NEEDLE_MM:
        raise InputError(
            f"needle by hand: {len(points)} points, or both at one place; expected the target, then the entry"
        )
    target, entry = (rounded_point(point) for point in points)
    return target, entry


def _flattened(
    layers: Sequence[_Layer], reference: Grid, title: str
) -> tuple[NDArray[np.uint16], dict[int, str], list[str]]:
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
    return labels, names, notes


def _renumbered(labels: NDArray[np.integer], numbers: dict[int, int]) -> NDArray[np.uint16]:
    """Labels that are keys of `numbers` replaced by their values, all others by 0."""
    highest = max(int(labels.max(initial=0)), *numbers, 0) if numbers else int(labels.max(initial=0))
    table = np.zeros(highest + 1, dtype=np.uint16)
    for value, number in numbers.items():
        table[value] = number
    return table[labels]


def _segment_layers(node: Any, skip: str | None) -> list[_Layer]:
    """One layer per labelmap that segments share, in the order of the segments."""
    shared: dict[str, tuple[Any, dict[int, str]]] = {}
    for identifier, segment in segments(node):
        if identifier == skip or tag(segment, ROLE_TAG) not in (None, "structure"):
            continue
        image = _segment_image(node, segment)
        shared.setdefault(image.GetAddressAsString(""), (image, {}))[1][segment.GetLabelValue()] = segment.GetName()
    return [_layer(image, node, names) for image, names in shared.values()]


def _segment_image(node: Any, segment: Any) -> Any:
    image = segment.GetRepresentation(LABELMAP)
    if image is None:
        node.CreateBinaryLabelmapRepresentation()
        image = segment.GetRepresentation(LABELMAP)
    if image is None:
        raise InputError(f"segment {segment.GetName()!r}: a surface without voxels; expected a binary labelmap")
    return image


def _layer(image: Any, node: Any, names: dict[int, str]) -> _Layer:
    """A layer of a vtkOrientedImageData, whose extent may start anywhere."""
    array = image_array(image)
    if array.size == 0:
        return _Layer(np.zeros((1, 1, 1), dtype=np.uint8), Grid((1, 1, 1), np.eye(4)), {})
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    start = np.eye(4)
    start[:3, 3] = image.GetExtent()[::2]
    name = f"segmentation {node.GetName()!r}"
    return _Layer(array, _grid(array.shape, _to_world(node, name) @ matrix_array(matrix) @ start, name), names)


def _volume_layer(node: Any) -> _Layer:
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
    return _Layer(labels, _volume_grid(node, name), names)


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


def _placed_points(node: Any) -> NDArray[np.float64]:
    """Placed control points (N, 3), RAS mm in the world."""
    points = []
    for n in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(n) == _PLACED:
            position = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(n, position)
            points.append(position)
    return np.array(points, dtype=np.float64).reshape(-1, 3)


def _volume_grid(node: Any, name: str) -> Grid:
    ni, nj, nk = node.GetImageData().GetDimensions()
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return _grid((nk, nj, ni), _to_world(node, name) @ matrix_array(matrix), name)


def _to_world(node: Any, name: str) -> NDArray[np.float64]:
    """Matrix (4, 4) of the transforms that a node is under."""
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(f"{name}: is under a warping transform {parent.GetName()!r}; expected it hardened")
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return matrix_array(matrix)


def _grid(shape: tuple[int, ...], ijk_to_ras: NDArray[np.float64], name: str) -> Grid:
    try:
        return Grid(shape, ijk_to_ras)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def _source(node: Any) -> str:
    """What the plan calls the scan: what its reader noted, the file's name, or the node's."""
    storage = node.GetStorageNode()
    file_name = storage.GetFileName() if storage is not None else None
    return node.GetAttribute("BonePlan.Source") or (PurePath(file_name).name if file_name else node.GetName())


def scanned_position(node: Any) -> str | None:
    """How the patient lay in the scanner, if a volume node says so."""
    noted = node.GetAttribute("BonePlan.ScannedPosition")
    if noted:
        return str(noted)
    code = (_dicom_value(node, _DICOM_PATIENT_POSITION) or "").upper()  # HFS: head first, supine
    return _SCANNED_POSITION.get(code[2:])


def _dicom_value(node: Any, attribute: str) -> str | None:
    """A DICOM attribute of the volume's first slice from Slicer's database, or None."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer_module(), "dicomDatabase", None)
    if not uids or database is None or not database.isOpen:
        return None
    return database.instanceValue(uids[0], attribute).strip() or None
