"""A plan read back from a scene, as its nodes are now."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import CementBody, InsertedMaterial
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene import probes, stabilisation
from BoneAblationPlannerLib.scene.plan_nodes import (
    CT_REFERENCE,
    SEGMENTATION_REFERENCE,
    plan_documents,
    plan_nodes,
    probe_lines,
    referenced,
)
from BoneAblationPlannerLib.scene.segmentation import LabelBoxes, segment_mask, segments, tag
from BoneAblationPlannerLib.scene.volumes import read_ct, volume_grid
from BoneAblationPlannerLib.scene.written import drawn_by_hand
from BoneAblationPlannerLib.segment_tags import KIND_TAG, ROLE_TAG
from BoneAblationPlannerLib.zones.heat.inserted import inserted_material, limits_no_path


@dataclass(frozen=True, eq=False)
class StoredStructure:
    """A structure as the scene holds it: mask (k, j, i) bool on the CT's grid."""

    name: str
    kind: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StoredPlan:
    """A plan read from a scene: what was stored (`plan`) and what the nodes say now (everything else)."""

    plan: Plan
    ct: CtVolume
    masks: dict[str, NDArray[np.bool_]]
    structures: tuple[StoredStructure, ...]
    probes: tuple[probes.ProbeLine, ...]
    estimates: tuple[StoredStructure, ...] = ()
    bones: LabelMap | None = None
    inserted: tuple[InsertedMaterial, ...] = ()
    cement: CementBody | None = None
    by_hand: tuple[str, ...] = ()


def read_plan_nodes(scene: Any, name: str | None = None) -> StoredPlan:
    """The plan of a scene as its nodes are now.

    Parameters
    ----------
    name : str, optional
        Which plan, where the scene holds several.

    Raises
    ------
    InputError
        When there is no plan, or several and no name, or nodes of it were deleted.
    """
    return read_plan_document(_choose_document(scene, name))


def read_plan_document(document: Any) -> StoredPlan:
    """The plan of a document as its nodes are now, whatever the plans beside it are called.

    Raises
    ------
    InputError
        When nodes of it were deleted.
    """
    plan = Plan.from_json(_parse(document))
    ct = referenced(document, CT_REFERENCE, "CT volume")
    segmentation = referenced(document, SEGMENTATION_REFERENCE, "segmentation")
    grid = volume_grid(ct)
    masks: dict[str, NDArray[np.bool_]] = {}
    named: dict[str, list[StoredStructure]] = {"structure": [], "estimate": []}
    bones: dict[str, NDArray[np.bool_]] = {}
    inserted: list[InsertedMaterial] = []
    boxes = LabelBoxes()
    for _, segment in segments(segmentation):
        role = tag(segment, ROLE_TAG)
        if role == "inserted" or (role is None and limits_no_path(segment.GetName())):
            mask = segment_mask(segment, grid, boxes)
            if mask.any():
                inserted.append(inserted_material(segment.GetName(), mask))
            continue
        if role is None or role == "bone-tissue":
            continue
        mask = segment_mask(segment, grid, boxes)
        if role in named:
            named[role].append(StoredStructure(segment.GetName(), tag(segment, KIND_TAG) or "other", mask))
        elif role == "single-bone":
            bones[segment.GetName()] = mask
        else:
            masks[role] = mask
    return StoredPlan(
        plan=plan,
        ct=read_ct(ct, plan.input.notes),
        masks=masks,
        structures=tuple(named["structure"]),
        probes=tuple(probes.read_line(n) for n in probe_lines(document)),
        estimates=tuple(named["estimate"]),
        bones=_label_map(grid, bones),
        inserted=tuple(inserted),
        cement=_stored_fill(document),
        by_hand=drawn_by_hand(segmentation),
    )


def _stored_fill(document: Any) -> CementBody | None:
    """The order in which cement fills, None where the plan has none."""
    for node in plan_nodes(document).stabilisation:
        if node.GetAttribute("BonePlan.Role") == stabilisation.FILL and node.GetImageData() is not None:
            return stabilisation.read_fill(node)
    return None


def _label_map(grid: Grid, bones: dict[str, NDArray[np.bool_]]) -> LabelMap | None:
    """Separate bones as one map; None where the scene holds none."""
    if not bones:
        return None
    labels = np.zeros(grid.shape, dtype=np.uint16)
    for value, mask in enumerate(bones.values(), start=1):
        labels[mask] = value
    return LabelMap(grid, labels, dict(enumerate(bones, start=1)))


def _choose_document(scene: Any, name: str | None) -> Any:
    documents = plan_documents(scene)
    names = [d.GetAttribute("BonePlan.Name") for d in documents]
    if not documents:
        raise InputError("scene: holds no plan; expected a text node with attribute BonePlan.Schema")
    if name is None and len(documents) > 1:
        raise InputError(f"scene: holds {len(documents)} plans ({', '.join(names)}); expected a name")
    if name is not None and name not in names:
        raise InputError(f"scene: holds no plan {name!r}; expected one of {', '.join(names)}")
    return documents[0] if name is None else documents[names.index(name)]


def _parse(document: Any) -> Any:
    try:
        return json.loads(document.GetText() or "")
    except json.JSONDecodeError as error:
        raise InputError(f"text node {document.GetName()}: not JSON ({error}); expected a plan.json") from None
