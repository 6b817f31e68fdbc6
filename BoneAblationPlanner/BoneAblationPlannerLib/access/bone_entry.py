"""How a path meets bone: length in bone, cortices crossed, angle to the cortex."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid

STEP_MM = 0.25
NORMAL_SMOOTHING_MM = 3.0
CORTEX_ABOVE_HU = 500.0
GAP_STEPS = 8
"""Gaps of up to as many steps (2 mm) do not separate bones: they are partial volume."""


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
    """`bone_entries` of one path."""
    return bone_entries(bone, hu, grid, np.atleast_2d(entry_ras_mm), np.atleast_2d(tip_ras_mm))[0]


def bone_entries(
    bone: NDArray[np.bool_],
    hu: NDArray[np.int16],
    grid: Grid,
    entries_ras_mm: NDArray[np.float64],
    tips_ras_mm: NDArray[np.float64],
) -> list[BoneEntry]:
    """Follow paths from entries (N, 3) to tips (N, 3) through the filled bone mask.

    A cortex is crossed wherever the path enters or leaves the mask, and at every run of more than 500 HU inside it;
    the larger count is given, because thick slices blur thin cortex away. The cortex's normal is the slope of the mask,
    fitted with Gaussian weights of 3 mm: on coarse slices smoothing and differences would tilt it.
    """
    starts = np.ascontiguousarray(entries_ras_mm, dtype=np.float64)
    ends = np.ascontiguousarray(tips_ras_mm, dtype=np.float64)
    incidence_deg, counts = np.full(len(starts), np.nan), np.zeros((len(starts), 3), dtype=np.int64)
    _follow(bone.view(np.uint8), hu, grid.ijk_to_ras, grid.ras_to_ijk, starts, ends, incidence_deg, counts)
    return [
        BoneEntry(None if np.isnan(angle) else float(angle), float(steps * STEP_MM), int(crossed), int(met))
        for angle, (steps, crossed, met) in zip(incidence_deg, counts, strict=True)
    ]


@kernel
def _density(hu, i, j, k):  # type: ignore[no-untyped-def]
    """Trilinear HU at continuous indices, clamped at the image's faces."""
    top_k, top_j, top_i = hu.shape[0] - 1, hu.shape[1] - 1, hu.shape[2] - 1
    i, j, k = min(max(i, 0.0), float(top_i)), min(max(j, 0.0), float(top_j)), min(max(k, 0.0), float(top_k))
    i0, j0, k0 = int(i), int(j), int(k)
    value = 0.0
    for c in range(8):
        di, dj, dk = c & 1, (c >> 1) & 1, c >> 2
        weight = (i - i0 if di else 1 - i + i0) * (j - j0 if dj else 1 - j + j0) * (k - k0 if dk else 1 - k + k0)
        value += weight * hu[min(k0 + dk, top_k), min(j0 + dj, top_j), min(i0 + di, top_i)]
    return value


@kernel
def _cosine_to_normal(bone, ijk_to_ras, i, j, k, dx, dy, dz):  # type: ignore[no-untyped-def]
    """Cosine between a unit direction and the normal of the mask at continuous indices; NaN without one."""
    reach = 3 * NORMAL_SMOOTHING_MM
    span = np.empty(3, dtype=np.int64)
    for axis in range(3):
        edge = np.sqrt(ijk_to_ras[0, axis] ** 2 + ijk_to_ras[1, axis] ** 2 + ijk_to_ras[2, axis] ** 2)
        span[axis] = int(np.ceil(reach / edge))
    total, mean_bone = 0.0, 0.0
    mean, moments, joint = np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    offset = np.empty(3)
    for kk in range(int(k) - span[2], int(k) + span[2] + 2):
        for jj in range(int(j) - span[1], int(j) + span[1] + 2):
            for ii in range(int(i) - span[0], int(i) + span[0] + 2):
                for axis in range(3):
                    offset[axis] = (
                        ijk_to_ras[axis, 0] * (ii - i) + ijk_to_ras[axis, 1] * (jj - j) + ijk_to_ras[axis, 2] * (kk - k)
                    )
                away2 = offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2
                if away2 > reach * reach:
                    continue
                weight = np.exp(-away2 / (2 * NORMAL_SMOOTHING_MM**2))
                inside = bone[
                    min(max(kk, 0), bone.shape[0] - 1),
                    min(max(jj, 0), bone.shape[1] - 1),
                    min(max(ii, 0), bone.shape[2] - 1),
                ]
                total += weight
                mean_bone += weight * inside
                for a in range(3):
                    mean[a] += weight * offset[a]
                    joint[a] += weight * inside * offset[a]
                    for b in range(3):
                        moments[a, b] += weight * offset[a] * offset[b]
    slope = np.linalg.solve(
        moments / total - np.outer(mean, mean) / total**2, joint / total - mean * mean_bone / total**2
    )
    size = np.sqrt((slope * slope).sum())
    return np.nan if size < 1e-6 else abs(slope[0] * dx + slope[1] * dy + slope[2] * dz) / size


@parallel_kernel
def _follow(bone, hu, ijk_to_ras, ras_to_ijk, starts, ends, incidence_deg, counts):  # type: ignore[no-untyped-def]
    for n in prange(starts.shape[0]):
        dx, dy, dz = ends[n, 0] - starts[n, 0], ends[n, 1] - starts[n, 1], ends[n, 2] - starts[n, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        if length == 0:
            continue
        dx, dy, dz = dx / length, dy / length, dz / length
        last, was_inside, was_dense = -GAP_STEPS - 2, False, False
        walls = dense_runs = 0
        for step in range(int(length / STEP_MM + 0.5) + 1):
            x, y, z = (
                starts[n, 0] + step * STEP_MM * dx,
                starts[n, 1] + step * STEP_MM * dy,
                starts[n, 2] + step * STEP_MM * dz,
            )
            i = ras_to_ijk[0, 0] * x + ras_to_ijk[0, 1] * y + ras_to_ijk[0, 2] * z + ras_to_ijk[0, 3]
            j = ras_to_ijk[1, 0] * x + ras_to_ijk[1, 1] * y + ras_to_ijk[1, 2] * z + ras_to_ijk[1, 3]
            k = ras_to_ijk[2, 0] * x + ras_to_ijk[2, 1] * y + ras_to_ijk[2, 2] * z + ras_to_ijk[2, 3]
            ni, nj, nk = int(np.rint(i)), int(np.rint(j)), int(np.rint(k))
            seen = 0 <= ni < bone.shape[2] and 0 <= nj < bone.shape[1] and 0 <= nk < bone.shape[0]
            inside = seen and bone[nk, nj, ni] > 0
            dense = inside and _density(hu, i, j, k) > CORTEX_ABOVE_HU
            if step > 0 and inside != was_inside:
                walls += 1
            if dense and not was_dense:
                dense_runs += 1
            if inside:
                if counts[n, 0] == 0:
                    cosine = _cosine_to_normal(bone, ijk_to_ras, i, j, k, dx, dy, dz)
                    incidence_deg[n] = np.degrees(np.arccos(min(1.0, cosine)))
                if step - last > GAP_STEPS + 1:
                    counts[n, 2] += 1
                last = step
                counts[n, 0] += 1
            was_inside, was_dense = inside, dense
        counts[n, 1] = max(walls, dense_runs)
