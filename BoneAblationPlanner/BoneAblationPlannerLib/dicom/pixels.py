"""From stored pixels to Hounsfield units, each step applied exactly once."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import UNSCANNED_BELOW_HU, UNSCANNED_HU
from BoneAblationPlannerLib.dicom.header import ImageHeader
from BoneAblationPlannerLib.errors import InputError

AIR_HU = -1024
"""Value of padding that is written like air: the scanner may have clipped real air at the same value."""

# Padding may look like air or like nothing on earth, but a padding value among these cannot be told from tissue.
_TISSUE_HU = (-900.0, 3071.0)
_INT16 = np.iinfo(np.int16)
_PIXEL_MODULE = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip


class PixelReader:
    """Reads the images of a series one by one; the frames of the last file stay open.

    Attributes
    ----------
    notes : set of str
        What was odd about the pixels.
    """

    def __init__(self) -> None:
        self.notes: set[str] = set()
        self._file: Path | None = None
        self._dataset: Any = None

    def hu(self, header: ImageHeader) -> NDArray[np.int16]:
        """Hounsfield units (rows, columns) of one image; a missing rescale counts as slope 1, intercept 0.

        Raises
        ------
        InputError
            If the pixels are cut short, cannot be decoded, or do not fit Hounsfield units.
        """
        if header.file != self._file:
            self._open(header.file)
        stored = self._stored(header)
        padding = padding_mask(stored, self._dataset)
        slope, intercept = header.rescale or (1.0, 0.0)
        padding_hu = self._padding_hu(header, padding, slope, intercept)
        values = np.rint(self._within_bits(stored, header, padding) * slope + intercept)
        values[padding] = padding_hu
        if values.min() < _INT16.min or values.max() > _INT16.max:
            raise InputError(
                f"{header.label}: values from {values.min():.0f} to {values.max():.0f}; expected Hounsfield units"
            )
        return values.astype(np.int16)

    def _open(self, file: Path) -> None:
        import pydicom

        self._file = file
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of the header are noted when it is read first
            try:
                self._dataset = pydicom.dcmread(file, force=True)
            except (EOFError, OSError, ValueError) as error:
                raise InputError(f"{file.name}: cut short or damaged; expected a complete DICOM file") from error
        if "PixelData" not in self._dataset:
            raise InputError(f"{file.name}: no pixels; expected a complete DICOM image")
        if not self._dataset.file_meta.get("TransferSyntaxUID"):
            self._dataset.file_meta.TransferSyntaxUID = _guess_syntax(self._dataset)
            self.notes.add("transfer syntax absent: taken from how the header is encoded")

    def _stored(self, header: ImageHeader) -> NDArray:
        """The stored integers (rows, columns) of one image, before any rescale."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frame = decode(self._dataset, header.frame or 0, header.file.name)
        if caught:
            self.notes.add("pixel data of odd length or encoding: read as the header describes it")
        return frame

    def _within_bits(self, stored: NDArray, header: ImageHeader, padding: NDArray[np.bool_]) -> NDArray:
        """Drop what lies above BitsStored (old overlays) and extend the sign from there."""
        shift = stored.dtype.itemsize * 8 - header.bits_stored
        if shift <= 0:
            return stored
        kept = np.right_shift(np.left_shift(stored, shift), shift)
        if (kept != stored)[~padding].any():
            self.notes.add(f"bits above the {header.bits_stored} stored ones were dropped")
        return kept

    def _padding_hu(self, header: ImageHeader, padding: NDArray[np.bool_], slope: float, intercept: float) -> int:
        """What to write where an image has padding; below air unless it looks like air already."""
        if not padding.any():
            return UNSCANNED_HU
        hu = padding_range(self._dataset)[0] * slope + intercept
        if _TISSUE_HU[0] < hu < _TISSUE_HU[1]:
            raise InputError(
                f"{header.label}: pixel padding value means {hu:.0f} HU and cannot be told from tissue;"
                " expected padding outside the tissue range"
            )
        like_air = UNSCANNED_BELOW_HU <= hu <= _TISSUE_HU[0]
        padding_hu = AIR_HU if like_air else UNSCANNED_HU
        self.notes.add(f"padding around the scanned field set to {padding_hu} HU")
        return padding_hu


def padding_range(dataset: Any) -> tuple[int, int]:
    """Lowest and highest stored value of padding; raises KeyError if the image declares none."""
    value = dataset["PixelPaddingValue"].value
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = [int(end) for end in (value, value if limit in (None, "") else limit)]
    bits = int(dataset.BitsAllocated)
    if int(dataset.PixelRepresentation):
        # Some writers store the padding value unsigned whatever the pixels are, and the reverse.
        ends = [end - (1 << bits) if end >= 1 << (bits - 1) else end for end in ends]
    else:
        ends = [end + (1 << bits) if end < 0 else end for end in ends]
    return min(ends), max(ends)


def padding_mask(stored: NDArray, dataset: Any) -> NDArray[np.bool_]:
    """Where stored pixels (rows, columns) are padding."""
    if dataset.get("PixelPaddingValue") in (None, ""):
        return np.zeros(stored.shape, dtype=bool)
    low, high = padding_range(dataset)
    return (stored >= low) & (stored <= high)


def decode(dataset: Any, frame: int, name: str) -> NDArray:
    """Stored integers (rows, columns) of one frame of a dataset, with pydicom's decoders or else with GDCM's.

    Raises
    ------
    InputError
        If neither decodes them, or they are fewer than the header promises.
    """
    from pydicom.pixels import get_decoder, pixel_array  # type: ignore[attr-defined]

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if not syntax.is_compressed or get_decoder(syntax).is_available:
            # Unused bits are dealt with here, after padding, which may be written with them.
            return np.asarray(pixel_array(dataset, index=frame, correct_unused_bits=False))
        return decode_with_gdcm(dataset)[frame]
    # A damaged stream surfaces as whatever its codec raises; all of these mean the same to the user.
    except (RuntimeError, ValueError, NotImplementedError, AttributeError, OSError, IndexError) as error:
        known = "unknown transfer syntax" if syntax.is_private else syntax.name
        raise InputError(
            f"{name}: pixels cannot be decoded ({known}); expected complete pixel data in a known syntax"
        ) from error


def decode_with_gdcm(dataset: Any) -> NDArray:
    """Stored integers (frames, rows, columns) through SimpleITK's GDCM.

    GDCM would apply the rescale itself; it is handed a copy with the pixel description only, of a class for which no
    rescale is defined, so that rescaling happens in one place. The copy holds no patient data.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    bare = Dataset()
    for keyword in _PIXEL_MODULE:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pixels.dcm"
        bare.save_as(file, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(file))
        return np.asarray(sitk.GetArrayFromImage(reader.Execute()))


def _guess_syntax(dataset: Any) -> Any:
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    implicit, _little_endian = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
