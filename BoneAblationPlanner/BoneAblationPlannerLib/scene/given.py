"""Which segments are anatomy that the user gave or drew, and which are only what the planner found before.

What a plan's own segments show was found on the CT: taking it back as given anatomy would make the next plan call
checked what nobody looked at. It counts once a person has edited it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from BoneAblationPlannerLib.anatomy.barred import KIND as BARRED
from BoneAblationPlannerLib.anatomy.coded_names import spoken_name
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.scene.segmentation import LabelBoxes, segments, tag
from BoneAblationPlannerLib.scene.terminology import meanings
from BoneAblationPlannerLib.scene.written import Written, is_drawn, written
from BoneAblationPlannerLib.segment_tags import FOUND, GIVEN, KIND_TAG, ROLE_TAG

_FOLLOWS = {"skin": "'Skin (body)'", BARRED: "the bones"}
"""Kinds of structures that only repeat other segments, and which these are."""


@dataclass(frozen=True, eq=False)
class NamedSegment:
    """A segment, the name that says what it is, and its kind where the name alone does not tell it."""

    segment: Any
    name: str
    kind: str | None = None


@dataclass(eq=False)
class SegmentationContents:
    """What of a segmentation the next plan starts from.

    `given` are structures and labelled bones; `skin`, `bone` and `bones` what the user drew anew of what the planner
    had found; `notes` says what was edited.
    """

    given: list[NamedSegment] = field(default_factory=list)
    skin: Any = None
    bone: Any = None
    bones: list[NamedSegment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    of_plan: bool = False


def read_contents(node: Any, table: StructureTable, skip: str | None = None) -> SegmentationContents:
    """Sort the segments of a segmentation; the one with the id `skip` is the lesion."""
    found, boxes = SegmentationContents(), LabelBoxes()
    edited, unused = [], []
    for identifier, segment in segments(node):
        role = tag(segment, ROLE_TAG)
        found.of_plan |= role is not None
        if identifier == skip:
            continue
        if role is None:
            found.given.append(NamedSegment(segment, spoken_name(segment.GetName(), meanings(segment), table)))
        elif role in ("skin", "bone", "single-bone"):
            _sort_bone(found, segment, role, written(node, segment, boxes))
        elif role in ("structure", "estimate", "inserted"):
            state = written(node, segment, boxes)
            if follows := _FOLLOWS.get(tag(segment, KIND_TAG) or ""):
                unused += [f"{segment.GetName()!r} follows {follows}"] if state.edited else []
            elif state.origin == GIVEN or state.edited:
                found.given.append(_structure(segment, state))
                edited += [found.given[-1].name] if state.edited else []
    if edited:
        found.notes.append(f"edited by hand in {node.GetName()!r}, used as given anatomy: {', '.join(edited)}")
    if unused:
        found.notes.append(f"edited by hand in {node.GetName()!r}, but not used: {', '.join(unused)}; edit that")
    return found


def with_kinds(table: StructureTable, given: Sequence[NamedSegment]) -> StructureTable:
    """The table with rows for segments whose kind is known otherwise than by their names."""
    rows = tuple(
        (f"^{re.escape(item.name.lower().replace(' ', '_'))}$", item.kind)
        for item in given
        if item.kind is not None and item.kind in table.kinds and table.kind_of(item.name) != item.kind
    )
    return replace(table, own_names=(*rows, *table.own_names)) if rows else table


def _sort_bone(found: SegmentationContents, segment: Any, role: str, state: Written) -> None:
    if role == "single-bone" and state.origin == GIVEN:
        found.given.append(NamedSegment(segment, segment.GetName()))
        if state.edited:
            found.notes.append(f"edited by hand, used as it is: {segment.GetName()}")
    elif is_drawn(role, state) and role == "single-bone":
        found.bones.append(NamedSegment(segment, segment.GetName()))
    elif is_drawn(role, state):
        setattr(found, role, segment)


def _structure(segment: Any, state: Written) -> NamedSegment:
    """A structure of an earlier plan; what was only found says in its name that it was edited."""
    name = segment.GetName()
    if state.renamed:
        return NamedSegment(segment, name)
    if state.origin == FOUND:
        name = f"{name.removesuffix(' (estimated, verify)')} (edited)"
    return NamedSegment(segment, name, tag(segment, KIND_TAG))
