"""What one DICOM file says about its images, read without touching the pixels."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError

_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"  # Media Storage Directory: a DICOMDIR under any name
_CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
}
_PIXEL_DESCRIPTION = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_DICOM_SUFFIXES = {".dcm", ".ima", ".dicom"}
_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
    "InstanceNumber", "AcquisitionNumber", "AcquisitionTime", "TemporalPositionIdentifier", "ConvolutionKernel",
    "FrameOfReferenceUID", "PatientName", "PatientID", "PatientPosition", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "RealWorldValueMappingSequence", "GantryDetectorTilt",
    "LossyImageCompression", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
# What may tell two passes over the same positions apart, most telling first.
_PASS_TAGS = ("AcquisitionNumber", "TemporalPositionIdentifier", "ConvolutionKernel", "ImageType", "AcquisitionTime")


@dataclass(frozen=True)
class ImageHeader:
    """One image: a file, or one frame of a multi-frame file.

    Parameters
    ----------
    file : Path
    frame : int or None
        Index from 0 within a multi-frame file.
    row_cosines_lps, column_cosines_lps : 3 floats or None
        Directions in which the column index i and the row index j grow.
    position_lps_mm : 3 floats or None
        Centre of the first pixel.
    pixel_spacing_ji_mm : 2 floats or None
        Distance between rows, then between columns, as DICOM orders them.
    rescale : (slope, intercept) or None
        None if the file lacks either of them.
    passes : tuple of str
        Values that may tell repeated passes over the same positions apart.
    malformed : bool
        Whether the header breaks DICOM's rules somewhere.
    """

    file: Path
    frame: int | None
    series_uid: str
    series_number: int
    description: str
    modality: str
    image_type: tuple[str, ...]
    instance_uid: str
    frame_of_reference: str
    patient_position: str
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    position_lps_mm: tuple[float, ...] | None
    row_cosines_lps: tuple[float, ...] | None
    column_cosines_lps: tuple[float, ...] | None
    pixel_spacing_ji_mm: tuple[float, ...] | None
    rescale: tuple[float, float] | None
    rescale_type: str
    lookup_table: bool
    real_world_unit: str
    gantry_tilt_deg: float | None
    lossy: bool
    passes: tuple[str, ...]
    malformed: bool

    @property
    def label(self) -> str:
        """File name, with the frame's number from 1 if there are several."""
        return self.file.name if self.frame is None else f"{self.file.name} frame {self.frame + 1}"


def is_dicom(file: Path) -> bool:
    """Whether a file starts like DICOM, with or without the 128-byte preamble.

    Raises
    ------
    InputError
        If the name promises DICOM but the content is not, for instance an interrupted copy.
    """
    if file.name.startswith("."):
        return False  # Finder and rsync leave such files beside the real ones
    try:
        with file.open("rb") as stream:
            head = stream.read(132)
    except OSError as error:
        raise InputError(f"{file.name}: cannot be opened ({error.strerror}); expected a readable file") from error
    if head[128:132] == b"DICM" or head[:2] + head[3:4] == b"\x08\x00\x00":
        return True
    if file.suffix.lower() in _DICOM_SUFFIXES:
        raise InputError(f"{file.name}: not DICOM or cut short ({file.stat().st_size} bytes); expected a DICOM file")
    return False


def read_headers(file: Path) -> list[ImageHeader]:
    """Read the headers of a file's images; an object without pixels (RTSTRUCT, report) gives one header of 0 rows.

    Raises
    ------
    InputError
        If the file is cut short or a value that matters cannot be understood.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=_TAGS)
            if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) == _DIRECTORY_CLASS:
                return []
            headers = _headers_of(file, dataset)
        except (InvalidDicomError, EOFError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            what = str(error) if isinstance(error, InputError) else "the header is cut short or not understood"
            raise InputError(f"{file.name}: {what}; expected a complete DICOM file") from error
    return [replace(header, malformed=True) for header in headers] if caught else headers


def _headers_of(file: Path, dataset: Any) -> list[ImageHeader]:
    """One header per frame; functional groups go before the file's own attributes."""
    _expect_pixel_description(dataset)
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    frames = int(dataset.get("NumberOfFrames") or 1)
    if per_frame and len(per_frame) != frames:
        raise InputError(f"{frames} frames but {len(per_frame)} functional groups")
    if not per_frame:
        # A multi-frame object without functional groups has no position per frame: one header, refused later.
        return [_header(file, None, dataset, [], multi_frame=frames > 1)]
    return [_header(file, index, dataset, [group, *shared], multi_frame=True) for index, group in enumerate(per_frame)]


def _expect_pixel_description(dataset: Any) -> None:
    """Refuse a CT image without the attributes that every image has: the file ends in its header."""
    if _text(dataset.get("Modality")) != "CT" or (
        "Rows" not in dataset and dataset.get("SOPClassUID") not in _CT_CLASSES
    ):
        return
    absent = [keyword for keyword in _PIXEL_DESCRIPTION if dataset.get(keyword) in (None, "")]
    if absent:
        raise InputError(f"{', '.join(absent)} absent, the header is cut short")


def _header(file: Path, frame: int | None, dataset: Any, groups: Sequence[Any], multi_frame: bool) -> ImageHeader:
    def functional(sequence: str, keyword: str) -> Any:
        for group in groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) not in (None, ""):
                return items[0].get(keyword)
        # Outside functional groups, position and friends describe a single-frame image only.
        return None if multi_frame else dataset.get(keyword)

    orientation = _floats(functional("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    slope = _float(functional("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _float(functional("PixelValueTransformationSequence", "RescaleIntercept"))
    image_type = functional("CTImageFrameTypeSequence", "FrameType") or dataset.get("ImageType")
    passes = {keyword: dataset.get(keyword) for keyword in _PASS_TAGS}
    if groups:
        passes["AcquisitionNumber"] = functional("FrameContentSequence", "FrameAcquisitionNumber")
        passes["TemporalPositionIdentifier"] = functional("FrameContentSequence", "TemporalPositionIndex")
    return ImageHeader(
        file=file,
        frame=frame,
        series_uid=_text(dataset.get("SeriesInstanceUID")),
        series_number=int(dataset.get("SeriesNumber") or 0),
        description=_description(dataset),
        modality=_text(dataset.get("Modality")),
        image_type=tuple(str(value).strip().upper() for value in _items(image_type)),
        instance_uid=_text(dataset.get("SOPInstanceUID")),
        frame_of_reference=_text(dataset.get("FrameOfReferenceUID")),
        patient_position=_text(dataset.get("PatientPosition")).upper(),
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        samples=int(dataset.get("SamplesPerPixel") or 1),
        photometric=_text(dataset.get("PhotometricInterpretation")),
        bits_allocated=int(dataset.get("BitsAllocated") or 0),
        bits_stored=int(dataset.get("BitsStored") or 0),
        high_bit=int(dataset.get("HighBit") or 0),
        signed=int(dataset.get("PixelRepresentation") or 0) == 1,
        position_lps_mm=_floats(functional("PlanePositionSequence", "ImagePositionPatient"), 3),
        row_cosines_lps=orientation[:3] if orientation else None,
        column_cosines_lps=orientation[3:] if orientation else None,
        pixel_spacing_ji_mm=_floats(functional("PixelMeasuresSequence", "PixelSpacing"), 2),
        rescale=None if slope is None or intercept is None else (slope, intercept),
        rescale_type=_text(functional("PixelValueTransformationSequence", "RescaleType")).upper(),
        lookup_table=bool(dataset.get("ModalityLUTSequence")),
        real_world_unit=_real_world_unit([*groups, dataset]),
        gantry_tilt_deg=_float(
            functional("CTAcquisitionDetailsSequence", "GantryDetectorTilt") or dataset.get("GantryDetectorTilt")
        ),
        lossy=_text(dataset.get("LossyImageCompression")) == "01",
        passes=tuple(_text(value) for value in passes.values()),
        malformed=False,
    )


def _items(value: Any) -> Iterable[Any]:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) or not hasattr(value, "__iter__") else value


def _text(value: Any) -> str:
    return "\\".join(str(item).strip() for item in _items(value))


def _float(value: Any) -> float | None:
    return None if value is None or value == "" else float(value)


def _floats(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = tuple(float(item) for item in _items(value))
    return numbers if len(numbers) == count else None


def _real_world_unit(holders: Iterable[Any]) -> str:
    """Unit code of the first real-world value mapping, if any; Hounsfield units are ``[hnsf'U]`` in UCUM."""
    for holder in holders:
        for mapping in holder.get("RealWorldValueMappingSequence") or []:
            for unit in mapping.get("MeasurementUnitsCodeSequence") or []:
                return _text(unit.get("CodeValue"))
    return ""


def _description(dataset: Any) -> str:
    """Series description in one short line; withheld if it repeats the patient's name or number."""
    text = " ".join(_text(dataset.get("SeriesDescription")).split())
    names = str(dataset.get("PatientName") or "").replace("^", " ").replace("=", " ").split()
    private = [word.casefold() for word in [*names, _text(dataset.get("PatientID"))] if len(word) > 2]
    if any(word in text.casefold() for word in private):
        return "description withheld"
    return text[:40] or "no description"
