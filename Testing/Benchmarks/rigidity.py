"""Structural rigidity along a long bone: our sections against the same sums written in numpy.

Last line: one JSON object. Run: ``python Testing/Benchmarks/rigidity.py``.
"""

import json

import numpy as np
from processor import seconds

from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.stability.sections import Axis, rigidity_along

SHAPE = (400, 80, 80)
OUTER_MM, INNER_MM, MODULUS_MPA, POISSON = 30.0, 18.0, 12486.0, 0.3
REPEATS, SLOW_REPEATS = 60, 15
NUMPY = "numpy, slice by slice"
TARGETS = {NUMPY: 15.0}
CLOSE = 0.02
"""How near to the tube's formulas both must come: voxels of 1 mm make steps in its walls."""


def tube():
    """A tube along k with voxels of 1 mm: its grid and modulus (k, j, i) float32."""
    grid = Grid(SHAPE, np.eye(4))
    j, i = np.indices(SHAPE[1:])
    radius = np.hypot(j - (SHAPE[1] - 1) / 2, i - (SHAPE[2] - 1) / 2)
    wall = (radius <= OUTER_MM) & (radius >= INNER_MM)
    noise = np.random.default_rng(0).uniform(0.8, 1.2, SHAPE)
    return grid, np.where(wall, MODULUS_MPA * noise, 0.0).astype(np.float32)


def of_numpy(modulus):
    """EA, smaller EI and GJ per slice, as the formulas are written."""
    j, i = np.indices(modulus.shape[1:]).astype(np.float32)
    area = modulus.sum(axis=(1, 2), dtype=np.float64)
    x0, y0 = ((modulus * c).sum(axis=(1, 2), dtype=np.float64) / area for c in (i, j))
    x, y = i - x0[:, None, None], j - y0[:, None, None]
    xx, yy, xy = ((modulus * c).sum(axis=(1, 2), dtype=np.float64) for c in (x * x, y * y, x * y))
    smaller = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    return area, smaller, (xx + yy) / (2 * (1 + POISSON))


def main():
    grid, modulus = tube()
    axis = Axis(np.array([(SHAPE[2] - 1) / 2, (SHAPE[1] - 1) / 2, 0.0]), np.array([0.0, 0.0, 1.0]), 1.0, SHAPE[0])
    rigidity_along(grid, modulus, axis, POISSON)  # compiles
    ours_s, mine = seconds(lambda: rigidity_along(grid, modulus, axis, POISSON), REPEATS)
    numpy_s, (area, smaller, torsion) = seconds(lambda: of_numpy(modulus), SLOW_REPEATS)
    inner = slice(2, -2)
    difference = max(
        float(np.abs(a[inner] / b[inner] - 1).max())
        for a, b in ((mine.EA, area), (mine.EI_min, smaller), (mine.GJ, torsion))
    )
    rings = [np.pi * (OUTER_MM**n - INNER_MM**n) for n in (2, 4)]
    exact = (MODULUS_MPA * rings[0], MODULUS_MPA * rings[1] / 4, MODULUS_MPA * rings[1] / 2 / (2 * (1 + POISSON)))
    formula = max(
        float(abs(a[inner].mean() / e - 1)) for a, e in zip((mine.EA, mine.EI_min, mine.GJ), exact, strict=True)
    )
    ratios = {NUMPY: numpy_s / ours_s}
    print(json.dumps({
        "name": "rigidity", "input": f"{' x '.join(map(str, SHAPE))} voxels, a tube, {SHAPE[0]} stations",
        "ours_s": ours_s, "peers": {NUMPY: numpy_s}, "ratios": ratios,
        "largest_relative_difference_to_numpy": difference, "largest_relative_difference_to_formulas": formula,
        "targets": TARGETS, "close": CLOSE,
        "ok": ratios[NUMPY] >= TARGETS[NUMPY] and difference <= 1e-4 and formula <= CLOSE,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
