"""Synthetic CT series whose Hounsfield units are a known function of the RAS point.

Everything here is derived from DICOM's definitions, not from the reader: a pixel's centre (LPS) is
position + column index * column spacing * row cosines + row index * row spacing * column cosines.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

Truth = Callable[[NDArray], NDArray]


def linear_hu(points_ras_mm: NDArray) -> NDArray:
    """Hounsfield units linear in RAS (..., 3), so that linear interpolation reproduces them."""
    return points_ras_mm @ np.array([3.0, -2.0, 1.5]) - 20.0


def wavy_hu(points_ras_mm: NDArray) -> NDArray:
    """Hounsfield units that no mirrored, permuted or shifted axis reproduces."""
    x, y, z = np.moveaxis(np.asarray(points_ras_mm), -1, 0)
    return 120 * np.sin(x / 9 + 0.3) + 90 * np.cos(y / 7) + 60 * np.sin(z / 5 + x / 20) - 40


def oblique_axes(yaw_deg: float = 20.0, pitch_deg: float = -12.0) -> NDArray:
    """Orthonormal columns (LPS): row direction, column direction, normal."""
    a, b = np.radians([yaw_deg, pitch_deg])
    yaw = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return yaw @ pitch


@dataclass
class MadeSeries:
    """Settings of a synthetic series; `write` makes the files.

    `slices` are multiples of `spacing_mm` along the normal; `drift_mm` moves each slice along one in-plane axis (by
    default the column direction) per unit of `slices`, as a tilted gantry does.
    """

    truth: Truth = wavy_hu
    axes: NDArray = field(default_factory=oblique_axes)
    origin_lps_mm: tuple[float, float, float] = (-31.0, 17.0, 52.0)
    spacing_mm: float = 2.5
    pixel_spacing_ji_mm: tuple[float, float] = (0.9, 0.7)
    rows: int = 20
    columns: int = 26
    slices: tuple[float, ...] = tuple(range(8))
    drift_mm: float = 0.0
    drift_axis: int = 1
    slope: float = 1.0
    intercept: float = -1024.0
    signed: bool = False
    series_uid: str = field(default_factory=generate_uid)
    tags: dict = field(default_factory=dict)

    def position_lps_mm(self, n: float) -> NDArray:
        """Centre of the first pixel of the slice at n spacings."""
        return np.array(self.origin_lps_mm) + n * (
            self.spacing_mm * self.axes[:, 2] + self.drift_mm * self.axes[:, self.drift_axis]
        )

    def points_ras_mm(self, n: float) -> NDArray:
        """Pixel centres (rows, columns, 3)."""
        j, i = np.mgrid[: self.rows, : self.columns].astype(float)
        lps = (
            self.position_lps_mm(n)
            + (i * self.pixel_spacing_ji_mm[1])[..., None] * self.axes[:, 0]
            + (j * self.pixel_spacing_ji_mm[0])[..., None] * self.axes[:, 1]
        )
        return lps * [-1.0, -1.0, 1.0]

    def stored(self, n: float) -> NDArray:
        """Stored pixels (rows, columns) for the slice at n spacings."""
        values = np.rint((self.truth(self.points_ras_mm(n)) - self.intercept) / self.slope)
        return values.astype(np.int16 if self.signed else np.uint16)

    def dataset(self, n: float, number: int = 1) -> Dataset:
        """One CT image."""
        dataset = _base(CTImageStorage, self.series_uid)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [f"{value:.8g}" for value in self.position_lps_mm(n)]
        dataset.ImageOrientationPatient = [f"{value:.10f}" for value in self.axes[:, :2].T.ravel()]
        dataset.PixelSpacing = list(self.pixel_spacing_ji_mm)
        dataset.RescaleSlope, dataset.RescaleIntercept = self.slope, self.intercept
        _set_pixels(dataset, self.stored(n))
        for keyword, value in self.tags.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        return dataset

    def write(self, folder: Path, prefix: str = "slice", compress: bool = False) -> list[Path]:
        """Write the series with file names and instance numbers in scrambled order; files in order of `slices`."""
        folder.mkdir(parents=True, exist_ok=True)
        scrambled = np.random.default_rng(4).permutation(len(self.slices))
        files = []
        for n, number in zip(self.slices, scrambled, strict=True):
            dataset = self.dataset(n, int(number) + 1)
            if compress:
                dataset.compress(RLELossless, generate_instance_uid=False)
            files.append(save(dataset, folder / f"{prefix}{number:03d}.dcm"))
        return files

    def enhanced(self, order: tuple[int, ...], slopes: tuple[float, ...]) -> Dataset:
        """One multi-frame CT with a slope per frame; `order` is the order of the slices among the frames."""
        dataset = _base(EnhancedCTImageStorage, self.series_uid)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        dataset.NumberOfFrames = len(order)
        shared = Dataset()
        shared.PlaneOrientationSequence = _item(
            ImageOrientationPatient=[f"{value:.10f}" for value in self.axes[:, :2].T.ravel()]
        )
        shared.PixelMeasuresSequence = _item(PixelSpacing=list(self.pixel_spacing_ji_mm), SliceThickness=2)
        dataset.SharedFunctionalGroupsSequence = Sequence([shared])
        groups, frames = [], []
        for index, slope in zip(order, slopes, strict=True):
            n = self.slices[index]
            group = Dataset()
            group.PlanePositionSequence = _item(
                ImagePositionPatient=[f"{value:.8g}" for value in self.position_lps_mm(n)]
            )
            group.PixelValueTransformationSequence = _item(
                RescaleSlope=slope, RescaleIntercept=self.intercept, RescaleType="HU"
            )
            groups.append(group)
            frames.append(np.rint((self.truth(self.points_ras_mm(n)) - self.intercept) / slope).astype(np.uint16))
        dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
        _set_pixels(dataset, np.stack(frames))
        return dataset


def save(dataset: Dataset, file: Path) -> Path:
    """Write a dataset as a DICOM file."""
    dataset.save_as(file, enforce_file_format=True)
    return file


def _item(**values: object) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


def _base(sop_class: str, series_uid: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series_uid, generate_uid()
    dataset.Modality, dataset.PatientPosition = "CT", "HFS"
    dataset.PatientName, dataset.PatientID = "Doe^Josephine", "PID4711"
    return dataset


def _set_pixels(dataset: Dataset, stored: NDArray) -> None:
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
