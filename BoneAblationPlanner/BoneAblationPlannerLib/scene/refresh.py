"""Nodes of a plan that follow it: after a probe was dragged, added, removed or given another device."""

import json
from typing import Any

import numpy as np

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.plan import Plan, Probe
from BoneAblationPlannerLib.scene import models, probes, stabilisation, temperature, zones
from BoneAblationPlannerLib.scene.convert import points_array, printable, unique_name
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes, own, plan_nodes, remove_node
from BoneAblationPlannerLib.scene.segmentation import cement_mask, remove_role, replace_mask
from BoneAblationPlannerLib.scene.surfaces import mask_surface, set_scalars
from BoneAblationPlannerLib.scene.tables import fill_tables

UNMOVED_MM = 0.006
"""Plans store points to 0.01 mm."""


def show_probes(nodes: PlanNodes, shown: tuple[Probe, ...]) -> None:
    """Needles and zones where the probes are; those of probes that are gone are removed, new ones added.

    Lines are left alone: they are what a person drags.
    """
    _follow(nodes, nodes.shafts, {p.name: p for p in shown}, probes.shaft_surface, probes.add_shaft, "Needles")
    zone_of = {p.name: p for p in shown}
    _follow(nodes, nodes.zones, zone_of, lambda p: zones.zone_surface(p, p.zone_axes_mm), zones.add_zone, "Zones")
    for bound in zones.BOUNDS:
        sized = {p.name: p for p in shown if bound.axes_mm(p) is not None}
        of_bound = tuple(n for n in nodes.zone_bounds if n.GetAttribute("BonePlan.Role") == bound.role)
        _follow(nodes, of_bound, sized, bound.surface, bound.add, "Zones")
    icy = {p.name: p for p in shown if p.visible_axes_mm is not None}
    _follow(
        nodes,
        nodes.visible_zones,
        icy,
        lambda p: zones.zone_surface(p, p.visible_axes_mm or p.zone_axes_mm),
        zones.add_visible_zone,
        "Zones",
    )


def show_lines(nodes: PlanNodes, shown: tuple[Probe, ...]) -> None:
    """Lines where the probes are, for a plan that was changed otherwise than by dragging them."""
    by_name = {printable(p.name): p for p in shown}
    for line in nodes.probes:
        probe = by_name.pop(line.GetAttribute("BonePlan.Name") or line.GetName(), None)
        if probe is None:
            remove_node(nodes.scene, line)
            continue
        for n, point in enumerate((probe.entry_ras_mm, probe.tip_ras_mm)):
            if not np.allclose(line.GetNthControlPointPositionWorld(n), point, rtol=0, atol=UNMOVED_MM):
                line.SetNthControlPointPositionWorld(n, *point)
        probes.describe_line(line, probe)
    own(nodes, [probes.add_line(nodes.scene, probe) for probe in by_name.values()])


def rename_probe(document: Any, old: str, new: str) -> None:
    """Give all nodes of a probe its new name; figures and tables follow with the next result."""
    nodes = plan_nodes(document)
    for line in nodes.probes:
        if line.GetAttribute("BonePlan.Name") == printable(old):
            line.SetAttribute("BonePlan.Name", printable(new))
            line.SetName(unique_name(nodes.scene, new))
            for n, end in enumerate(("entry", "tip")):
                line.SetNthControlPointLabel(n, f"{new} {end}")
    for node in (*nodes.shafts, *nodes.zones, *nodes.visible_zones, *nodes.zone_bounds):
        if node.GetAttribute(probes.PROBE_ATTRIBUTE) == printable(old):
            node.SetAttribute(probes.PROBE_ATTRIBUTE, printable(new))
            node.SetName(unique_name(nodes.scene, node.GetName().replace(old, new, 1)))


def show_figures(nodes: PlanNodes, plan: Plan) -> None:
    """Tables and document of the plan as it is now."""
    fill_tables(nodes.tables, plan)
    nodes.document.SetText(json.dumps(plan.to_json(), indent=1, allow_nan=False))


def show_result(document: Any, result: PlanningResult) -> PlanNodes:
    """Everything of a plan as a new result has it: probes, figures, margin map and segments; returns its nodes."""
    nodes = plan_nodes(document)
    show_lines(nodes, result.plan.probes)
    show_probes(nodes, result.plan.probes)
    show_margins(nodes, result)
    grid = result.anatomy.ct.grid
    replace_mask(nodes.segmentation, "zone", result.zone, grid)
    replace_mask(nodes.segmentation, "target", result.target, grid)
    # The lesion may have been edited: what was open in the old outline is not so in the new one.
    for role, mask in (("remainder", result.remainder), ("defect", result.anatomy.defects)):
        remove_role(nodes.segmentation, role)
        if mask is not None and mask.any():
            replace_mask(nodes.segmentation, role, mask, grid)
    if result.visible_zone is not None:
        replace_mask(nodes.segmentation, "zone-visible", result.visible_zone, grid)
    if result.plan.cement is None:
        _drop_cement(nodes)
    show_temperature(nodes, result)
    show_figures(nodes, result.plan)
    return plan_nodes(document)


def show_temperature(nodes: PlanNodes, result: PlanningResult) -> None:
    """The simulation of a result in place of the one that is shown, or none; the points to read stay."""
    for node in nodes.temperature:
        remove_node(nodes.scene, node)
    added = temperature.add_temperature(nodes.scene, result, nodes.name)
    if nodes.thermocouples is None:
        added += temperature.add_thermocouples(nodes.scene, result.plan, nodes.name)
    own(nodes, added, temperature.FOLDER if added else None)


def thermocouples(document: Any) -> Any:
    """The plan's list of thermocouples, made where there is none yet."""
    nodes = plan_nodes(document)
    if nodes.thermocouples is not None:
        return nodes.thermocouples
    node = temperature.new_thermocouples(nodes.scene, nodes.name)
    own(nodes, [node], temperature.FOLDER)
    return node


def show_stabilisation(document: Any, result: PlanningResult) -> PlanNodes:
    """Cement, screws and corridors of a result in place of those that are shown; figures and segment with them."""
    nodes = plan_nodes(document)
    for node in nodes.stabilisation:
        remove_node(nodes.scene, node)
    own(nodes, stabilisation.add_stabilisation(nodes.scene, result), stabilisation.FOLDER)
    mask = cement_mask(result)
    if mask is None:
        remove_role(nodes.segmentation, "cement")
    else:
        replace_mask(nodes.segmentation, "cement", mask, result.anatomy.ct.grid)
    show_figures(nodes, result.plan)
    return plan_nodes(document)


def _drop_cement(nodes: PlanNodes) -> None:
    """Cement that was planned for other needles is no longer shown."""
    for node in nodes.stabilisation:
        if node.GetAttribute("BonePlan.Role") in stabilisation.CEMENT_ROLES:
            remove_node(nodes.scene, node)
    remove_role(nodes.segmentation, "cement")


def show_margins(nodes: PlanNodes, result: PlanningResult) -> None:
    """The margin map of a result, on the lesion as it is now."""
    if nodes.margin_map is None:
        return
    surface = mask_surface(result.anatomy.lesion, result.anatomy.ct.grid)
    set_scalars(surface, models.MARGIN_SCALARS, models.nearest_margins(result, points_array(surface)))
    nodes.margin_map.SetAndObservePolyData(surface)


def _follow(nodes: PlanNodes, shown: Any, wanted: dict[str, Probe], surface: Any, add: Any, folder: str) -> None:
    by_name = {printable(name): probe for name, probe in wanted.items()}
    for node in shown:
        probe = by_name.pop(node.GetAttribute(probes.PROBE_ATTRIBUTE) or "", None)
        if probe is None:
            remove_node(nodes.scene, node)
        else:
            node.SetAndObservePolyData(surface(probe))
    own(nodes, [add(nodes.scene, probe) for probe in by_name.values()], folder)
