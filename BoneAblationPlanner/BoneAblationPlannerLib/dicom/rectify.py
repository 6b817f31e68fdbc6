"""Undo gantry tilt: move every slice within its own plane onto the orthogonal grid."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.dicom.pixels import AIR_HU


def shifted_plane(
    plane: NDArray[np.int16], shift_ij: tuple[float, float], first_ij: tuple[int, int], shape_ji: tuple[int, int]
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Resample one slice on a wider lattice of the same pixel size.

    The slices of a tilted series lie in parallel planes that the orthogonal grid keeps, so interpolation is needed in
    the plane only; nothing is mixed between slices.

    Parameters
    ----------
    plane : (rows, columns) int16
        Hounsfield units; values below air (unscanned corners) count as air, not to darken what they touch.
    shift_ij : (float, float)
        Where the slice's first pixel lies, in pixels from the first slice's first pixel.
    first_ij : (int, int)
        Where the lattice's first pixel lies, in the same terms.
    shape_ji : (int, int)
        Rows and columns of the lattice.

    Returns
    -------
    (rows, columns) int16
        Linear interpolation of the slice; -1024 outside of it.
    (rows, columns) bool
        Where the lattice lies inside the slice.
    """
    values = np.maximum(plane, AIR_HU).astype(np.float32)
    values, inside_i = _resample(values, 1, first_ij[0] - shift_ij[0], shape_ji[1])
    values, inside_j = _resample(values, 0, first_ij[1] - shift_ij[1], shape_ji[0])
    inside = inside_j[:, None] & inside_i[None, :]
    return np.where(inside, np.rint(values), AIR_HU).astype(np.int16), inside


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
