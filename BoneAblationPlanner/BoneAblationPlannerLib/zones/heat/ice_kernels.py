"""The inner loops of freezing and thawing; what they do together is told in ``ice``."""

import numpy as np

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.conduction import flow_into


@kernel
def _secant(unfrozen, more, here, there, width, grow):  # type: ignore[no-untyped-def]
    """Mean conductance between two temperatures: difference of the potentials over that of the temperatures."""
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    warm, cold = max(here, there), min(here, there)
    if cold >= zero:
        return unfrozen
    gap = max(warm - cold, np.float32(1e-3))
    cold = warm - gap
    a, b = min(max(-warm, zero), width), min(max(-cold, zero), width)
    c, d = max(-warm - width, zero), max(-cold - width, zero)
    potential = half / width * (b + a) * (b - a) + (d - c) * (one + half * grow * (d + c))
    return unfrozen + more * potential / gap


@parallel_kernel
def secant_faces(uk, uj, ui, mk, mj, mi, gk, gj, gi, above, width, grow, box):  # type: ignore[no-untyped-def]
    one = np.uint64(1)
    for plane in prange(box[0] - 1, box[1]):
        k = np.uint64(plane)
        for j in range(np.uint64(box[2] - 1), np.uint64(box[3])):
            for i in range(np.uint64(box[4] - 1), np.uint64(box[5])):
                t = above[k, j, i]
                gk[k, j, i] = _secant(uk[k, j, i], mk[k, j, i], t, above[k + one, j, i], width, grow)
                gj[k, j, i] = _secant(uj[k, j, i], mj[k, j, i], t, above[k, j + one, i], width, grow)
                gi[k, j, i] = _secant(ui[k, j, i], mi[k, j, i], t, above[k, j, i + one], width, grow)


@parallel_kernel
def stable_steps(gk, gj, gi, per_heat, least_ratio, limits, box):  # type: ignore[no-untyped-def]
    """Largest stable step of each plane; the smallest heat capacity that a voxel can have counts."""
    one = np.uint64(1)
    for plane in prange(box[0], box[1]):
        k = np.uint64(plane)
        fastest = np.float32(1e-9)
        for j in range(np.uint64(box[2]), np.uint64(box[3])):
            for i in range(np.uint64(box[4]), np.uint64(box[5])):
                leaving = (gk[k, j, i] + gk[k - one, j, i] + gj[k, j, i] + gj[k, j - one, i] + gi[k, j, i]
                           + gi[k, j, i - one])  # fmt: skip
                fastest = max(fastest, leaving * per_heat[k, j, i] / least_ratio[k, j, i])
        limits[k] = np.float32(1) / fastest


@kernel
def _rows(  # type: ignore[no-untyped-def]
    now,
    then,
    gk,
    gj,
    gi,
    per_heat,
    freezing_ratio,
    frozen_ratio,
    perfusion,
    rest,
    width,
    step_s,
    k,
    first_j,
    last_j,
    first_i,
    last_i,
):
    """A rectangle of one plane after a step.

    Heat contents are over the unfrozen heat capacity: degrees. Blood flows less in the cold, not at all in ice.
    """
    zero, per_rest = np.float32(0), np.float32(1) / rest
    for j in range(np.uint64(first_j), np.uint64(last_j)):
        for i in range(np.uint64(first_i), np.uint64(last_i)):
            t = now[k, j, i]
            flow = flow_into(now, gk, gj, gi, k, j, i)
            flow += perfusion[k, j, i] * (rest - t) * min(max(t * per_rest, zero), np.float32(1))
            freezing, frozen = freezing_ratio[k, j, i], frozen_ratio[k, j, i]
            content = max(t, zero) + freezing * min(max(t, -width), zero) + frozen * min(t + width, zero)
            content += step_s * per_heat[k, j, i] * flow
            range_heat = freezing * width
            then[k, j, i] = (
                max(content, zero)
                + min(max(content, -range_heat), zero) / freezing
                + min(content + range_heat, zero) / frozen
            )


@parallel_kernel
def long_step(  # type: ignore[no-untyped-def]
    now, then, coldest, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s, box, apart
):
    """One step of a box without the box ``apart`` in it, which takes short steps; notes how cold it becomes."""
    for k in prange(box[0], box[1]):
        above, below = box[3], box[3]  # rows with a part of the box that is set apart
        if apart[0] <= k < apart[1]:
            above, below = apart[2], apart[3]
        pieces = (
            (box[2], above, box[4], box[5]),
            (above, below, box[4], apart[4]),
            (above, below, apart[5], box[5]),
            (below, box[3], box[4], box[5]),
        )
        for first_j, last_j, first_i, last_i in pieces:
            _rows(now, then, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s,
                  np.uint64(k), first_j, last_j, first_i, last_i)  # fmt: skip
            _note_coldest(then, coldest, k, first_j, last_j, first_i, last_i)


@kernel
def _note_coldest(values, coldest, k, first_j, last_j, first_i, last_i):  # type: ignore[no-untyped-def]
    for j in range(first_j, last_j):
        for i in range(first_i, last_i):
            coldest[k, j, i] = min(coldest[k, j, i], values[k, j, i])


@kernel
def _blend_plane(now, then, made, share, k, whole_plane, box):  # type: ignore[no-untyped-def]
    """Neighbours of the box in one plane, on their way from now to then."""
    for j in range(box[2] - 1, box[3] + 1):
        edge = whole_plane or j == box[2] - 1 or j == box[3]
        step = 1 if edge else box[5] - box[4] + 1
        for i in range(box[4] - 1, box[5] + 1, step):
            made[k, j, i] = now[k, j, i] + share * (then[k, j, i] - now[k, j, i])


@kernel
def _add_layer(values, total, k, whole_plane, box):  # type: ignore[no-untyped-def]
    """Add up the box's outermost voxels of one plane."""
    for j in range(box[2], box[3]):
        edge = whole_plane or j == box[2] or j == box[3] - 1
        step = 1 if edge else max(box[5] - box[4] - 1, 1)
        for i in range(box[4], box[5], step):
            total[k, j, i] += values[k, j, i]


@kernel
def _correct(now, then, total, face, per_heat, seconds, steps, ko, jo, io, ki, ji, ii):  # type: ignore[no-untyped-def]
    """Give a neighbour (o) of the box the heat that its voxel in the box (i) exchanged, not what the long step took."""
    outer = now[ko, jo, io] + (then[ko, jo, io] - now[ko, jo, io]) * np.float32((steps - 1) / (2 * steps))
    inner_mean = total[ki, ji, ii] / np.float32(steps)
    difference = (inner_mean - outer) - (now[ki, ji, ii] - now[ko, jo, io])
    then[ko, jo, io] += per_heat[ko, jo, io] * seconds * face * difference


@kernel
def _correct_neighbours(now, then, total, gk, gj, gi, per_heat, seconds, steps, box):  # type: ignore[no-untyped-def]
    k0, k1, j0, j1, i0, i1 = box[0], box[1], box[2], box[3], box[4], box[5]
    for j in range(j0, j1):
        for i in range(i0, i1):
            _correct(now, then, total, gk[k0 - 1, j, i], per_heat, seconds, steps, k0 - 1, j, i, k0, j, i)
            _correct(now, then, total, gk[k1 - 1, j, i], per_heat, seconds, steps, k1, j, i, k1 - 1, j, i)
    for k in range(k0, k1):
        for i in range(i0, i1):
            _correct(now, then, total, gj[k, j0 - 1, i], per_heat, seconds, steps, k, j0 - 1, i, k, j0, i)
            _correct(now, then, total, gj[k, j1 - 1, i], per_heat, seconds, steps, k, j1, i, k, j1 - 1, i)
        for j in range(j0, j1):
            _correct(now, then, total, gi[k, j, i0 - 1], per_heat, seconds, steps, k, j, i0 - 1, k, j, i0)
            _correct(now, then, total, gi[k, j, i1 - 1], per_heat, seconds, steps, k, j, i1, k, j, i1 - 1)


@parallel_kernel
def short_steps(  # type: ignore[no-untyped-def]
    now,
    then,
    coldest,
    first,
    second,
    total,
    gk,
    gj,
    gi,
    per_heat,
    freezing_ratio,
    frozen_ratio,
    perfusion,
    rest,
    width,
    step_s,
    steps,
    voxels,
    share,
    goal,
    box,
):
    """Replace the inside of the box in ``then`` by what short steps make of ``now``; no heat is lost between."""
    for k in prange(box[0], box[1]):
        first[k, box[2] : box[3], box[4] : box[5]] = now[k, box[2] : box[3], box[4] : box[5]]
        total[k, box[2] : box[3], box[4] : box[5]] = 0
    for step in range(steps):
        old, new = (first, second) if step % 2 == 0 else (second, first)
        passed = np.float32(step / steps)
        for plane in prange(box[0] - 1, box[1] + 1):
            _blend_plane(now, then, old, passed, plane, plane == box[0] - 1 or plane == box[1], box)
            if box[0] <= plane < box[1]:
                _add_layer(old, total, plane, plane == box[0] or plane == box[1] - 1, box)
        for k in prange(box[0], box[1]):
            _rows(old, new, gk, gj, gi, per_heat, freezing_ratio, frozen_ratio, perfusion, rest, width, step_s,
                  np.uint64(k), box[2], box[3], box[4], box[5])  # fmt: skip
        for n in range(voxels.shape[0]):
            k, j, i = voxels[n, 0], voxels[n, 1], voxels[n, 2]
            new[k, j, i] += share[n] * (goal[n] - new[k, j, i])
    _correct_neighbours(now, then, total, gk, gj, gi, per_heat, step_s * np.float32(steps), steps, box)
    last = first if steps % 2 == 0 else second
    for k in prange(box[0], box[1]):
        then[k, box[2] : box[3], box[4] : box[5]] = last[k, box[2] : box[3], box[4] : box[5]]
        _note_coldest(then, coldest, k, box[2], box[3], box[4], box[5])
