"""A plan as MRML nodes. Every node of a plan hangs on its document, the text node that holds plan.json."""

import json
from collections.abc import Iterable
from typing import Any

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene import hierarchy, models, probes, stabilisation, temperature, zones
from BoneAblationPlannerLib.scene.colours import add_margin_colours
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.plan_nodes import (
    CT_REFERENCE,
    OWNED_REFERENCE,
    SCHEMA_ATTRIBUTE,
    SEGMENTATION_REFERENCE,
    PlanNodes,
    plan_documents,
)
from BoneAblationPlannerLib.scene.segmentation import add_segmentation
from BoneAblationPlannerLib.scene.skin_access import add_skin_access
from BoneAblationPlannerLib.scene.tables import add_tables
from BoneAblationPlannerLib.scene.volumes import add_ct
from BoneAblationPlannerLib.scene.written import mark_written


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
    segmentation = add_segmentation(scene, result, ct, f"{name} anatomy")
    mark_written(segmentation, result.anatomy, plan)
    visible = [zones.add_visible_zone(scene, p) for p in plan.probes]
    nodes = {
        "document": (_add_document(scene, plan, name),),
        "ct": (ct,) if own_ct else (),
        "segmentation": (segmentation,),
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
        segmentation=segmentation,
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


def _add_document(scene: Any, plan: Plan, name: str) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", unique_name(scene, f"{name} plan.json"))
    node.SetAttribute(SCHEMA_ATTRIBUTE, plan.schema)
    node.SetAttribute("BonePlan.Name", name)
    node.SetText(json.dumps(plan.to_json(), indent=1, allow_nan=False))
    return node


def _refer(document: Any, ct: Any, segmentation: Any, owned: Iterable[Any]) -> None:
    """References survive renaming and the new ids of an import."""
    document.SetNodeReferenceID(CT_REFERENCE, ct.GetID())
    document.SetNodeReferenceID(SEGMENTATION_REFERENCE, segmentation.GetID())
    for node in owned:
        if node is not document:
            document.AddNodeReferenceID(OWNED_REFERENCE, node.GetID())


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
