"""The same place on the patient's other side, laid over the lesion: what the bone looked like before.

The bones tell the plane of symmetry; the surroundings of the click are then fitted to their mirror image by an affine
map (Gauss-Newton steps on blurred densities, with weights that let go of what has no counterpart, as the lesion).
A fit is only used where normal bone around the lesion agrees, so a scan of one side, or metal, gives none.

Points are in mm along the CT's array axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import NOISE_MM, VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.sampling import over_grid, values_and_slopes
from BoneAblationPlannerLib.anatomy.lesion.smoothing import blurred
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import closed, filled_slices

COARSE_MM = 5.0
"""Spacing for the search of the plane of symmetry."""
MOST_SKEW_MM = 25.0
"""The mirror image may be this far off along the plane."""
FIT_MM, FIT_EVERY = 40.0, 3
"""Voxels up to this far from the click are fitted, one of these many along every axis."""
LEVELS = ((4.0, 12), (2.0, 10), (1.0, 8))
"""Blur in mm and most steps, from coarse to fine."""
SHIFT_ONLY = 6
MARGIN_MM = 15.0
FITTED_HU = (0.0, 600.0)
LESION_MM, LESION_WEIGHT = 10.0, 0.2
LEAST_MISFIT_HU, MISFITS = 20.0, 1.5
"""Differences beyond this many times the median one count less and less."""
STIFF, STILL_MM = 0.002, 0.02
LEAST_SEEN = 0.4
AROUND_MM = (14.0, 36.0)
KEPT = 0.7
"""Share of bone voxels around the lesion that are compared; the rest may be lesion or differ between sides."""
AGREES, MAY_AGREE = 0.9, 0.86
"""Least correlation after the fit, and after its coarsest level, where little can be bent to agree. There, true
counterparts of made lesions reach 0.88 to 0.97 and wrong ones 0.83."""
LARGEST_STRETCH = 1.2
"""Both sides of one patient are nearly the same size."""
ITSELF_MM = 15.0
"""Nearer to the midline than half of this, a lesion would be laid over itself, which tells nothing."""
BONE_ABOVE_HU, CLOSING_MM = 150.0, 3.0
CLICK_MM, CLICK_SHARE = 4.0, 0.5
"""The other side must show this share of bone around the click; with less it is destroyed too, or another place."""


@dataclass(frozen=True, eq=False)
class Opposite:
    """Density (k, j, i) of the other side on the neighbourhood's grid, its filled bone, and where both are known."""

    hu: NDArray[np.float32]
    bone: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Map:
    """From an offset to the click to the other side, in mm: ``middle + flip * (matrix @ offset)``."""

    flip: NDArray[np.float64]
    middle: NDArray[np.float64]
    matrix: NDArray[np.float64]

    def __call__(self, offsets: NDArray[np.floating]) -> NDArray[np.float64]:
        return self.middle + self.flip * (offsets @ self.matrix.T)


class _Crop:
    """Part of the CT around a point, to be sampled at points (N, 3)."""

    def __init__(self, ct: CtVolume, middle: NDArray[np.float64], half_mm: float) -> None:
        self.spacing = ct.grid.spacing_kji_mm
        size = np.array(ct.hu.shape)
        self.low = np.clip(np.floor((middle - half_mm) / self.spacing), 0, size - 1).astype(int)
        high = np.clip(np.ceil((middle + half_mm) / self.spacing) + 1, self.low + 1, size).astype(int)
        self.hu = ct.hu[tuple(slice(a, b) for a, b in zip(self.low, high, strict=True))].astype(np.float32)

    def index(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Fractional indices (3, N), and whether they lie in the crop."""
        at = (points / self.spacing - self.low).T
        return at, ((at >= 0) & (at <= np.array(self.hu.shape)[:, None] - 1)).all(axis=0)


def opposite_side(ct: CtVolume, bone: NDArray[np.bool_], near: Neighbourhood) -> Opposite | None:
    """The other side over the neighbourhood, or None where the scan does not show one that agrees."""
    axis = _left_right(ct.grid)
    click = ct.grid.ijk_from_ras(near.grid.ras_from_ijk([near.middle] * 3))[0][::-1] * ct.grid.spacing_kji_mm
    flip = np.where(np.arange(3) == axis, -1.0, 1.0)
    found = _Map(flip, _mirrored_click(bone, ct.grid, click, axis), np.eye(3))
    reach = FIT_MM + MARGIN_MM + LEVELS[0][0]
    crop = _Crop(ct, found.middle, reach)
    if min(crop.hu.shape) < 4 or np.linalg.norm(found.middle - click) < ITSELF_MM:
        return None
    for level, (blur_mm, steps) in enumerate(LEVELS):
        fitted = _fitted(crop, near, found, blur_mm, steps, SHIFT_ONLY if level == 0 else 0)
        if fitted is None:
            return None
        found = fitted
        if level == 0 and _agreement(near, *_sampled(crop, near, found)) < MAY_AGREE:
            return None
    fine = _Crop(ct, found.middle, reach)
    fine.hu = blurred(fine.hu, NOISE_MM / fine.spacing)
    hu, known = _sampled(fine, near, found)
    stretch = np.linalg.svd(found.matrix, compute_uv=False)
    if _agreement(near, hu, known) < AGREES or stretch[0] > LARGEST_STRETCH or stretch[-1] < 1 / LARGEST_STRETCH:
        return None
    solid = filled_slices(closed((hu > BONE_ABOVE_HU) & known, CLOSING_MM, np.full(3, VOXEL_MM)))
    if solid[near.radius_mm < CLICK_MM].mean() < CLICK_SHARE:
        return None
    return Opposite(hu, solid & known, known)


def _left_right(grid: Grid) -> int:
    """Array axis that is nearest to the patient's left-right axis."""
    return 2 - int(np.abs(grid.ijk_to_ras[0, :3] / grid.spacing_ijk_mm).argmax())


def _mirrored_click(bone: NDArray[np.bool_], grid: Grid, click: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Where the click lands by the flip and shift that lay most bone over bone."""
    every = np.maximum(np.round(COARSE_MM / grid.spacing_kji_mm), 1).astype(int)
    coarse = bone[tuple(slice(None, None, n) for n in every)].astype(np.float32)
    spacing = every * grid.spacing_kji_mm
    most = [0.45 * n if a == axis else MOST_SKEW_MM / spacing[a] for a, n in enumerate(coarse.shape)]
    shape = [fft.next_fast_len(n + int(np.ceil(shift))) for n, shift in zip(coarse.shape, most, strict=True)]
    flipped = np.conj(fft.rfftn(np.flip(coarse, axis), shape))
    overlap = fft.irfftn(fft.rfftn(coarse, shape) * flipped, shape)
    for a in range(3):
        shift = np.fft.fftfreq(shape[a], 1 / shape[a])
        overlap *= (np.abs(shift) < most[a]).reshape([-1 if b == a else 1 for b in range(3)])
    best = np.array(np.unravel_index(overlap.argmax(), shape))
    best = np.where(best >= most, best - shape, best) * spacing
    there = click - best
    there[axis] = (coarse.shape[axis] - 1) * spacing[axis] + best[axis] - click[axis]
    return np.asarray(there, dtype=np.float64)


def _fitted(crop: _Crop, near: Neighbourhood, start: _Map, blur_mm: float, steps: int, shift_only: int) -> _Map | None:
    """Gauss-Newton steps at one blur; None where too little of the other side is seen."""
    part = (slice(near.middle % FIT_EVERY, None, FIT_EVERY),) * 3
    use = (near.seen & (near.radius_mm < FIT_MM))[part]
    offsets = (np.argwhere(use) * FIT_EVERY + near.middle % FIT_EVERY - float(near.middle)) * VOXEL_MM
    fixed = blurred(np.clip(near.hu, *FITTED_HU), blur_mm / VOXEL_MM)[part][use]
    trust = np.where(near.radius_mm[part][use] < LESION_MM, LESION_WEIGHT, 1.0)
    moving = blurred(np.clip(crop.hu, *FITTED_HU), blur_mm / crop.spacing)
    found = start
    for step in range(steps):
        at, seen = crop.index(found(offsets))
        if seen.mean() < LEAST_SEEN:
            return None
        there, per_voxel = values_and_slopes(moving, np.ascontiguousarray(at))
        off, slope = fixed - there, per_voxel / crop.spacing
        dense = seen & (fixed > FITTED_HU[0] + 80)
        scale = max(MISFITS * float(np.median(np.abs(off[dense]))), LEAST_MISFIT_HU) if dense.any() else LEAST_MISFIT_HU
        weight = seen * trust / (1 + (off / scale) ** 2)
        change, turn = _step(slope, start.flip, offsets, off, weight, step < shift_only)
        found = _Map(start.flip, found.middle + change, found.matrix + turn)
        if step >= shift_only and np.abs(change).max() < STILL_MM:
            break
    return found


def _step(
    slope: NDArray, flip: NDArray, offsets: NDArray, off: NDArray, weight: NDArray, shift_only: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Change of the middle (3,) and of the matrix (3, 3) that takes the weighted differences off."""
    columns = slope
    if not shift_only:
        columns = np.hstack([slope, ((slope * flip)[:, :, None] * offsets[:, None, :]).reshape(-1, 9)])
    normal = columns.T @ (columns * weight[:, None])
    normal[np.diag_indices(3)] += 1e-6 * np.trace(normal[:3, :3]) + 1e-6
    if not shift_only:
        matrix = np.arange(3, 12)
        normal[matrix, matrix] += STIFF * normal[matrix, matrix].mean() + 1e-6
    change = np.linalg.solve(normal, columns.T @ (weight * off))
    return change[:3], np.zeros((3, 3)) if shift_only else change[3:].reshape(3, 3)


def _sampled(crop: _Crop, near: Neighbourhood, found: _Map) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Density at every voxel of the neighbourhood, and which of them the CT shows."""
    step = found.flip[:, None] * found.matrix * VOXEL_MM / crop.spacing[:, None]
    first = found.middle / crop.spacing - crop.low - step.sum(axis=1) * near.middle
    hu = over_grid(crop.hu, first, step, near.grid.shape)
    seen = near.seen.copy()
    k, j, i = np.ogrid[tuple(slice(n) for n in near.hu.shape)]
    for a, size in enumerate(crop.hu.shape):
        at = first[a] + step[a, 0] * k + step[a, 1] * j + step[a, 2] * i
        seen &= (at >= 0) & (at <= size - 1)
    return hu, seen


def _agreement(near: Neighbourhood, hu: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    """Correlation of both sides in bone around the lesion, without the voxels that differ most."""
    around = known & (near.radius_mm > AROUND_MM[0]) & (near.radius_mm < AROUND_MM[1])
    around &= near.bone | (hu > BONE_ABOVE_HU)
    if around.sum() < 100:
        return 0.0
    here, there = (blurred(np.clip(a, *FITTED_HU), 1.0)[around] for a in (near.hu, hu))
    off = np.abs(here - there)
    kept = off <= np.quantile(off, KEPT)
    if here[kept].std() == 0 or there[kept].std() == 0:
        return 0.0
    return float(np.corrcoef(here[kept], there[kept])[0, 1])
