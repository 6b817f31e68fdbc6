"""The short steps of a box around ice within one long step of everything.

The box's neighbours move evenly from where they were to where the long step takes them; then they are given the heat
that they really exchanged. Slabs of planes run side by side without waiting for each other: each also works on planes
of its neighbours, one fewer at every step.
"""

import numpy as np

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.conduction import plane_extent
from BoneAblationPlannerLib.zones.heat.ice_kernels import icy_run, put_faces


@kernel
def _put_rim(values, now, then, share, k, box):  # type: ignore[no-untyped-def]
    """The box's neighbours in one plane, on their way from now to then."""
    planes, rows, columns = values.shape
    ok, oj, oi = box[0] - 1, box[2] - 1, box[4] - 1
    for j in range(rows):
        edge = k == 0 or k == planes - 1 or j == 0 or j == rows - 1
        step = 1 if edge else columns - 1
        for i in range(0, columns, step):
            start = now[k + ok, j + oj, i + oi]
            values[k, j, i] = start + share * (then[k + ok, j + oj, i + oi] - start)


@kernel
def _add_layer(values, total, k):  # type: ignore[no-untyped-def]
    """Add up the box's outermost voxels of one plane."""
    planes, rows, columns = values.shape
    for j in range(1, rows - 1):
        edge = k == 1 or k == planes - 2 or j == 1 or j == rows - 2
        step = 1 if edge else max(columns - 3, 1)
        for i in range(1, columns - 1, step):
            total[k, j, i] += values[k, j, i]


@kernel
def _put_rims(values, now, then, share, low, high, box):  # type: ignore[no-untyped-def]
    for k in range(low, high):
        _put_rim(values, now, then, share, k, box)


@kernel
def _slab(  # type: ignore[no-untyped-def]
    source, target, now, then, own, total, tissue, law, steps, pull, group, first, last, box
):
    """A group of short steps of the planes from first to last, from one padded array to another."""
    old, new, gk, gj, gi = own[0], own[1], own[2], own[3], own[4]
    planes, rows, row = old.shape
    plane = rows * row
    low, high = max(first - steps.per_group, 0), min(last + steps.per_group, planes)
    old[low:high] = source[low + box[0] - 1 : high + box[0] - 1, box[2] - 1 : box[3] + 1, box[4] - 1 : box[5] + 1]
    if group == 0:
        total[first:last] = 0
    else:
        _put_rims(old, now, then, np.float32(group / steps.groups), low, high, box)
    put_faces(old, tissue, law, gk, gj, gi, low, high)
    for step in range(steps.per_group):
        ahead = steps.per_group - 1 - step
        low, high = max(first - ahead, 1), min(last + ahead, planes - 1)
        for k in range(first, last):
            _add_layer(old, total, k)
        for k in range(low, high):
            start, stop = k * plane + row, (k + 1) * plane - row
            icy_run(old, new, gk, gj, gi, tissue, law, steps.seconds, start, stop, row, plane)
        for n in range(pull.share.size):
            k, j, i = pull.voxels_kji[n, 0], pull.voxels_kji[n, 1], pull.voxels_kji[n, 2]
            if low <= k < high:
                new[k, j, i] += pull.share[n] * (pull.goal[n] - new[k, j, i])
        passed = np.float32((group * steps.per_group + step + 1) / (steps.groups * steps.per_group))
        _put_rims(new, now, then, passed, low - 1, high + 1, box)
        old, new = new, old
    inside = old[first:last, 1:-1, 1:-1]
    target[first + box[0] - 1 : last + box[0] - 1, box[2] : box[3], box[4] : box[5]] = inside


@kernel
def _note_coldest(values, coldest, k, box):  # type: ignore[no-untyped-def]
    for j in range(box[2], box[3]):
        for i in range(box[4], box[5]):
            coldest[k, j, i] = min(coldest[k, j, i], values[k, j, i])


@kernel
def _correct(now, then, total, face, per_heat, steps, ko, jo, io, ki, ji, ii, box):  # type: ignore[no-untyped-def]
    """Give a neighbour (o) of the box the heat that its voxel in the box (i) exchanged, not what the long step took."""
    count = steps.groups * steps.per_group
    outer = now[ko, jo, io] + (then[ko, jo, io] - now[ko, jo, io]) * np.float32((count - 1) / (2 * count))
    inner_mean = total[ki - box[0] + 1, ji - box[2] + 1, ii - box[4] + 1] / np.float32(count)
    difference = (inner_mean - outer) - (now[ki, ji, ii] - now[ko, jo, io])
    then[ko, jo, io] += per_heat[ko, jo, io] * steps.seconds * np.float32(count) * face * difference


@kernel
def _correct_neighbours(now, then, total, tissue, steps, box):  # type: ignore[no-untyped-def]
    gk, gj, gi, per_heat = tissue.face_k, tissue.face_j, tissue.face_i, tissue.per_heat
    k0, k1, j0, j1, i0, i1 = box[0], box[1], box[2], box[3], box[4], box[5]
    for j in range(j0, j1):
        for i in range(i0, i1):
            _correct(now, then, total, gk[k0 - 1, j, i], per_heat, steps, k0 - 1, j, i, k0, j, i, box)
            _correct(now, then, total, gk[k1 - 1, j, i], per_heat, steps, k1, j, i, k1 - 1, j, i, box)
    for k in range(k0, k1):
        for i in range(i0, i1):
            _correct(now, then, total, gj[k, j0 - 1, i], per_heat, steps, k, j0 - 1, i, k, j0, i, box)
            _correct(now, then, total, gj[k, j1 - 1, i], per_heat, steps, k, j1, i, k, j1 - 1, i, box)
        for j in range(j0, j1):
            _correct(now, then, total, gi[k, j, i0 - 1], per_heat, steps, k, j, i0 - 1, k, j, i0, box)
            _correct(now, then, total, gi[k, j, i1 - 1], per_heat, steps, k, j, i1, k, j, i1 - 1, box)


@parallel_kernel
def icy_steps(  # type: ignore[no-untyped-def]
    now, then, coldest, between, own, total, warm, tissue, law, steps, pull, cold, box, extents
):
    """Replace the inside of the box in ``then`` by what short steps make of ``now``; no heat is lost between.

    Slabs of planes (as many as ``own`` has room for) run side by side. ``between`` (2, ...) holds what one group hands
    to the next. Extents (planes, 5) of what is further from rest than ``cold`` are noted as in `plane_extent`.
    """
    slabs, count = own.shape[0], box[1] - box[0]
    for group in range(steps.groups):
        source = now if group == 0 else between[(group - 1) % 2]
        target = then if group == steps.groups - 1 else between[group % 2]
        for slab in prange(slabs):
            first, last = 1 + slab * count // slabs, 1 + (slab + 1) * count // slabs
            _slab(source, target, now, then, own[slab], total, tissue, law, steps, pull, group, first, last, box)
            if group == steps.groups - 1:
                for k in range(first + box[0] - 1, last + box[0] - 1):
                    _note_coldest(then, coldest, k, box)
                    plane_extent(then, law.rest, cold, box, k, extents)
    _correct_neighbours(now, then, total, warm, steps, box)
