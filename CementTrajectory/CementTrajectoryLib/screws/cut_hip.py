"""The frame of a hip bone that the image cuts: fitted to the part that is seen.

A cut shifts a bone's centre and turns its principal axes, so its places cannot be read from them. The usual hip bone
(`anatomy.usual_hip`) is laid into the image, what lies outside is left out, and centre and
axes of the rest are matched to those of the seen bone, until nothing moves. This is done for every size that hip bones
have; the size counts whose bone has the seen one's volume and lies in it, and the seen bone in the usual one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame, Side, hip_frame
from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip
from BoneAblationPlannerLib.frames import Grid

ROUNDS = 25
SIZES = np.arange(0.85, 1.2001, 0.025)
"""Of hip bones, the usual one being 1; the atlas's lie between 0.90 and 1.05."""
SMALLEST_SEEN = 0.6
"""Share of the usual bone that must lie inside the image."""
SAMPLES = 600
VOLUME_MM = 10.0
"""How much a volume that is off by a factor e weighs, as a misfit in mm; the better of 5 and 10 on cut atlas bones."""


def cut_hip_frame(points_ras_mm: NDArray[np.float64], side: Side, grid: Grid) -> BoneFrame | None:
    """The frame of the whole bone from its seen voxels (N, 3) in an image; None if too little of it is seen."""
    seen = hip_frame(points_ras_mm, side)
    tree = cKDTree(points_ras_mm)
    fitted = [frame for size in SIZES if (frame := _fitted(seen, float(size), grid)) is not None]
    if not fitted:
        return None
    return min(fitted, key=lambda frame: _misfit(frame, points_ras_mm, tree, grid))


def _fitted(seen: BoneFrame, size: float, grid: Grid) -> BoneFrame | None:
    """The usual bone of a size, laid so that its part inside the image has the seen bone's centre and axes."""
    usual = usual_hip()
    frame = BoneFrame(seen.origin_ras_mm, seen.axes, usual.spread_mm * size)
    for _ in range(ROUNDS):
        inside = _inside(grid, frame.ras_mm(usual.places))
        if usual.share[inside].sum() < SMALLEST_SEEN:
            return None
        frame = _matched(seen, frame, usual.places[inside] * frame.spread_mm, usual.share[inside])
    return frame


def _misfit(frame: BoneFrame, points_ras_mm: NDArray[np.float64], tree: cKDTree, grid: Grid) -> float:
    """Mean distance in mm of the usual bone's seen part to the seen bone, and back, and how far the volume is off."""
    usual = usual_hip()
    ras = frame.ras_mm(usual.places)
    inside = _inside(grid, ras)
    share = usual.share[inside]
    to_seen = float(np.average(tree.query(ras[inside])[0], weights=share))
    sample = points_ras_mm[:: max(1, len(points_ras_mm) // SAMPLES)]
    to_usual = float(np.mean(cKDTree(usual.places).query(frame.own(sample))[0]) * frame.spread_mm.mean())
    expected_ml = usual.volume_per_spread * float(np.prod(frame.spread_mm)) * float(share.sum()) / 1000.0
    return to_seen + to_usual + VOLUME_MM * abs(float(np.log(expected_ml / (len(points_ras_mm) * grid.voxel_ml))))


def _matched(seen: BoneFrame, frame: BoneFrame, part_mm: NDArray[np.float64], weight: NDArray[np.float64]) -> BoneFrame:
    """The frame in which the usual bone's seen part (N, 3), mm along the frame's axes, has the seen bone's moments."""
    middle = np.average(part_mm, axis=0, weights=weight)
    away = part_mm - middle
    _variance, axes = np.linalg.eigh((away * weight[:, None]).T @ away / weight.sum())
    axes = axes[:, ::-1]
    # The part's axes, as the image would show them, point the same way as the seen bone's.
    axes = axes * np.where(((frame.axes @ axes) * seen.axes).sum(axis=0) < 0, -1.0, 1.0)
    turned = seen.axes @ axes.T
    return BoneFrame(seen.origin_ras_mm - turned @ middle, turned, frame.spread_mm)


def _inside(grid: Grid, points_ras_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    ijk = grid.ijk_from_ras(points_ras_mm)
    return np.asarray(((ijk >= -0.5) & (ijk <= np.array(grid.shape[::-1]) - 0.5)).all(axis=1))
