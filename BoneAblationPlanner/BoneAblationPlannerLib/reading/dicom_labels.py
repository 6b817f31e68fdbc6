"""Labels from DICOM segmentations (SEG) and structure sets (RTSTRUCT)."""

import warnings
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.anatomy.stacked_labels import LabelStack
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.dicom.rtstruct import RTSTRUCT_CLASS, read_structure_set, structure_set
from BoneAblationPlannerLib.dicom.segmentation import SEGMENTATION_CLASSES, read_segments
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid


def dicom_labels(
    path: Path, reference: Grid, frame_of_reference: str | None, table: StructureTable | None = None
) -> tuple[Grid, LabelStack, list[str]]:
    """Grid, labels and notes of a DICOM SEG or RTSTRUCT."""
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
        grid, numbered = read_segments(path, dataset, table)
    else:
        modality = str(dataset.get("Modality", "") or "no modality")
        raise InputError(f"{path.name}: DICOM of another kind ({modality}); expected SEG or RTSTRUCT")
    stack = LabelStack(grid.shape, table)
    for number, name, mask in numbered:
        stack.add(mask, {1: name}, {1: number})
    return grid, stack, [*notes, *stack.notes]


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
