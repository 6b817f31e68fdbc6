"""Smooth implicit shapes: signed distances in mm, negative inside, tabulated on coarse lattices fixed in RAS.

A shape is written down once in RAS and tabulated on its own lattice, so no sampling grid can change it. Lattices hold
arrays indexed [s, a, r], the order of the axes S, A, R.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline, PchipInterpolator

from BoneAblationPlannerLib.compute import parallel_kernel, prange

Ball = tuple[float, float, float, float]
Bead = tuple[float, float, float]
Curve = list[Ball]
Sections = dict[float, list[Bead]]
Part = Curve | Sections

REACH_MM = 16.0
FAR_MM = 50.0
LEVEL_BLUR_MM = 4.0


@dataclass(frozen=True, eq=False)
class Lattice:
    """Nodes at ``origin_ras_mm + step_mm * (r, a, s)`` for arrays of `shape` (s, a, r)."""

    origin_ras_mm: NDArray[np.float64]
    step_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, low_ras_mm: ArrayLike, high_ras_mm: ArrayLike, step_mm: float) -> "Lattice":
        """The lattice that covers a box."""
        low = np.asarray(low_ras_mm, dtype=np.float64)
        counts = np.ceil((np.asarray(high_ras_mm, dtype=np.float64) - low) / step_mm).astype(int) + 1
        return cls(low, step_mm, (int(counts[2]), int(counts[1]), int(counts[0])))

    def axes(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Coordinates R, A, S in mm, shaped to broadcast over [s, a, r]."""
        s, a, r = (np.arange(n, dtype=np.float32) * np.float32(self.step_mm) for n in self.shape)
        origin = self.origin_ras_mm.astype(np.float32)
        return (r + origin[0])[None, None, :], (a + origin[1])[None, :, None], (s + origin[2])[:, None, None]

    def texture(self, grain_mm: float, seed: int) -> NDArray[np.float32]:
        """Correlated noise of mean 0 and standard deviation 1 with a grain of `grain_mm` (Gaussian sigma)."""
        white = np.random.default_rng(seed).standard_normal(self.shape, dtype=np.float32)
        smooth = ndimage.gaussian_filter(white, grain_mm / self.step_mm, mode="wrap")
        return smooth / smooth.std()

    def warp(self, grain_mm: float, seed: int) -> NDArray[np.float32]:
        """Like `texture` for grains much wider than the step: drawn on every fourth node and interpolated."""
        s, a, r = (n // 4 + 3 for n in self.shape)
        fine = Lattice(self.origin_ras_mm, 4 * self.step_mm, (s, a, r)).texture(grain_mm, seed)
        for axis, count in enumerate(self.shape):
            fine = _stretch(fine, axis)
            fine = fine[(slice(None),) * axis + (slice(count),)]
        return np.ascontiguousarray(fine)

    def window(
        self, low_ras_mm: NDArray[np.float64], high_ras_mm: NDArray[np.float64]
    ) -> tuple[tuple[slice, slice, slice], "Lattice"]:
        """Slices (s, a, r) of the nodes in a box, and the lattice of those nodes."""
        top = np.array(self.shape[::-1])
        low = np.clip(np.floor((low_ras_mm - self.origin_ras_mm) / self.step_mm).astype(int), 0, top - 1)
        high = np.clip(np.ceil((high_ras_mm - self.origin_ras_mm) / self.step_mm).astype(int) + 1, low + 1, top)
        r, a, s = (slice(int(lo), int(hi)) for lo, hi in zip(low, high, strict=True))
        i, j, k = (int(n) for n in high - low)
        return (s, a, r), Lattice(self.origin_ras_mm + low * self.step_mm, self.step_mm, (k, j, i))


def _stretch(array: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Four times as many nodes along an axis, by linear interpolation; the last node is left out."""
    moved = np.moveaxis(array, axis, 0)
    shares = (np.arange(4, dtype=np.float32) / np.float32(4)).reshape(4, *([1] * (array.ndim - 1)))
    parts: NDArray[np.float32] = moved[:-1, None] * (1 - shares) + moved[1:, None] * shares
    return np.moveaxis(parts.reshape(-1, *moved.shape[1:]), 0, axis)


@parallel_kernel
def _chain_distance(origin, step, shape, beads):  # type: ignore[no-untyped-def]
    """Distance to round cones between successive beads (N, 4) of R, A, S, radius in mm."""
    out = np.empty(shape, dtype=np.float32)
    n = len(beads)
    chords = beads[1:] - beads[:-1]
    inverse = 1.0 / (np.sum(chords[:, :3] ** 2, axis=1) + 1e-12)
    for s in prange(shape[0]):
        z = origin[2] + step * s
        for a in range(shape[1]):
            y = origin[1] + step * a
            for r in range(shape[2]):
                x = origin[0] + step * r
                best = 1e9
                for m in range(n - 1):
                    ux, uy, uz = chords[m, 0], chords[m, 1], chords[m, 2]
                    vx, vy, vz = x - beads[m, 0], y - beads[m, 1], z - beads[m, 2]
                    t = (ux * vx + uy * vy + uz * vz) * inverse[m]
                    t = min(max(t, 0.0), 1.0)
                    dx, dy, dz = vx - t * ux, vy - t * uy, vz - t * uz
                    radius = beads[m, 3] + t * chords[m, 3]
                    best = min(best, np.sqrt(dx * dx + dy * dy + dz * dz) - radius)
                out[s, a, r] = best
    return out


@parallel_kernel
def _ribbon_distance(origin, step, shape, beads, cap):  # type: ignore[no-untyped-def]
    """In-plane distance to the chain beads[s] (M, 3) of R, A, radius; `cap` (s,) is the distance beyond the ends."""
    out = np.empty(shape, dtype=np.float32)
    m_count = beads.shape[1]
    for s in prange(shape[0]):
        chords = beads[s, 1:] - beads[s, :-1]
        inverse = 1.0 / (chords[:, 0] ** 2 + chords[:, 1] ** 2 + 1e-12)
        for a in range(shape[1]):
            y = origin[1] + step * a
            for r in range(shape[2]):
                x = origin[0] + step * r
                best = 1e9
                for m in range(m_count - 1):
                    ux, uy = chords[m, 0], chords[m, 1]
                    vx, vy = x - beads[s, m, 0], y - beads[s, m, 1]
                    t = min(max((ux * vx + uy * vy) * inverse[m], 0.0), 1.0)
                    dx, dy = vx - t * ux, vy - t * uy
                    radius = beads[s, m, 2] + t * chords[m, 2]
                    best = min(best, np.sqrt(dx * dx + dy * dy) - radius)
                if cap[s] > 0.0:
                    best = np.sqrt(max(best, 0.0) ** 2 + cap[s] ** 2)
                out[s, a, r] = best
    return out


def tube(lattice: Lattice, balls: Curve) -> NDArray[np.float32]:
    """Signed distance to a curve swept with a varying radius.

    Parameters
    ----------
    lattice : Lattice
    balls : sequence of (R, A, S, radius) in mm
        Control points; a cubic spline runs through them.

    Returns
    -------
    (s, a, r) float32
        Distance in mm, negative inside; exact up to `REACH_MM`, and `FAR_MM` beyond.
    """
    chain = smooth_chain(balls, 4)
    reach = chain[:, 3:] + REACH_MM
    region, part = lattice.window((chain[:, :3] - reach).min(axis=0), (chain[:, :3] + reach).max(axis=0))
    out = np.full(lattice.shape, FAR_MM, dtype=np.float32)
    out[region] = _chain_distance(part.origin_ras_mm, part.step_mm, part.shape, chain)
    return out


def smooth_chain(balls: Curve, subdivisions: int) -> NDArray[np.float64]:
    """Spline through control points (N, 4) of R, A, S, radius, with `subdivisions` chords between two of them."""
    points = np.asarray(balls, dtype=np.float64)
    if len(points) < 3:
        return np.concatenate([np.linspace(points[0], points[-1], subdivisions + 1)])
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
    steps = np.arange(len(points), dtype=np.float64)
    at = np.interp(np.linspace(0, len(points) - 1, (len(points) - 1) * subdivisions + 1), steps, chord)
    chain = CubicSpline(chord, points)(at)
    chain[:, 3] = PchipInterpolator(chord, points[:, 3])(at)
    return np.asarray(chain)


def ribbon(lattice: Lattice, sections: Sections) -> NDArray[np.float32]:
    """Signed distance to a body given by axial sections, each a chain of beads: plates, muscles, hollow organs.

    Parameters
    ----------
    lattice : Lattice
    sections : mapping from S in mm to a chain of (R, A, radius) in mm
        The same number of beads at every level; they are joined level by level without overshoot.

    Returns
    -------
    (s, a, r) float32
        Distance in mm, negative inside; to first order also where the body leans.
    """
    levels = np.array(sorted(sections), dtype=np.float64)
    table = np.array([sections[level] for level in sorted(sections)], dtype=np.float64)
    s = lattice.origin_ras_mm[2] + lattice.step_mm * np.arange(lattice.shape[0])
    inside = np.clip(s, levels[0], levels[-1])
    beads = PchipInterpolator(levels, table, axis=0)(inside)
    beads = ndimage.gaussian_filter1d(beads, LEVEL_BLUR_MM / lattice.step_mm, axis=0, mode="nearest")
    count = table.shape[1]
    if count > 2:
        at = np.linspace(0, count - 1, 4 * (count - 1) + 1)
        radius = PchipInterpolator(np.arange(count), beads[:, :, 2], axis=1)(at)
        beads = CubicSpline(np.arange(count), beads, axis=1)(at)
        beads[:, :, 2] = radius
    flat = _ribbon_distance(lattice.origin_ras_mm, lattice.step_mm, lattice.shape, beads, np.abs(s - inside))
    return _upright(flat, lattice.step_mm)


def _upright(distance: NDArray[np.float32], step_mm: float) -> NDArray[np.float32]:
    """Divide by the slope where it exceeds 1, so that leaning walls keep their thickness."""
    slope = np.gradient(distance, step_mm, axis=0) ** 2
    slope += np.gradient(distance, step_mm, axis=1) ** 2
    slope += np.gradient(distance, step_mm, axis=2) ** 2
    return (distance / np.sqrt(np.maximum(slope, 1.0))).astype(np.float32)


def ball(lattice: Lattice, centre_ras_mm: Sequence[float], radius_mm: float) -> NDArray[np.float32]:
    """Signed distance to a sphere."""
    r, a, s = lattice.axes()
    x, y, z = (np.float32(v) for v in centre_ras_mm)
    return np.sqrt((r - x) ** 2 + (a - y) ** 2 + (s - z) ** 2) - np.float32(radius_mm)


def above(lattice: Lattice, point_ras_mm: Sequence[float], normal_ras: Sequence[float]) -> NDArray[np.float32]:
    """Signed height over a plane (broadcastable); `normal_ras` has unit length."""
    r, a, s = lattice.axes()
    offset = float(np.dot(point_ras_mm, normal_ras))
    nr, na, ns = (np.float32(v) for v in normal_ras)
    return r * nr + a * na + s * ns - np.float32(offset)


def join(*distances: NDArray[np.float32], blend_mm: float = 4.0) -> NDArray[np.float32]:
    """Union with fillets of about `blend_mm`."""
    result = distances[0]
    for other in distances[1:]:
        h = np.maximum(blend_mm - np.abs(result - other), 0.0) / blend_mm
        result = np.minimum(result, other) - (0.25 * blend_mm) * h * h
    return result


def carve(distance: NDArray[np.float32], tool: NDArray[np.float32], blend_mm: float = 1.5) -> NDArray[np.float32]:
    """Difference: `distance` without `tool`, edges rounded by about `blend_mm`."""
    return -join(-distance, tool, blend_mm=blend_mm)
