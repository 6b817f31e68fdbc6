"""Whether an image file holds all of its voxels as they were written: ITK fills what is missing of some with zeros."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.nifti import stored_extent

CHUNK_BYTES = 1 << 20
_LONGEST_HEADER = 1 << 20
Packing = Literal["none", "gzip", "zlib"]
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "zlib": zlib.MAX_WBITS}
"""Tells zlib which wrapping to expect; of both it compares the checksum."""


@dataclass(frozen=True)
class StoredVoxels:
    """Where a file keeps its voxels.

    Parameters
    ----------
    path : Path
        The file with the voxels, which a header may only refer to.
    start : int
        Where they, or the packed stream with them, start in that file, in bytes.
    expected : int
        Bytes from there to their end, unpacked.
    packing : "none", "gzip" or "zlib"
    before : int
        Bytes of the unpacked stream that come before the voxels.
    packed_bytes : int or None
        Length of the packed stream where the header tells it.
    """

    path: Path
    start: int
    expected: int
    packing: Packing = "none"
    before: int = 0
    packed_bytes: int | None = None

    def check_length(self, name: str) -> None:
        """Refuse a file that is too short; fast, from lengths alone unless these look wrong.

        Raises
        ------
        InputError
            With the bytes that were expected and found.
        """
        try:
            held = self.path.stat().st_size - self.start
        except OSError as error:
            raise InputError(f"{name}: its voxels are in {self.path.name}; expected that file beside it") from error
        wanted = self.expected if self.packing == "none" else self.packed_bytes
        if wanted is not None and held < wanted:
            raise _cut_short(name, max(0, held), wanted)
        if self.packing == "gzip" and int.from_bytes(self._end()[4:], "little") != self.expected % 2**32:
            self._unpack(name)

    def check_voxels(self, image: sitk.Image, name: str) -> None:
        """Refuse packed voxels that do not fit their checksum.

        Those that were read are summed, which takes a tenth of unpacking; the file is unpacked once more only if the
        sum differs, as it does for values that ITK rescaled or whose bytes it swapped.
        """
        if self.packing == "none":
            return
        voxels = np.ascontiguousarray(sitk.GetArrayViewFromImage(image)).data
        if self.packing == "gzip":
            same = zlib.crc32(voxels, zlib.crc32(self._first_bytes(name))) == int.from_bytes(self._end()[:4], "little")
        else:
            same = zlib.adler32(voxels) == int.from_bytes(self._end()[4:], "big")
        if not same:
            self._unpack(name)

    def _end(self) -> bytes:
        """The last eight bytes of the packed stream: of gzip checksum and length, of zlib the checksum is last."""
        size = self.path.stat().st_size
        end = size if self.packed_bytes is None else min(size, self.start + self.packed_bytes)
        with self.path.open("rb") as stream:
            stream.seek(max(self.start, end - 8))
            return stream.read(8).rjust(8, b"\0")

    def _first_bytes(self, name: str) -> bytes:
        if not self.before:
            return b""
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            try:
                return self._unpacker().decompress(stream.read(_LONGEST_HEADER), self.before)
            except zlib.error as error:
                raise _damaged(name, 0, self.expected) from error

    def _unpack(self, name: str) -> None:
        """Unpack all of the file, whose checksums zlib compares; several gzip streams may follow each other."""
        found, unpacker, waiting = 0, self._unpacker(), b""
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            while packed := waiting or stream.read(CHUNK_BYTES):
                try:
                    found += len(unpacker.decompress(packed))
                except zlib.error as error:
                    raise _damaged(name, found, self.expected) from error
                if unpacker.eof and found >= self.expected:
                    return
                waiting = unpacker.unused_data.lstrip(b"\0") if unpacker.eof else b""
                unpacker = self._unpacker() if unpacker.eof else unpacker
        raise _cut_short(name, found, self.expected)

    def _unpacker(self) -> Any:
        return zlib.decompressobj(_WINDOW[self.packing])


def _cut_short(name: str, found: int, expected: int) -> InputError:
    what = f"{found} of {expected} bytes" if found < expected else "the checksum at the end is missing"
    return InputError(f"{name}: cut short or damaged, {what}; expected the whole file")


def _damaged(name: str, found: int, expected: int) -> InputError:
    return InputError(
        f"{name}: damaged, its compressed voxels cannot be unpacked or differ from their checksum "
        f"({found} of {expected} bytes before that); expected the file as it was written"
    )


def stored_voxels(path: Path, voxel_bytes: int) -> StoredVoxels | None:
    """Where an image file keeps its voxels; None where that cannot be told here, and ITK has to judge.

    Parameters
    ----------
    path : Path
    voxel_bytes : int
        Size of all voxels as ITK gives them; those of NIfTI may be stored otherwise, as its own header says.
    """
    kind = path.suffix.lower()
    if kind in (".nii", ".gz") and (extent := stored_extent(path)) is not None:
        return StoredVoxels(path, 0, sum(extent), *(("gzip", extent[0]) if kind == ".gz" else ("none", 0)))
    if kind in (".nrrd", ".nhdr"):
        return _in_nrrd(path, voxel_bytes)
    if kind in (".mha", ".mhd"):
        return _in_meta_image(path, voxel_bytes)
    return None


def _in_nrrd(path: Path, voxel_bytes: int) -> StoredVoxels | None:
    head = _head(path)
    found = re.search(rb"\r?\n\r?\n", head)
    fields = _fields(head[: found.start()] if found else head, b":")
    if "byteskip" in fields or "lineskip" in fields or (found is None and "datafile" not in fields):
        return None
    encoding, other = fields.get("encoding", ""), fields.get("datafile", "")
    if encoding not in ("raw", "gzip", "gz") or (other and not (path.parent / other).is_file()):
        return None
    packing: Packing = "none" if encoding == "raw" else "gzip"
    if other:
        return StoredVoxels(path.parent / other, 0, voxel_bytes, packing)
    return None if found is None else StoredVoxels(path, found.end(), voxel_bytes, packing)


def _in_meta_image(path: Path, voxel_bytes: int) -> StoredVoxels | None:
    head = _head(path)
    last = re.search(rb"ElementDataFile *= *([^\r\n]*?) *\r?\n", head)
    fields = _fields(head[: last.start()] if last else b"", b"=")
    if last is None or fields.get("headersize", "0") != "0":
        return None
    packing: Packing = "zlib" if fields.get("compresseddata", "").lower() == "true" else "none"
    size = fields.get("compresseddatasize", "")
    packed_bytes = int(size) if packing == "zlib" and size.isdecimal() else None
    other = last[1].decode("utf-8", "replace")
    if other.upper() == "LOCAL":
        return StoredVoxels(path, last.end(), voxel_bytes, packing, 0, packed_bytes)
    other_path = path.parent / other
    return StoredVoxels(other_path, 0, voxel_bytes, packing, 0, packed_bytes) if other_path.is_file() else None


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_LONGEST_HEADER)


def _fields(head: bytes, separator: bytes) -> dict[str, str]:
    """Lines ``name separator value`` by lower-case name without spaces."""
    lines = (line.partition(separator) for line in head.splitlines() if separator in line)
    return {
        name.decode("latin-1").replace(" ", "").lower(): value.decode("utf-8", "replace").strip()
        for name, _, value in lines
    }
