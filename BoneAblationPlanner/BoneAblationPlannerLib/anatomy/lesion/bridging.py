"""How much a point is walled in by bone: the share of straight lines through it that meet bone on both sides."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.compute import parallel_kernel, prange

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
    share, sums = _count(bone, wanted, np.ascontiguousarray(lines), int(SPAN_MM / voxel_mm))
    tensor = np.zeros((3, 3))
    np.add.at(tensor, ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]), sums.sum(axis=0))
    return share, tensor + np.triu(tensor, 1).T


@parallel_kernel
def _count(bone, wanted, lines, steps):  # type: ignore[no-untyped-def]
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
                count = 0
                for n in range(len(lines)):
                    u, v, w = lines[n]
                    ends = 0
                    for side in (-1.0, 1.0):
                        for s in range(1, steps + 1):
                            a = int(np.floor(k + side * s * u + 0.5))
                            b = int(np.floor(j + side * s * v + 0.5))
                            c = int(np.floor(i + side * s * w + 0.5))
                            if a < 0 or b < 0 or c < 0 or a >= nk or b >= nj or c >= ni:
                                break
                            if bone[a, b, c]:
                                ends += 1
                                break
                        if ends == 0:
                            break
                    if ends == 2:
                        count += 1
                        sums[k, 0] += u * u
                        sums[k, 1] += v * v
                        sums[k, 2] += w * w
                        sums[k, 3] += u * v
                        sums[k, 4] += u * w
                        sums[k, 5] += v * w
                share[k, j, i] = count / len(lines)
    return share, sums
