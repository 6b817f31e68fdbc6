"""How a path meets bone: length in bone, cortices crossed, angle to the cortex."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from BoneAblationPlannerLib.frames import Grid, unit_vector

STEP_MM = 0.25
NORMAL_SMOOTHING_MM = 2.0
CORTEX_ABOVE_HU = 500.0
GAP_STEPS = 4
"""Gaps of up to twice as many steps (2 mm) do not separate bones: they are partial volume."""


@dataclass(frozen=True)
class BoneEntry:
    """`incidence_deg` is the angle between needle and cortex normal where bone is first met; None without bone.

    `bones_met` counts the separate stretches of bone: more than one may mean another bone or a joint on the way.
    """

    incidence_deg: float | None
    bone_path_mm: float
    cortices_crossed: int
    bones_met: int


def bone_entry(
    bone: NDArray[np.bool_], hu: NDArray[np.int16], grid: Grid, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike
) -> BoneEntry:
    """Follow a path through the filled bone mask.

    A cortex is crossed wherever the path enters or leaves the mask, and at every run of more than 500 HU inside it;
    the larger count is given, because thick slices blur thin cortex away.
    """
    entry, tip = np.asarray(entry_ras_mm, dtype=np.float64), np.asarray(tip_ras_mm, dtype=np.float64)
    length = float(np.linalg.norm(tip - entry))
    t = np.arange(0.0, length + STEP_MM / 2, STEP_MM)
    points = entry + t[:, None] * unit_vector(tip - entry)
    kji = grid.ijk_from_ras(points)[:, ::-1].T
    inside = ndimage.map_coordinates(bone.view(np.uint8), kji, order=0) > 0
    dense = inside & (ndimage.map_coordinates(hu, kji, order=1, output=np.float32) > CORTEX_ABOVE_HU)
    if not inside.any():
        return BoneEntry(None, 0.0, 0, 0)
    walls = int(np.abs(np.diff(inside.astype(np.int8))).sum())
    crossed = max(walls, int(dense[0]) + int((np.diff(dense.astype(np.int8)) == 1).sum()))
    joined = ndimage.binary_closing(np.pad(inside, GAP_STEPS), iterations=GAP_STEPS)[GAP_STEPS:-GAP_STEPS]
    met = int(joined[0]) + int((np.diff(joined.astype(np.int8)) == 1).sum())
    first = points[int(inside.argmax())]
    normal = _outward_normal(bone, grid, first)
    cosine = abs(float(unit_vector(tip - entry) @ normal)) if normal is not None else None
    incidence = None if cosine is None else float(np.degrees(np.arccos(min(1.0, cosine))))
    return BoneEntry(incidence, float(inside.sum() * STEP_MM), crossed, met)


def _outward_normal(bone: NDArray[np.bool_], grid: Grid, point_ras_mm: NDArray[np.float64]) -> NDArray | None:
    """Unit normal (3,) RAS of the smoothed bone surface near a point."""
    region = grid.region_around(point_ras_mm, 4 * NORMAL_SMOOTHING_MM)
    local = grid.crop(region)
    smooth = ndimage.gaussian_filter(bone[region].astype(np.float32), NORMAL_SMOOTHING_MM / local.spacing_kji_mm)
    if min(smooth.shape) < 2:
        return None
    gradient_kji = np.gradient(smooth, *local.spacing_kji_mm)
    kji = local.ijk_from_ras(point_ras_mm)[:, ::-1].T
    along = np.array([ndimage.map_coordinates(g, kji, order=1, mode="nearest")[0] for g in gradient_kji])
    axes = local.ijk_to_ras[:3, :3] / local.spacing_ijk_mm
    normal = axes @ along[::-1]
    size = float(np.linalg.norm(normal))
    return None if size < 1e-6 else normal / size
