"""DICOM Segmentation objects (SEG): binary, fractional and label map, as masks on their own grid."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.coded_names import spoken_name, with_side
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, ras_from_lps, unit_vector

SEGMENTATION_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
_TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")
_OFF_PLACE = 0.1
"""How far a frame may lie from its place in an even stack, in slice spacings (or mm sideways)."""
_MOST_SLICES = 4000


def read_segments(
    path: Path, dataset: Any, table: StructureTable | None = None
) -> tuple[Grid, list[tuple[int, str, NDArray[np.bool_]]]]:
    """Number, name and mask of every segment that has voxels.

    Parameters
    ----------
    path : Path
        For messages.
    dataset : pydicom.Dataset
        With pixels.
    table : StructureTable, optional
        Which names are known, so that coded meanings are taken where a label says nothing.

    Returns
    -------
    Grid
        The smallest stack that holds all frames; frames that are absent are empty.
    list of (number, name, (k, j, i) bool)

    Raises
    ------
    InputError
        If the kind is unknown, geometry is absent, or the frames do not make one even stack.
    """
    name = path.name
    kind = str(dataset.get("SegmentationType", ""))
    if kind not in _TYPES:
        raise InputError(f"{name}: segmentation type {kind or 'absent'}; expected {', '.join(_TYPES)}")
    frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if not frames:
        raise InputError(f"{name}: no frames; expected a segmentation with pixels")
    pixels = _pixels(dataset, len(frames), name)
    grid, places = _stack(dataset, frames, name)
    names = {int(s.SegmentNumber): _name(s, table) for s in dataset.get("SegmentSequence") or ()}
    if kind == "LABELMAP":
        labels = np.zeros(grid.shape, dtype=pixels.dtype)
        labels[places] = pixels
        masks = {number: labels == number for number in names if number}
    else:
        level = 0.5 * float(dataset.get("MaximumFractionalValue", 1)) if kind == "FRACTIONAL" else 0.5
        masks = {}
        for frame, place, plane in zip(frames, places, pixels, strict=True):
            number = _segment_number(dataset, frame, name)
            mask = masks.setdefault(number, np.zeros(grid.shape, dtype=bool))
            mask[place] |= plane >= level
    found = [(n, names.get(n, f"segment {n}"), mask) for n, mask in sorted(masks.items()) if mask.any()]
    if not found:
        raise InputError(f"{name}: no voxel belongs to a segment; expected at least one structure")
    return grid, found


def _pixels(dataset: Any, count: int, name: str) -> NDArray:
    try:
        pixels = np.asarray(dataset.pixel_array)
    except (AttributeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{name}: pixels cannot be decoded ({error}); expected a readable segmentation") from error
    pixels = pixels.reshape(-1, *pixels.shape[-2:])
    if len(pixels) != count:
        raise InputError(f"{name}: {len(pixels)} frames of pixels, {count} described; expected the same number")
    return pixels


def _name(segment: Any, table: StructureTable | None) -> str:
    """What the label and the coded meanings call a segment."""
    types = segment.get("SegmentedPropertyTypeCodeSequence") or ()
    sides = segment.get("SegmentedPropertyTypeModifierCodeSequence") or ()
    regions = segment.get("AnatomicRegionSequence") or ()
    coded = [_meaning(types, sides or _inside(types, "SegmentedPropertyTypeModifierCodeSequence"))]
    coded.append(_meaning(regions, _inside(regions, "AnatomicRegionModifierSequence")))
    label = str(segment.get("SegmentLabel", "") or "")
    return spoken_name(label, coded, table) or f"segment {int(segment.SegmentNumber)}"


def _inside(codes: Any, keyword: str) -> Any:
    return (codes[0].get(keyword) or ()) if codes else ()


def _meaning(codes: Any, sides: Any) -> str:
    """A coded meaning with its side; empty where there is none."""
    meaning, side = (str(found[0].get("CodeMeaning", "") or "") if found else "" for found in (codes, sides))
    return with_side(meaning, side)


def _segment_number(dataset: Any, frame: Any, name: str) -> int:
    for group in (frame, *(dataset.get("SharedFunctionalGroupsSequence") or ())):
        item = group.get("SegmentIdentificationSequence")
        if item:
            return int(item[0].ReferencedSegmentNumber)
    raise InputError(f"{name}: a frame without a segment number; expected ReferencedSegmentNumber")


def _macro(dataset: Any, frame: Any, sequence: str, item: str, name: str) -> list[float]:
    """A value of a functional group, of the frame or shared by all."""
    for group in (frame, *(dataset.get("SharedFunctionalGroupsSequence") or ())):
        found = group.get(sequence)
        if found and found[0].get(item) is not None:
            value = found[0].get(item)
            return [float(v) for v in value] if hasattr(value, "__iter__") else [float(value)]
    raise InputError(f"{name}: {item} absent; expected the geometry of every frame")


def _stack(dataset: Any, frames: list[Any], name: str) -> tuple[Grid, list[int]]:
    """The grid of all frames and each frame's slice in it."""
    orientation = {
        tuple(np.round(_macro(dataset, f, "PlaneOrientationSequence", "ImageOrientationPatient", name), 4))
        for f in frames
    }
    if len(orientation) != 1:
        raise InputError(f"{name}: frames in {len(orientation)} orientations; expected parallel frames")
    cosines = _macro(dataset, frames[0], "PlaneOrientationSequence", "ImageOrientationPatient", name)
    row = unit_vector(cosines[:3])
    column = unit_vector(np.asarray(cosines[3:]) - row * float(row @ np.asarray(cosines[3:])))
    normal = np.cross(row, column)
    positions = np.array([_macro(dataset, f, "PlanePositionSequence", "ImagePositionPatient", name) for f in frames])
    heights = positions @ normal
    across = positions @ np.column_stack([row, column])
    if np.ptp(across, axis=0).max() > _OFF_PLACE:
        raise InputError(
            f"{name}: frames shift sideways by {np.ptp(across, axis=0).max():.2f} mm; expected a straight stack"
        )
    spacing = _spacing(dataset, frames[0], heights, name)
    place = (heights - heights.min()) / spacing
    slices = np.rint(place).astype(int)
    if np.abs(place - slices).max() > _OFF_PLACE or slices.max() >= _MOST_SLICES:
        raise InputError(f"{name}: frames do not lie on an even stack of {spacing:.2f} mm; expected one")
    rows_mm, columns_mm = _macro(dataset, frames[0], "PixelMeasuresSequence", "PixelSpacing", name)
    matrix = np.eye(4)
    axes = np.column_stack([row * columns_mm, column * rows_mm, normal * spacing])
    matrix[:3, :3] = ras_from_lps(axes.T).T
    matrix[:3, 3] = ras_from_lps(positions[int(np.argmin(heights))])
    return Grid((int(slices.max()) + 1, int(dataset.Rows), int(dataset.Columns)), matrix), slices.tolist()


def _spacing(dataset: Any, frame: Any, heights: NDArray[np.float64], name: str) -> float:
    """Between slices: the frames' own, else as stated; the thickness only where there is one slice."""
    distinct = np.unique(np.round(heights, 3))
    steps = np.diff(distinct)
    steps = steps[steps > 0.01]
    if len(steps):
        return float(steps.min()) if len(steps) < 2 else float(np.median(steps[steps < 1.5 * steps.min()]))
    for item in ("SpacingBetweenSlices", "SliceThickness"):
        try:
            value = abs(_macro(dataset, frame, "PixelMeasuresSequence", item, name)[0])
        except InputError:
            continue
        if value > 0:
            return value
    raise InputError(f"{name}: one slice without thickness; expected SliceThickness or SpacingBetweenSlices")
