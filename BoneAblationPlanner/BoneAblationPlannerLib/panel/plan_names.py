"""What plans are called where a person chooses between them: site, kind and time, nothing of the patient."""

import time
from typing import Any

from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import plain, plan_of
from BoneAblationPlannerLib.plan import Plan

FROM_A_FILE = " plan.json"
"""How the name of a document ends that the command line wrote."""


def plan_title(plan: Plan, made_at: float | None = None) -> str:
    """Lesion's bone, kind of ablation, and local time (`made_at` in seconds since 1970) where it is known."""
    parts = [plain(plan.lesion.bone or _("lesion")), plan.advice.modality.upper()]
    if made_at is not None:
        parts.append(time.strftime("%H:%M", time.localtime(made_at)))
    return ", ".join(parts)


def name_plans(scene: Any) -> None:
    """Give plans that came from files a name of their own, and plans of one name a number; folders follow."""
    from BoneAblationPlannerLib.scene.plan_nodes import plan_documents

    taken: set[str] = set()
    for document in plan_documents(scene):
        name, plan = document.GetName() or "", plan_of(document)
        if name.endswith(FROM_A_FILE):
            name = name.removesuffix(FROM_A_FILE) if plan is None else plan_title(plan)
        name_document(document, _numbered(name, taken))
        taken.add(document.GetName())


def name_document(document: Any, name: str) -> None:
    """Call a plan, and its folder, by a name."""
    from BoneAblationPlannerLib.scene.hierarchy import folder_of, hierarchy

    if document.GetName() == name:
        return
    document.SetName(name)
    document.SetAttribute("BonePlan.Name", name)
    folder = folder_of(document.GetScene(), document)
    if folder is not None:
        hierarchy(document.GetScene()).SetItemName(folder, name)


def _numbered(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} ({number})", number + 1
    return candidate
