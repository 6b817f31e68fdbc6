"""One chosen series as a volume in Hounsfield units, with a note on everything that was not plain."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import UNSCANNED_HU
from BoneAblationPlannerLib.dicom.geometry import Stack
from BoneAblationPlannerLib.dicom.header import ImageHeader
from BoneAblationPlannerLib.dicom.pixels import PixelReader
from BoneAblationPlannerLib.dicom.rectify import shifted_plane
from BoneAblationPlannerLib.dicom.series import Series, choose, scan_folder
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step

# The gantry angle in the header is a rounded reading of the machine's.
_TILT_AGREES_DEG = 0.5
_POSITIONS = {"S": "supine", "P": "prone", "DR": "right-lateral", "DL": "left-lateral"}
# Air among signed pixels without a rescale shows that they are Hounsfield units already.
_AIR_HU = (-1100, -900)
_AIR_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class DicomVolume:
    """A series on an orthogonal grid: ``hu`` (k, j, i) int16."""

    grid: Grid
    hu: NDArray[np.int16]
    scanned_position: str | None
    notes: tuple[str, ...]


def read_volume(path: Path, wanted: str | None = None, report: ReportProgress = silent) -> DicomVolume:
    """Read a CT series from a folder or a multi-frame file.

    Parameters
    ----------
    path : Path
    wanted : str, optional
        UID or number of the series; needed if several are usable.
    report : ReportProgress, optional

    Raises
    ------
    InputError
        With one line that says why the series cannot be read.
    """
    candidates = scan_folder(path, part(report, 0.0, 0.3))
    chosen = choose(candidates, wanted, path.name)
    stack = chosen.stack
    if stack is None:  # for the type checker: choose() returns usable series only
        raise InputError(f"{path.name}: {chosen.info.unusable}")
    try:
        return _read(chosen, stack, candidates, part(report, 0.3, 1.0))
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def _read(chosen: Series, stack: Stack, candidates: list[Series], report: ReportProgress) -> DicomVolume:
    reader = PixelReader()
    grid, first_ij = stack.orthogonal_grid()
    hu = np.empty(grid.shape, dtype=np.int16)
    header = stack.slices[0][0]
    rows_mm, columns_mm = header.pixel_spacing_ji_mm or (1.0, 1.0)
    drift_ij = stack.drift_ij_mm / [columns_mm, rows_mm]
    outside = 0
    for k, images in enumerate(stack.slices):
        step(report, k / len(stack.slices), f"reading slices: {k} of {len(stack.slices)}")
        plane = _one_image(reader, images)
        if stack.tilted:
            shift = (float(k * drift_ij[0]), float(k * drift_ij[1]))
            hu[k], inside = shifted_plane(plane, shift, first_ij, grid.shape[1:])
            outside += int(inside.size - inside.sum())
        else:
            hu[k] = plane
    notes = [*_series_notes(chosen, candidates), *_tilt_notes(stack, outside / hu.size), *sorted(reader.notes)]
    if header.rescale is None:
        _expect_air(hu)
        notes.append("rescale absent: signed pixels with air near -1000 taken as Hounsfield units")
    position, position_notes = _scanned_position(chosen.headers)
    return DicomVolume(grid, hu, position, (*notes, *position_notes))


def _one_image(reader: PixelReader, images: tuple[ImageHeader, ...]) -> NDArray[np.int16]:
    """The image at a position; repeated files are accepted if they are the same."""
    plane = reader.hu(images[0])
    for other in images[1:]:
        if not np.array_equal(plane, reader.hu(other)):
            raise InputError(
                f"{images[0].label} and {other.label} lie at one position and differ; expected one image per position"
            )
    if len(images) > 1:
        reader.notes.add("identical copies of slices: one of each was kept")
    return plane


def _series_notes(chosen: Series, candidates: list[Series]) -> list[str]:
    notes = []
    for one in candidates:
        if one is not chosen:
            notes.append(f"skipped series {one.info.line}" + (f": {one.info.unusable}" if one.info.unusable else ""))
    if any(header.malformed for header in chosen.headers):
        notes.append("some headers break the rules of DICOM where reading does not depend on them")
    if not chosen.headers[0].series_uid:
        notes.append("the files have no SeriesInstanceUID: taken as one series")
    if any(header.lossy for header in chosen.headers):
        notes.append("the images were compressed with loss at some time")
    return notes


def _tilt_notes(stack: Stack, outside: float) -> list[str]:
    tags = [images[0].gantry_tilt_deg for images in stack.slices if images[0].gantry_tilt_deg is not None]
    tag = max((abs(tilt) for tilt in tags), default=None)
    notes = []
    if stack.tilted:
        notes.append(
            f"gantry tilt of {stack.tilt_deg:.1f} degrees rectified by linear resampling within each slice;"
            f" {100 * outside:.1f} % of the voxels lie outside the scan and are {UNSCANNED_HU} HU"
        )
    if tag is not None and abs(tag - stack.tilt_deg) > _TILT_AGREES_DEG:
        notes.append(
            f"the header names a gantry tilt of {tag:.1f} degrees, the slice positions one of {stack.tilt_deg:.1f}:"
            " the positions were followed"
        )
    return notes


def _expect_air(hu: NDArray[np.int16]) -> None:
    share = float(((hu >= _AIR_HU[0]) & (hu <= _AIR_HU[1])).mean())
    if share < _AIR_SHARE:
        raise InputError("rescale absent and no air near -1000; expected a rescale to Hounsfield units")


def _scanned_position(headers: tuple[ImageHeader, ...]) -> tuple[str | None, list[str]]:
    """How the patient lay, from DICOM's code (HFS: head first supine; DR: decubitus, right side down)."""
    codes = {header.patient_position for header in headers} - {""}
    if len(codes) > 1:
        return None, [f"patient position differs between images ({', '.join(sorted(codes))}): taken as unknown"]
    code = next(iter(codes), "")
    return _POSITIONS.get(code[2:]), []
