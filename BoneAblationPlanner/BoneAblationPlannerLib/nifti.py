"""NIfTI headers, read directly where ITK says too little."""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid

ORTHOGONAL_TOLERANCE = 1e-3
FORMS_AGREE_MM = 0.1
CHUNK_BYTES = 1 << 24
HEADER_BYTES = 348


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """What ITK does not tell of a NIfTI-1 file: it picks one of two orientations, and turns NaN into 0.

    Parameters
    ----------
    qform_code, sform_code : int
        0 where the form is absent.
    sform : (3, 4) float64
        From voxel index to RAS in mm.
    value_type : dtype or None
        Of the stored values where they are floating point.
    data_offset : int
        Where the values start, in bytes of the unpacked file.
    """

    qform_code: int
    sform_code: int
    sform: NDArray[np.float64]
    value_type: np.dtype | None
    data_offset: int

    @classmethod
    def read(cls, path: Path) -> "NiftiHeader | None":
        """None for NIfTI-2 and for what is no NIfTI; ITK judges those."""
        header = _first_bytes(path)
        order = _byte_order(header)
        if order is None:
            return None
        codes = struct.unpack(f"{order}2h", header[252:256])
        scale = {1: 1000.0, 3: 0.001}.get(header[123] & 7, 1.0)
        rows = np.array(struct.unpack(f"{order}12f", header[280:328]), dtype=np.float64)
        (datatype,) = struct.unpack(f"{order}h", header[70:72])
        (offset,) = struct.unpack(f"{order}f", header[108:112])
        floating = {16: "f4", 64: "f8"}.get(datatype)
        value_type = None if floating is None else np.dtype(order + floating)
        return cls(codes[0], codes[1], rows.reshape(3, 4) * scale, value_type, int(offset))

    def check(self, name: str) -> None:
        """Refuse absent orientation and shear."""
        if self.qform_code <= 0 and self.sform_code <= 0:
            raise InputError(f"{name}: neither sform nor qform, so the orientation is unknown; expected one of them")
        if self.sform_code > 0:
            axes = self.sform[:, :3]
            lengths = np.linalg.norm(axes, axis=0)
            if not lengths.min() > 0 or not np.isfinite(axes).all():
                raise InputError(f"{name}: sform without extent; expected three axes")
            cosines = (axes / lengths).T @ (axes / lengths) - np.eye(3)
            if np.abs(cosines).max() > ORTHOGONAL_TOLERANCE:
                angle = np.degrees(np.arcsin(min(1.0, float(np.abs(cosines).max()))))
                raise InputError(
                    f"{name}: sheared by {angle:.1f} degrees (gantry tilt left in the sform?);"
                    " expected perpendicular axes: read the DICOM instead"
                )

    def check_values(self, path: Path) -> None:
        """Refuse NaN and infinity, which ITK would hand over as 0."""
        if self.value_type is None:
            return
        found = 0
        try:
            with _opened(path) as stream:
                stream.seek(self.data_offset)
                while chunk := stream.read(CHUNK_BYTES):
                    whole = len(chunk) // self.value_type.itemsize * self.value_type.itemsize
                    found += int((~np.isfinite(np.frombuffer(chunk[:whole], dtype=self.value_type))).sum())
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path.name}: damaged ({error}); expected the file as it was written") from error
        if found:
            raise InputError(f"{path.name}: {found} voxels are NaN or infinite; expected a number in every voxel")

    def check_agreement(self, grid: Grid, name: str) -> None:
        """Refuse if the orientation that was read is not the sform."""
        if self.sform_code <= 0:
            return
        corner = [[0.0, 0.0, 0.0], [float(n - 1) for n in grid.shape[::-1]]]
        expected = np.array(corner) @ self.sform[:, :3].T + self.sform[:, 3]
        apart = float(np.abs(grid.ras_from_ijk(corner) - expected).max())
        if apart > FORMS_AGREE_MM:
            raise InputError(f"{name}: sform and qform differ by up to {apart:.1f} mm; expected one geometry")


def stored_extent(path: Path) -> tuple[int, int] | None:
    """Where the voxels of a NIfTI-1 file start and how long they are, in bytes of the unpacked file; else None."""
    header = _first_bytes(path)
    order = _byte_order(header)
    if order is None:
        return None
    sizes = struct.unpack(f"{order}8h", header[40:56])
    (bits,) = struct.unpack(f"{order}h", header[72:74])
    (start,) = struct.unpack(f"{order}f", header[108:112])
    return int(start), math.prod(max(1, n) for n in sizes[1 : 1 + sizes[0]]) * bits // 8


def _byte_order(header: bytes) -> str | None:
    """Of a NIfTI-1 header; None for anything else."""
    if len(header) < HEADER_BYTES:
        return None
    return {HEADER_BYTES: "<", 0x5C010000: ">"}.get(struct.unpack("<i", header[:4])[0])


def _first_bytes(path: Path) -> bytes:
    try:
        with _opened(path) as stream:
            return stream.read(HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name}: damaged; expected a readable NIfTI file") from error


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")
