"""Skin that the user painted out: no needle may enter there."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate


def painted_skin(
    painted: NDArray[np.bool_], skin: NDArray[np.bool_], grid: Grid, reaches_mm: float
) -> tuple[NDArray[np.bool_], str]:
    """What is painted and the skin beside it (k, j, i) bool, and a sentence on how much skin that is.

    Parameters
    ----------
    painted, skin : (k, j, i) bool
        Paint may lie on, under or over the skin's voxels.
    reaches_mm : float
        Skin this near to the paint counts as painted.

    Raises
    ------
    InputError
        If the mask has another shape, or no skin is that near to it: it would exclude nothing.
    """
    if painted.shape != grid.shape:
        raise InputError(f"excluded entries: shape {painted.shape}; expected {grid.shape} of the CT")
    excluded = dilate(painted, reaches_mm, grid.spacing_kji_mm)
    share = skin & excluded
    if not share.any():
        raise InputError(
            f"excluded entries: no skin within {reaches_mm:g} mm of what was painted; expected paint on the skin"
        )
    # A voxel of skin shows about as much of it as a face of a cube of its volume.
    area_cm2 = float(share.sum()) * (1000 * grid.voxel_ml) ** (2 / 3) / 100
    return excluded, f"no needle enters through about {max(area_cm2, 0.1):.1f} cm2 of skin that was painted as no entry"
