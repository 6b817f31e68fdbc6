"""The CT of the scene, checked as a file would be."""

from pathlib import PurePath
from typing import Any

import numpy as np
import vtk

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.reading import ct_from_array
from BoneAblationPlannerLib.scene.convert import image_array
from BoneAblationPlannerLib.scene.geometry import world_grid
from BoneAblationPlannerLib.scene.runtime import slicer_module

_DICOM_MODALITY, _DICOM_PATIENT_POSITION = "0008,0060", "0018,5100"
_SCANNED_POSITION = {"S": "supine", "P": "prone", "DR": "right-lateral", "DL": "left-lateral"}


def ct_from_node(node: Any) -> CtVolume:
    """The CT of a scalar volume node, checked as a file would be; same voxels and geometry, same hash."""
    name = f"volume {node.GetName()!r}"
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise InputError(f"{name}: holds no image; expected a CT")
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(f"{name}: {image.GetNumberOfScalarComponents()} values per voxel; expected a CT with one")
    modality = _dicom_value(node, _DICOM_MODALITY)
    if modality not in (None, "CT"):
        raise InputError(f"{name}: is {modality}; expected CT")
    values = np.array(image_array(image))  # a copy: the node may change while the plan is made
    return ct_from_array(world_grid(node, name), values, _source(node), scanned_position(node))


def is_plain_ct(node: Any) -> bool:
    """Whether a plan can refer to the node as it is: whole Hounsfield units, not under a transform."""
    image = node.GetImageData()
    return bool(node.GetParentTransformNode() is None and image is not None and image.GetScalarType() == vtk.VTK_SHORT)


def scanned_position(node: Any) -> str | None:
    """How the patient lay in the scanner, if a volume node says so."""
    noted = node.GetAttribute("BonePlan.ScannedPosition")
    if noted:
        return str(noted)
    code = (_dicom_value(node, _DICOM_PATIENT_POSITION) or "").upper()  # HFS: head first, supine
    return _SCANNED_POSITION.get(code[2:])


def _source(node: Any) -> str:
    """What the plan calls the scan: what its reader noted, the file's name, or the node's."""
    storage = node.GetStorageNode()
    file_name = storage.GetFileName() if storage is not None else None
    return node.GetAttribute("BonePlan.Source") or (PurePath(file_name).name if file_name else node.GetName())


def _dicom_value(node: Any, attribute: str) -> str | None:
    """A DICOM attribute of the volume's first slice from Slicer's database, or None."""
    uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer_module(), "dicomDatabase", None)
    if not uids or database is None or not database.isOpen:
        return None
    return database.instanceValue(uids[0], attribute).strip() or None
