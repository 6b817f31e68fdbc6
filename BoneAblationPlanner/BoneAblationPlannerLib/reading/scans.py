"""CT scans: DICOM, NRRD, NIfTI, MetaImage or an array, with right geometry and right Hounsfield units or not at all."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import UNSCANNED_HU, CtVolume, ct_sha256
from BoneAblationPlannerLib.dicom.header import is_dicom
from BoneAblationPlannerLib.dicom.series import SeriesInfo, choose, scan_folder
from BoneAblationPlannerLib.dicom.volume import read_volume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.reading.images import grid_of, is_image_name, read_image, times

_SPACING_MM = (0.1, 20.0)
_FEWEST_VOXELS = 3
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
    if path.is_dir() or not is_image_name(path):
        if path.is_file() and not is_dicom(path):
            raise InputError(f"{path.name}: not a scan; expected DICOM, NRRD, NIfTI or MetaImage")
        volume = read_volume(path, series, part_of_reading(report))
        return ct_from_array(volume.grid, volume.hu, path.name, volume.scanned_position, volume.notes)
    if series is not None:
        raise InputError(f"{path.name}: holds no DICOM series; expected --series with DICOM only")
    step(report, 0.0, f"reading {path.name}")
    image = read_image(path)
    return ct_from_array(grid_of(image, path.name), sitk.GetArrayFromImage(image), path.name)


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


def frame_of_reference(path: Path, series: str | None = None) -> str | None:
    """FrameOfReferenceUID of the CT series that `read_ct` would read, or None where there is none."""
    path = path.absolute()
    if not path.exists() or (path.is_file() and (is_image_name(path) or not is_dicom(path))):
        return None
    return choose(scan_folder(path), series, path.name).headers[0].frame_of_reference or None


def part_of_reading(report: ReportProgress) -> ReportProgress:
    """Leave the last tenth of the bar to the checks that follow reading."""
    return lambda fraction, stage: report(0.9 * fraction, stage)


def _check_size(grid: Grid, name: str) -> None:
    if min(grid.shape) < _FEWEST_VOXELS:
        raise InputError(
            f"{name}: {times(grid.shape[::-1])} voxels; expected a volume of at least {_FEWEST_VOXELS} slices"
        )
    spacing = grid.spacing_ijk_mm
    if spacing.min() < _SPACING_MM[0] or spacing.max() > _SPACING_MM[1]:
        raise InputError(
            f"{name}: voxels of {times(spacing, '.4g')} mm; expected {_SPACING_MM[0]} to {_SPACING_MM[1]:.0f} mm"
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
    unscanned = float(((sample < _UNSCANNED_HU) & (sample != UNSCANNED_HU)).mean())
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
