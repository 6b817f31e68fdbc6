"""Where an entry lies as the operator finds it: above the table, from the body's middle, from the lesion, from bone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.access.angles import towards_table
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Position

_STEP_MM = 0.25
_SECTION_MM = 5.0
"""The body's section around an entry: everything within so much of its axial plane."""


@dataclass(frozen=True)
class EntryLandmarks:
    """Distances of an entry, mm; None where the image does not show what they are measured from.

    `above_table_mm` is from the lowest skin of the body; `right_of_middle_mm` from the middle of the body's section at
    the entry; `superior_to_lesion_mm` from the lesion's centre along the patient; `skin_to_bone_mm` along the path.
    """

    above_table_mm: float | None
    right_of_middle_mm: float | None
    superior_to_lesion_mm: float
    skin_to_bone_mm: float | None


def entry_landmarks(
    body: NDArray[np.bool_],
    bone: NDArray[np.bool_],
    grid: Grid,
    entry_ras_mm: ArrayLike,
    tip_ras_mm: ArrayLike,
    lesion_ras_mm: ArrayLike,
    position: Position,
) -> EntryLandmarks:
    """Measure one entry; masks are (k, j, i) bool on the grid."""
    entry, tip = np.asarray(entry_ras_mm, dtype=np.float64), np.asarray(tip_ras_mm, dtype=np.float64)
    section = _section(body, grid, entry)
    above = right = None
    if len(section):
        above = float((section @ towards_table(position)).max() - entry @ towards_table(position))
        right = float(entry[0] - (section[:, 0].min() + section[:, 0].max()) / 2)
    return EntryLandmarks(
        above_table_mm=above,
        right_of_middle_mm=right,
        superior_to_lesion_mm=float(entry[2] - np.asarray(lesion_ras_mm, dtype=np.float64)[2]),
        skin_to_bone_mm=skin_to_bone_mm(bone, grid, entry, tip),
    )


def skin_to_bone_mm(
    bone: NDArray[np.bool_], grid: Grid, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike
) -> float | None:
    """Length of a path before its first bone voxel, cut to steps of 0.25 mm; None if it meets no bone."""
    entry, tip = np.asarray(entry_ras_mm, dtype=np.float64), np.asarray(tip_ras_mm, dtype=np.float64)
    length = float(np.linalg.norm(tip - entry))
    depths = np.arange(0.0, length + _STEP_MM, _STEP_MM)
    points = entry + np.outer(depths / max(length, 1e-9), tip - entry)
    ijk = np.rint(grid.ijk_from_ras(points)).astype(np.intp)
    inside = ((ijk >= 0) & (ijk < np.array(grid.shape[::-1]))).all(axis=1)
    met = np.zeros(len(points), dtype=bool)
    i, j, k = ijk[inside].T
    met[inside] = bone[k, j, i]
    return float(depths[np.argmax(met)]) if met.any() else None


def _section(body: NDArray[np.bool_], grid: Grid, entry: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres (N, 3) of the outermost body voxels near the axial plane of an entry."""
    centre_k = int(np.rint(grid.ijk_from_ras(entry)[0, 2]))
    reach = int(np.ceil((_SECTION_MM + _tilt_reach_mm(grid)) / grid.spacing_kji_mm[0]))
    first, last = max(centre_k - reach, 0), min(centre_k + reach + 1, grid.shape[0])
    if first >= last:
        return np.zeros((0, 3))
    slab = body[first:last]
    edge = slab.copy()
    edge[:, 1:-1, 1:-1] &= ~(slab[:, :-2, 1:-1] & slab[:, 2:, 1:-1] & slab[:, 1:-1, :-2] & slab[:, 1:-1, 2:])
    kji = np.argwhere(edge)
    kji[:, 0] += first
    points = grid.ras_from_ijk(kji[:, ::-1])
    return points[np.abs(points[:, 2] - entry[2]) <= max(_SECTION_MM, float(grid.spacing_kji_mm[0]))]


def _tilt_reach_mm(grid: Grid) -> float:
    """How far slices lean along the patient over half the image: nothing for an axial scan."""
    along = np.abs(grid.ijk_to_ras[2, :2]) * np.array(grid.shape[::-1][:2]) / 2
    return float(along.sum())
