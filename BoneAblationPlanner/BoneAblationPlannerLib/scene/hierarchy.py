"""One subject-hierarchy folder per plan. The desktop creates items by itself, slicer-core does not; both end alike."""

from collections.abc import Iterable
from typing import Any

import vtk

from BoneAblationPlannerLib.scene.runtime import slicer_module

FOLDER_ATTRIBUTE = "BonePlan.Role"
FOLDER_ROLE = "plan"


def hierarchy(scene: Any) -> Any:
    """The scene's subject-hierarchy node."""
    return slicer_module().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def add_folder(scene: Any, name: str, nodes: Iterable[Any], parent: int | None = None, expanded: bool = True) -> int:
    """A folder that holds the nodes in the given order; returns its item id."""
    tree = hierarchy(scene)
    folder = int(tree.CreateFolderItem(tree.GetSceneItemID() if parent is None else parent, name))
    tree.SetItemExpanded(folder, expanded)
    for node in nodes:
        item = tree.GetItemByDataNode(node)
        if item == tree.GetInvalidItemID():
            tree.CreateItem(folder, node)
        else:
            tree.SetItemParent(item, folder)
    return folder


def put(scene: Any, node: Any, folder: int, sub_folder: str | None = None) -> None:
    """Put a node into a folder or into its sub-folder of a name, which is made if it is not there."""
    tree = hierarchy(scene)
    parent = folder
    if sub_folder is not None:
        parent = tree.GetItemChildWithName(folder, sub_folder)
        if parent == tree.GetInvalidItemID():
            parent = tree.CreateFolderItem(folder, sub_folder)
    item = tree.GetItemByDataNode(node)
    if item == tree.GetInvalidItemID():
        tree.CreateItem(parent, node)
    else:
        tree.SetItemParent(item, parent)


def forget(scene: Any, node: Any) -> None:
    """Remove a node's item; the desktop does so by itself when the node goes, slicer-core does not."""
    tree = hierarchy(scene)
    item = tree.GetItemByDataNode(node)
    if item != tree.GetInvalidItemID():
        tree.RemoveItem(item, False, False)


def mark_as_plan(scene: Any, folder: int) -> None:
    """Make a folder recognisable as a plan, also after it was renamed."""
    hierarchy(scene).SetItemAttribute(folder, FOLDER_ATTRIBUTE, FOLDER_ROLE)


def folder_of(scene: Any, node: Any) -> int | None:
    """The plan folder that holds a node, directly or in a sub-folder."""
    tree = hierarchy(scene)
    item = tree.GetItemByDataNode(node)
    while item not in (tree.GetInvalidItemID(), tree.GetSceneItemID()):
        if tree.GetItemAttribute(item, FOLDER_ATTRIBUTE) == FOLDER_ROLE:
            return int(item)
        item = tree.GetItemParent(item)
    return None


def nodes_in(scene: Any, folder: int, class_name: str) -> list[Any]:
    """Nodes of a class in a folder and its sub-folders, in order."""
    found = vtk.vtkCollection()
    hierarchy(scene).GetDataNodesInBranch(folder, found, class_name)
    return [found.GetItemAsObject(n) for n in range(found.GetNumberOfItems())]


def remove_folder(scene: Any, folder: int) -> None:
    """Remove a folder and the items in it; their nodes must be gone or elsewhere already."""
    tree = hierarchy(scene)
    tree.RemoveItem(folder, False, True)
