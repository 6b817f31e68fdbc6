"""The scene of a plan: whether the two belong together, and writing the scene of a new version."""

import json
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.review.folder import Version
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes, plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.runtime import new_scene


def nodes_of_version(scene: Any, plan: Plan, version: Version) -> PlanNodes:
    """The nodes that show a plan; raises InputError when scene and plan do not belong together."""
    documents = plan_documents(scene)
    if len(documents) != 1:
        raise InputError(f"{version.scene}: holds {len(documents)} plans; expected the scene that planning wrote")
    nodes = plan_nodes(documents[0])
    try:
        in_scene = Plan.from_json(json.loads(nodes.document.GetText() or "null"))
    except json.JSONDecodeError:
        raise InputError(f"{version.scene}: its plan cannot be read; expected the scene of {version.name}") from None
    if in_scene.input.sha256 != plan.input.sha256:
        raise InputError(f"{version.scene}: holds another CT than {version.name}; expected the scene of this plan")
    if len(nodes.probes) != len(plan.probes):
        raise InputError(
            f"{version.scene}: has {len(nodes.probes)} probes, {version.name} {len(plan.probes)}; "
            "expected the scene of this plan"
        )
    return nodes


def save_scene(result: PlanningResult, path: Path) -> None:
    """A plan's scene as every host builds it, not that of the page."""
    scene = new_scene()
    add_plan(scene, result)
    save_bundle(scene, path)
