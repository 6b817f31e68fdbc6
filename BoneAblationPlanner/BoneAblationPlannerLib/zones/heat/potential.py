"""Radiofrequency: electric potential between electrodes in tissue, and the heat of its current.

    div(sigma grad phi) = 0, phi given on electrodes;   heat of a face = conductance x (difference of phi)^2

Each face's heat goes to its two voxels in halves, so the heat of all voxels is exactly voltage times current.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.zones.heat.conduction import Boundary, face_conductances, flow_into, inner, padded
from BoneAblationPlannerLib.zones.heat.medium import Array

TOLERANCE = 1e-4
MOST_ITERATIONS = 4000
Field = NDArray[np.float64]


def solve_potential(
    conductivity_s_m: NDArray[np.float32],
    spacing_kji_mm: NDArray[np.float64],
    fixed: NDArray[np.bool_],
    values: NDArray[np.floating],
    boundary: Boundary,
    start: Field | None = None,
) -> Field:
    """Potential with rim, (K + 2, J + 2, I + 2), by conjugate gradients.

    Parameters
    ----------
    conductivity_s_m, fixed, values : (k, j, i)
        `values` count where `fixed` is true.
    boundary : REST or INSULATED
        REST grounds the rim (a far return electrode), INSULATED lets no current out.
    start : (K + 2, J + 2, I + 2), optional
        A nearby solution.

    Raises
    ------
    InputError
        If no electrode lies in the block or the solution is not found.
    """
    if not fixed.any():
        raise InputError("electrode: not inside the simulated block; expected at least one voxel of it")
    faces = _faces(conductivity_s_m, spacing_kji_mm, boundary)
    free = padded(~fixed, False)
    phi = np.zeros(free.shape) if start is None else start.copy()
    inner(phi)[fixed] = values[fixed]
    inverse = np.zeros_like(phi)
    _invert_diagonal(*faces, free, inverse)  # type: ignore[call-arg]
    limit = TOLERANCE**2 * _scale(faces, free, phi, inverse)
    image, sums = np.zeros_like(phi), np.zeros(free.shape[0])
    _apply(*faces, free, phi, image, sums)  # type: ignore[call-arg]
    residual = -image
    direction = residual * inverse
    old = float((residual * direction).sum())
    for _ in range(MOST_ITERATIONS):
        if old <= limit:
            return phi
        _apply(*faces, free, direction, image, sums)  # type: ignore[call-arg]
        _advance(old / float(sums.sum()), direction, image, inverse, phi, residual, sums)
        new = float(sums.sum())
        _turn(new / old, residual, inverse, direction)
        old = new
    raise InputError("radiofrequency: the electric field was not found; expected conductivities within 1 to 1e6")


def joule_w_m3(
    phi: Field, conductivity_s_m: NDArray[np.float32], spacing_kji_mm: NDArray[np.float64], boundary: Boundary
) -> NDArray[np.float32]:
    """Heat of the current (k, j, i), W/m3 for phi in V."""
    heat = np.zeros_like(phi)
    for axis, face in enumerate(_faces(conductivity_s_m, spacing_kji_mm, boundary)):
        difference = np.diff(phi, axis=axis)
        here, there = [slice(None)] * 3, [slice(None)] * 3
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        half = face[tuple(here)] * difference**2 / 2
        heat[tuple(here)] += half
        heat[tuple(there)] += half
    return inner(heat).astype(np.float32)


def _faces(conductivity: NDArray[np.float32], spacing: NDArray[np.float64], boundary: Boundary) -> tuple[Array, ...]:
    nothing_held = np.zeros(conductivity.shape, dtype=np.uint8)
    return face_conductances(conductivity, nothing_held, spacing, 0.0, boundary)


def _scale(faces: tuple[Array, ...], free: NDArray[np.bool_], phi: Field, inverse: Field) -> float:
    """Residual of the electrodes alone: what the tolerance is relative to."""
    alone, image = np.where(free, 0.0, phi), np.zeros_like(phi)
    _apply(*faces, free, alone, image, np.zeros(free.shape[0]))  # type: ignore[call-arg]
    return float((image**2 * inverse).sum())


# Each kernel goes once over memory; sums are kept by slice, so that they do not depend on the number of threads.


@parallel_kernel
def _invert_diagonal(gk, gj, gi, free, inverse):  # type: ignore[no-untyped-def]
    """Inverse of each free voxel's own conductance; 0 elsewhere."""
    for k in prange(1, free.shape[0] - 1):
        for j in range(1, free.shape[1] - 1):
            for i in range(1, free.shape[2] - 1):
                if free[k, j, i]:
                    total = np.float64(gk[k, j, i]) + gk[k - 1, j, i] + gj[k, j, i] + gj[k, j - 1, i]
                    inverse[k, j, i] = 1.0 / max(total + gi[k, j, i] + gi[k, j, i - 1], 1e-12)


@parallel_kernel
def _apply(gk, gj, gi, free, phi, image, sums):  # type: ignore[no-untyped-def]
    """Current out of each free voxel, 0 elsewhere, and its sum with `phi` in each slice."""
    one = np.uint64(1)
    for plane in prange(1, free.shape[0] - 1):
        k = np.uint64(plane)
        total = 0.0
        for j in range(one, np.uint64(free.shape[1] - 1)):
            for i in range(one, np.uint64(free.shape[2] - 1)):
                out = -flow_into(phi, gk, gj, gi, k, j, i) if free[k, j, i] else 0.0
                image[k, j, i] = out
                total += out * phi[k, j, i]
        sums[plane] = total


@parallel_kernel
def _advance(step, direction, image, inverse, phi, residual, sums):  # type: ignore[no-untyped-def]
    """Go a step; the new residual's square by the diagonal in each slice."""
    for k in prange(1, phi.shape[0] - 1):
        total = 0.0
        for j in range(1, phi.shape[1] - 1):
            for i in range(1, phi.shape[2] - 1):
                phi[k, j, i] += step * direction[k, j, i]
                left = residual[k, j, i] - step * image[k, j, i]
                residual[k, j, i] = left
                total += left * left * inverse[k, j, i]
        sums[k] = total


@parallel_kernel
def _turn(share, residual, inverse, direction):  # type: ignore[no-untyped-def]
    """The next direction."""
    for k in prange(1, direction.shape[0] - 1):
        for j in range(1, direction.shape[1] - 1):
            for i in range(1, direction.shape[2] - 1):
                direction[k, j, i] = residual[k, j, i] * inverse[k, j, i] + share * direction[k, j, i]
