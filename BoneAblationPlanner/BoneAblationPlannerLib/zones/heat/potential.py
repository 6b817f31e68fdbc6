"""Radiofrequency: electric potential between electrodes in tissue, and the heat of its current.

    div(sigma grad phi) = 0, phi given on electrodes;   heat of a face = conductance x (difference of phi)^2

Each face's heat goes to its two voxels in halves, so the heat of all voxels is exactly voltage times current.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.zones.heat.conduction import Boundary, face_conductances, flow_into, inner, padded

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
    diagonal = np.ones_like(phi)
    residual, image = np.zeros_like(phi), np.zeros_like(phi)
    _diagonal(*faces, free, diagonal)  # type: ignore[call-arg]
    _apply(*faces, free, phi, image)  # type: ignore[call-arg]
    residual[free] = -image[free]
    direction = residual / diagonal
    old = float((residual * direction).sum())
    scale = _scale(faces, free, phi, diagonal)
    for _ in range(MOST_ITERATIONS):
        if old <= TOLERANCE**2 * scale:
            return phi
        _apply(*faces, free, direction, image)  # type: ignore[call-arg]
        step = old / float((direction * image).sum())
        phi += step * direction
        residual -= step * image
        new = float((residual * residual / diagonal).sum())
        direction *= new / old
        direction += residual / diagonal
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


def _faces(conductivity: NDArray[np.float32], spacing: NDArray[np.float64], boundary: Boundary) -> tuple[Field, ...]:
    nothing_held = np.zeros(conductivity.shape, dtype=np.uint8)
    return tuple(f.astype(np.float64) for f in face_conductances(conductivity, nothing_held, spacing, 0.0, boundary))


def _scale(faces: tuple[Field, ...], free: NDArray[np.bool_], phi: Field, diagonal: Field) -> float:
    """Residual of the electrodes alone: what the tolerance is relative to."""
    alone, image = np.where(free, 0.0, phi), np.zeros_like(phi)
    _apply(*faces, free, alone, image)  # type: ignore[call-arg]
    return float((np.where(free, image, 0.0) ** 2 / diagonal).sum())


@parallel_kernel
def _diagonal(gk, gj, gi, free, diagonal):  # type: ignore[no-untyped-def]
    for k in prange(1, free.shape[0] - 1):
        for j in range(1, free.shape[1] - 1):
            for i in range(1, free.shape[2] - 1):
                if free[k, j, i]:
                    total = (
                        gk[k, j, i] + gk[k - 1, j, i] + gj[k, j, i] + gj[k, j - 1, i] + gi[k, j, i] + gi[k, j, i - 1]
                    )
                    diagonal[k, j, i] = max(total, 1e-12)


@parallel_kernel
def _apply(gk, gj, gi, free, phi, image):  # type: ignore[no-untyped-def]
    """Current out of each free voxel; 0 elsewhere."""
    one = np.uint64(1)
    for plane in prange(1, free.shape[0] - 1):
        k = np.uint64(plane)
        for j in range(one, np.uint64(free.shape[1] - 1)):
            for i in range(one, np.uint64(free.shape[2] - 1)):
                image[k, j, i] = -flow_into(phi, gk, gj, gi, k, j, i) if free[k, j, i] else 0.0
