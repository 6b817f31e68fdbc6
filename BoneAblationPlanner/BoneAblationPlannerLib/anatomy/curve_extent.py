"""How much of a drawn nerve lies outside the CT, where nothing can be kept clear of it."""

import numpy as np

from BoneAblationPlannerLib.case import NerveCurve
from BoneAblationPlannerLib.frames import Grid

STEP_MM = 1.0
NOTED_FROM_MM = 5.0


def outside_notes(nerve: NerveCurve, grid: Grid) -> list[str]:
    """A note where more than a little of a nerve's course lies outside the image."""
    starts, ends = nerve.points_ras_mm[:-1], nerve.points_ras_mm[1:]
    lengths = np.linalg.norm(ends - starts, axis=1)
    outside_mm = 0.0
    for start, end, length in zip(starts, ends, lengths, strict=True):
        count = max(1, int(np.ceil(length / STEP_MM)))
        middles = start + (end - start) * ((np.arange(count) + 0.5) / count)[:, None]
        ijk = grid.ijk_from_ras(middles)
        beyond = ((ijk < -0.5) | (ijk > np.array(grid.shape[::-1]) - 0.5)).any(axis=1)
        outside_mm += float(beyond.mean() * length)
    if outside_mm < NOTED_FROM_MM:
        return []
    return [
        f"nerve {nerve.name!r}: {outside_mm:.0f} of {lengths.sum():.0f} mm lie outside the CT, where nothing is kept "
        "clear of it; check that it was drawn on this scan"
    ]
