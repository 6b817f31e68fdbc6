"""Whether a voxel hangs together with the click or with what lies far off: cheapest paths through the image.

A path costs its changes of density and a little for its length, so it is cheap within one tissue and dear across an
edge, however the tissues look. A voxel that is reached more cheaply from the click than from far off, from fat or from
air belongs rather to the lesion (geodesic distances as in Criminisi, Sharp and Blake, GeoS, 2008).
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import Neighbourhood
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange

CLICK_MM, FAR_MM = 3.0, 24.0
"""Paths start within the first, and beyond the second."""
FAT_BELOW_HU = -40.0
DENSITIES_HU = (-200.0, 1500.0)
STEP_COST = 1
"""Of every voxel, beside its change of density in HU."""
NOISE_COST = 20.0
"""Added to both costs, so that noise at the very start decides nothing."""
BUCKETS = 2048
"""More than the largest cost of one step."""


def click_or_far(near: Neighbourhood, part: tuple[slice, slice, slice]) -> NDArray[np.float32]:
    """Logarithm of the cost from far off to that from the click, in a part of the neighbourhood: above 0 nearer to it.

    Returns
    -------
    (k, j, i) float32
        Of the size of `part`.
    """
    hu, radius = near.hu[part], near.radius_mm[part]
    level = np.rint(np.clip(hu, *DENSITIES_HU)).astype(np.int32)
    here, there = path_costs(level, np.stack([radius <= CLICK_MM, (radius > FAR_MM) | (hu < FAT_BELOW_HU)]))
    return np.log((there + NOISE_COST) / (here + NOISE_COST)).astype(np.float32)


def path_costs(level: NDArray[np.int32], starts: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Least costs (S, k, j, i) to every voxel over its six neighbours: sum of ``|change of level| + STEP_COST``.

    Parameters
    ----------
    level : (k, j, i) int32
        Neighbours differ by less than `BUCKETS` - `STEP_COST`.
    starts : (S, k, j, i) bool
        Where paths begin, at no cost: S sets of at least one voxel, each on a core of its own.
    """
    padded = np.pad(level, 1)
    costs = np.full((len(starts), *padded.shape), -1, dtype=np.int32)
    costs[:, 1:-1, 1:-1, 1:-1] = np.where(starts, 0, np.iinfo(np.int32).max)
    steps = np.array(padded.strides) // padded.itemsize
    _spread_each(padded.ravel(), costs.reshape(len(starts), -1), np.concatenate([steps, -steps]))
    return costs[:, 1:-1, 1:-1, 1:-1]


@parallel_kernel
def _spread_each(level, costs, steps):  # type: ignore[no-untyped-def]
    for n in prange(len(costs)):
        _spread_costs(level, np.flatnonzero(costs[n] == 0), costs[n], steps)


@kernel
def _spread_costs(level, starts, costs, steps):  # type: ignore[no-untyped-def]
    """Dijkstra's algorithm with one bucket per cost (Dial, 1969). Flat arrays; a border at cost -1 is never entered.

    Each voxel enters the queue once for each neighbour at most; the buckets are linked lists.
    """
    most = (len(steps) + 1) * len(level)
    voxel, cost, following = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    first = np.full(BUCKETS, -1, np.int32)
    count = 0
    for here in starts:
        voxel[count], cost[count], following[count] = here, 0, first[0]
        first[0] = count
        count += 1
    waiting, now = count, 0
    while waiting > 0:
        entry = first[now % BUCKETS]
        if entry < 0:
            now += 1
            continue
        first[now % BUCKETS] = following[entry]
        waiting -= 1
        here = voxel[entry]
        if cost[entry] != costs[here]:
            continue
        for step in steps:
            there = here + step
            total = now + abs(level[there] - level[here]) + STEP_COST
            if total < costs[there]:
                costs[there] = total
                voxel[count], cost[count], following[count] = there, total, first[total % BUCKETS]
                first[total % BUCKETS] = count
                count += 1
                waiting += 1
