"""The usual hip bone of the data file as voxels."""

import numpy as np

from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip


def usual_hip_mask(grid, frame):
    """The usual hip bone, cells that it fills in part thinned out at random."""
    own = frame.own(grid.ras_of_mask(np.ones(grid.shape, dtype=bool)))
    usual = usual_hip()
    full = 0.4**3 / usual.volume_per_spread
    offset = usual.places[0] / 0.4 - np.rint(usual.places[0] / 0.4)
    keys = np.rint(usual.places / 0.4 - offset).astype(int)
    filled = {tuple(key): share / full for key, share in zip(keys, usual.share, strict=True)}
    cells = np.rint(own / 0.4 - offset).astype(int)
    chance = np.array([filled.get(tuple(row), 0.0) for row in cells])
    return (np.random.default_rng(0).random(len(chance)) < chance).reshape(grid.shape)
