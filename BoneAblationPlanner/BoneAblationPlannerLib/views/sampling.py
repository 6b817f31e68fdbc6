"""Masks as a slice sees them: sampled at points spread over its picture."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.views.annotate import Frame

_SAMPLES = 240


def sample_points(frame: Frame) -> NDArray[np.float64]:
    """RAS points (N, 3) spread over the picture."""
    width, height = frame.size
    across = np.linspace(-0.5, 0.5, _SAMPLES) * frame.field_of_view_mm
    upwards = np.linspace(-0.5, 0.5, _SAMPLES) * frame.field_of_view_mm * height / width
    x, y = np.meshgrid(across, upwards)
    offsets = np.outer(x.ravel(), frame.plane.right) + np.outer(y.ravel(), frame.plane.up)
    return frame.plane.centre + offsets


def sampled(mask: NDArray[np.bool_], grid: Grid, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the mask holds each point."""
    ijk = np.rint(grid.ijk_from_ras(points)).astype(int)
    inside = ((ijk >= 0) & (ijk < np.array(grid.shape[::-1]))).all(axis=1)
    hit = np.zeros(len(points), dtype=bool)
    i, j, k = ijk[inside].T
    hit[inside] = mask[k, j, i]
    return hit
