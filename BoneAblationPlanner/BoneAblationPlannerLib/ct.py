"""The scan and label maps as the engine sees them."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid

UNSCANNED_HU = -3024
"""What readers write where nothing was scanned: below air, so that it is never taken for air around the patient."""
UNSCANNED_BELOW_HU = -1100
"""Nothing that was scanned is below it, but for noise and streaks."""


@dataclass(frozen=True, eq=False)
class CtVolume:
    """A CT on a rectilinear grid.

    Parameters
    ----------
    grid : Grid
    hu : (k, j, i) int16
        Hounsfield units.
    source : str
        File or folder name as the plan shows it (no patient data).
    sha256 : str
        Hash of shape, geometry and voxels; the same scan in any file format gives the same hash.
    scanned_position : str or None
        ``supine``, ``prone``, ``left-lateral`` or ``right-lateral`` (the side lain on) if the file says so.
    notes : tuple of str
        What reading changed or noticed, for instance a rectified gantry tilt.
    """

    grid: Grid
    hu: NDArray[np.int16]
    source: str
    sha256: str
    scanned_position: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.hu.shape) != self.grid.shape:
            raise ValueError(f"hu: shape {self.hu.shape}; expected {self.grid.shape} of the grid")


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labelled anatomy on a grid: ``labels`` (k, j, i) of integers, ``names`` from value to name; 0 is background.

    `covered` (k, j, i) bool is where the map says anything at all; None stands for everywhere. `beneath` (k, j, i) has
    the labels of structures that overlap those of `labels`, so that each keeps its whole mask; None where none does.
    """

    grid: Grid
    labels: NDArray[np.integer]
    names: dict[int, str] = field(default_factory=dict)
    covered: NDArray[np.bool_] | None = None
    beneath: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        for name, array in (("labels", self.labels), ("covered", self.covered), ("beneath", self.beneath)):
            if array is not None and tuple(array.shape) != self.grid.shape:
                raise ValueError(f"{name}: shape {array.shape}; expected {self.grid.shape} of the grid")

    def mask(self, value: int) -> NDArray[np.bool_]:
        """Voxels (k, j, i) of a label, also where it overlaps another."""
        own: NDArray[np.bool_] = self.labels == value
        return own if self.beneath is None else own | (self.beneath == value)


def ct_sha256(grid: Grid, hu: NDArray[np.int16]) -> str:
    """Hash of shape, geometry to 1e-3 mm and voxels; equal for the same scan in any file format.

    Parameters
    ----------
    grid : Grid
    hu : (k, j, i) int16
        Hounsfield units.
    """
    # Rounded to 1e-6 first: spacings such as 0.4375 lie halfway between two thousandths, where the noise of a file
    # format's float would decide. Adding 0 turns -0 into 0.
    matrix = np.round(np.round(grid.ijk_to_ras, 6), 3) + 0.0
    digest = hashlib.sha256(np.array(grid.shape, dtype="<i8").tobytes())
    digest.update(matrix.astype("<f8").tobytes())
    digest.update(np.ascontiguousarray(hu, dtype="<i2").data)
    return digest.hexdigest()
