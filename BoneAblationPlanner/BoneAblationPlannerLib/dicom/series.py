"""Sort a folder of DICOM into series and say of each whether it can be planned on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from BoneAblationPlannerLib.dicom.geometry import COSINE_TOLERANCE, FEWEST_SLICES, Stack, arrange
from BoneAblationPlannerLib.dicom.header import ImageHeader, is_dicom, read_headers
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.progress import ReportProgress, silent, step

_LOCALISERS = {"LOCALIZER", "SCOUT", "TOPOGRAM"}
# Enhanced CT's derived maps; they are stored like CT but are no attenuation.
_NOT_ATTENUATION = {"PERFUSION", "RCBF", "RCBV", "MTT", "TTP", "TMAX"}
_HOUNSFIELD_UNITS = {"", "HU", "[HNSF'U]", "HNSF'U"}


@dataclass(frozen=True)
class SeriesInfo:
    """One line of the list of series.

    Parameters
    ----------
    number : int
        Place in the list from 1; `uid` or this chooses the series.
    uid : str
        SeriesInstanceUID, with ``#2``, ``#3``, … for the further parts of a series that holds several volumes; may be
        empty if the files have none.
    description : str
        Short, without patient data.
    modality : str
    images : int
    unusable : str or None
        Why the series cannot be read; None if its header gives no reason.
    """

    number: int
    uid: str
    description: str
    modality: str
    images: int
    unusable: str | None

    @property
    def line(self) -> str:
        """For lists: number, description, modality, images."""
        return f"{self.number}: {self.description}, {self.modality or 'no modality'}, {self.images} image(s)"


@dataclass(frozen=True, eq=False)
class Series:
    """A series with its stack, which is None if the series is unusable."""

    info: SeriesInfo
    headers: tuple[ImageHeader, ...]
    stack: Stack | None


def scan_folder(path: Path, report: ReportProgress = silent) -> list[Series]:
    """Group the DICOM images of a folder (with its subfolders) or of one file into series.

    Raises
    ------
    InputError
        If there is no DICOM, or a file is damaged.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    headers: list[ImageHeader] = []
    for index, file in enumerate(files):
        if index % 16 == 0:
            step(report, index / len(files), f"reading headers: {index} of {len(files)} files")
        if file.name.upper() != "DICOMDIR" and is_dicom(file):
            headers += read_headers(file)
    if not headers:
        held = f"none among {len(files)} file(s)" if files else "the folder is empty"
        raise InputError(f"{path.name}: no DICOM images: {held}; expected a CT series")
    groups = sorted(_volumes(headers), key=_place_in_list)
    parts: Counter[str] = Counter()
    series = []
    for number, group in enumerate(groups, start=1):
        uid = group[0].series_uid
        parts[uid] += 1
        series.append(_series(number, uid if parts[uid] == 1 else f"{uid}#{parts[uid]}", group))
    return series


def _place_in_list(group: Sequence[ImageHeader]) -> tuple[bool, int, str, int]:
    """CT first, then as numbered at the scanner; the largest part of a series first, so that it keeps the plain UID."""
    first = group[0]
    return first.modality != "CT", first.series_number, first.series_uid, -len(group)


def choose(series: Sequence[Series], wanted: str | None, name: str) -> Series:
    """The series asked for by UID or number, or the only usable one.

    Raises
    ------
    InputError
        If there is none, if it is unusable, or if several are usable and none was asked for.
    """
    if wanted is not None:
        return _asked_for(series, wanted.strip(), name)
    usable = [one for one in series if one.stack]
    if len(usable) == 1:
        return usable[0]
    if usable:
        lines = "; ".join(one.info.line for one in usable)
        raise InputError(f"{name}: {len(usable)} CT series; choose one with --series UID or number: {lines}")
    if len(series) == 1:
        raise InputError(f"{name}: {series[0].info.unusable}")
    reasons = "; ".join(f"{one.info.line}: {one.info.unusable}" for one in series)
    raise InputError(f"{name}: no usable CT series: {reasons}")


def _asked_for(series: Sequence[Series], wanted: str, name: str) -> Series:
    found = [one for one in series if wanted and wanted in (one.info.uid, str(one.info.number))]
    if not found:
        lines = "; ".join(one.info.line for one in series)
        raise InputError(f"{name}: no series {wanted!r}; expected the UID or number of one of: {lines}")
    if not found[0].stack:
        raise InputError(f"{name}: series {found[0].info.line}: {found[0].info.unusable}")
    return found[0]


def _series(number: int, uid: str, group: Sequence[ImageHeader]) -> Series:
    stack = None
    reason = _why_not_ct(group)
    if reason is None:
        try:
            stack = arrange(group)
        except InputError as error:
            reason = str(error)
    first = group[0]
    info = SeriesInfo(number, uid, first.description, first.modality, len(group), reason)
    return Series(info, tuple(group), stack)


def _why_not_ct(group: Sequence[ImageHeader]) -> str | None:
    """Why the header alone rules a group out, or None."""
    first = group[0]
    if first.modality != "CT":
        return f"modality {first.modality or 'absent'}; expected CT"
    if not first.rows or not first.columns:
        return "no image in it; expected CT slices"
    if _LOCALISERS & set(first.image_type):
        return "a localiser; expected axial slices"
    if any(h.position_lps_mm is None or h.row_cosines_lps is None for h in group):
        return "images without position or orientation (multi-frame or screenshot); expected CT slices"
    return _why_not_hounsfield(group)


def _why_not_hounsfield(group: Sequence[ImageHeader]) -> str | None:
    """Why the stored pixels cannot be turned into Hounsfield units, or None."""
    first = group[0]
    if first.samples != 1 or first.photometric != "MONOCHROME2":
        return f"{first.samples} sample(s) per pixel, {first.photometric}; expected 1, MONOCHROME2"
    depth = (first.bits_stored, first.bits_allocated, first.high_bit)
    if depth[1] not in (16, 32) or not 8 < depth[0] <= depth[1] or depth[2] != depth[0] - 1:
        return f"{depth[0]} of {depth[1]} bits stored, highest {depth[2]}; expected 9 to 16 of 16, from bit 0"
    if maps := _NOT_ATTENUATION & set(first.image_type):
        return f"a map of {' '.join(sorted(maps))}; expected CT in Hounsfield units"
    if first.real_world_unit.upper() not in _HOUNSFIELD_UNITS:
        return f"values in {first.real_world_unit}; expected Hounsfield units"
    return _mixed_rescale(group) or next((reason for reason in map(_why_no_rescale, group) if reason), None)


def _why_no_rescale(header: ImageHeader) -> str | None:
    if header.lookup_table:
        return "a modality lookup table; expected rescale slope and intercept"
    if header.rescale_type not in ("", "HU", "US"):
        return f"rescale type {header.rescale_type}; expected HU"
    if header.rescale is None and not header.signed:
        return "rescale slope or intercept absent and pixels unsigned; expected a rescale to Hounsfield units"
    if header.rescale and not (np.isfinite(header.rescale).all() and header.rescale[0] > 0):
        return f"rescale slope {header.rescale[0]:g}, intercept {header.rescale[1]:g}; expected a positive slope"
    return None


def _mixed_rescale(group: Sequence[ImageHeader]) -> str | None:
    without = [header.label for header in group if header.rescale is None]
    if 0 < len(without) < len(group):
        return f"rescale absent in {len(without)} image(s) such as {without[0]}; expected slope and intercept in all"
    return None


def _volumes(headers: Iterable[ImageHeader]) -> list[list[ImageHeader]]:
    """Split images into groups that could each be one volume."""
    groups: list[list[ImageHeader]] = []
    for header in headers:
        group = next((group for group in groups if _alike(group[0], header)), None)
        if group is None:
            groups.append([header])
        else:
            group.append(header)
    return [part for group in groups for part in _passes(group)]


def _alike(a: ImageHeader, b: ImageHeader) -> bool:
    """Same series, size, orientation and kind."""
    same = (
        a.series_uid == b.series_uid
        and a.modality == b.modality
        and (a.rows, a.columns, a.samples, a.photometric) == (b.rows, b.columns, b.samples, b.photometric)
        and (a.bits_allocated, a.bits_stored, a.signed) == (b.bits_allocated, b.bits_stored, b.signed)
        and a.frame_of_reference == b.frame_of_reference
        and bool(_LOCALISERS & set(a.image_type)) == bool(_LOCALISERS & set(b.image_type))
    )
    return (
        same
        and _close(a.pixel_spacing_ji_mm, b.pixel_spacing_ji_mm, 1e-4)
        and _close(a.row_cosines_lps, b.row_cosines_lps, COSINE_TOLERANCE)
        and _close(a.column_cosines_lps, b.column_cosines_lps, COSINE_TOLERANCE)
    )


def _close(a: tuple[float, ...] | None, b: tuple[float, ...] | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) <= tolerance


def _passes(group: list[ImageHeader]) -> list[list[ImageHeader]]:
    """Split a group that covers its positions several times (phases, kernels) if an attribute tells them apart."""
    if _once_each(group) or any(header.position_lps_mm is None for header in group):
        return [group]
    for values in zip(*(header.passes for header in group), strict=True):
        by_value: dict[str, list[ImageHeader]] = {}
        for value, header in zip(values, group, strict=True):
            by_value.setdefault(value, []).append(header)
        parts = list(by_value.values())
        if len(parts) > 1 and all(len(part) >= FEWEST_SLICES and _once_each(part) for part in parts):
            return parts
    return [group]


def _once_each(group: Sequence[ImageHeader]) -> bool:
    return len({header.position_lps_mm for header in group}) == len(group)
