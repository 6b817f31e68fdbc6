"""Needles beside each other: shafts, their outer ends and the skin entries must keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.compute import kernel


@dataclass(frozen=True)
class Spacing:
    """Free distance between two shafts, distance between two skin entries, and shaft that stays outside the skin.

    `widest_angle_deg` is the largest angle between two shafts, for probes that are to be parallel.
    """

    shaft_gap_mm: float
    entry_gap_mm: float
    hub_mm: float
    widest_angle_deg: float = 180.0


@dataclass(frozen=True, eq=False)
class Needles:
    """Entries (N, 3), tips (N, 3) RAS mm and shaft radii (N,)."""

    entries_ras_mm: NDArray[np.float64]
    tips_ras_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[tuple[ArrayLike, ArrayLike, float]]) -> "Needles":
        """From entry, tip and diameter of each."""
        entries, tips = (np.array([r[n] for r in rows], dtype=np.float64).reshape(-1, 3) for n in (0, 1))
        return cls(entries, tips, np.array([r[2] / 2 for r in rows], dtype=np.float64))

    def apart_from(self, other: "Needles", row: int, spacing: Spacing) -> NDArray[np.bool_]:
        """Which of these needles (N,) keep their distance from one row of others."""
        apart = np.zeros(len(self.radius_mm), dtype=np.bool_)
        if len(apart):
            cosine = np.cos(np.radians(spacing.widest_angle_deg))
            limits = np.array([spacing.shaft_gap_mm, spacing.entry_gap_mm, spacing.hub_mm, cosine])
            _keep_apart(self.entries_ras_mm, self.tips_ras_mm, self.radius_mm, other.entries_ras_mm[row],
                        other.tips_ras_mm[row], float(other.radius_mm[row]), limits, apart)  # fmt: skip
        return apart


@kernel
def _keep_apart(entries, tips, radius, entry, tip, own_radius, limits, apart):  # type: ignore[no-untyped-def]
    own_end = _outer_end(entry, tip, limits[2])
    for n in range(entries.shape[0]):
        between = along = 0.0
        for axis in range(3):
            between += (entries[n, axis] - entry[axis]) ** 2
            along += (tips[n, axis] - entries[n, axis]) * (tip[axis] - entry[axis])
        lengths = np.sqrt(((tips[n] - entries[n]) ** 2).sum() * ((tip - entry) ** 2).sum())
        if np.sqrt(between) >= limits[1] and along >= limits[3] * lengths - 1e-9 * lengths:
            end = _outer_end(entries[n], tips[n], limits[2])
            apart[n] = segment_distance(end, tips[n], own_end, tip) >= radius[n] + own_radius + limits[0]


@kernel
def _outer_end(entry, tip, outside):  # type: ignore[no-untyped-def]
    """The point of the shaft that lies `outside` mm before the skin."""
    axis = entry - tip
    return entry + axis * (outside / max(np.sqrt((axis * axis).sum()), 1e-9))


@kernel
def segment_distance(p0, p1, q0, q1):  # type: ignore[no-untyped-def]
    """Smallest distance between segments p0-p1 and q0-q1, each (3,); Ericson, Real-Time Collision Detection 5.1.9."""
    a = b = c = d = e = 0.0
    for n in range(3):
        u, v, w = p1[n] - p0[n], q1[n] - q0[n], p0[n] - q0[n]
        a += u * u
        b += u * v
        c += v * v
        d += u * w
        e += v * w
    s, t = 0.0, 0.0
    if a > 1e-12 and c > 1e-12:
        det = a * c - b * b
        s = min(max((b * e - c * d) / det, 0.0), 1.0) if det > 1e-12 else 0.0
        t = (b * s + e) / c
        if t < 0:
            t, s = 0.0, min(max(-d / a, 0.0), 1.0)
        elif t > 1:
            t, s = 1.0, min(max((b - d) / a, 0.0), 1.0)
    elif a > 1e-12:
        s = min(max(-d / a, 0.0), 1.0)
    elif c > 1e-12:
        t = min(max(e / c, 0.0), 1.0)
    total = 0.0
    for n in range(3):
        gap = p0[n] + s * (p1[n] - p0[n]) - q0[n] - t * (q1[n] - q0[n])
        total += gap * gap
    return np.sqrt(total)
