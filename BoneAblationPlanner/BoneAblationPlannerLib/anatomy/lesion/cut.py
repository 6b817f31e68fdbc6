"""The smoothest region with the most evidence: a cut of the whole grid that depends on no starting shape.

Minimises the weighted surface minus the evidence held, ``sum g |grad u| - r u`` over ``0 <= u <= 1``, which is convex;
any level of the minimiser is a best region (Chan, Esedoglu and Nikolova, Algorithms for finding global minimizers of
image segmentation and denoising models, 2006). Solved by primal-dual steps (Chambolle and Pock, 2011).
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion.shape import box_around
from BoneAblationPlannerLib.compute import inlined, summing_kernel

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
    _minimise(inside, worth, cost, STILL * evidence.size)
    region = np.zeros_like(evidence)
    region[box] = inside
    return region


@summing_kernel
def _minimise(inside, evidence, wall, still):  # type: ignore[no-untyped-def]
    """Primal-dual steps until the sum of all changes falls below `still`.

    A slice's membership follows as soon as its flow is known: the flow of later slices no longer needs the old one, and
    both are still in the cache. The region is so small that waking other cores would take longer than it saves.
    """
    nk, nj, ni = inside.shape
    ahead = inside.copy()
    flow = np.zeros((3, nk, nj, ni), np.float32)
    nothing = np.zeros(ni, np.float32)
    for step in range(MOST_STEPS):
        change = 0.0
        for k in range(nk):
            after = min(k + 1, nk - 1)
            for j in range(nj):
                beside = ahead[k, min(j + 1, nj - 1)]
                flows = flow[0, k, j], flow[1, k, j], flow[2, k, j]
                _ascend(ahead[k, j], ahead[after, j], beside, flows, wall[k, j])
            for j in range(nj):
                flows = flow[0, k, j], flow[1, k, j], flow[2, k, j]
                before = flow[0, k - 1, j] if k > 0 else nothing
                beside = flow[1, k, j - 1] if j > 0 else nothing
                change += _descend(inside[k, j], ahead[k, j], before, beside, flows, evidence[k, j])
        if step > FEWEST_STEPS and change < still:
            break


@inlined
def _ascend(here, after, beside, flows, wall):  # type: ignore[no-untyped-def]
    """Along one row, add the gradient to the flow; no flow is longer than the wall's cost.

    `after` and `beside` are the next rows along k and j; beyond the last one lies the row itself.
    """
    along_k, along_j, along_i = flows
    last = len(here) - 1
    for i in range(last):
        a = along_k[i] + STEP * (after[i] - here[i])
        b = along_j[i] + STEP * (beside[i] - here[i])
        c = along_i[i] + STEP * (here[i + 1] - here[i])
        length = np.sqrt(a * a + b * b + c * c)
        shrink = wall[i] / length if length > wall[i] else np.float32(1)
        along_k[i], along_j[i], along_i[i] = a * shrink, b * shrink, c * shrink
    a = along_k[last] + STEP * (after[last] - here[last])
    b = along_j[last] + STEP * (beside[last] - here[last])
    length = np.sqrt(a * a + b * b)
    shrink = wall[last] / length if length > wall[last] else np.float32(1)
    along_k[last], along_j[last] = a * shrink, b * shrink


@inlined
def _descend(inside, ahead, before, beside, flows, evidence):  # type: ignore[no-untyped-def]
    """Along one row, follow flow and evidence, keep within 0 and 1, look one step ahead; the sum of all changes."""
    along_k, along_j, along_i = flows
    change = np.float32(0)
    for i in range(len(inside)):
        gain = along_k[i] - before[i] + along_j[i] - beside[i] + along_i[i] + evidence[i]
        if i > 0:
            gain -= along_i[i - 1]
        old = inside[i]
        new = min(max(old + STEP * gain, np.float32(0)), np.float32(1))
        change += abs(new - old)
        inside[i] = new
        ahead[i] = 2 * new - old
    return change
