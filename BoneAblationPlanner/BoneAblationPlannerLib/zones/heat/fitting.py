"""By how much a simulated zone differs from the chart's, as factors on the axes of the chart's spheroids."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.reach import ZoneScale
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of

SMALLEST, LARGEST, STEP = 0.2, 1.6, 0.01
ROUNDING = 1e-9
_FACTORS = np.round(np.arange(SMALLEST, LARGEST + STEP / 2, STEP), 4)


def fit_scale(zone: NDArray[np.bool_], grid: Grid, chart: Sequence[Spheroid]) -> ZoneScale:
    """The factors with which the union of the chart's spheroids best agrees with a zone: largest Dice.

    All spheroids get the same factors, to 0.01; of equally good ones the smaller, so that an empty zone gets the
    smallest. What probes that lie near each other do for each other is in them.

    Parameters
    ----------
    zone : (k, j, i) bool
        On `grid`.
    chart : sequence of Spheroid
        At least one.

    Raises
    ------
    ValueError
        Without a spheroid.
    """
    if not chart:
        raise ValueError("chart: empty; expected at least one spheroid")
    points = grid.ras_of_mask(np.ones(zone.shape, dtype=bool))
    dice = np.zeros((len(_FACTORS), len(_FACTORS)))
    _dice(points, zone.ravel(), rows_of(chart), _FACTORS, SMALLEST, STEP, dice)
    along, across = np.unravel_index(int(dice.argmax()), dice.shape)
    return ZoneScale(float(_FACTORS[across]), float(_FACTORS[along]))


@parallel_kernel
def _dice(points, inside, zones, factors, smallest, step, dice):  # type: ignore[no-untyped-def]
    """Fill (along, across) with the Dice of `inside` (N,) and the union of scaled zones (Z, 8).

    For one factor along, a point enters the union at one factor across: all factors across come from one histogram.
    """
    for f in prange(factors.shape[0]):
        steps = factors.shape[0]
        entering, shared = np.zeros(steps + 1), np.zeros(steps + 1)
        total = 0.0
        for n in range(points.shape[0]):
            total += inside[n]
            least = np.inf  # square of the factor across at which the point enters
            for z in range(zones.shape[0]):
                dx, dy, dz = points[n, 0] - zones[z, 0], points[n, 1] - zones[z, 1], points[n, 2] - zones[z, 2]
                along = dx * zones[z, 3] + dy * zones[z, 4] + dz * zones[z, 5]
                across2 = max(dx * dx + dy * dy + dz * dz - along * along, 0.0)
                left = 1 - (along / (zones[z, 7] * factors[f])) ** 2
                if left > 0:
                    least = min(least, across2 / (zones[z, 6] ** 2 * left))
            enters_at = np.sqrt(least)
            row = steps  # beyond all factors
            if enters_at <= factors[steps - 1]:
                row = min(steps - 1, max(0, int(np.ceil((enters_at - smallest) / step - ROUNDING))))
            entering[row] += 1
            shared[row] += inside[n]
        union, both = 0.0, 0.0
        for a in range(steps):
            union += entering[a]
            both += shared[a]
            dice[f, a] = 2 * both / (union + total)
