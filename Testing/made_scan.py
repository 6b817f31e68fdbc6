"""A made scan of a trunk on a table, for tests of what is body, skin and room."""

import numpy as np
from grids import every_point

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid


def scan(shape=(40, 110, 120), spacing=2.0, noise=20.0):
    """An elliptic trunk (semi-axes 80 x 55 mm) on a thin table shell with foam in between, air around."""
    grid = Grid(shape, np.diag([spacing, spacing, spacing, 1.0]))
    x, y, _ = (every_point(grid)[:, n].reshape(shape) - c for n, c in zip(range(3), (119, 119, 0), strict=True))
    trunk = (x / 80) ** 2 + (y / 55) ** 2 <= 1
    hu = np.where(trunk, 40.0, -1000.0)
    hu[(y < -57) & (y > -66) & ~trunk] = -850  # mattress
    hu[(y < -66) & (y > -70)] = 150  # table shell
    hu += np.random.default_rng(0).normal(scale=noise, size=shape)
    return grid, np.round(hu).astype(np.int16), trunk, (x, y)


def ct(grid, hu):
    return CtVolume(grid, hu, "made", "0")
