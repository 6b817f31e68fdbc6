"""How much a point is walled in by bone: the share of straight lines through it that meet bone on both sides."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.compute import inlined, parallel_kernel, prange

LINES = 120
SPAN_MM = 28.0


def bridged(
    bone: NDArray[np.bool_], wanted: NDArray[np.bool_], voxel_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Share of lines between bone and bone at wanted voxels, and where these lines point.

    Parameters
    ----------
    bone, wanted : (k, j, i) bool

    Returns
    -------
    share : (k, j, i) float32
        0 to 1; 1 in bone.
    tensor : (3, 3) float64
        Sum of ``d d^T`` over all such lines of all wanted voxels, `d` in array order.
    """
    lines = fibonacci_sphere(2 * LINES)
    lines = lines[lines[:, 2] > 0]
    steps = int(SPAN_MM / voxel_mm)
    padded = np.pad(bone, steps).view(np.uint8)
    count, held = _count((wanted & ~bone).view(np.uint8), padded.ravel(), _offsets(lines, steps, padded.shape), steps)
    share = np.where(wanted & bone, np.float32(1), count / np.float32(len(lines)))
    return share, np.einsum("n,ni,nj->ij", held.sum(axis=0), lines, lines)


def _offsets(lines: NDArray[np.float64], steps: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How far each step along both halves of each line lies from its start in the flat array (lines, 2, steps)."""
    along = np.arange(1, steps + 1)[:, None] * np.array([-1.0, 1.0])[:, None, None]
    index = np.floor(along * lines[:, None, None, :] + 0.5).astype(np.int64)
    offsets: NDArray[np.int64] = index @ np.array([shape[1] * shape[2], shape[2], 1])
    return offsets


@parallel_kernel
def _count(wanted, padded, offsets, pad):  # type: ignore[no-untyped-def]
    """Lines between bone and bone through each wanted voxel, and through how many in each slice (k, lines) each goes.

    Whole rows along i are looked up at once, which vectorises. `padded` is flat, with no bone for `pad` voxels around,
    so that no line leaves it.
    """
    nk, nj, ni = wanted.shape
    count = np.zeros(wanted.shape, np.int16)
    held = np.zeros((nk, len(offsets)), np.int64)
    for k in prange(nk):
        ahead, behind = np.empty(ni, np.uint8), np.empty(ni, np.uint8)
        for j in range(nj):
            row = wanted[k, j]
            first, last = 0, ni
            while first < ni and row[first] == 0:
                first += 1
            if first == ni:
                continue
            while row[last - 1] == 0:
                last -= 1
            here = ((k + pad) * (nj + 2 * pad) + j + pad) * (ni + 2 * pad) + pad + first
            width = last - first
            for n in range(len(offsets)):
                _meet(padded, here, offsets[n, 0], ahead[:width])
                _meet(padded, here, offsets[n, 1], behind[:width])
                through = 0
                for i in range(width):
                    both = ahead[i] & behind[i] & row[first + i]
                    count[k, j, first + i] += both
                    through += both
                held[k, n] += through
    return count, held


@inlined
def _meet(padded, here, offsets, met):  # type: ignore[no-untyped-def]
    """Whether bone lies at any of the offsets from each of the voxels in a row."""
    met[:] = 0
    for offset in offsets:
        _add(met, padded[here + offset : here + offset + len(met)])


@inlined
def _add(met, there):  # type: ignore[no-untyped-def]
    for i in range(len(met)):
        met[i] |= there[i]
