"""Parts of a mask: ours against SimpleITK and scipy, the same parts, in one process.

Two masks of a whole scan's size: few large parts (body and air), and many small ones (noise). All three are timed from
the mask to a mask of its large parts.
Last line: one JSON object. Run: ``python Testing/Benchmarks/components.py``.
"""

import json
import time

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from BoneAblationPlannerLib.components import find_components

SHAPE = (300, 400, 400)
REPEATS = 3
LARGE = 1000
MASKS = {"few large parts": (6.0, 0.0), "many small parts": (0.7, 1.0)}
"""Blur of the noise in voxels, and above how many standard deviations the mask is true."""


def made(blur, above):
    field = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), blur)
    return field > above * field.std()


def ours(mask):
    parts = find_components(mask)
    return parts.mask(parts.voxels() >= LARGE)


def simpleitk(mask):
    labels = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.view(np.uint8)))
    return sitk.GetArrayFromImage(sitk.RelabelComponent(labels, LARGE)) > 0


def scipy(mask):
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= LARGE)[labels]


def main():
    candidates = {"ours": ours, "SimpleITK": simpleitk, "scipy": scipy}
    ours(made(1.0, 0.0)[:4])
    seconds, same = {}, True
    for name, (blur, above) in MASKS.items():
        mask = made(blur, above)
        found = {}
        for peer, run in candidates.items():
            runs = []
            for _ in range(REPEATS):
                start = time.perf_counter()
                found[peer] = run(mask)
                runs.append(time.perf_counter() - start)
            seconds[name, peer] = float(np.median(runs))
        same = same and all(np.array_equal(found["ours"], found[peer]) for peer in found)
        print(f"{name}: " + ", ".join(f"{p} {seconds[name, p]:.3f} s" for p in candidates))
    ratios = {p: min(seconds[name, p] / seconds[name, "ours"] for name in MASKS) for p in ("SimpleITK", "scipy")}
    first = next(iter(MASKS))
    print(json.dumps({
        "name": "components", "input": f"{SHAPE}, {' and '.join(MASKS)}", "ours_s": seconds[first, "ours"],
        "peers": {p: seconds[first, p] for p in ratios}, "ratios": ratios, "same_parts": same,
        "targets": {"SimpleITK": 2.0, "scipy": 2.0}, "ok": same and min(ratios.values()) >= 2,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
