"""Labels from DICOM segmentations (SEG) and structure sets (RTSTRUCT)."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.dicom.rtstruct import RTSTRUCT_CLASS, read_structure_set, structure_set
from BoneAblationPlannerLib.dicom.segmentation import SEGMENTATION_CLASSES, read_segments
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


def dicom_labels(
    path: Path, reference: Grid, frame_of_reference: str | None
) -> tuple[Grid, NDArray[np.integer], dict[int, str], list[str]]:
    """Grid, labels, names and notes of a DICOM SEG or RTSTRUCT."""
    dataset = _dicom_object(path)
    kind = str(dataset.get("SOPClassUID", ""))
    notes: list[str] = []
    if kind == RTSTRUCT_CLASS:
        frame = structure_set(dataset, path.name).frame_of_reference
        _check_frame(frame, frame_of_reference, path.name)
        masks, notes = read_structure_set(path, dataset, reference)
        grid, numbered = reference, [(n, name, mask) for n, (name, mask) in enumerate(masks, start=1)]
        if not numbered:
            raise InputError(f"{path.name}: no structure lies inside the CT; expected contours drawn on this CT")
    elif kind in SEGMENTATION_CLASSES:
        _check_frame(str(dataset.get("FrameOfReferenceUID", "") or ""), frame_of_reference, path.name)
        grid, numbered = read_segments(path, dataset)
    else:
        modality = str(dataset.get("Modality", "") or "no modality")
        raise InputError(f"{path.name}: DICOM of another kind ({modality}); expected SEG or RTSTRUCT")
    labels = np.zeros(grid.shape, dtype=np.uint16)
    overlap = 0
    for number, _name, mask in sorted(numbered, key=lambda row: -int(row[2].sum())):
        overlap += int((labels[mask] != 0).sum())
        labels[mask] = number
    if overlap:
        notes.append(f"structures overlap in {overlap} voxels: the smaller one was kept there")
    return grid, labels, {number: name for number, name, _mask in numbered}, notes


def _dicom_object(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, force=True)
        except (InvalidDicomError, OSError, ValueError, EOFError, KeyError) as error:
            raise InputError(f"{path.name}: damaged ({error}); expected a DICOM segmentation") from error


def _check_frame(found: str, wanted: str | None, name: str) -> None:
    if wanted and found and found != wanted:
        raise InputError(
            f"{name}: drawn in another frame of reference ({found}) than the CT ({wanted});"
            " expected a segmentation of this CT"
        )
