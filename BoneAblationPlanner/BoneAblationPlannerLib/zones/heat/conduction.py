"""Heat flow between neighbouring voxels: conductances of their faces, the stable step, boxes that bound the work.

Solvers work on arrays with one voxel of rim on every side. The rim stays at rest (`REST`, the body goes on) or lets no
heat through (`INSULATED`).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import inlined, kernel, parallel_kernel, prange
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.zones.heat.tissue_map import OUTSIDE

Boundary = Literal["rest", "insulated"]
REST: Boundary = "rest"
INSULATED: Boundary = "insulated"
Box = tuple[int, int, int, int, int, int]
"""First and last + 1 along k, j, i of padded arrays."""
STABLE_SHARE = 0.9
LARGEST_STEPS = 2_000_000


def padded(array: NDArray, value: float | None = None) -> NDArray:
    """An array with its rim: the outermost values repeated, or a constant."""
    if value is None:
        return np.pad(array, 1, mode="edge")
    return np.pad(array, 1, constant_values=value)


def inner(array: NDArray) -> NDArray:
    """An array without its rim (a view)."""
    return array[1:-1, 1:-1, 1:-1]


def face_conductances(
    conductivity_w_mk: NDArray[np.float32],
    held: NDArray[np.uint8],
    spacing_kji_mm: NDArray[np.float64],
    skin_transfer_w_m2k: float,
    boundary: Boundary = REST,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """W/m3/K through each voxel's face to the next one along k, j and i, padded: (K + 2, J + 2, I + 2) each.

    Two voxels in series: the harmonic mean of their conductivities over the squared spacing. A face to air outside the
    body passes heat by convection instead.
    """
    if not np.isfinite(conductivity_w_mk).all() or not (conductivity_w_mk > 0).all():
        raise InputError("conductivity: not positive everywhere; expected W/m/K above 0")
    wide, outside = padded(conductivity_w_mk), padded(held) == OUTSIDE
    faces = []
    for axis in range(3):
        step_m = float(spacing_kji_mm[axis]) / 1000
        here, there = _pair(axis)
        a, b = wide[here], wide[there]
        face = np.zeros_like(wide)
        face[here] = 2 * a * b / (a + b) / step_m**2
        face[here][outside[here] ^ outside[there]] = skin_transfer_w_m2k / step_m
        if boundary == INSULATED:
            edge = [slice(None)] * 3
            for position in (0, -2):
                edge[axis] = slice(position, position + 1)
                face[tuple(edge)] = 0
        faces.append(face)
    return faces[0], faces[1], faces[2]


def _pair(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -1), slice(1, None)
    return tuple(here), tuple(there)


def stable_step_s(
    heat_j_m3k: NDArray[np.float32], faces: tuple[NDArray[np.float32], ...], free: NDArray[np.bool_]
) -> float:
    """Largest explicit step: no free voxel may give away more than it holds; arrays padded."""
    leaving = np.zeros_like(faces[0])
    for axis, face in enumerate(faces):
        here, there = _pair(axis)
        leaving += face
        leaving[there] += face[here]
    leaving, heat = inner(leaving)[inner(free)], inner(heat_j_m3k)[inner(free)]
    return float((heat / np.maximum(leaving, 1e-9)).min()) if leaving.size else 1.0


def steps_for(duration_s: float, largest_step_s: float, what: str) -> tuple[int, float]:
    """Number and length of equal stable steps; raises InputError where the settings would take forever."""
    if not np.isfinite(duration_s) or duration_s <= 0:
        raise InputError(f"{what}: duration {duration_s:g} s; expected a positive time")
    count = max(1, int(np.ceil(duration_s / largest_step_s - 1e-9)))
    if count > LARGEST_STEPS:
        raise InputError(
            f"{what}: {count} steps of {largest_step_s:.2g} s for {duration_s:g} s; expected a coarser voxel size or "
            "materials that conduct less"
        )
    return count, duration_s / count


@inlined
def flow_into(now, gk, gj, gi, k, j, i):  # type: ignore[no-untyped-def]
    """What a voxel takes from its six neighbours, of heat or of current; indices are unsigned, to vectorise."""
    one = np.uint64(1)
    here = now[k, j, i]
    return (
        gk[k, j, i] * (now[k + one, j, i] - here)
        + gk[k - one, j, i] * (now[k - one, j, i] - here)
        + gj[k, j, i] * (now[k, j + one, i] - here)
        + gj[k, j - one, i] * (now[k, j - one, i] - here)
        + gi[k, j, i] * (now[k, j, i + one] - here)
        + gi[k, j, i - one] * (now[k, j, i - one] - here)
    )


@inlined
def flow_along(now, gk, gj, gi, n, row, plane):  # type: ignore[no-untyped-def]
    """As `flow_into`, of voxel n of flat arrays whose rows and planes are that long."""
    one = np.uint64(1)
    here = now[n]
    return (
        gk[n] * (now[n + plane] - here)
        + gk[n - plane] * (now[n - plane] - here)
        + gj[n] * (now[n + row] - here)
        + gj[n - row] * (now[n - row] - here)
        + gi[n] * (now[n + one] - here)
        + gi[n - one] * (now[n - one] - here)
    )


@kernel
def plane_extent(values, rest, threshold, box, k, planes):  # type: ignore[no-untyped-def]
    """Note (1, first and last along j, i) of one plane of a box in its row of ``planes`` (K, 5); 0 where nothing is."""
    j_low, j_high, i_low, i_high = values.shape[1], -1, values.shape[2], -1
    for j in range(box[2], box[3]):
        for i in range(box[4], box[5]):
            if abs(values[k, j, i] - rest) > threshold:
                j_low, j_high = min(j_low, j), max(j_high, j)
                i_low, i_high = min(i_low, i), max(i_high, i)
    planes[k, :] = 0
    if j_high >= 0:
        planes[k, 0], planes[k, 1], planes[k, 2], planes[k, 3], planes[k, 4] = 1, j_low, j_high, i_low, i_high


@kernel
def hull(planes, box):  # type: ignore[no-untyped-def]
    """Extent (6,) around what `plane_extent` noted of a box; all 0 where nothing is."""
    found = np.zeros(6, dtype=np.int64)
    for k in range(box[0], box[1]):
        if planes[k, 0]:
            if found[1] == 0:
                found[0], found[2], found[4] = k, planes[k, 1], planes[k, 3]
                found[3], found[5] = planes[k, 2] + 1, planes[k, 4] + 1
            found[1] = k + 1
            found[2], found[3] = min(found[2], planes[k, 1]), max(found[3], planes[k, 2] + 1)
            found[4], found[5] = min(found[4], planes[k, 3]), max(found[5], planes[k, 4] + 1)
    return found


@parallel_kernel
def bounding_box(values, rest, threshold, box):  # type: ignore[no-untyped-def]
    """Extent (first, last + 1 along k, j, i) of what is further from rest than a threshold; all 0 where nothing is.

    ``values`` is padded; the result is (6,) int64.
    """
    planes = np.zeros((values.shape[0], 5), dtype=np.int64)
    for k in prange(box[0], box[1]):
        plane_extent(values, rest, threshold, box, k, planes)
    return hull(planes, box)


def whole_box(shape: tuple[int, ...]) -> Box:
    """Everything but the rim."""
    return (1, shape[0] - 1, 1, shape[1] - 1, 1, shape[2] - 1)


def widened(box: Box, values: NDArray[np.float32], rest: float, threshold: float, steps: int) -> Box:
    """The box for the next steps: as far as heat can come in them. It never shrinks."""
    if box == whole_box(values.shape):
        return box
    found = bounding_box(values, np.float32(rest), np.float32(threshold), np.array(box))
    if found[1] == 0:
        return box
    return union(box, grown(found, steps + 1, values.shape))


def as_box(found: NDArray[np.int64]) -> Box | None:
    """What `bounding_box` found; None where it found nothing."""
    k0, k1, j0, j1, i0, i1 = (int(n) for n in found)
    return (k0, k1, j0, j1, i0, i1) if k1 else None


def box_voxels(box: Box) -> int:
    """How many voxels a box holds."""
    return (box[1] - box[0]) * (box[3] - box[2]) * (box[5] - box[4])


def union(a: Box, b: Box) -> Box:
    """Smallest box around two."""
    return (min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3]), min(a[4], b[4]), max(a[5], b[5]))


def grown(found: Sequence[int] | NDArray[np.int64], by: int, shape: tuple[int, ...]) -> Box:
    """A box widened by some voxels, off the rim."""
    low = [max(1, int(found[2 * a]) - by) for a in range(3)]
    high = [min(shape[a] - 1, int(found[2 * a + 1]) + by) for a in range(3)]
    return (low[0], high[0], low[1], high[1], low[2], high[2])
