"""The nodes of a plan in a scene: found, added to, removed. Each hangs on the plan's document, a text node."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene import hierarchy, probes, stabilisation, temperature
from BoneAblationPlannerLib.scene.segmentation import segment_mask, segments, tag
from BoneAblationPlannerLib.scene.tables import TABLE_ATTRIBUTE, TABLES
from BoneAblationPlannerLib.segment_tags import ROLE_TAG

SCHEMA_ATTRIBUTE = "BonePlan.Schema"
CT_REFERENCE = "BonePlan.Ct"
SEGMENTATION_REFERENCE = "BonePlan.Segmentation"
OWNED_REFERENCE = "BonePlan.Owned"


@dataclass(frozen=True, eq=False)
class PlanNodes:
    """The nodes of one plan; `folder` is its subject-hierarchy item. `owned` is what `remove_plan` removes."""

    scene: Any
    name: str
    folder: int
    document: Any
    ct: Any
    segmentation: Any
    probes: tuple[Any, ...]
    shafts: tuple[Any, ...]
    zones: tuple[Any, ...]
    visible_zones: tuple[Any, ...]
    zone_bounds: tuple[Any, ...]
    margin_map: Any
    margin_colours: Any
    tables: tuple[Any, ...]
    surfaces: tuple[Any, ...]
    owned: tuple[Any, ...]
    stabilisation: tuple[Any, ...] = ()
    temperature: tuple[Any, ...] = ()
    thermocouples: Any = None


def plan_nodes(document: Any) -> PlanNodes:
    """The nodes of a plan that is in the scene, whether it was made there or loaded; deleted ones are left out.

    Raises
    ------
    InputError
        When the CT or the segmentation of the plan was deleted, or the plan lies in no folder.
    """
    scene = document.GetScene()
    folder = hierarchy.folder_of(scene, document)
    if folder is None:
        raise InputError(f"plan {document.GetName()!r}: its folder was deleted; expected to plan again")
    owned = [node for node in _owned(document) if node is not None and scene.IsNodePresent(node)]

    def of_role(role: str) -> tuple[Any, ...]:
        return tuple(node for node in owned if _role(node) == role)

    return PlanNodes(
        scene=scene,
        name=document.GetAttribute("BonePlan.Name") or document.GetName(),
        folder=folder,
        document=document,
        ct=referenced(document, CT_REFERENCE, "CT volume"),
        segmentation=referenced(document, SEGMENTATION_REFERENCE, "segmentation"),
        probes=tuple(probe_lines(document)),
        shafts=of_role("shaft"),
        zones=of_role("zone"),
        visible_zones=of_role("zone-visible"),
        zone_bounds=(*of_role("zone-small"), *of_role("zone-large")),
        margin_map=next(iter(of_role("margin-map")), None),
        margin_colours=next((n for n in owned if n.IsA("vtkMRMLColorTableNode") and not _role(n)), None),
        tables=tuple(node for node in owned if node.GetAttribute(TABLE_ATTRIBUTE) in TABLES),
        surfaces=tuple(node for role in ("bone", "skin", "structure") for node in of_role(f"{role}-surface")),
        owned=(document, *owned),
        stabilisation=tuple(node for node in owned if _role(node) in stabilisation.ROLES),
        temperature=tuple(node for node in owned if _role(node) in temperature.ROLES),
        thermocouples=next(iter(of_role(temperature.THERMOCOUPLES)), None),
    )


def plan_documents(scene: Any) -> list[Any]:
    """The documents of all plans in a scene, oldest first."""
    texts = scene.GetNodesByClass("vtkMRMLTextNode")
    texts.UnRegister(None)
    found = [texts.GetItemAsObject(n) for n in range(texts.GetNumberOfItems())]
    return [t for t in found if t.GetAttribute(SCHEMA_ATTRIBUTE)]


def plan_anatomy(document: Any) -> tuple[Any, Any, str | None]:
    """CT node, segmentation node and id of the lesion's segment of a plan; None for what was deleted."""
    segmentation = document.GetNodeReference(SEGMENTATION_REFERENCE)
    found = {} if segmentation is None else {tag(segment, ROLE_TAG): name for name, segment in segments(segmentation)}
    lesion = found.get("lesion")
    return document.GetNodeReference(CT_REFERENCE), segmentation, lesion


def plan_lesion(document: Any, grid: Grid) -> NDArray[np.bool_] | None:
    """The lesion of a plan on a grid, bool (k, j, i); None where it was deleted."""
    _ct, segmentation, lesion = plan_anatomy(document)
    return None if lesion is None else segment_mask(segmentation.GetSegmentation().GetSegment(lesion), grid)


def adopted_ct(document: Any) -> Any:
    """The CT of the scene that a plan was made on, None where the plan has a copy of its own or the CT is gone."""
    ct = document.GetNodeReference(CT_REFERENCE)
    return None if ct in _owned(document) else ct


def own(nodes: PlanNodes, added: Iterable[Any], folder: str | None = None) -> None:
    """Make further nodes part of a plan: they go where it goes. `folder` names a sub-folder, by default the plan's."""
    for node in added:
        nodes.document.AddNodeReferenceID(OWNED_REFERENCE, node.GetID())
        hierarchy.put(nodes.scene, node, nodes.folder, folder)


def remove_plan(nodes: PlanNodes) -> None:
    """Remove every node that `add_plan` added, with displays and storage, and the folder."""
    remove_document(nodes.document)


def remove_document(document: Any) -> None:
    """Remove a plan with whatever is left of its nodes, also where the user deleted its CT, anatomy or folder."""
    scene = document.GetScene()
    folder = hierarchy.folder_of(scene, document)
    for node in (*_owned(document), *probe_lines(document), document):
        remove_node(scene, node)
    if folder is not None:
        hierarchy.remove_folder(scene, folder)


def remove_node(scene: Any, node: Any) -> None:
    """Remove a node with its displays and storage, if it is still there."""
    if node is None or not scene.IsNodePresent(node):
        return
    helpers = []
    if node.IsA("vtkMRMLDisplayableNode"):
        helpers += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        helpers += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    hierarchy.forget(scene, node)
    scene.RemoveNode(node)
    for helper in helpers:
        if helper is not None and scene.IsNodePresent(helper):
            scene.RemoveNode(helper)


def referenced(document: Any, role: str, what: str) -> Any:
    """The node that a document refers to; raises InputError where it was deleted."""
    node = document.GetNodeReference(role)
    if node is None:
        raise InputError(f"scene: the plan's {what} was deleted; expected it beside {document.GetName()}")
    return node


def probe_lines(document: Any) -> list[Any]:
    """Lines that belong to the plan: its own wherever they are now, and copies a user made inside its folder.

    In the order in which they were added.
    """
    scene = document.GetScene()
    folder = hierarchy.folder_of(scene, document)
    in_folder = hierarchy.nodes_in(scene, folder, probes.LINE_CLASS) if folder is not None else []
    lines: list[Any] = []
    for node in (*_owned(document), *in_folder):
        if node is None or not scene.IsNodePresent(node) or node in lines:
            continue
        if node.IsA(probes.LINE_CLASS) and _role(node) == "probe":
            lines.append(node)
    return lines


def _owned(document: Any) -> list[Any]:
    """What a plan owns besides its document; None stands for what was deleted."""
    count = document.GetNumberOfNodeReferences(OWNED_REFERENCE)
    return [document.GetNthNodeReference(OWNED_REFERENCE, n) for n in range(count)]


def _role(node: Any) -> str | None:
    role: str | None = node.GetAttribute("BonePlan.Role")
    return role
