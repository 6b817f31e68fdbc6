"""Pattern search around lines for the greatest clearance, their length kept."""

import numpy as np

from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from CementTrajectoryLib.screws.depth import sample_depth

EXACT_STEP_MM = 0.5
FIRST_STEP_MM, LAST_STEP_MM = 2.0, 0.02


@kernel
def _clearance(depth, per_mm, ends, trims, floor, doubt):  # type: ignore[no-untyped-def]
    """Smallest depth of the line's inner part, and how far along it is; stops early once it is not above `floor`.

    `doubt` is where it may be smallest: looked at first, as a neighbour of a line is mostly narrow where the line is.
    """
    dx, dy, dz = ends[3] - ends[0], ends[4] - ends[1], ends[5] - ends[2]
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / length, dy / length, dz / length
    t, last = trims[0], length - trims[1]
    at = min(max(doubt, t), last)
    least = sample_depth(depth, per_mm, ends[0] + at * dx, ends[1] + at * dy, ends[2] + at * dz)
    while least > floor:
        here = sample_depth(depth, per_mm, ends[0] + t * dx, ends[1] + t * dy, ends[2] + t * dz)
        if here < least:
            least, at = here, t
        if t >= last:
            break
        t = min(t + EXACT_STEP_MM, last)
    return least, at


@kernel
def _moved(ends, across, up, n, step, centres, radii):  # type: ignore[no-untyped-def]
    """A neighbour of a line: one end, both ends or the ends against each other, in one of eight directions."""
    angle = (n % 8) * np.pi / 4
    first, second = ((1.0, 1.0), (1.0, -1.0), (1.0, 0.0), (0.0, 1.0))[n // 8]
    moved = ends.copy()
    for axis in range(3):
        offset = step * (np.cos(angle) * across[axis] + np.sin(angle) * up[axis])
        moved[axis] += first * offset
        moved[3 + axis] += second * offset
    for end in range(2):
        away = moved[3 * end : 3 * end + 3] - centres[end]
        distance = np.sqrt((away * away).sum())
        if distance > radii[end]:
            moved[3 * end : 3 * end + 3] = centres[end] + away * (radii[end] / distance)
    return moved


@kernel
def _in_holes(ends, avoided, holes):  # type: ignore[no-untyped-def]
    """Whether an end lies where another corridor's is."""
    for end in range(2):
        away = ends[3 * end : 3 * end + 3] - avoided[end]
        if (away * away).sum() < holes[end] * holes[end]:
            return True
    return False


@parallel_kernel
def refine_lines(depth, per_mm, ends, trims, centres, radii, avoided, holes, clearances):  # type: ignore[no-untyped-def]
    """Pattern search over the four freedoms of each line (both ends, across it), its length kept; in place."""
    for n in prange(ends.shape[0]):
        line = ends[n].copy()
        axis = line[3:] - line[:3]
        length = np.sqrt((axis * axis).sum())
        axis = axis / length
        least_along = np.argmin(np.abs(axis))
        helper = np.zeros(3)
        helper[least_along] = 1.0
        across = np.cross(axis, helper)
        across = across / np.sqrt((across * across).sum())
        up = np.cross(axis, across)
        best, narrow = _clearance(depth, per_mm, line, trims, -1e4, length / 2)
        step = FIRST_STEP_MM
        while step > LAST_STEP_MM:
            better = False
            for way in range(32):
                trial = _moved(line, across, up, way, step, centres, radii)
                # Fix the length, or the search would shorten the screw.
                along = trial[3:] - trial[:3]
                now = np.sqrt((along * along).sum())
                if now < length:
                    pull = along * ((length - now) / (2 * now))
                    trial[:3] -= pull
                    trial[3:] += pull
                if _in_holes(trial, avoided, holes):
                    continue
                value, at = _clearance(depth, per_mm, trial, trims, best, narrow)
                if value > best + 1e-6:
                    best, narrow, line, better = value, at, trial, True
            if not better:
                step /= 2
        ends[n] = line
        clearances[n] = best
