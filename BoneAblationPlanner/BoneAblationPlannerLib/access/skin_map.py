"""Good and bad skin: for every entry that was tried how easy its best path is, or what keeps it from being used."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.paths import Paths


@dataclass(frozen=True, eq=False)
class SkinMap:
    """One row per skin entry that was tried.

    Parameters
    ----------
    points_ras_mm : (N, 3) float64
    score : (N,) float64
        Effort of the easiest admissible path from there, 0 or more and lower is better; NaN where there is none.
    reason : (N,) int16
        0 where there is a path, else 1 + the place in `reasons` of what excludes most of the paths from there.
    reasons : tuple of str
        Constraints in words: kinds of structures, or limits.
    """

    points_ras_mm: NDArray[np.float64]
    score: NDArray[np.float64]
    reason: NDArray[np.int16]
    reasons: tuple[str, ...]

    def words(self, row: int) -> str:
        """Why a point is good or not, for a label."""
        code = int(self.reason[row])
        return f"effort {self.score[row]:.1f}" if code == 0 else f"excluded: {self.reasons[code - 1]}"


def skin_map(entries_ras_mm: NDArray[np.float64], paths: Paths, effort: NDArray[np.float64]) -> SkinMap:
    """The map of the entries (N, 3) that `find_paths` tried; `effort` is that of its admissible paths (P,)."""
    score = np.full(len(entries_ras_mm), np.inf)
    np.minimum.at(score, paths.entry_index, effort)
    reasons = tuple(paths.excluded_by)
    votes = np.stack([(paths.first_broken == n + 1).sum(axis=1) for n in range(len(reasons))], axis=1)
    reason = np.where(np.isfinite(score), 0, votes.argmax(axis=1) + 1).astype(np.int16)
    return SkinMap(entries_ras_mm, np.where(np.isfinite(score), score, np.nan), reason, reasons)
