"""Fast marching on an anisotropic grid, in the order in which a front from seeds reaches voxels, up to a volume.

First order, upwind (Sethian, Level set methods and fast marching methods, 1999). Only voxels that the front reaches are
touched, so that a fill of some millilitres in a large image costs milliseconds.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import inlined, kernel

CLOSED, INSIDE, OUTSIDE, GATE = 0, 1, 2, 3
"""What a voxel is to the front: closed to it; bone; beyond bone; bone from which it may leave."""
REACHED, KIND_BITS = 4, 3
"""Added to what a voxel is once the front is there; the bits that tell what it was."""
BUCKETS_PER_STEP = 512
"""Buckets that hold the voxels reached within one voxel's mean crossing time."""


def march(
    slowness: NDArray[np.float32],
    kind: NDArray[np.uint8],
    capacity: NDArray[np.float32],
    spacing_kji_mm: NDArray[np.float64],
    seeds_kji: NDArray[np.int64],
    limit: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Voxels (N, 3) in the order in which the front reaches them, and when (N,), single precision.

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
    slow, kinds, room = (np.pad(part, 1) for part in (slowness, kind, capacity))
    weights = (1.0 / np.asarray(spacing_kji_mm, dtype=np.float64)) ** 2
    mean, most = _mean_and_most(slow.ravel(), kinds.ravel())
    width = mean / np.sqrt(weights.max()) / BUCKETS_PER_STEP
    longest = most / np.sqrt(weights.min())
    # Times that wait lie within one step of the front: a ring of buckets holds them all.
    buckets = 1 << int(longest / width + 3).bit_length()
    gated = bool((kinds == OUTSIDE).any())
    weights = weights.astype(np.float32)
    return _march(slow, kinds, room, weights, seeds_kji + 1, float(limit), np.float32(1.0 / width), buckets, gated)


@kernel
def _mean_and_most(slow, states):  # type: ignore[no-untyped-def]
    """Mean and largest slowness of the voxels that are not closed."""
    total, most, count = 0.0, 0.0, 0
    for n in range(slow.size):
        if states[n] != CLOSED:
            total += slow[n]
            count += 1
            most = max(most, float(slow[n]))
    return total / count, most


@inlined
def _may_enter(own, aim):  # type: ignore[no-untyped-def]
    """Whether the front passes from a kind of voxel to another; what it has reached counts as what it was."""
    own = own & KIND_BITS
    return own >= OUTSIDE if aim == OUTSIDE else own != OUTSIDE


@inlined
def _earliest(times, states, to, aim, stride, gated):  # type: ignore[no-untyped-def]
    """The earlier of the two neighbours along an axis from which the front may come; infinite if it is at neither.

    Neighbours that still wait count with what they have: never less than what they will get, so that the last value,
    made when all that is earlier was reached, is that of reached neighbours alone.
    """
    before, after = times[to - stride], times[to + stride]
    if gated:
        if not _may_enter(states[to - stride], aim):
            before = np.float32(np.inf)
        if not _may_enter(states[to + stride], aim):
            after = np.float32(np.inf)
    return min(before, after)


@inlined
def _arrival(one, two, three, weight_one, weight_two, weight_three, slow):  # type: ignore[no-untyped-def]
    """When the front reaches a voxel from its neighbours: the upwind quadratic of up to three axes."""
    if two < one:
        one, two, weight_one, weight_two = two, one, weight_two, weight_one
    if three < one:
        one, three, weight_one, weight_three = three, one, weight_three, weight_one
    if three < two:
        two, three, weight_two, weight_three = three, two, weight_three, weight_two
    # Counted from the earliest, so that nothing cancels.
    second, third, square = two - one, three - one, slow * slow
    if weight_one * second * second >= square:
        return one + slow / np.sqrt(weight_one)
    a, b, c = weight_one + weight_two, weight_two * second, weight_two * second * second - square
    # Two axes would get there after the third one did: then it counts too.
    if third * (a * third - 2 * b) + c < 0:
        a, b, c = a + weight_three, b + weight_three * third, c + weight_three * third * third
    return one + (b + np.sqrt(max(b * b - a * c, np.float32(0.0)))) / a


@kernel
def _march(slowness, kind, capacity, weights, seeds, limit, per_width, buckets, gated):  # type: ignore[no-untyped-def]
    """Voxels wait in a ring of buckets, each a linked list, so narrow that the order within one hardly counts."""
    states, slow, room = kind.ravel(), slowness.ravel(), capacity.ravel()
    stride_k, stride_j = np.int32(kind.shape[1] * kind.shape[2]), np.int32(kind.shape[2])
    strides = np.array([-stride_k, stride_k, -stride_j, stride_j, -1, 1], dtype=np.int32)
    times = np.full(states.size, np.float32(np.inf))
    # A voxel waits once for each of its neighbours at most. Memory that is not touched costs nothing.
    most = 6 * states.size + seeds.shape[0] + 1
    items, following = np.empty(most, np.int32), np.empty(most, np.int32)
    heads, ring, now, waiting = np.full(buckets, -1, dtype=np.int32), buckets - 1, 0, 0
    used, free = np.int32(0), np.int32(-1)
    order, when = np.empty(states.size, dtype=np.int32), np.empty(states.size, dtype=np.float32)
    count, filled = 0, 0.0
    for n in range(seeds.shape[0]):
        at = np.int32(seeds[n, 0] * stride_k + seeds[n, 1] * stride_j + seeds[n, 2])
        times[at] = np.float32(0.0)
        items[used], following[used], heads[0] = at, heads[0], used
        used += 1
        waiting += 1
    while filled < limit and waiting > 0:
        while heads[now & ring] < 0:
            now += 1
        entry = heads[now & ring]
        heads[now & ring] = following[entry]
        at = items[entry]
        following[entry], free = free, entry
        waiting -= 1
        own = states[at]
        if own >= REACHED:
            continue
        key = times[at]
        states[at] = own + REACHED
        order[count], when[count] = at, key
        count += 1
        filled += room[at]
        for n in range(6):
            other = at + strides[n]
            aim = states[other]
            if aim == CLOSED or aim >= REACHED or key >= times[other]:
                continue
            if gated and not _may_enter(own, aim):
                continue
            arrival = _arrival(
                _earliest(times, states, other, aim, stride_k, gated),
                _earliest(times, states, other, aim, stride_j, gated),
                _earliest(times, states, other, aim, 1, gated),
                weights[0],
                weights[1],
                weights[2],
                slow[other],
            )
            old = times[other]
            if arrival >= old:
                continue
            times[other] = arrival
            bucket = max(int(arrival * per_width), now)
            if old < np.inf and max(int(old * per_width), now) == bucket:
                continue  # it waits there already
            entry = free
            if free >= 0:
                free = following[entry]
            else:
                entry = used
                used += 1
            items[entry], following[entry], heads[bucket & ring] = other, heads[bucket & ring], entry
            waiting += 1
    return _in_order(order[:count], when[:count], stride_k, stride_j)


@inlined
def _in_order(order, when, stride_k, stride_j):  # type: ignore[no-untyped-def]
    """Indices (N, 3) and times (N,), sorted: within a bucket the order was arbitrary, so that little has to move."""
    for n in range(1, order.size):
        at, time, m = order[n], when[n], n
        while m > 0 and when[m - 1] > time:
            order[m], when[m] = order[m - 1], when[m - 1]
            m -= 1
        order[m], when[m] = at, time
    voxels = np.empty((order.size, 3), dtype=np.int64)
    for n in range(order.size):
        k, rest = order[n] // stride_k, order[n] % stride_k
        voxels[n, 0], voxels[n, 1], voxels[n, 2] = k - 1, rest // stride_j - 1, rest % stride_j - 1
    return voxels, when.astype(np.float64)
