"""Undo gantry tilt: move every slice within its own plane onto the orthogonal grid."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.ct import UNSCANNED_BELOW_HU, UNSCANNED_HU

FEWEST_PADDING_PIXELS = 16


def shifted_plane(
    plane: NDArray[np.int16], shift_ij: tuple[float, float], first_ij: tuple[int, int], shape_ji: tuple[int, int]
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Resample one slice on a wider lattice of the same pixel size.

    The slices of a tilted series lie in parallel planes that the orthogonal grid keeps, so interpolation is needed in
    the plane only; nothing is mixed between slices.

    Parameters
    ----------
    plane : (rows, columns) int16
        Hounsfield units; values below air (unscanned corners) do not darken what they touch.
    shift_ij : (float, float)
        Where the slice's first pixel lies, in pixels from the first slice's first pixel.
    first_ij : (int, int)
        Where the lattice's first pixel lies, in the same terms.
    shape_ji : (int, int)
        Rows and columns of the lattice.

    Returns
    -------
    (rows, columns) int16
        Linear interpolation of the slice; `UNSCANNED_HU` outside of it and where an unscanned pixel would take part.
    (rows, columns) bool
        Where the lattice lies inside the slice.
    """
    start_ij = (first_ij[0] - shift_ij[0], first_ij[1] - shift_ij[1])
    values, inside = _in_plane(plane.astype(np.float32), start_ij, shape_ji)
    scanned = inside
    lowest = plane.min()
    # One value that fills a stretch is padding; noise and streaks below air stay as they are.
    if lowest < UNSCANNED_BELOW_HU and (plane == lowest).sum() >= FEWEST_PADDING_PIXELS:
        unseen, _ = _in_plane((plane == lowest).astype(np.float32), start_ij, shape_ji)
        scanned = inside & (unseen == 0)
    return np.where(scanned, np.rint(values), UNSCANNED_HU).astype(np.int16), inside


def _in_plane(
    values: NDArray[np.float32], start_ij: tuple[float, float], shape_ji: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A slice resampled along both axes, and where the lattice lies inside it."""
    values, inside_i = _resample(values, 1, start_ij[0], shape_ji[1])
    values, inside_j = _resample(values, 0, start_ij[1], shape_ji[0])
    return values, inside_j[:, None] & inside_i[None, :]


def _resample(
    values: NDArray[np.float32], axis: int, start: float, count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Linear interpolation along one axis at start, start + 1, …; a pixel reaches half a pixel from its centre."""
    size = values.shape[axis]
    # Rounded so that noise of the order 1e-12 in a whole-pixel shift does not decide what is outside.
    at = np.round(start + np.arange(count), 6)
    inside = (at >= -0.5) & (at <= size - 0.5)
    at = np.clip(at, 0, size - 1)
    low = np.floor(at).astype(int)
    weight = (at - low).astype(np.float32)
    if axis == 0:
        weight = weight[:, None]
    high = np.minimum(low + 1, size - 1)
    return np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight, inside
