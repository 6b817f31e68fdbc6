"""Distance maps: ours against SimpleITK's signed Maurer map and scipy, exact alike, in one process.

Last line: one JSON object. Run: ``python Testing/Benchmarks/distance.py``.
"""

import json
import time

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from BoneAblationPlannerLib.distance import distance_mm

SHAPE, SPACING = (160, 256, 256), np.array([1.25, 0.78, 0.78])
REPEATS = 5
DILATION_MM = 4.0


def blobs():
    """A smooth random mask, about a third of the volume."""
    field = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return ndimage.gaussian_filter(field, 4) > 0.02


def maurer(mask):
    """SimpleITK on the same input."""
    image = sitk.GetImageFromArray(mask.view(np.uint8))
    image.SetSpacing(SPACING[::-1].tolist())
    return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))


def main():
    mask = blobs()
    distance_mm(mask[:8, :8, :8] | True, SPACING)
    candidates = {
        "ours": lambda: distance_mm(mask, SPACING),
        "ours up to 4 mm": lambda: distance_mm(mask, SPACING, DILATION_MM),
        "SimpleITK signed Maurer": lambda: maurer(mask),
        "scipy edt": lambda: ndimage.distance_transform_edt(~mask, sampling=SPACING),
    }
    seconds = {name: [] for name in candidates}
    for repeat in range(REPEATS):
        for name, run in candidates.items():
            if name == "scipy edt" and repeat > 0:
                continue
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    error = float(np.abs(np.maximum(maurer(mask), 0) - distance_mm(mask, SPACING)).max())
    ours = median.pop("ours")
    ratios = {name: value / ours for name, value in median.items()}
    print(f"median of {REPEATS} runs each, scipy once; largest difference to Maurer {error:.1e} mm")
    print(json.dumps({
        "name": "distance", "input": f"{SHAPE} at {SPACING.tolist()} mm", "ours_s": ours, "peers": median,
        "ratios": ratios, "largest_difference_mm": error,
        "targets": {"SimpleITK signed Maurer": 2.5, "scipy edt": 15.0, "largest_difference_mm": 1e-3},
        "ok": ratios["SimpleITK signed Maurer"] >= 2.5 and ratios["scipy edt"] >= 15 and error <= 1e-3,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
