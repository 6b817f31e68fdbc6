"""Image files as SimpleITK reads them, refused in one line where that would go wrong silently."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.nifti import NiftiHeader
from BoneAblationPlannerLib.reading.whole import stored_voxels

_IMAGE_SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
SAME_GEOMETRY_MM = 0.01
"""Grids that differ by less at every corner are the same."""


def is_image_name(path: Path) -> bool:
    """Whether a file's name is that of an image, as against DICOM."""
    return path.name.lower().endswith(_IMAGE_SUFFIXES)


def read_image(path: Path, layers: bool = False) -> sitk.Image:
    """Read a 3-D scalar image (or, with `layers`, one of several components)."""
    if not path.is_file():
        raise InputError(f"{path.name}: not found; expected an NRRD, NIfTI or MetaImage file")
    if not is_image_name(path):
        raise InputError(f"{path.name}: unknown file type; expected {', '.join(_IMAGE_SUFFIXES)}")
    nifti = NiftiHeader.read(path) if ".nii" in path.name.lower() else None
    if nifti:
        nifti.check(path.name)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with _quiet():
        try:
            reader.ReadImageInformation()
            _check_kind(reader, path, layers)
            stored = stored_voxels(path, _voxel_bytes(reader))
            if stored:
                stored.check_length(path.name)
            image = reader.Execute()
        except RuntimeError as error:
            raise InputError(f"{path.name}: damaged or not what its name says; expected a readable image") from error
    if stored:
        stored.check_voxels(image, path.name)
    if nifti:
        nifti.check_values(path)
        nifti.check_agreement(grid_of(image, path.name), path.name)
    return image


def _check_kind(reader: sitk.ImageFileReader, path: Path, layers: bool) -> None:
    size = reader.GetSize()
    if reader.GetDimension() != 3:
        raise InputError(f"{path.name}: {reader.GetDimension()}-D image of {times(size)}; expected 3-D")
    components = reader.GetNumberOfComponents()
    if components != 1 and not layers:
        raise InputError(f"{path.name}: {components} values per voxel; expected one")
    if path.suffix.lower() in (".nrrd", ".nhdr") and not reader.HasMetaDataKey("NRRD_space"):
        raise InputError(f"{path.name}: no 'space' in the header, so the orientation is unknown; expected one")


def _voxel_bytes(reader: sitk.ImageFileReader) -> int:
    """Size of all voxels in memory."""
    voxel = sitk.Image([1, 1, 1], reader.GetPixelID(), reader.GetNumberOfComponents())
    return int(voxel.GetSizeOfPixelComponent() * voxel.GetNumberOfComponentsPerPixel() * math.prod(reader.GetSize()))


def grid_of(image: sitk.Image, name: str) -> Grid:
    """An image's grid; raises InputError where its axes are not those of a grid."""
    try:
        return Grid.from_image(image)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ITK's own warnings off the terminal; what matters of them is checked here."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def times(numbers: Any, form: str = "d") -> str:
    """Sizes for messages, ``512×512×300``."""
    return "×".join(format(number, form) for number in numbers)


def geometry(grid: Grid) -> str:
    """Size, spacing and first voxel of a grid, for messages."""
    first = ", ".join(f"{value:.2f}" for value in grid.ijk_to_ras[:3, 3])
    return f"{times(grid.shape[::-1])} voxels of {times(grid.spacing_ijk_mm, '.3f')} mm from RAS ({first})"
