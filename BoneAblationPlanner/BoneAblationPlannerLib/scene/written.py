"""What the planner wrote into a segment, so that what a person edited or drew since is known."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.barred import CHOSEN
from BoneAblationPlannerLib.anatomy.bone_names import bone_name, whole_bone
from BoneAblationPlannerLib.anatomy.joints import OF_LABELLED_BONES
from BoneAblationPlannerLib.anatomy.nerves import ESTIMATED
from BoneAblationPlannerLib.anatomy.structures import FROM_CT
from BoneAblationPlannerLib.case import Anatomy, ComputedOutline
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.regions import bounding_region
from BoneAblationPlannerLib.scene.convert import image_array
from BoneAblationPlannerLib.scene.plan_nodes import SEGMENTATION_REFERENCE, plan_documents
from BoneAblationPlannerLib.scene.segmentation import LabelBoxes, labelmap_of, segments, tag
from BoneAblationPlannerLib.segment_tags import DRAWN, FOUND, GIVEN, ORIGIN_TAG, ROLE_TAG

_WRITTEN = "BonePlan.Written"
"""Tag of a segment that the planner wrote: hashes of its name and of its voxels."""
_COMPUTED = "BonePlan.Computed"
"""Tag of a computed outline: a hash of its voxels, confidence and checks."""
_FOUND_ORIGINS = (FROM_CT, OF_LABELLED_BONES, ESTIMATED, CHOSEN)
_WHOLE = ("skin", "bone")
_MOST_HASHES = 10_000
_hashes: dict[tuple[int, int], str] = {}
"""By time stamp of a labelmap, which no two objects share, and label: a panel asks after every change in the scene."""


@dataclass(frozen=True)
class Written:
    """What a segment says of itself: `origin` is None where a person made it; `renamed` and `redrawn` since then."""

    origin: str | None
    renamed: bool = False
    redrawn: bool = False

    @property
    def edited(self) -> bool:
        """Whether a person changed what the planner wrote."""
        return self.renamed or self.redrawn


def mark_written(node: Any, anatomy: Anatomy, plan: Plan) -> None:
    """Note on the segments of a plan where they came from and what they hold."""
    origins = dict(_origins(node, anatomy, plan))
    boxes = LabelBoxes()
    for identifier, segment in segments(node):
        if identifier in origins:
            segment.SetTag(ORIGIN_TAG, origins[identifier])
            segment.SetTag(_WRITTEN, f"{_name_hash(segment)} {segment_hash(segment, boxes)}")
        if tag(segment, ROLE_TAG) == "lesion" and plan.lesion.confidence is not None:
            mark_computed(segment, anatomy.lesion, plan.lesion.confidence, plan.lesion.checks)


def written(node: Any, segment: Any, boxes: LabelBoxes | None = None) -> Written:
    """Where a segment came from, and whether it was edited since.

    `boxes` remembers what is looked for in a labelmap, where several segments are read.
    """
    role = tag(segment, ROLE_TAG)
    if role is None:
        return Written(None)
    text = tag(segment, _WRITTEN)
    if text is None:
        return Written(_origin_in_document(node, segment, role))
    name, _, voxels = text.partition(" ")
    renamed, redrawn = _name_hash(segment) != name, segment_hash(segment, boxes) != voxels
    return Written(tag(segment, ORIGIN_TAG) or FOUND, renamed, redrawn)


def is_drawn(role: str, state: Written) -> bool:
    """Whether body or bones are as a person drew them; another name makes another one of separate bones only."""
    changed = state.redrawn if role in _WHOLE else state.edited
    return state.origin == DRAWN or (state.origin == FOUND and changed)


def drawn_by_hand(node: Any) -> tuple[str, ...]:
    """What of body and bones in a plan's segmentation a person drew, as `EditedAnatomy.names` does."""
    boxes = LabelBoxes()
    found = []
    for _, segment in segments(node):
        role = tag(segment, ROLE_TAG)
        if role in (*_WHOLE, "single-bone") and is_drawn(role, written(node, segment, boxes)):
            found.append(role if role in _WHOLE else segment.GetName())
    return tuple(found)


def mark_computed(segment: Any, mask: NDArray[np.bool_], confidence: float, checks: tuple[str, ...]) -> None:
    """Note on an outline's segment that these voxels were computed."""
    known = {"voxels": voxel_hash(mask), "confidence": confidence, "checks": list(checks)}
    segment.SetTag(_COMPUTED, json.dumps(known).replace("|", r"\u007c"))  # files part tags by it


def computed_outline(segment: Any, mask: NDArray[np.bool_]) -> ComputedOutline | None:
    """What is known of a segment's voxels if they are as they were computed; None if a person drew them."""
    text = tag(segment, _COMPUTED)
    known = None if text is None else json.loads(text)
    if known is None or known["voxels"] != voxel_hash(mask):
        return None
    return ComputedOutline(float(known["confidence"]), tuple(known["checks"]))


def voxel_hash(mask: NDArray[np.bool_]) -> str:
    """Of what a mask holds, wherever it lies: a segment may be cropped, and moved with its CT."""
    region = bounding_region(mask)
    held = np.zeros((0, 0, 0), dtype=bool) if region is None else mask[region]
    digest = hashlib.sha256(str(held.shape).encode())
    digest.update(np.packbits(held).tobytes())
    return digest.hexdigest()


def segment_hash(segment: Any, boxes: LabelBoxes | None = None) -> str:
    """`voxel_hash` of a segment's own labelmap; of nothing where it has none."""
    image, value = labelmap_of(segment), segment.GetLabelValue()
    if image is None:
        return voxel_hash(np.zeros((0, 0, 0), dtype=bool))
    state = (image.GetMTime(), value)
    if state not in _hashes:
        held = (boxes or LabelBoxes()).of(image, value)
        array = image_array(image)
        if len(_hashes) >= _MOST_HASHES:
            _hashes.clear()
        _hashes[state] = voxel_hash(array[held] == value if held is not None else array[:0] == value)
    return _hashes[state]


def _name_hash(segment: Any) -> str:
    return hashlib.sha256(segment.GetName().encode()).hexdigest()[:16]


def _origins(node: Any, anatomy: Anatomy, plan: Plan) -> Iterator[tuple[str, str]]:
    """Origin of the segments that a later plan may start from, by id."""
    ignored = (bone_name(label.name) for label in plan.structures.ignored)
    labelled = {whole_bone(name) for name in ignored if name is not None}
    numbered = {"structure": iter(anatomy.structures), "estimate": iter(anatomy.estimates)}
    for identifier, segment in segments(node):
        role = tag(segment, ROLE_TAG)
        if role in numbered:
            yield identifier, FOUND if next(numbered[role]).origin in _FOUND_ORIGINS else GIVEN
        elif role == "inserted":
            yield identifier, GIVEN
        elif role in _WHOLE:
            yield identifier, DRAWN if role in anatomy.by_hand else FOUND
        elif role == "single-bone":
            name = segment.GetName()
            yield identifier, DRAWN if name in anatomy.by_hand else GIVEN if whole_bone(name) in labelled else FOUND


def _origin_in_document(node: Any, segment: Any, role: str) -> str:
    """Origin by the plan that a segmentation belongs to, for plans whose segments do not say it."""
    if role == "inserted":
        return GIVEN
    if role != "structure":
        return FOUND
    documents = [d for d in plan_documents(node.GetScene()) if d.GetNodeReference(SEGMENTATION_REFERENCE) is node]
    origins: dict[str, str] = {}
    for document in documents:
        structures = json.loads(document.GetText() or "{}").get("structures", {})
        origins |= {row["name"]: row["origin"] for row in structures.get("checked", [])}
    return FOUND if origins.get(segment.GetName(), "") in _FOUND_ORIGINS else GIVEN
