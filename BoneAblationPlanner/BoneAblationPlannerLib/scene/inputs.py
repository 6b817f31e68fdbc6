"""MRML nodes that a person prepared -> a `Case`, exact to the voxel: the panel plans what the command line would."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.curve_extent import outside_notes
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.anatomy.targets import without_targets
from BoneAblationPlannerLib.case import Case, Choices, EditedAnatomy, LesionMarks
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.given import NamedSegment, SegmentationContents, read_contents, with_kinds
from BoneAblationPlannerLib.scene.labels import (
    Layer,
    flattened,
    segment_layers,
    segments_on_grid,
    volume_layer,
    with_masks,
)
from BoneAblationPlannerLib.scene.outline import computed_outline
from BoneAblationPlannerLib.scene.placed import nerve_from_node, seed_from_node
from BoneAblationPlannerLib.scene.scans import ct_from_node
from BoneAblationPlannerLib.scene.segmentation import segments
from BoneAblationPlannerLib.scene.solids import model_mask


@dataclass(frozen=True, eq=False)
class SegmentChoice:
    """One segment of a segmentation node by its id; all segments together where the id is None."""

    node: Any
    segment_id: str | None


@dataclass(frozen=True, eq=False)
class GivenAnatomy:
    """What nodes say of the anatomy, on the CT's grid.

    `organs` is None where nothing was given; `table` knows the kinds of segments whose names do not tell them; `edited`
    is what the user drew anew of what the planner had found; `notes` is what reading changed or noticed.
    """

    organs: LabelMap | None = None
    table: StructureTable = field(default_factory=builtin_table)
    edited: EditedAnatomy = field(default_factory=EditedAnatomy)
    notes: tuple[str, ...] = ()


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
    model_nodes: Iterable[Any] = (),
) -> Case:
    """A case from what is in the scene; nothing in the scene is changed and nothing of it is referred to afterwards.

    Linear transforms that nodes are under are applied, as if they had been hardened.

    Parameters
    ----------
    ct_node : vtkMRMLScalarVolumeNode
    seed_node : vtkMRMLMarkupsFiducialNode, optional
        One placed point inside the lesion; not needed with `lesion`.
    structures_node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
        Named anatomy; brought onto the CT's grid. See `anatomy_from_node`.
    nerve_nodes : iterable of vtkMRMLMarkupsCurveNode
        Their course is taken as it is drawn.
    choices : Choices, optional
    lesion : SegmentChoice, optional
        A finished outline; that it was computed and not edited is told from its tags.
    no_entry : SegmentChoice, optional
        Painted over skin that no needle may pass.
    marks : LesionMarks, optional
    structure_table : StructureTable, optional
    model_nodes : iterable of vtkMRMLModelNode
        Closed surfaces that are named anatomy too.

    Raises
    ------
    InputError
        One line: what, where, what was expected.
    """
    ct = ct_from_node(ct_node)
    table = structure_table or builtin_table()
    given = GivenAnatomy(table=table)
    if structures_node is not None:
        given = anatomy_from_node(structures_node, ct.grid, table, lesion)
    models = [(node.GetName(), model_mask(node, ct.grid)) for node in model_nodes]
    organs, overlaps = with_masks(given.organs, models, ct.grid, given.table)
    notes = [*given.notes, *overlaps]
    nerves = tuple(nerve_from_node(node) for node in nerve_nodes)
    notes += [note for nerve in nerves for note in outside_notes(nerve, ct.grid)]
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
        nerves=nerves,
        choices=choices or Choices(),
        excluded_entries=excluded,
        marks=marks or LesionMarks(),
        structure_table=given.table,
        computed=computed,
        edited=given.edited,
    )


def anatomy_from_node(
    node: Any, reference: Grid, table: StructureTable | None = None, without: SegmentChoice | None = None
) -> GivenAnatomy:
    """Named anatomy of a segmentation or label map on the CT's grid.

    Of a plan's own segmentation only what the user had given for that plan, or edited since, is taken.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode
    reference : Grid
        The CT's.
    table : StructureTable, optional
    without : SegmentChoice, optional
        A segment that is the lesion, not a structure.

    Raises
    ------
    InputError
        Where there is no anatomy in it, or none of it lies inside the CT.
    """
    table = table or builtin_table()
    if not node.IsA("vtkMRMLSegmentationNode"):
        title = f"label map {node.GetName()!r}"
        organs, notes = _organs([volume_layer(node)], reference, title, table)
        organs, left_out = without_targets(organs, table)
        return GivenAnatomy(organs, table, notes=(*notes, *left_out))
    title = f"segmentation {node.GetName()!r}"
    contents = read_contents(node, table, _lesion_in(node, without))
    edited = _edited(node, contents, reference)
    if not contents.given and contents.of_plan:
        return GivenAnatomy(None, table, edited, tuple(contents.notes))
    table = with_kinds(table, contents.given)
    organs, notes = _organs(segment_layers(node, contents.given), reference, title, table)
    organs, left_out = without_targets(organs, table)
    return GivenAnatomy(organs, table, edited, (*contents.notes, *notes, *left_out))


def segment_on_grid(choice: SegmentChoice, reference: Grid) -> tuple[NDArray[np.bool_], list[str]]:
    """The voxels of a segment on the CT's grid, nearest neighbour, with notes on what was changed."""
    if choice.segment_id is None:
        title = f"segmentation {choice.node.GetName()!r}"
        chosen = [segment for _, segment in segments(choice.node)]
    else:
        segment = choice.node.GetSegmentation().GetSegment(choice.segment_id)
        if segment is None:
            raise InputError(f"segmentation {choice.node.GetName()!r}: its chosen segment is gone; expected one of it")
        title = f"segment {segment.GetName()!r}"
        chosen = [segment]
    named = [NamedSegment(segment, segment.GetName()) for segment in chosen]
    labels, notes = segments_on_grid(choice.node, named, reference, title)
    return labels.labels != 0, notes


def structure_names(node: Any, table: StructureTable) -> tuple[tuple[str, ...], StructureTable]:
    """Names of the structures that a segmentation or label map brings, and the table that knows their kinds."""
    if not node.IsA("vtkMRMLSegmentationNode"):
        return tuple(volume_layer(node).names.values()), table
    given = read_contents(node, table).given
    return tuple(item.name for item in given), with_kinds(table, given)


def _organs(
    layers: Sequence[Layer], reference: Grid, title: str, table: StructureTable
) -> tuple[LabelMap | None, list[str]]:
    if not any(layer.names for layer in layers):
        raise InputError(f"{title}: holds no structure; expected named segments")
    organs, notes = flattened(layers, reference, title, table)
    if not organs.names:
        raise InputError(f"{title}: nothing of it lies inside the CT; expected structures of the same scan")
    return organs, notes


def _lesion_in(node: Any, lesion: SegmentChoice | None) -> str | None:
    return lesion.segment_id if lesion is not None and lesion.node is node else None


def _edited(node: Any, contents: SegmentationContents, reference: Grid) -> EditedAnatomy:
    """What the user drew anew of body and bones, on the CT's grid."""

    def drawn(segment: Any) -> NDArray[np.bool_]:
        named, title = [NamedSegment(segment, segment.GetName())], f"segment {segment.GetName()!r}"
        return segments_on_grid(node, named, reference, title)[0].labels != 0

    skin, bone = (None if segment is None else drawn(segment) for segment in (contents.skin, contents.bone))
    bones = [(item.name, drawn(item.segment)) for item in contents.bones]
    return EditedAnatomy(skin, bone, with_masks(None, bones, reference)[0])
