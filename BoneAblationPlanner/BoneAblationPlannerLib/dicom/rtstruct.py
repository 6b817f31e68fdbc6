"""Contours of a DICOM RT Structure Set, rasterised on the CT's own grid.

A voxel belongs to a structure if its centre lies inside the contours of its slice by the even-odd rule, so that holes,
whether drawn as inner contours or as keyholes, stay open.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, ras_from_lps

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_ACROSS_SLICES = 0.2
"""Largest spread of a contour across slices, in slice spacings."""
_OFF_SLICE = 0.3
"""Farthest that a contour's plane may lie from the slice that it is given to, in slice spacings."""
_NOT_ANATOMY = {"EXTERNAL", "SUPPORT", "FIXATION", "MARKER", "REGISTRATION", "ISOCENTER", "BOLUS", "DOSE_REGION"}


@dataclass(frozen=True, eq=False)
class Roi:
    """One structure: closed planar contours, each (N, 3) RAS mm."""

    name: str
    contours_ras_mm: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class StructureSet:
    """The structures of a file; `notes` say what was left out."""

    rois: tuple[Roi, ...]
    frame_of_reference: str
    notes: tuple[str, ...]


def structure_set(dataset: Any, name: str) -> StructureSet:
    """Take the closed contours of an RT Structure Set.

    Raises
    ------
    InputError
        If no structure has closed contours, contours are damaged, or there are several frames of reference.
    """
    interpreted = {
        int(o.ReferencedROINumber): str(o.get("RTROIInterpretedType", "") or "")
        for o in dataset.get("RTROIObservationsSequence") or ()
    }
    described = {int(item.ROINumber): item for item in dataset.get("StructureSetROISequence") or ()}
    frames = {str(item.get("ReferencedFrameOfReferenceUID", "")) for item in described.values()} - {""}
    if len(frames) > 1:
        raise InputError(f"{name}: structures in {len(frames)} frames of reference; expected one")
    rois, notes = [], []
    for item in dataset.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        label = str(described[number].get("ROIName", "")).strip() if number in described else ""
        label = label or f"structure {number}"
        if interpreted.get(number, "").upper() in _NOT_ANATOMY:
            notes.append(f"structure {label!r} left out: {interpreted[number].lower()}, no anatomy")
            continue
        contours, dropped = _contours(item, label, name)
        if dropped:
            notes.append(f"structure {label!r}: {dropped} contour(s) that are not closed and planar were left out")
        if contours:
            rois.append(Roi(label, tuple(contours)))
    if not rois:
        raise InputError(f"{name}: no structure with closed contours; expected at least one")
    fallback = str(dataset.get("FrameOfReferenceUID", "") or "")
    return StructureSet(tuple(rois), next(iter(frames), fallback), tuple(notes))


def _contours(item: Any, label: str, name: str) -> tuple[list[NDArray[np.float64]], int]:
    """Closed planar contours of a structure, and how many others there are."""
    contours, dropped = [], 0
    for contour in item.get("ContourSequence") or ():
        kind = str(contour.get("ContourGeometricType", ""))
        if not kind.startswith("CLOSED_PLANAR") and kind != "CLOSEDPLANAR_XOR":
            dropped += 1
            continue
        values = np.array([float(v) for v in contour.get("ContourData") or ()], dtype=np.float64)
        if values.size % 3 or not np.isfinite(values).all():
            raise InputError(f"{name}: structure {label!r}: {values.size} coordinates; expected triples of numbers")
        if values.size < 9:
            dropped += 1
            continue
        contours.append(ras_from_lps(values.reshape(-1, 3)))
    return contours, dropped


def rasterised(roi: Roi, grid: Grid, name: str) -> NDArray[np.bool_]:
    """Voxels whose centres lie inside a structure, (k, j, i) bool.

    Raises
    ------
    InputError
        If a contour does not lie in a slice of the grid.
    """
    mask = np.zeros(grid.shape, dtype=bool)
    for contour in roi.contours_ras_mm:
        ijk = grid.ijk_from_ras(contour)
        level = float(np.median(ijk[:, 2]))
        if np.ptp(ijk[:, 2]) > _ACROSS_SLICES:
            raise InputError(
                f"{name}: structure {roi.name!r}: a contour runs across {np.ptp(ijk[:, 2]):.2f} slices of the CT;"
                " expected contours drawn on the CT's slices"
            )
        k = round(level)
        if not 0 <= k < grid.shape[0]:
            continue
        if abs(level - k) > _OFF_SLICE:
            raise InputError(
                f"{name}: structure {roi.name!r}: a contour lies {abs(level - k):.2f} of the spacing beside the CT's"
                " slices; expected contours drawn on this CT"
            )
        mask[k] ^= _inside(ijk[:, :2], (grid.shape[1], grid.shape[2]))
    return mask


def _inside(polygon_ij: NDArray[np.float64], shape_ji: tuple[int, int]) -> NDArray[np.bool_]:
    """Even-odd rule at pixel centres: left of an odd number of edges. Polygons tile without overlap or gap."""
    start, end = polygon_ij, np.roll(polygon_ij, -1, axis=0)
    crossings = np.zeros((shape_ji[0], shape_ji[1] + 1), dtype=np.int64)
    low = np.ceil(np.minimum(start[:, 1], end[:, 1])).astype(int)
    high = np.ceil(np.maximum(start[:, 1], end[:, 1])).astype(int)
    for (xa, ya), (xb, yb), first, last in zip(start, end, low, high, strict=True):
        # Rows j with min <= j < max: each vertex counts once, horizontal edges never.
        rows = np.arange(max(first, 0), min(last, shape_ji[0]))
        if len(rows):
            x = xa + (rows - ya) * (xb - xa) / (yb - ya)
            columns = np.clip(np.ceil(x), 0, shape_ji[1]).astype(int)
            np.add.at(crossings, (rows, columns), 1)
    return np.cumsum(crossings, axis=1)[:, : shape_ji[1]] % 2 == 1


def read_structure_set(path: Path, dataset: Any, grid: Grid) -> tuple[list[tuple[str, NDArray[np.bool_]]], list[str]]:
    """Names and masks of a structure set on a grid, and notes; structures outside the grid are left out with a note."""
    contents = structure_set(dataset, path.name)
    notes = list(contents.notes)
    masks = []
    for roi in contents.rois:
        mask = rasterised(roi, grid, path.name)
        if mask.any():
            masks.append((roi.name, mask))
            filled = np.flatnonzero(mask.any(axis=(1, 2)))
            empty = int(filled[-1] - filled[0] + 1 - len(filled))
            if empty:
                notes.append(f"structure {roi.name!r}: {empty} slice(s) between its contours have none: left empty")
        else:
            notes.append(f"structure {roi.name!r}: holds no voxel of the CT, left out")
    return masks, notes
