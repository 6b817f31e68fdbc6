"""From slice positions to one regular stack, or the reason why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.dicom.header import ImageHeader
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid, ras_from_lps, unit_vector

FEWEST_SLICES = 3
# No slice may lie farther than this from its place in the grid. Headers that round positions to 0.1 mm still pass, and
# the error stays far below the 4 mm by which a needle is misplaced; in very thin slices a tenth of the spacing rules.
_TOLERANCE_MM = 0.1
_TOLERANCE_OF_SPACING = 0.1
# Sideways drift over the whole stack up to which the slices count as stacked straight: centred, it moves none by more
# than the tolerance.
_STRAIGHT_MM = 2 * _TOLERANCE_MM
_SAME_PLACE_MM = 0.01
# Direction cosines are often written with few decimals; 0.0005 moves the far corner of a 500 mm image by 0.25 mm.
COSINE_TOLERANCE = 5e-4


@dataclass(frozen=True, eq=False)
class Stack:
    """Evenly spaced parallel slices, sorted along their normal.

    Parameters
    ----------
    slices : tuple of tuples of ImageHeader
        Per slice position every image there; more than one where files repeat a position.
    row, column, normal : (3,) float64
        Orthonormal, LPS: i grows along `row`, j along `column`, k along `normal`.
    origin_lps_mm : (3,) float64
        Centre of the first pixel of the first slice.
    spacing_mm : float
        Between slices, along the normal.
    drift_ij_mm : (2,) float64
        How far each slice's first pixel lies from the one before, along `row` and `column`; zero without gantry tilt.
    """

    slices: tuple[tuple[ImageHeader, ...], ...]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    normal: NDArray[np.float64]
    origin_lps_mm: NDArray[np.float64]
    spacing_mm: float
    drift_ij_mm: NDArray[np.float64]

    @property
    def tilted(self) -> bool:
        """Whether the slices are not stacked along their normal."""
        return bool(self.drift_ij_mm.any())

    @property
    def tilt_deg(self) -> float:
        """Angle between the stacking direction and the slices' normal."""
        return float(np.degrees(np.arctan2(np.hypot(*self.drift_ij_mm), self.spacing_mm)))

    def orthogonal_grid(self) -> tuple[Grid, tuple[int, int]]:
        """The grid that covers all slices, with in-plane axes kept and the third axis along the normal.

        Returns
        -------
        Grid
        (int, int)
            Index (i, j) of the grid's first column and row relative to those of the first slice: 0 or negative.
        """
        header = self.slices[0][0]
        row_spacing, column_spacing = _pixel_spacing(header)
        travel = self.drift_ij_mm * (len(self.slices) - 1) / [column_spacing, row_spacing]
        low = np.floor(np.minimum(travel, 0) + 1e-6).astype(int)
        high = np.ceil(np.maximum(travel, 0) - 1e-6).astype(int)
        axes = np.column_stack([self.row * column_spacing, self.column * row_spacing, self.normal * self.spacing_mm])
        matrix = np.eye(4)
        matrix[:3, :3] = ras_from_lps(axes.T).T
        matrix[:3, 3] = ras_from_lps(self.origin_lps_mm + axes[:, :2] @ low)
        shape = (len(self.slices), header.rows + int(high[1] - low[1]), header.columns + int(high[0] - low[0]))
        return Grid(shape, matrix), (int(low[0]), int(low[1]))


def arrange(headers: Sequence[ImageHeader]) -> Stack:
    """Sort the images of one orientation and size by position and check that they make a regular stack.

    Raises
    ------
    InputError
        With the reason: positions missing, slices missing, spacing that varies, slices that shift sideways.
    """
    first = headers[0]
    row, column, normal = _axes(first)
    _pixel_spacing(first)
    positions = np.array([header.position_lps_mm for header in headers], dtype=np.float64)
    if not np.isfinite(positions).all():
        raise InputError("an image position is not a number; expected ImagePositionPatient in mm")
    order = np.argsort(positions @ normal, kind="stable")
    places = _places(positions[order], normal)
    slices = tuple(tuple(headers[int(order[index])] for index in place) for place in places)
    if len(places) == 1 < len(headers):
        raise InputError(f"all {len(headers)} images lie at one position; expected one image per position")
    if len(places) < FEWEST_SLICES:
        raise InputError(f"only {len(places)} slice(s); expected a series of at least {FEWEST_SLICES}")
    corners = positions[order][[place[0] for place in places]]
    across = corners @ np.column_stack([row, column])
    start, spacing = _even_spacing(corners @ normal, _sideways(across))
    start_ij, drift_ij = _steady_drift(across)
    origin = row * start_ij[0] + column * start_ij[1] + normal * start
    return Stack(slices, row, column, normal, origin, spacing, drift_ij)


def _axes(header: ImageHeader) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal row, column and normal directions (LPS)."""
    row, column = np.array(header.row_cosines_lps), np.array(header.column_cosines_lps)
    lengths = np.linalg.norm([row, column], axis=1)
    # Negated so that NaN fails too. A direction that is off by twice the tolerance would show in both figures.
    if not (np.abs(lengths - 1).max() <= 2 * COSINE_TOLERANCE and abs(row @ column) <= 2 * COSINE_TOLERANCE):
        raise InputError(
            f"direction cosines of lengths {lengths[0]:.4f} and {lengths[1]:.4f} with product {row @ column:.4f};"
            " expected two perpendicular unit vectors"
        )
    row = unit_vector(row)
    column = unit_vector(column - row * (row @ column))
    return row, column, np.cross(row, column)


def _pixel_spacing(header: ImageHeader) -> tuple[float, float]:
    """Distance between rows and between columns, in mm."""
    rows_mm, columns_mm = header.pixel_spacing_ji_mm or (0.0, 0.0)
    if not (0 < rows_mm < np.inf and 0 < columns_mm < np.inf):
        raise InputError("pixel spacing absent or not positive; expected PixelSpacing in mm")
    return rows_mm, columns_mm


def _places(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> list[list[int]]:
    """Group sorted positions (N, 3) that coincide."""
    places = [[0]]
    for index in range(1, len(positions)):
        apart = positions[index] - positions[places[-1][0]]
        if apart @ normal > _SAME_PLACE_MM:
            places.append([index])
        elif np.linalg.norm(apart) <= _SAME_PLACE_MM:
            places[-1].append(index)
        else:
            raise InputError(
                f"two images in one plane, {np.linalg.norm(apart):.2f} mm apart sideways; expected one image per plane"
            )
    return places


def _line(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Least-squares line through values (N, ...) at 0, 1, 2, …: start, step and largest distance of a value from it."""
    index = np.arange(len(values), dtype=np.float64)
    centred = index - index.mean()
    step = np.tensordot(centred, values, axes=1) / (centred @ centred)
    start = values.mean(axis=0) - step * index.mean()
    return start, step, float(np.abs(values - (start + np.multiply.outer(index, step))).max())


def _even_spacing(heights_mm: NDArray[np.float64], sideways: str) -> tuple[float, float]:
    """Height of the first slice and spacing of slices at sorted heights (N,) along the normal."""
    start, spacing, error = _line(heights_mm)
    if error <= min(_TOLERANCE_MM, _TOLERANCE_OF_SPACING * float(spacing)):
        return float(start), float(spacing)
    steps = np.diff(heights_mm)
    base = float(steps[steps <= 1.2 * steps.min()].mean())
    counts = np.rint(steps / base)
    if np.abs(steps - counts * base).max() <= 2 * min(_TOLERANCE_MM, _TOLERANCE_OF_SPACING * base):
        gaps = [
            f"{int(counts[at]) - 1} between {heights_mm[at]:.1f} and {heights_mm[at + 1]:.1f} mm"
            for at in np.flatnonzero(counts > 1)
        ]
        raise InputError(
            f"{int((counts - 1).sum())} slice(s) missing along the slice normal: {_some(gaps)};"
            f" expected a slice every {base:.2f} mm{sideways}"
        )
    distinct = sorted({f"{value:.2f}" for value in steps}, key=float)
    raise InputError(f"slice spacing varies: {_some(distinct)} mm{sideways}; expected one even spacing")


def _steady_drift(across_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """In-plane place of the first slice and drift per slice, from the in-plane places (N, 2) of all slices."""
    start, drift, error = _line(across_mm)
    if error > _TOLERANCE_MM:
        raise InputError(
            f"slices shift sideways by up to {error:.2f} mm without a constant tilt; expected slices stacked in line"
        )
    if float(np.hypot(*drift)) * (len(across_mm) - 1) <= _STRAIGHT_MM:
        return across_mm.mean(axis=0), np.zeros(2)
    return start, drift


def _sideways(across_mm: NDArray[np.float64]) -> str:
    """Says that the stack is tilted as well, for the messages on spacing."""
    drift = float(np.linalg.norm(across_mm[-1] - across_mm[0]))
    return " (the gantry is tilted as well)" if drift > _STRAIGHT_MM else ""


def _some(texts: Sequence[str], at_most: int = 6) -> str:
    """Join the first few of many."""
    return ", ".join(texts[:at_most]) + (f" and {len(texts) - at_most} more" if len(texts) > at_most else "")
