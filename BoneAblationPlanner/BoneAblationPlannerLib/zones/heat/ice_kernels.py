"""One step of freezing and thawing tissue; what the steps do together is told in ``ice`` and ``icy_kernels``.

Rows of one plane are worked on as one run of memory, their ends included, so that loops are long and vectorise. What
must not change (rims, held tissue) has no ``per_heat``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.conduction import flow_along

Array = NDArray[np.float32]


class WarmTissue(NamedTuple):
    """Padded arrays (k, j, i) of tissue over freezing: faces to the next voxel (W/m3/K), 1 / heat, perfusion."""

    face_k: Array
    face_j: Array
    face_i: Array
    per_heat: Array
    perfusion: Array


class IcyTissue(NamedTuple):
    """Arrays (k, j, i) of a box and its rim: faces unfrozen, what freezing adds to them, and heat.

    ``freezing_ratio`` and ``frozen_ratio`` are heat capacities over the unfrozen one, while and after it freezes.
    """

    face_k: Array
    face_j: Array
    face_i: Array
    more_k: Array
    more_j: Array
    more_i: Array
    per_heat: Array
    freezing_ratio: Array
    frozen_ratio: Array
    perfusion: Array


class Law(NamedTuple):
    """Resting temperature over the start of freezing, width of its range, rise of ice's conductivity per degree."""

    rest: np.float32
    width: np.float32
    grow: np.float32


class ShortSteps(NamedTuple):
    """Groups of short steps that make up a long one; faces follow the temperature from group to group."""

    seconds: np.float32
    per_group: int
    groups: int


class Pull(NamedTuple):
    """Voxels (N, 3) that shafts draw to a goal, and the share of the way that they go in a short step."""

    voxels_kji: NDArray[np.int64]
    share: Array
    goal: Array


@kernel
def _warm_run(now, then, coldest, tissue, rest, step_s, start, stop, row, plane):  # type: ignore[no-untyped-def]
    """Some voxels of unfrozen tissue after a step; blood flows less in the cold."""
    t, made, lowest = now.ravel(), then.ravel(), coldest.ravel()
    gk, gj, gi = tissue.face_k.ravel(), tissue.face_j.ravel(), tissue.face_i.ravel()
    per_heat, perfusion = tissue.per_heat.ravel(), tissue.perfusion.ravel()
    zero, one, per_rest = np.float32(0), np.float32(1), np.float32(1) / rest
    for n in range(np.uint64(start), np.uint64(stop)):
        here = t[n]
        flow = flow_along(t, gk, gj, gi, n, np.uint64(row), np.uint64(plane))
        flow += perfusion[n] * (rest - here) * min(max(here * per_rest, zero), one)
        warmer = here + step_s * per_heat[n] * flow
        made[n] = warmer
        lowest[n] = min(lowest[n], warmer)


@parallel_kernel
def long_step(now, then, coldest, tissue, rest, step_s, box):  # type: ignore[no-untyped-def]
    """One step of the planes and rows of a box, over their whole width, as if nothing froze; notes how cold it becomes.

    Ice in the box comes out wrong and is made anew by `icy_steps`.
    """
    row, plane = now.shape[2], now.shape[1] * now.shape[2]
    for k in prange(box[0], box[1]):
        start, stop = k * plane + box[2] * row, k * plane + box[3] * row
        _warm_run(now, then, coldest, tissue, rest, step_s, start, stop, row, plane)


@kernel
def icy_run(now, then, gk, gj, gi, tissue, law, step_s, start, stop, row, plane):  # type: ignore[no-untyped-def]
    """Some voxels after a short step.

    Heat contents are over the unfrozen heat capacity: degrees. Blood flows less in the cold, not at all in ice.
    """
    t, made = now.ravel(), then.ravel()
    face_k, face_j, face_i = gk.ravel(), gj.ravel(), gi.ravel()
    per_heat, perfusion = tissue.per_heat.ravel(), tissue.perfusion.ravel()
    freezing_ratio, frozen_ratio = tissue.freezing_ratio.ravel(), tissue.frozen_ratio.ravel()
    rest, width = law.rest, law.width
    zero, one, per_rest = np.float32(0), np.float32(1), np.float32(1) / rest
    for n in range(np.uint64(start), np.uint64(stop)):
        here = t[n]
        flow = flow_along(t, face_k, face_j, face_i, n, np.uint64(row), np.uint64(plane))
        flow += perfusion[n] * (rest - here) * min(max(here * per_rest, zero), one)
        freezing, frozen = freezing_ratio[n], frozen_ratio[n]
        content = max(here, zero) + freezing * min(max(here, -width), zero) + frozen * min(here + width, zero)
        content += step_s * per_heat[n] * flow
        range_heat = freezing * width
        made[n] = (
            max(content, zero)
            + min(max(content, -range_heat), zero) / freezing
            + min(content + range_heat, zero) / frozen
        )


@kernel
def _secant_run(t, unfrozen, more, made, law, start, stop, apart):  # type: ignore[no-untyped-def]
    """Mean conductance of faces between two temperatures: difference of the potentials over that of temperatures."""
    now, base, added, face = t.ravel(), unfrozen.ravel(), more.ravel(), made.ravel()
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    width, grow, least_gap = law.width, law.grow, np.float32(1e-3)
    half_per_width = half / width
    for n in range(np.uint64(start), np.uint64(stop)):
        here, there = now[n], now[n + np.uint64(apart)]
        warm, cold = max(here, there), min(here, there)
        gap = max(warm - cold, least_gap)
        cold = warm - gap
        a, b = min(max(-warm, zero), width), min(max(-cold, zero), width)
        c, d = max(-warm - width, zero), max(-cold - width, zero)
        potential = half_per_width * (b + a) * (b - a) + (d - c) * (one + half * grow * (d + c))
        face[n] = base[n] + added[n] * potential / gap


@kernel
def put_faces(t, tissue, law, gk, gj, gi, low, high):  # type: ignore[no-untyped-def]
    """Conductances of all faces between some planes, and of those within them."""
    row, plane = t.shape[2], t.shape[1] * t.shape[2]
    start, stop = low * plane + row, high * plane - row
    _secant_run(t, tissue.face_k, tissue.more_k, gk, law, low * plane, (high - 1) * plane, plane)
    _secant_run(t, tissue.face_j, tissue.more_j, gj, law, start - row, stop, row)
    _secant_run(t, tissue.face_i, tissue.more_i, gi, law, start, stop, 1)
