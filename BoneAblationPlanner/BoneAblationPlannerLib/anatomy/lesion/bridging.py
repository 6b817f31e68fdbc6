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
    padded = np.pad(bone, steps)
    share, sums = _count(bone, wanted, padded.ravel(), _offsets(lines, steps, padded.shape), lines, steps)
    tensor = np.zeros((3, 3))
    np.add.at(tensor, ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]), sums.sum(axis=0))
    return share, tensor + np.triu(tensor, 1).T


def _offsets(lines: NDArray[np.float64], steps: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How far each step along both halves of each line lies from its start in the flat array (lines, 2, steps)."""
    along = np.arange(1, steps + 1)[:, None] * np.array([-1.0, 1.0])[:, None, None]
    index = np.floor(along * lines[:, None, None, :] + 0.5).astype(np.int64)
    offsets: NDArray[np.int64] = index @ np.array([shape[1] * shape[2], shape[2], 1])
    return offsets


@parallel_kernel
def _count(bone, wanted, padded, offsets, lines, pad):  # type: ignore[no-untyped-def]
    """`padded` is flat, with no bone for `pad` voxels around, so that no line leaves it."""
    nk, nj, ni = bone.shape
    share = np.zeros(bone.shape, np.float32)
    sums = np.zeros((nk, 6))
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                if not wanted[k, j, i]:
                    continue
                if bone[k, j, i]:
                    share[k, j, i] = 1.0
                    continue
                here = ((k + pad) * (nj + 2 * pad) + j + pad) * (ni + 2 * pad) + i + pad
                count = 0
                for n in range(len(lines)):
                    if _meets(padded, here, offsets[n, 0]) and _meets(padded, here, offsets[n, 1]):
                        u, v, w = lines[n]
                        count += 1
                        sums[k, 0] += u * u
                        sums[k, 1] += v * v
                        sums[k, 2] += w * w
                        sums[k, 3] += u * v
                        sums[k, 4] += u * w
                        sums[k, 5] += v * w
                share[k, j, i] = count / len(lines)
    return share, sums


@inlined
def _meets(padded, here, offsets):  # type: ignore[no-untyped-def]
    """Whether bone lies at any of the offsets."""
    met = False
    for offset in offsets:
        if padded[here + offset]:
            met = True
            break
    return met
