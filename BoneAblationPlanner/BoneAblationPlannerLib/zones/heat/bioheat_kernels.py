"""The inner loops of heating; what they do together is told in ``bioheat``."""

import numpy as np

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.conduction import flow_into


@kernel
def _plane(now, then, gk, gj, gi, keep, gain, push, k, box):  # type: ignore[no-untyped-def]
    for j in range(np.uint64(box[2]), np.uint64(box[3])):
        for i in range(np.uint64(box[4]), np.uint64(box[5])):
            flow = flow_into(now, gk, gj, gi, k, j, i)
            then[k, j, i] = keep[k, j, i] * now[k, j, i] + gain[k, j, i] * flow + push[k, j, i]


@parallel_kernel
def sweeps(now, then, gk, gj, gi, keep, gain, push, steps, box):  # type: ignore[no-untyped-def]
    """Some steps, from one array to the other and back; returns how many."""
    for step in range(steps):
        for k in prange(box[0], box[1]):
            if step % 2 == 0:
                _plane(now, then, gk, gj, gi, keep, gain, push, np.uint64(k), box)
            else:
                _plane(then, now, gk, gj, gi, keep, gain, push, np.uint64(k), box)
    return steps


@parallel_kernel
def coefficients(  # type: ignore[no-untyped-def]
    free, heat, perfusion, damage, source, exchange, coolant, step_s, changing, keep, gain, push, box
):
    """Step of one voxel as keep T + gain flow + push; exchange is implicit, so it never limits the step."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                if not free[k, j, i]:
                    keep[k, j, i], gain[k, j, i], push[k, j, i] = 1, 0, 0
                    continue
                blood = perfusion[k, j, i]
                if changing and damage[k, j, i] > np.float32(0):
                    blood *= np.float32(np.exp(-damage[k, j, i]))
                rate = step_s / heat[k, j, i]
                whole = np.float32(1) / (np.float32(1) + rate * (blood + exchange[k, j, i]))
                keep[k, j, i], gain[k, j, i] = whole, rate * whole
                push[k, j, i] = rate * whole * (source[k, j, i] + exchange[k, j, i] * coolant)


@parallel_kernel
def warm_faces(base_k, base_j, base_i, gk, gj, gi, excess, rise, hottest, box):  # type: ignore[no-untyped-def]
    half, zero, one = np.float32(0.5) * rise, np.float32(0), np.uint64(1)
    for plane in prange(box[0] - 1, box[1]):
        k = np.uint64(plane)
        for j in range(np.uint64(box[2] - 1), np.uint64(box[3])):
            for i in range(np.uint64(box[4] - 1), np.uint64(box[5])):
                t = min(max(excess[k, j, i], zero), hottest)
                above = min(max(excess[k + one, j, i], zero), hottest)
                beside = min(max(excess[k, j + one, i], zero), hottest)
                after = min(max(excess[k, j, i + one], zero), hottest)
                gk[k, j, i] = base_k[k, j, i] * (np.float32(1) + half * (t + above))
                gj[k, j, i] = base_j[k, j, i] * (np.float32(1) + half * (t + beside))
                gi[k, j, i] = base_i[k, j, i] * (np.float32(1) + half * (t + after))


@parallel_kernel
def boil(excess, vapour, boilable, heat, hottest, box):  # type: ignore[no-untyped-def]
    """Heat beyond boiling goes into vapour until the water is gone, and comes back from it below."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                over = (excess[k, j, i] - hottest) * heat[k, j, i]
                if over > 0 or vapour[k, j, i] > 0:
                    moved = min(max(over, -vapour[k, j, i]), boilable[k, j, i] - vapour[k, j, i])
                    vapour[k, j, i] += moved
                    excess[k, j, i] -= moved / heat[k, j, i]


@parallel_kernel
def dose(excess, body, seconds, rates, peak, cem43_min, damage, box):  # type: ignore[no-untyped-def]
    """Add an interval's dose; ``rates`` is that of ``damage.heat_rates``."""
    for k in prange(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                t = excess[k, j, i]
                peak[k, j, i] = max(peak[k, j, i], t)
                celsius = np.float64(t + body)
                if celsius > rates[0]:
                    over = min(celsius, rates[3]) - 43.0
                    cem43_min[k, j, i] += seconds / 60 * 2.0 ** (over if over >= 0 else 2 * over)
                    damage[k, j, i] += seconds * rates[1] * np.exp(-rates[2] / (min(celsius, rates[3]) + 273.15))
