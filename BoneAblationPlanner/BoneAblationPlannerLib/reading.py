"""The one door through which scans, masks, label maps and nerve curves enter.

Every refusal is an `InputError` of one line: what, where, what was expected. Files are named without their folder.
"""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import CtVolume, LabelMap, ct_sha256
from BoneAblationPlannerLib.dicom.header import is_dicom
from BoneAblationPlannerLib.dicom.rtstruct import RTSTRUCT_CLASS, read_structure_set, structure_set
from BoneAblationPlannerLib.dicom.segmentation import SEGMENTATION_CLASSES, read_segments
from BoneAblationPlannerLib.dicom.series import SeriesInfo, choose, scan_folder
from BoneAblationPlannerLib.dicom.volume import read_volume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, ras_from_lps
from BoneAblationPlannerLib.nifti import NiftiHeader
from BoneAblationPlannerLib.progress import ReportProgress, silent, step

NamedCurve = tuple[str, NDArray[np.float64]]
"""A curve's name and its points (N, 3), RAS mm."""

_IMAGE_SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
_SPACING_MM = (0.1, 20.0)
_FEWEST_VOXELS = 3
_SAME_GEOMETRY_MM = 0.01
_INT16 = np.iinfo(np.int16)
# Ranges in HU for telling a wrong offset, see _check_offset, and for notes.
_SOFT_TISSUE_HU = (-250, 400)
_NOT_AIR_HU = -850
_NO_AIR_HU = -500
_UNSCANNED_HU = -1500
_FEW_SOFT_TISSUE = 0.15


def read_ct(path: Path, series: str | None = None, report: ReportProgress = silent) -> CtVolume:
    """Read a CT from a DICOM folder or file, NRRD, NIfTI or MetaImage.

    Parameters
    ----------
    path : Path
        Folders are searched with their subfolders.
    series : str, optional
        DICOM only: UID or number (see `list_series`) of the series to take where several are usable.
    report : ReportProgress, optional

    Returns
    -------
    CtVolume
        Whose notes say what was changed (gantry tilt, padding) or is doubtful.

    Raises
    ------
    InputError
        If the scan cannot be read with right geometry and right Hounsfield units.
    """
    path = path.absolute()  # so that "." has a name
    if not path.exists():
        raise InputError(f"{path.name}: not found; expected a DICOM folder, NRRD, NIfTI or MetaImage file")
    if path.is_dir() or not _is_image_name(path):
        if path.is_file() and not is_dicom(path):
            raise InputError(f"{path.name}: not a scan; expected DICOM, NRRD, NIfTI or MetaImage")
        volume = read_volume(path, series, part_of_reading(report))
        return ct_from_array(volume.grid, volume.hu, path.name, volume.scanned_position, volume.notes)
    if series is not None:
        raise InputError(f"{path.name}: holds no DICOM series; expected --series with DICOM only")
    step(report, 0.0, f"reading {path.name}")
    image = _read_image(path)
    return ct_from_array(_grid(image, path.name), sitk.GetArrayFromImage(image), path.name)


def list_series(folder: Path) -> list[SeriesInfo]:
    """The DICOM series in a folder, numbered as `read_ct` understands them, with the reason where one is unusable.

    Raises
    ------
    InputError
        If the folder holds no DICOM, or a damaged file.
    """
    if not folder.exists():
        raise InputError(f"{folder.name}: not found; expected a DICOM folder")
    return [one.info for one in scan_folder(folder)]


def ct_from_array(
    grid: Grid, values: NDArray, source: str, scanned_position: str | None = None, notes: tuple[str, ...] = ()
) -> CtVolume:
    """Check that an array can be a CT in Hounsfield units and wrap it; the way in for voxels that come from a scene.

    Parameters
    ----------
    grid : Grid
    values : (k, j, i) numeric
        Floats are rounded.
    source : str
        Name for the plan and for messages.
    scanned_position, notes
        As in `CtVolume`.

    Raises
    ------
    InputError
        If the grid is too small or of absurd spacing, or the values are not Hounsfield units.
    """
    _check_size(grid, source)
    hu = _as_int16(values, source)
    _check_range(hu, source)
    _check_offset(hu, source)
    return CtVolume(grid, hu, source, ct_sha256(grid, hu), scanned_position, (*notes, *_doubts(hu)))


def read_label_map(
    path: Path, names_path: Path | None, reference: Grid, frame_of_reference: str | None = None
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
        The CT's; a map on another grid is resampled to it, nearest neighbour. Contours are rasterised on it.
    frame_of_reference : str, optional
        The CT's FrameOfReferenceUID (see `frame_of_reference`); a DICOM segmentation in another frame is refused.

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
    if path.is_file() and not _is_image_name(path) and is_dicom(path):
        grid, labels, names, notes = _dicom_labels(path, reference, frame_of_reference)
    else:
        image = _read_image(path, layers=True)
        grid = _grid(image, path.name)
        layers = _as_labels(sitk.GetArrayFromImage(image), path.name)
        if layers.ndim == 3:
            layers = layers[..., np.newaxis]
        labels, names, notes = _flattened(layers, _segments(image))
    present = [int(value) for value in np.unique(labels) if value]
    if not present:
        raise InputError(f"{path.name}: no voxel has a label; expected at least one structure")
    if names_path is not None:
        given, found = _read_names(names_path, present)
        names |= given
        notes += found
    if not grid.matches(reference, _SAME_GEOMETRY_MM):
        labels = _resampled(labels, grid, reference)
        kept = set(np.unique(labels).tolist()) - {0}
        if not kept:
            raise InputError(
                f"{path.name}: no label lies inside the CT; map {_geometry(grid)}, CT {_geometry(reference)};"
                " expected overlapping images"
            )
        lost = len(present) - len(kept)
        notes.append(
            "label map on another grid: resampled to the CT's, nearest neighbour"
            + (f"; {lost} label(s) lie outside the CT or vanish" if lost else "")
        )
        present = [value for value in present if value in kept]
    return LabelMap(reference, labels, {value: names.get(value, f"label {value}") for value in present}), notes


def frame_of_reference(path: Path, series: str | None = None) -> str | None:
    """FrameOfReferenceUID of the CT series that `read_ct` would read, or None where there is none."""
    path = path.absolute()
    if not path.exists() or (path.is_file() and (_is_image_name(path) or not is_dicom(path))):
        return None
    return choose(scan_folder(path), series, path.name).headers[0].frame_of_reference or None


def read_mask(path: Path, reference: Grid) -> tuple[NDArray[np.bool_], list[str]]:
    """Read a lesion mask that must lie on the CT's grid.

    A ``.seg.nrrd`` may cover a part of the grid, because Slicer crops segmentations on saving; its voxels must coincide
    with the CT's all the same.

    Returns
    -------
    (k, j, i) bool
        On the reference grid.
    list of str
        Notes.

    Raises
    ------
    InputError
        For another grid, several labels, an empty mask or one that fills the image.
    """
    image = _read_image(path)
    grid = _grid(image, path.name)
    labels = _as_labels(sitk.GetArrayFromImage(image), path.name)
    notes: list[str] = []
    if not grid.matches(reference, _SAME_GEOMETRY_MM):
        cropped = path.name.endswith(".seg.nrrd") and _is_part_of(grid, reference)
        if not cropped:
            raise InputError(
                f"{path.name}: lesion mask on another grid: mask {_geometry(grid)}, CT {_geometry(reference)};"
                " expected the CT's grid"
            )
        labels = _resampled(labels, grid, reference)
        notes.append("the lesion segmentation covers a part of the CT's grid, voxel on voxel")
    return _one_lesion(labels, path.name), notes


def read_lone_mask(path: Path) -> tuple[NDArray[np.bool_], Grid]:
    """Read a lesion mask without a CT, with the grid it lies on; refuses what `read_mask` refuses."""
    image = _read_image(path)
    return _one_lesion(_as_labels(sitk.GetArrayFromImage(image), path.name), path.name), _grid(image, path.name)


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


def read_nerve_curve(path: Path) -> list[NamedCurve]:
    """Read the curves and lines of a Slicer markups file (.mrk.json).

    Returns
    -------
    list of (name, (N, 3) float64)
        Control points, RAS mm; a closed curve repeats its first point at the end. Unnamed curves have the file's name.

    Raises
    ------
    InputError
        If the file is not such a file, or holds no curve of at least two points in mm.
    """
    document = _read_json(path)
    markups = document.get("markups") if isinstance(document, dict) else None
    if not isinstance(markups, list) or not markups:
        raise InputError(f"{path.name}: no markups; expected a Slicer markups file (.mrk.json) with a curve or line")
    stem = path.name.removesuffix(".json").removesuffix(".mrk")
    curves = []
    for index, markup in enumerate(markups):
        kind = markup.get("type") if isinstance(markup, dict) else None
        if kind not in ("Curve", "ClosedCurve", "Line"):
            raise InputError(f"{path.name}: markup of type {kind!r}; expected Curve, ClosedCurve or Line")
        name = str(markup.get("name") or (stem if len(markups) == 1 else f"{stem} {index + 1}"))
        curves.append((name, _curve_points(markup, kind, path.name)))
    return curves


def part_of_reading(report: ReportProgress) -> ReportProgress:
    """Leave the last tenth of the bar to the checks that follow reading."""
    return lambda fraction, stage: report(0.9 * fraction, stage)


# Images -------------------------------------------------------------------------------------------------------------


def _is_image_name(path: Path) -> bool:
    return path.name.lower().endswith(_IMAGE_SUFFIXES)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ITK's own warnings off the terminal; what matters of them is checked here."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def _read_image(path: Path, layers: bool = False) -> sitk.Image:
    """Read a 3-D scalar image (or, with `layers`, one of several components)."""
    if not path.is_file():
        raise InputError(f"{path.name}: not found; expected an NRRD, NIfTI or MetaImage file")
    if not _is_image_name(path):
        raise InputError(f"{path.name}: unknown file type; expected {', '.join(_IMAGE_SUFFIXES)}")
    nifti = NiftiHeader.read(path) if ".nii" in path.name.lower() else None
    if nifti:
        nifti.check(path.name)
        nifti.check_values(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with _quiet():
        try:
            reader.ReadImageInformation()
            _check_kind(reader, path, layers)
            image = reader.Execute()
        except RuntimeError as error:
            raise InputError(f"{path.name}: damaged or not what its name says; expected a readable image") from error
    if nifti:
        nifti.check_agreement(_grid(image, path.name), path.name)
    return image


def _check_kind(reader: sitk.ImageFileReader, path: Path, layers: bool) -> None:
    size = reader.GetSize()
    if reader.GetDimension() != 3:
        raise InputError(f"{path.name}: {reader.GetDimension()}-D image of {_times(size)}; expected 3-D")
    components = reader.GetNumberOfComponents()
    if components != 1 and not layers:
        raise InputError(f"{path.name}: {components} values per voxel; expected one")
    if path.suffix.lower() in (".nrrd", ".nhdr") and not reader.HasMetaDataKey("NRRD_space"):
        raise InputError(f"{path.name}: no 'space' in the header, so the orientation is unknown; expected one")


def _grid(image: sitk.Image, name: str) -> Grid:
    try:
        return Grid.from_image(image)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def _check_size(grid: Grid, name: str) -> None:
    if min(grid.shape) < _FEWEST_VOXELS:
        raise InputError(
            f"{name}: {_times(grid.shape[::-1])} voxels; expected a volume of at least {_FEWEST_VOXELS} slices"
        )
    spacing = grid.spacing_ijk_mm
    if spacing.min() < _SPACING_MM[0] or spacing.max() > _SPACING_MM[1]:
        raise InputError(
            f"{name}: voxels of {_times(spacing, '.4g')} mm; expected {_SPACING_MM[0]} to {_SPACING_MM[1]:.0f} mm"
            " (another unit of length?)"
        )


def _as_int16(values: NDArray, name: str) -> NDArray[np.int16]:
    """Whole Hounsfield units of any numeric array that can hold them."""
    if values.dtype.itemsize == 1:
        raise InputError(f"{name}: 8-bit values (labels or a picture); expected CT in Hounsfield units")
    if values.dtype == np.int16:
        return values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise InputError(f"{name}: {count} voxels are NaN or infinite; expected Hounsfield units everywhere")
    low, high = float(values.min()), float(values.max())
    if low < _INT16.min or high > _INT16.max:
        raise InputError(f"{name}: values from {low:.6g} to {high:.6g}; expected Hounsfield units")
    return (np.rint(values) if values.dtype.kind == "f" else values).astype(np.int16)


def _check_range(hu: NDArray[np.int16], name: str) -> None:
    low, high = int(hu.min()), int(hu.max())
    if low == high:
        raise InputError(f"{name}: every voxel is {low}; expected CT in Hounsfield units")
    if low >= 0 and high < 256:
        raise InputError(f"{name}: values from {low} to {high} (labels or a picture); expected CT in Hounsfield units")


def _check_offset(hu: NDArray[np.int16], name: str) -> None:
    """Refuse values whose offset of 1024 was forgotten or applied twice, which a shift of the usual tissue shows."""
    sample = _sample(hu)
    if sample.min() >= 0 and _soft_tissue_share(sample, 1024) > 0.5:
        raise InputError(f"{name}: tissue lies near 1024, the rescale was not applied; expected Hounsfield units")
    unscanned = float((sample < _UNSCANNED_HU).mean())
    if unscanned > 0.01 and _soft_tissue_share(sample) < 0.4 and _soft_tissue_share(sample, -1024) > 0.5:
        raise InputError(f"{name}: tissue lies near -1024, the rescale was applied twice; expected Hounsfield units")


def _sample(hu: NDArray[np.int16]) -> NDArray[np.int16]:
    """Every third voxel along each axis: enough for a share, and small."""
    return hu[::3, ::3, ::3] if min(hu.shape) >= 30 else hu


def _soft_tissue_share(hu: NDArray[np.int16], offset: int = 0) -> float:
    """Share of the voxels above air that are fat, muscle or marrow (-250 to 400 HU) if values are too high by `offset`.

    0.75 or more in scans of pelvis, shoulder and head; at most 0.25 in the same scans with 1024 subtracted once more.
    """
    body = hu > _NOT_AIR_HU + offset
    soft = (hu >= _SOFT_TISSUE_HU[0] + offset) & (hu <= _SOFT_TISSUE_HU[1] + offset)
    return float(soft.sum()) / max(1, int(body.sum()))


def _doubts(hu: NDArray[np.int16]) -> list[str]:
    """Notes on values that are possible but unusual."""
    notes = []
    low = int(hu.min())
    if low > _NO_AIR_HU:
        notes.append(f"no air (lowest value {low} HU): the background was masked or cropped, skin cannot be found")
    if low < _UNSCANNED_HU:
        share = float((hu < _UNSCANNED_HU).mean())
        notes.append(f"{100 * share:.1f} % of the voxels are below {_UNSCANNED_HU} HU: outside the scanned field")
    if _soft_tissue_share(_sample(hu)) < _FEW_SOFT_TISSUE:
        notes.append("hardly any soft tissue near 0 HU: the values may not be Hounsfield units")
    return notes


def _times(numbers: Any, form: str = "d") -> str:
    return "×".join(format(number, form) for number in numbers)


def _geometry(grid: Grid) -> str:
    """Size, spacing and first voxel of a grid, for messages."""
    first = ", ".join(f"{value:.2f}" for value in grid.ijk_to_ras[:3, 3])
    return f"{_times(grid.shape[::-1])} voxels of {_times(grid.spacing_ijk_mm, '.3f')} mm from RAS ({first})"


# Labels -------------------------------------------------------------------------------------------------------------


def _as_labels(values: NDArray, name: str) -> NDArray[np.integer]:
    """Non-negative whole numbers below 65536 as uint8 or uint16."""
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.array_equal(values, np.rint(values))):
        raise InputError(f"{name}: fractional values; expected whole-number labels")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise InputError(f"{name}: values from {low} to {high}; expected labels from 0 to 65535")
    return values.astype(np.uint8 if high < 256 else np.uint16, copy=False)


def _segments(image: sitk.Image) -> list[tuple[int, int, str]]:
    """Layer, label value and name of every segment that a Slicer segmentation file describes."""
    keys = image.GetMetaDataKeys()
    indices = sorted(int(found[1]) for key in keys if (found := re.fullmatch(r"Segment(\d+)_Name", key)))

    def entry(index: int, what: str, default: str) -> str:
        key = f"Segment{index}_{what}"
        return image.GetMetaData(key).strip() if key in keys else default

    try:
        return [
            (int(entry(n, "Layer", "0")), int(entry(n, "LabelValue", str(n + 1))), entry(n, "Name", f"segment {n + 1}"))
            for n in indices
        ]
    except ValueError as error:
        raise InputError(f"segment description: {error}; expected whole-number layers and label values") from error


def _flattened(
    layers: NDArray[np.integer], segments: list[tuple[int, int, str]]
) -> tuple[NDArray[np.integer], dict[int, str], list[str]]:
    """One label array (k, j, i) of layers (k, j, i, n), with names from value to name, and notes."""
    if layers.shape[-1] == 1:
        return layers[..., 0], {value: name for _layer, value, name in segments}, []
    if not segments:
        raise InputError(f"{layers.shape[-1]} values per voxel without a description of segments; expected one label")
    masks = []
    for layer, value, name in segments:
        if layer >= layers.shape[-1]:
            raise InputError(f"segment {name!r} in layer {layer}; expected a layer below {layers.shape[-1]}")
        masks.append((int((layers[..., layer] == value).sum()), layer, value))
    labels = np.zeros(layers.shape[:3], dtype=np.uint16)
    # Small structures go on top of large ones: a nerve inside a muscle stays.
    overlap = 0
    for index in sorted(range(len(masks)), key=lambda at: -masks[at][0]):
        _count, layer, value = masks[index]
        mask = layers[..., layer] == value
        overlap += int((labels[mask] != 0).sum())
        labels[mask] = index + 1
    names = {index + 1: name for index, (_layer, _value, name) in enumerate(segments)}
    notes = [f"segments overlap in {overlap} voxels: the smaller segment was kept there"] if overlap else []
    return labels, names, notes


def _dicom_labels(
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


def _read_names(path: Path, present: list[int]) -> tuple[dict[int, str], list[str]]:
    """Names by label value, and notes; a full table may name labels that this map lacks, but not only such."""
    document = _read_json(path)
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


def _is_part_of(grid: Grid, reference: Grid) -> bool:
    """Whether a grid's voxels are some of the reference's."""
    start = np.rint(reference.ijk_from_ras(grid.ijk_to_ras[:3, 3])[0]).astype(int)[::-1]
    ends = start + grid.shape
    if (start < 0).any() or (ends > reference.shape).any():
        return False
    k, j, i = (slice(int(a), int(b)) for a, b in zip(start, ends, strict=True))
    return reference.crop((k, j, i)).matches(grid, _SAME_GEOMETRY_MM)


def _resampled(labels: NDArray[np.integer], grid: Grid, reference: Grid) -> NDArray[np.integer]:
    """Nearest neighbour on the reference grid; 0 outside."""
    one_voxel = reference.crop((slice(0, 1), slice(0, 1), slice(0, 1))).image(np.zeros((1, 1, 1), dtype=np.uint8))
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(one_voxel)
    resample.SetSize(reference.shape[::-1])
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    return np.asarray(sitk.GetArrayFromImage(resample.Execute(grid.image(labels))))


# JSON ---------------------------------------------------------------------------------------------------------------


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path.name}: not found; expected a JSON file") from error
    except (UnicodeDecodeError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path.name}: not readable as JSON; expected a JSON file") from error


def _curve_points(markup: Mapping[str, Any], kind: str, name: str) -> NDArray[np.float64]:
    """Control points (N, 3) of a curve or line, RAS mm."""
    unit = markup.get("coordinateUnits", "mm")
    if unit != "mm":
        raise InputError(f"{name}: coordinates in {unit!r}; expected mm")
    system = {"LPS": "LPS", "RAS": "RAS", "1": "LPS", "0": "RAS"}.get(str(markup.get("coordinateSystem", "LPS")))
    if system is None:
        raise InputError(f"{name}: coordinate system {markup.get('coordinateSystem')!r}; expected LPS or RAS")
    control_points = markup.get("controlPoints") or []
    try:
        defined = [point for point in control_points if point.get("positionStatus", "defined") == "defined"]
        points = np.array([point["position"] for point in defined], dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: control points not understood; expected three coordinates each") from error
    if points.ndim != 2 or len(points) < 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"{name}: {len(points)} usable control point(s); expected at least two of three coordinates")
    if kind == "ClosedCurve":
        points = np.vstack([points, points[:1]])
    return ras_from_lps(points) if system == "LPS" else points
