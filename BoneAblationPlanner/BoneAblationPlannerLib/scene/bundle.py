"""Scenes and segmentations as files: whole or not at all."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.runtime import VERSION, new_scene, quiet_vtk, slicer_module


def save_bundle(scene: Any, path: Path) -> None:
    """Write a scene with its data as MRB; raises InputError with one line and leaves an old file as it was."""
    path = Path(path)
    slicer = slicer_module()
    messages = slicer.vtkMRMLMessageCollection()
    with _staged(path) as temporary:
        scene.SetVersion(scene.GetVersion() or VERSION)
        before = scene.GetURL()
        scene.SetURL(str(temporary))
        _crop_segmentations(scene)
        with quiet_vtk():
            written = scene.WriteToMRB(str(temporary), None, messages)
        scene.SetURL(before)
        _check(written and _is_whole(temporary), path, messages)


def load_bundle(path: Path) -> Any:
    """A new private scene with the content of an MRB; raises InputError with one line."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a scene bundle (.mrb)")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a scene bundle; expected a .mrb file")
    scene = new_scene()
    messages = slicer_module().vtkMRMLMessageCollection()
    with quiet_vtk():
        read = scene.ReadFromMRB(str(path.absolute()), True, messages)  # relative paths are not understood
    if not read:
        raise InputError(f"{path}: could not be read as a scene bundle ({_text(messages)})")
    return scene


def write_segmentation(nodes: PlanNodes, path: Path) -> None:
    """Write the plan's segmentation as .seg.nrrd with its segment tags, on the whole grid of the CT.

    Readers other than Slicer may expect the CT's grid.
    """
    path = Path(path)
    storage = slicer_module().vtkMRMLSegmentationStorageNode()
    with _staged(path) as temporary:
        storage.SetFileName(str(temporary))
        with quiet_vtk():
            written = storage.WriteData(nodes.segmentation)
        _check(written and temporary.is_file(), path, storage.GetUserMessages())


def _crop_segmentations(scene: Any) -> None:
    """Have segmentations stored without the air around the patient: every layer is read in full."""
    nodes = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    for n in range(nodes.GetNumberOfItems()):
        node = nodes.GetItemAsObject(n)
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetCropToMinimumExtent(True)


@contextmanager
def _staged(path: Path) -> Iterator[Path]:
    """The same file name in a temporary folder beside `path`; moved into place when the block ends well."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


def _is_whole(path: Path) -> bool:
    """Whether a bundle can be read back to its last byte: a full disk does not always make the writer fail."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and any(n.endswith(".mrml") for n in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _check(written: bool, path: Path, messages: Any) -> None:
    if not written:
        free_mb = shutil.disk_usage(path.parent).free // 1_000_000
        raise InputError(f"{path}: cannot be written by Slicer, {free_mb} MB free there ({_text(messages)})")


def _text(messages: Any) -> str:
    return " ".join(messages.GetAllMessagesAsString().split()) or "no reason given"
