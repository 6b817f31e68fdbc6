"""The smoothest region with the most evidence: a cut of the whole grid that depends on no starting shape.

Minimises the weighted surface minus the evidence held, ``sum g |grad u| - r u`` over ``0 <= u <= 1``, which is convex;
any level of the minimiser is a best region (Chan, Esedoglu and Nikolova, Algorithms for finding global minimizers of
image segmentation and denoising models, 2006). Solved by primal-dual steps (Chambolle and Pock, 2011).
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion.shape import box_around
from BoneAblationPlannerLib.compute import parallel_kernel, prange

STEP = np.float32(0.288)
"""Just below 1 / sqrt(12): the largest step for which both updates together converge in three dimensions."""
MOST_STEPS, FEWEST_STEPS = 120, 20
MARGIN = 3
"""Voxels around the box of all that speaks for the region: beyond it the region could only lose."""
STILL = 1e-5
"""Mean change per voxel below which nothing moves any more."""


def best_region(
    evidence: NDArray[np.float32], wall: NDArray[np.float32], start: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Membership (k, j, i) from 0 to 1; inside above 0.5.

    Parameters
    ----------
    evidence : (k, j, i) float32
        What each voxel adds to the region; negative outside.
    wall : (k, j, i) float32
        Cost of a voxel's face on the region's surface; low on edges of the image.
    start : (k, j, i) float32
        Where to begin; changes only how soon it ends.
    """
    box = box_around(evidence > 0, MARGIN)
    inside, worth, cost = start[box].copy(), np.ascontiguousarray(evidence[box]), np.ascontiguousarray(wall[box])
    ahead = inside.copy()
    flow = np.zeros((3, *inside.shape), dtype=np.float32)
    for step in range(MOST_STEPS):
        _flow(ahead, flow, cost)
        change = _membership(inside, ahead, flow, worth)
        if step > FEWEST_STEPS and change < STILL * evidence.size:
            break
    region = np.zeros_like(evidence)
    region[box] = inside
    return region


@parallel_kernel
def _flow(ahead, flow, wall):  # type: ignore[no-untyped-def]
    """Ascend along the gradient; no flow is longer than the wall's cost."""
    nk, nj, ni = ahead.shape
    zero = np.float32(0)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                here = ahead[k, j, i]
                a = flow[0, k, j, i] + STEP * (ahead[k + 1, j, i] - here if k + 1 < nk else zero)
                b = flow[1, k, j, i] + STEP * (ahead[k, j + 1, i] - here if j + 1 < nj else zero)
                c = flow[2, k, j, i] + STEP * (ahead[k, j, i + 1] - here if i + 1 < ni else zero)
                length = np.sqrt(a * a + b * b + c * c)
                shrink = wall[k, j, i] / length if length > wall[k, j, i] else np.float32(1)
                flow[0, k, j, i] = a * shrink
                flow[1, k, j, i] = b * shrink
                flow[2, k, j, i] = c * shrink


@parallel_kernel
def _membership(inside, ahead, flow, evidence):  # type: ignore[no-untyped-def]
    """Descend along flow and evidence, keep within 0 and 1, look one step ahead; the sum of all changes."""
    nk, nj, ni = inside.shape
    change = 0.0
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                gain = flow[0, k, j, i] + flow[1, k, j, i] + flow[2, k, j, i] + evidence[k, j, i]
                if k > 0:
                    gain -= flow[0, k - 1, j, i]
                if j > 0:
                    gain -= flow[1, k, j - 1, i]
                if i > 0:
                    gain -= flow[2, k, j, i - 1]
                before = inside[k, j, i]
                after = min(max(before + STEP * gain, np.float32(0)), np.float32(1))
                change += abs(after - before)
                inside[k, j, i] = after
                ahead[k, j, i] = 2 * after - before
    return change
