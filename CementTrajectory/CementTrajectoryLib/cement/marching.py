"""Fast marching on an anisotropic grid, in the order in which a front from seeds reaches voxels, up to a volume.

First order, upwind (Sethian, Level set methods and fast marching methods, 1999). Only voxels that the front reaches are
touched, so that a fill of some millilitres in a large image costs milliseconds.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel

CLOSED, INSIDE, OUTSIDE, GATE = 0, 1, 2, 3
"""What a voxel is to the front: closed to it; bone; beyond bone; bone from which it may leave."""


def march(
    slowness: NDArray[np.float32],
    kind: NDArray[np.uint8],
    capacity: NDArray[np.float32],
    spacing_kji_mm: NDArray[np.float64],
    seeds_kji: NDArray[np.int64],
    limit: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Voxels (N, 3) in the order in which the front reaches them, and when (N,).

    The front stops once the capacities of the reached voxels add up to `limit`, or nothing is left to reach. It enters
    OUTSIDE only from GATE or OUTSIDE, and never comes back from there.

    Parameters
    ----------
    slowness : (k, j, i) float32
        Time per mm, positive.
    kind : (k, j, i) uint8
        CLOSED, INSIDE, OUTSIDE or GATE.
    capacity : (k, j, i) float32
        What a voxel takes up of `limit`.
    spacing_kji_mm : (3,)
    seeds_kji : (S, 3) int
        Voxels where the front starts at time 0.
    limit : float

    Raises
    ------
    ValueError
        If a seed is closed or there is none.
    """
    if len(seeds_kji) == 0 or (kind[tuple(np.transpose(seeds_kji))] == CLOSED).any():
        raise ValueError("seeds_kji: expected at least one voxel, all of them open to the front")
    slow, kinds, room = np.pad(slowness, 1), np.pad(kind, 1), np.pad(capacity, 1)
    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    count, order, times = _march(slow, kinds, room, spacing, seeds_kji + 1, float(limit))
    return np.stack(np.unravel_index(order[:count], kinds.shape), axis=1) - 1, times[:count]


@kernel
def _push(keys, items, size, key, item):  # type: ignore[no-untyped-def]
    """Add to a binary heap of `size` entries."""
    at = size
    while at > 0:
        parent = (at - 1) // 2
        if keys[parent] <= key:
            break
        keys[at], items[at] = keys[parent], items[parent]
        at = parent
    keys[at], items[at] = key, item


@kernel
def _pop(keys, items, size):  # type: ignore[no-untyped-def]
    """Take the first of a binary heap of `size` entries away; one less is left."""
    key, item = keys[size - 1], items[size - 1]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size - 1:
            break
        if child + 1 < size - 1 and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item


@kernel
def _passes(kinds, origin, to):  # type: ignore[no-untyped-def]
    """Whether the front may go from one voxel to the next."""
    if kinds[to] == CLOSED:
        return False
    if kinds[to] == OUTSIDE:
        return kinds[origin] == GATE or kinds[origin] == OUTSIDE
    return kinds[origin] != OUTSIDE


@kernel
def _arrival(times, done, kinds, at, strides, spacing, slow):  # type: ignore[no-untyped-def]
    """When the front reaches a voxel, from its reached neighbours: the upwind quadratic of up to three axes."""
    near = np.full(3, np.inf)
    for axis in range(3):
        for way in (-1, 1):
            other = at + way * strides[axis]
            if done[other] and _passes(kinds, other, at):
                near[axis] = min(near[axis], times[other])
    used = np.zeros(3, dtype=np.uint8)
    best = np.inf
    for _ in range(3):
        axis = -1
        for candidate in range(3):
            if not used[candidate] and near[candidate] < best and (axis < 0 or near[candidate] < near[axis]):
                axis = candidate
        if axis < 0:
            break
        used[axis] = 1
        a = b = c = 0.0
        for n in range(3):
            if used[n]:
                weight = 1.0 / (spacing[n] * spacing[n])
                a += weight
                b += weight * near[n]
                c += weight * near[n] * near[n]
        root = b * b - a * (c - slow * slow)
        if root < 0.0:
            break
        best = (b + np.sqrt(root)) / a
    return best


@kernel
def _march(slowness, kind, capacity, spacing, seeds, limit):  # type: ignore[no-untyped-def]
    total = kind.size
    slow, kinds, room = slowness.ravel(), kind.ravel(), capacity.ravel()
    strides = np.array([kind.shape[1] * kind.shape[2], kind.shape[2], 1])
    times, done = np.full(total, np.inf), np.zeros(total, dtype=np.bool_)
    keys, items, size = np.empty(1024), np.empty(1024, dtype=np.int64), 0
    order, when, count, filled = np.empty(1024, dtype=np.int64), np.empty(1024), 0, 0.0
    for n in range(seeds.shape[0]):
        at = seeds[n, 0] * strides[0] + seeds[n, 1] * strides[1] + seeds[n, 2]
        times[at] = 0.0
        _push(keys, items, size, 0.0, at)
        size += 1
    while size > 0 and filled < limit:
        key, at = keys[0], items[0]
        _pop(keys, items, size)
        size -= 1
        if done[at] or key > times[at]:
            continue
        done[at] = True
        if count == order.shape[0]:
            order, when = np.append(order, order), np.append(when, when)
        order[count], when[count] = at, key
        count += 1
        filled += room[at]
        for axis in range(3):
            for way in (-1, 1):
                other = at + way * strides[axis]
                if done[other] or not _passes(kinds, at, other):
                    continue
                arrival = _arrival(times, done, kinds, other, strides, spacing, slow[other])
                if arrival < times[other]:
                    times[other] = arrival
                    if size + 1 >= keys.shape[0]:
                        keys, items = np.append(keys, keys), np.append(items, items)
                    _push(keys, items, size, arrival, other)
                    size += 1
    return count, order, when
