"""A plan as MRML nodes and back. Every node of a plan hangs on its document, the text node that holds plan.json."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import CementBody, InsertedMaterial, PlanningResult
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene import hierarchy, models, probes, stabilisation, temperature, zones
from BoneAblationPlannerLib.scene.colours import add_margin_colours
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.segmentation import (
    KIND_TAG,
    ROLE_TAG,
    LabelBoxes,
    add_segmentation,
    segment_mask,
    segments,
    tag,
)
from BoneAblationPlannerLib.scene.skin_access import add_skin_access
from BoneAblationPlannerLib.scene.tables import TABLE_ATTRIBUTE, TABLES, add_tables
from BoneAblationPlannerLib.scene.volumes import add_ct, read_ct, volume_grid
from BoneAblationPlannerLib.zones.heat.inserted import inserted_material, limits_no_path

SCHEMA_ATTRIBUTE = "BonePlan.Schema"
_CT = "BonePlan.Ct"
_SEGMENTATION = "BonePlan.Segmentation"
_OWNED = "BonePlan.Owned"


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


def add_plan(scene: Any, result: PlanningResult, name: str = "Plan", ct_node: Any | None = None) -> PlanNodes:
    """Add a plan as one folder; a second plan of the same name gets a number.

    Parameters
    ----------
    ct_node : vtkMRMLScalarVolumeNode, optional
        The CT if the scene has it already; it is then referred to, not copied, and never removed.
    """
    plan = result.plan
    name = _unique_name(scene, name)
    own_ct = ct_node is None
    ct = add_ct(scene, result.anatomy.ct, f"{name} CT") if own_ct else ct_node
    colours = add_margin_colours(scene, f"{name} margin colours")
    visible = [zones.add_visible_zone(scene, p) for p in plan.probes]
    nodes = {
        "document": (_add_document(scene, plan, name),),
        "ct": (ct,) if own_ct else (),
        "segmentation": (add_segmentation(scene, result, ct, f"{name} anatomy"),),
        "probes": tuple(probes.add_line(scene, p) for p in plan.probes),
        "shafts": tuple(probes.add_shaft(scene, p) for p in plan.probes),
        "zones": tuple(zones.add_zone(scene, p) for p in plan.probes),
        "visible_zones": tuple(v for v in visible if v is not None),
        "zone_bounds": tuple(b.add(scene, p) for p in plan.probes for b in zones.BOUNDS if b.axes_mm(p) is not None),
        "margin_map": (models.add_margin_map(scene, result, colours, f"{name} margin map"),),
        "tables": add_tables(scene, plan, name),
        "surfaces": models.add_anatomy(scene, result),
        "stabilisation": stabilisation.add_stabilisation(scene, result),
        "temperature": temperature.add_temperature(scene, result, name),
        "thermocouples": temperature.add_thermocouples(scene, plan, name),
    }
    document = nodes["document"][0]
    nodes["skin_access"] = add_skin_access(scene, result, name)  # after the margin's colours, which come first
    owned = (
        *(n for group, own in nodes.items() if group != "skin_access" for n in own),
        colours,
        *nodes["skin_access"],
    )
    _refer(document, ct, nodes["segmentation"][0], owned)
    return PlanNodes(
        scene=scene,
        name=name,
        folder=_arrange(scene, name, nodes),
        document=document,
        ct=ct,
        segmentation=nodes["segmentation"][0],
        probes=nodes["probes"],
        shafts=nodes["shafts"],
        zones=nodes["zones"],
        visible_zones=nodes["visible_zones"],
        zone_bounds=nodes["zone_bounds"],
        margin_map=nodes["margin_map"][0],
        margin_colours=colours,
        tables=nodes["tables"],
        surfaces=nodes["surfaces"],
        owned=owned,
        stabilisation=nodes["stabilisation"],
        temperature=nodes["temperature"],
        thermocouples=next(iter(nodes["thermocouples"]), None),
    )


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
    refs = [document.GetNthNodeReference(_OWNED, n) for n in range(document.GetNumberOfNodeReferences(_OWNED))]
    owned = [node for node in refs if node is not None and scene.IsNodePresent(node)]

    def of_role(role: str) -> tuple[Any, ...]:
        return tuple(node for node in owned if _role(node) == role)

    return PlanNodes(
        scene=scene,
        name=document.GetAttribute("BonePlan.Name") or document.GetName(),
        folder=folder,
        document=document,
        ct=_referenced(document, _CT, "CT volume"),
        segmentation=_referenced(document, _SEGMENTATION, "segmentation"),
        probes=tuple(_probe_lines(scene, document)),
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


def _role(node: Any) -> str | None:
    role: str | None = node.GetAttribute("BonePlan.Role")
    return role


def probe_lines(document: Any) -> list[Any]:
    """The lines of a plan's probes, in the order in which they were added."""
    return _probe_lines(document.GetScene(), document)


def plan_anatomy(document: Any) -> tuple[Any, Any, str | None]:
    """CT node, segmentation node and id of the lesion's segment of a plan; None for what was deleted."""
    segmentation = document.GetNodeReference(_SEGMENTATION)
    found = {} if segmentation is None else {tag(segment, ROLE_TAG): name for name, segment in segments(segmentation)}
    lesion = found.get("lesion")
    return document.GetNodeReference(_CT), segmentation, lesion


def plan_lesion(document: Any, grid: Grid) -> NDArray[np.bool_] | None:
    """The lesion of a plan on a grid, bool (k, j, i); None where it was deleted."""
    _ct, segmentation, lesion = plan_anatomy(document)
    return None if lesion is None else segment_mask(segmentation.GetSegmentation().GetSegment(lesion), grid)


def adopted_ct(document: Any) -> Any:
    """The CT of the scene that a plan was made on, None where the plan has a copy of its own or the CT is gone."""
    ct = document.GetNodeReference(_CT)
    owned = [document.GetNthNodeReference(_OWNED, n) for n in range(document.GetNumberOfNodeReferences(_OWNED))]
    return None if ct in owned else ct


def own(nodes: PlanNodes, added: Iterable[Any], folder: str | None = None) -> None:
    """Make further nodes part of a plan: they go where it goes. `folder` names a sub-folder, by default the plan's."""
    for node in added:
        nodes.document.AddNodeReferenceID(_OWNED, node.GetID())
        hierarchy.put(nodes.scene, node, nodes.folder, folder)


def remove_plan(nodes: PlanNodes) -> None:
    """Remove every node that `add_plan` added, with displays and storage, and the folder."""
    remove_document(nodes.document)


def remove_document(document: Any) -> None:
    """Remove a plan with whatever is left of its nodes, also where the user deleted its CT, anatomy or folder."""
    scene = document.GetScene()
    folder = hierarchy.folder_of(scene, document)
    owned = [document.GetNthNodeReference(_OWNED, n) for n in range(document.GetNumberOfNodeReferences(_OWNED))]
    for node in (*owned, *_probe_lines(scene, document), document):
        remove_node(scene, node)
    if folder is not None:
        hierarchy.remove_folder(scene, folder)


def plan_documents(scene: Any) -> list[Any]:
    """The documents of all plans in a scene, oldest first."""
    texts = scene.GetNodesByClass("vtkMRMLTextNode")
    texts.UnRegister(None)
    found = [texts.GetItemAsObject(n) for n in range(texts.GetNumberOfItems())]
    return [t for t in found if t.GetAttribute(SCHEMA_ATTRIBUTE)]


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
    scene = document.GetScene()
    plan = Plan.from_json(_parse(document))
    ct = _referenced(document, _CT, "CT volume")
    segmentation = _referenced(document, _SEGMENTATION, "segmentation")
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
        if role is None:
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
        probes=tuple(probes.read_line(n) for n in _probe_lines(scene, document)),
        estimates=tuple(named["estimate"]),
        bones=_label_map(grid, bones),
        inserted=tuple(inserted),
        cement=_stored_fill(document),
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


def _add_document(scene: Any, plan: Plan, name: str) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", unique_name(scene, f"{name} plan.json"))
    node.SetAttribute(SCHEMA_ATTRIBUTE, plan.schema)
    node.SetAttribute("BonePlan.Name", name)
    node.SetText(json.dumps(plan.to_json(), indent=1, allow_nan=False))
    return node


def _refer(document: Any, ct: Any, segmentation: Any, owned: Iterable[Any]) -> None:
    """References survive renaming and the new ids of an import."""
    document.SetNodeReferenceID(_CT, ct.GetID())
    document.SetNodeReferenceID(_SEGMENTATION, segmentation.GetID())
    for node in owned:
        if node is not document:
            document.AddNodeReferenceID(_OWNED, node.GetID())


def _arrange(scene: Any, name: str, nodes: dict[str, tuple[Any, ...]]) -> int:
    # An adopted CT stays where the user has it.
    top = (*nodes["probes"], *nodes["ct"], *nodes["segmentation"], *nodes["margin_map"])
    folder = hierarchy.add_folder(scene, name, top)
    hierarchy.mark_as_plan(scene, folder)
    hierarchy.add_folder(scene, "Zones", (*nodes["zones"], *nodes["visible_zones"], *nodes["zone_bounds"]), folder)
    hierarchy.add_folder(scene, "Needles", nodes["shafts"], folder, expanded=False)
    hierarchy.add_folder(scene, "Surfaces", (*nodes["surfaces"], *nodes["skin_access"][:1]), folder, expanded=False)
    if nodes["stabilisation"]:
        hierarchy.add_folder(scene, stabilisation.FOLDER, nodes["stabilisation"], folder)
    if nodes["temperature"] or nodes["thermocouples"]:
        course = (*nodes["temperature"], *nodes["thermocouples"])
        hierarchy.add_folder(scene, temperature.FOLDER, course, folder, expanded=False)
    hierarchy.add_folder(scene, "Figures", (*nodes["tables"], *nodes["document"]), folder, expanded=False)
    return folder


def _unique_name(scene: Any, name: str) -> str:
    taken = {d.GetAttribute("BonePlan.Name") for d in plan_documents(scene)}
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} {number}", number + 1
    return candidate


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


def _referenced(document: Any, role: str, what: str) -> Any:
    node = document.GetNodeReference(role)
    if node is None:
        raise InputError(f"scene: the plan's {what} was deleted; expected it beside {document.GetName()}")
    return node


def _probe_lines(scene: Any, document: Any) -> list[Any]:
    """Lines that belong to the plan: its own wherever they are now, and copies a user made inside its folder."""
    owned = [document.GetNthNodeReference(_OWNED, n) for n in range(document.GetNumberOfNodeReferences(_OWNED))]
    folder = hierarchy.folder_of(scene, document)
    in_folder = hierarchy.nodes_in(scene, folder, probes.LINE_CLASS) if folder is not None else []
    lines: list[Any] = []
    for node in (*owned, *in_folder):
        if node is None or not scene.IsNodePresent(node) or node in lines:
            continue
        if node.IsA(probes.LINE_CLASS) and node.GetAttribute("BonePlan.Role") == "probe":
            lines.append(node)
    return lines


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
