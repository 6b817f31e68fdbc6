"""Good and bad skin: for every entry that was tried how easy its best path is, or what keeps it from being used."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.paths import Paths
from BoneAblationPlannerLib.case import SkinMap


def skin_map(entries_ras_mm: NDArray[np.float64], paths: Paths, effort: NDArray[np.float64]) -> SkinMap:
    """The map of the entries (N, 3) that `find_paths` tried; `effort` is that of its admissible paths (P,)."""
    score = np.full(len(entries_ras_mm), np.inf)
    np.minimum.at(score, paths.entry_index, effort)
    reasons = tuple(paths.excluded_by)
    votes = np.stack([(paths.first_broken == n + 1).sum(axis=1) for n in range(len(reasons))], axis=1)
    reason = np.where(np.isfinite(score), 0, votes.argmax(axis=1) + 1).astype(np.int16)
    return SkinMap(entries_ras_mm, np.where(np.isfinite(score), score, np.nan), reason, reasons)
