"""Label maps and lesion masks, brought onto the CT's grid."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.resampled_labels import nearest, structures_on_grid
from BoneAblationPlannerLib.anatomy.stacked_labels import label_counts
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.dicom.header import is_dicom
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading.dicom_labels import dicom_labels
from BoneAblationPlannerLib.reading.documents import read_json
from BoneAblationPlannerLib.reading.images import SAME_GEOMETRY_MM, geometry, grid_of, is_image_name, read_image
from BoneAblationPlannerLib.reading.slicer_segments import combined, described_segments

MOST_LABELS = 256
"""A CT holds more different values than any map of organs."""


def read_label_map(
    path: Path,
    names_path: Path | None,
    reference: Grid,
    frame_of_reference: str | None = None,
    table: StructureTable | None = None,
) -> tuple[LabelMap, list[str]]:
    """Read labelled anatomy onto the CT's grid.

    Parameters
    ----------
    path : Path
        NRRD, NIfTI, MetaImage, a segmentation as Slicer writes it (.seg.nrrd, also with several layers), or a DICOM
        segmentation (SEG) or structure set (RTSTRUCT).
    names_path : Path or None
        JSON object from label value to name, ``{"1": "spleen"}``; goes before names in the file itself.
    reference : Grid
        The CT's; a map on another grid is resampled to it (see `structures_on_grid`), contours are rasterised on it.
    frame_of_reference : str, optional
        The CT's FrameOfReferenceUID (see `frame_of_reference`); a DICOM segmentation in another frame is refused.
    table : StructureTable, optional
        Which names are known and which of two structures that overlap is kept; the shipped one where absent.

    Returns
    -------
    LabelMap
        Labels without a name are called ``label N``.
    list of str
        Notes on what was changed.

    Raises
    ------
    InputError
        If the map is no label map, lies elsewhere than the CT, or the names do not fit it.
    """
    labels: NDArray[np.integer]
    beneath: NDArray[np.integer] | None
    covered = None
    ends_at_its_grid = False
    if path.is_file() and not is_image_name(path) and is_dicom(path):
        grid, stack, notes = dicom_labels(path, reference, frame_of_reference, table)
        labels, beneath, names = stack.labels, stack.beneath, stack.names
    else:
        image = read_image(path, layers=True)
        grid = grid_of(image, path.name)
        layers = _as_labels(sitk.GetArrayFromImage(image), path.name)
        segments, notes = described_segments(image, path.name)
        ends_at_its_grid = not segments  # a segmentation may be stored cropped to what it holds
        labels, beneath, names, found = combined(layers, segments, path.name, table)
        notes += found
    present = _values(labels, beneath)
    if not present:
        raise InputError(f"{path.name}: no voxel has a label; expected at least one structure")
    if names_path is not None:
        given, found = _read_names(names_path, present)
        names |= given
        notes += found
    if not grid.matches(reference, SAME_GEOMETRY_MM):
        covered = nearest(np.ones(grid.shape, dtype=np.uint8), grid, reference) > 0 if ends_at_its_grid else None
        labels = structures_on_grid(labels, names, grid, reference, table)
        beneath = None if beneath is None else structures_on_grid(beneath, names, grid, reference, table)
        kept = _values(labels, beneath)
        if not kept:
            raise InputError(
                f"{path.name}: no label lies inside the CT; map {geometry(grid)}, CT {geometry(reference)};"
                " expected overlapping images"
            )
        lost = [names.get(value, f"label {value}") for value in present if value not in kept]
        notes.append(
            "label map on another grid: resampled to the CT's, nearest neighbour"
            + (f"; outside the CT or lost in its voxels: {', '.join(lost)}" if lost else "")
        )
        present = [value for value in present if value in kept]
    named = {value: names.get(value, f"label {value}") for value in present}
    covered = None if covered is None or covered.all() else covered
    return LabelMap(reference, labels, named, covered, beneath), notes


def _values(*maps: NDArray[np.integer] | None) -> list[int]:
    """Labels that occur in one of the maps."""
    return sorted({int(v) for part in maps if part is not None for v in np.flatnonzero(label_counts(part))} - {0})


def is_label_map(path: Path) -> bool:
    """Whether an image file holds labels rather than a CT: whole numbers from 0, few different ones."""
    if not path.is_file() or not is_image_name(path):
        return False
    values = sitk.GetArrayFromImage(read_image(path, layers=True))
    if values.min() < 0 or (values.dtype.kind == "f" and not np.array_equal(values, np.rint(values))):
        return False
    return len(np.unique(values)) <= MOST_LABELS


def read_mask(path: Path, reference: Grid) -> tuple[NDArray[np.bool_], list[str]]:
    """Read a lesion mask onto the CT's grid.

    A mask on another grid is resampled, nearest neighbour, if all of it lies inside the CT. A ``.seg.nrrd`` may cover a
    part of the grid, because Slicer crops segmentations on saving: its voxels are placed back.

    Returns
    -------
    (k, j, i) bool
        On the reference grid.
    list of str
        Notes.

    Raises
    ------
    InputError
        For a mask that reaches beyond the CT, several labels, an empty mask or one that fills its image.
    """
    image = read_image(path)
    grid = grid_of(image, path.name)
    labels = _as_labels(sitk.GetArrayFromImage(image), path.name)
    mask = _one_lesion(labels, path.name)
    if grid.matches(reference, SAME_GEOMETRY_MM):
        return mask, []
    if path.name.endswith(".seg.nrrd") and _is_part_of(grid, reference):
        return nearest(labels, grid, reference) > 0, ["the lesion segmentation covers a part of the CT's grid"]
    within = _share_within(mask, grid, reference)
    if within < 1:
        raise InputError(f"{path.name}: lesion mask on another grid, {within:.0%} of it inside the CT: mask "
                         f"{geometry(grid)}, CT {geometry(reference)}; expected all of it inside")  # fmt: skip
    resampled = nearest(labels, grid, reference) > 0
    if not resampled.any():
        raise InputError(f"{path.name}: the lesion mask is smaller than the CT's voxels; expected voxels of a lesion")
    volumes = (mask.sum() * grid.voxel_ml, resampled.sum() * reference.voxel_ml)
    note = "lesion mask on another grid: resampled to the CT's, nearest neighbour; {:.2f} ml became {:.2f} ml"
    return resampled, [note.format(*volumes)]


def read_lone_mask(path: Path) -> tuple[NDArray[np.bool_], Grid]:
    """Read a lesion mask without a CT, with the grid it lies on; refuses what `read_mask` refuses."""
    image = read_image(path)
    return _one_lesion(_as_labels(sitk.GetArrayFromImage(image), path.name), path.name), grid_of(image, path.name)


def _one_lesion(labels: NDArray[np.integer], name: str) -> NDArray[np.bool_]:
    values = np.unique(labels[labels != 0])
    if not values.size:
        raise InputError(f"{name}: the lesion mask is empty; expected voxels other than 0")
    if values.size > 1:
        raise InputError(f"{name}: {values.size} different labels; expected one lesion (0 and one other value)")
    mask: NDArray[np.bool_] = labels != 0
    if mask.all():
        raise InputError(f"{name}: the lesion mask fills the whole image; expected background around the lesion")
    return mask


def _as_labels(values: NDArray, name: str) -> NDArray[np.integer]:
    """Non-negative whole numbers below 65536 as uint8 or uint16."""
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.array_equal(values, np.rint(values))):
        raise InputError(f"{name}: fractional values; expected whole-number labels")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise InputError(f"{name}: values from {low} to {high}; expected labels from 0 to 65535")
    return values.astype(np.uint8 if high < 256 else np.uint16, copy=False)


def _read_names(path: Path, present: list[int]) -> tuple[dict[int, str], list[str]]:
    """Names by label value, and notes; a full table may name labels that this map lacks, but not only such."""
    document = read_json(path)
    example = '{"1": "sacrum"}'
    if not isinstance(document, dict) or not document:
        raise InputError(f"{path.name}: no names; expected an object from label value to name such as {example}")
    names = {}
    for key, name in document.items():
        if not key.isdecimal() or not isinstance(name, str) or not name.strip():
            raise InputError(f"{path.name}: entry {key!r}: {name!r}; expected label value and name such as {example}")
        names[int(key)] = name.strip()
    unused = [f"{value} ({name})" for value, name in names.items() if value not in present]
    if len(unused) == len(names):
        raise InputError(
            f"{path.name}: names for label values that the map does not hold: {', '.join(unused)};"
            f" expected among {', '.join(map(str, present))}"
        )
    notes = [f"{path.name}: {len(unused)} name(s) without a label in the map, not in this scan"] if unused else []
    unnamed = [str(value) for value in present if value not in names]
    if unnamed:
        notes.append(f"{path.name}: label(s) {', '.join(unnamed)} have no name: kept clear of as unknown structures")
    return names, notes


def _share_within(mask: NDArray[np.bool_], grid: Grid, reference: Grid) -> float:
    """Share of a mask's voxels whose centre lies in a voxel of the reference."""
    index = reference.ijk_from_ras(grid.ras_of_mask(mask))
    return float(((index >= -0.5) & (index <= np.array(reference.shape[::-1]) - 0.5)).all(axis=1).mean())


def _is_part_of(grid: Grid, reference: Grid) -> bool:
    """Whether a grid's voxels are some of the reference's."""
    start = np.rint(reference.ijk_from_ras(grid.ijk_to_ras[:3, 3])[0]).astype(int)[::-1]
    ends = start + grid.shape
    if (start < 0).any() or (ends > reference.shape).any():
        return False
    k, j, i = (slice(int(a), int(b)) for a, b in zip(start, ends, strict=True))
    return reference.crop((k, j, i)).matches(grid, SAME_GEOMETRY_MM)
