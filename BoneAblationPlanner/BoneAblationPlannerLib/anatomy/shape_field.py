"""A bone's usual surface as distances on a grid in its own coordinates, and how it is laid into a patient's bone.

Distances are those of several people's bones, mean, in mm at the usual size: negative inside. Pieces of the patient's
bone surface pull the frame by Gauss-Newton steps; only pieces that face the same way as the usual surface count, so
that the inner wall of a thin cortex is not taken for the outer one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid

Points = NDArray[np.float64]

LEVEL_MM = 2.0
"""How far surfaces as thresholds show them may lie from the usual one: standard deviation."""
FACING = 0.4
"""Least cosine between a piece of surface and the usual one, at which it begins to count."""
COVER_MM, COVER_FACING, NEIGHBOURS = 4.0, 0.5, 12
"""The usual surface counts as covered where bone that faces the same way lies this near."""
NORMAL_MM = 1.5


@dataclass(frozen=True, eq=False)
class ShapeField:
    """Distances in mm (a, b, c) float32 on a grid in own coordinates, times the usual spread (mm).

    `low_mm` (3,) is the first cell's centre, `step_mm` (3,) the cells' edges, `usual_mm` (3,) the usual spread.
    """

    low_mm: NDArray[np.float64]
    step_mm: NDArray[np.float64]
    usual_mm: NDArray[np.float64]
    distance_mm: NDArray[np.float32]

    def at(self, frame: BoneFrame, points_ras_mm: Points) -> NDArray[np.float64]:
        """Distance of RAS points (N, 3) to the surface of a bone with this frame, in mm; negative inside."""
        away = self.near(frame.own(points_ras_mm) * self.usual_mm)[0]
        return away * float(np.mean(frame.spread_mm / self.usual_mm))

    def on_grid(self, frame: BoneFrame, grid: Grid) -> NDArray[np.float32]:
        """The same at every voxel centre of a grid, (k, j, i) float32."""
        to_own = frame.axes.T @ grid.ijk_to_ras[:3] * (self.usual_mm / frame.spread_mm)[:, None]
        to_own[:, 3] -= frame.origin_ras_mm @ frame.axes * self.usual_mm / frame.spread_mm
        to_cells = to_own / self.step_mm[:, None]
        to_cells[:, 3] -= self.low_mm / self.step_mm
        away = np.empty(grid.shape, dtype=np.float32)
        _over_grid(self.distance_mm, to_cells, float(np.mean(frame.spread_mm / self.usual_mm)), away)
        return away

    def near(self, places_mm: Points) -> tuple[NDArray[np.float64], Points]:
        """Distance (N,) and its slope (N, 3) at places in own mm (N, 3)."""
        places = np.ascontiguousarray(places_mm, dtype=np.float64)
        away, slope = np.empty(len(places)), np.empty((len(places), 3))
        _interpolated(self.distance_mm, self.low_mm, self.step_mm, places, away, slope)
        return away, slope

    def outward(self, frame: BoneFrame, slope: Points) -> Points:
        """Unit vectors (N, 3) in RAS that point away from the bone, of slopes in own mm."""
        ras = (slope * self.usual_mm / frame.spread_mm) @ frame.axes.T
        return np.asarray(ras / np.maximum(np.linalg.norm(ras, axis=1, keepdims=True), 1e-9))


@parallel_kernel
def _over_grid(values, to_cells, size, away):  # type: ignore[no-untyped-def]
    last_a, last_b, last_c = values.shape[0] - 1, values.shape[1] - 1, values.shape[2] - 1
    for k in prange(away.shape[0]):
        for j in range(away.shape[1]):
            for i in range(away.shape[2]):
                a = to_cells[0, 0] * i + to_cells[0, 1] * j + to_cells[0, 2] * k + to_cells[0, 3]
                b = to_cells[1, 0] * i + to_cells[1, 1] * j + to_cells[1, 2] * k + to_cells[1, 3]
                c = to_cells[2, 0] * i + to_cells[2, 1] * j + to_cells[2, 2] * k + to_cells[2, 3]
                a = min(max(a, 0.0), last_a - 1e-6)
                b = min(max(b, 0.0), last_b - 1e-6)
                c = min(max(c, 0.0), last_c - 1e-6)
                m, n, o = int(a), int(b), int(c)
                u, v, w = a - m, b - n, c - o
                low = (1 - v) * ((1 - w) * values[m, n, o] + w * values[m, n, o + 1])
                low += v * ((1 - w) * values[m, n + 1, o] + w * values[m, n + 1, o + 1])
                high = (1 - v) * ((1 - w) * values[m + 1, n, o] + w * values[m + 1, n, o + 1])
                high += v * ((1 - w) * values[m + 1, n + 1, o] + w * values[m + 1, n + 1, o + 1])
                away[k, j, i] = size * ((1 - u) * low + u * high)


@kernel
def _interpolated(values, low, step, places, away, slope):  # type: ignore[no-untyped-def]
    last = np.array(values.shape) - 1
    cell, part = np.empty(3, np.int64), np.empty(3)
    for n in range(len(places)):
        for a in range(3):
            at = min(max((places[n, a] - low[a]) / step[a], 0.0), last[a] - 1e-6)
            cell[a] = int(at)
            part[a] = at - cell[a]
        total, by_a, by_b, by_c = 0.0, 0.0, 0.0, 0.0
        for i in range(2):
            u = part[0] if i else 1 - part[0]
            for j in range(2):
                v = part[1] if j else 1 - part[1]
                for k in range(2):
                    w = part[2] if k else 1 - part[2]
                    value = values[cell[0] + i, cell[1] + j, cell[2] + k]
                    total += u * v * w * value
                    by_a += (v * w if i else -v * w) * value
                    by_b += (u * w if j else -u * w) * value
                    by_c += (u * v if k else -u * v) * value
        away[n] = total
        slope[n, 0], slope[n, 1], slope[n, 2] = by_a / step[0], by_b / step[1], by_c / step[2]


class SurfacePoints(NamedTuple):
    """Points (N, 3) on the surface of bone, RAS mm, and unit vectors (N, 3) that point out of it."""

    ras_mm: Points
    outward: Points

    def some(self, rows: NDArray) -> "SurfacePoints":
        return SurfacePoints(self.ras_mm[rows], self.outward[rows])

    def spread_over(self, count: int) -> "SurfacePoints":
        """About so many of them, evenly picked."""
        step = max(1, len(self.ras_mm) // count)
        return SurfacePoints(self.ras_mm[::step], self.outward[::step])


def surface_points(work: Work, bone: NDArray[np.bool_]) -> SurfacePoints:
    """Voxels of bone (k, j, i) that have soft tissue beside them; HU falls in the direction that points out."""
    edge = np.argwhere(bone & ~ndimage.binary_erosion(bone, border_value=True))
    scale = NORMAL_MM / work.step_mm
    rise = np.empty((len(edge), 3))
    for column, axis in enumerate((2, 1, 0)):
        order = tuple(int(axis == other) for other in range(3))
        rise[:, column] = ndimage.gaussian_filter(work.hu, scale, order=order, truncate=3.0)[tuple(edge.T)]
    out = -rise @ work.grid.ijk_to_ras[:3, :3].T
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    return SurfacePoints(work.grid.ras_from_ijk(edge[:, ::-1]), out)


class Freedom(NamedTuple):
    """How far a frame may go from where it starts, as standard deviations, and how much surface counts against that."""

    shift_mm: float
    turn_deg: float
    size: float
    by_axis: bool
    reach_mm: tuple[float, float]
    steps: int
    evidence: float


def laid_into(field: ShapeField, start: BoneFrame, surface: SurfacePoints, freedom: Freedom) -> BoneFrame:
    """The frame near `start` for which the bone's surface lies on the usual one.

    Pieces farther from it than ``reach_mm`` (first, last) count for nothing, nearer ones ever more (Tukey's biweight).
    The distance at which surfaces lie (threshold, cortex) is found along with the frame.
    """
    frame, level = start, 0.0
    sizes = 3 if freedom.by_axis else 1
    stiff = np.array([freedom.shift_mm] * 3 + [np.radians(freedom.turn_deg)] * 3 + [freedom.size] * sizes + [LEVEL_MM])
    for step in range(freedom.steps):
        share = min(1.0, step / (0.6 * freedom.steps))
        reach = freedom.reach_mm[0] + share * (freedom.reach_mm[1] - freedom.reach_mm[0])
        places = frame.own(surface.ras_mm) * field.usual_mm
        away, slope = field.near(places)
        away = away - level
        rows = np.abs(away) < reach
        places, away, slope = places[rows], away[rows], slope[rows]
        facing = (field.outward(frame, slope) * surface.outward[rows]).sum(axis=1)
        weight = (1 - (away / reach) ** 2) ** 2 * np.clip((facing - FACING) / (1 - FACING), 0.0, 1.0)
        if weight.sum() < 1.0:
            return frame
        sized = -slope * places
        change = np.hstack(
            [
                -slope * (field.usual_mm / frame.spread_mm),
                -np.cross(places, slope),
                sized if freedom.by_axis else sized.sum(axis=1, keepdims=True),
                -np.ones((len(away), 1)),
            ]
        )
        gone = np.hstack(
            [
                start.axes.T @ (frame.origin_ras_mm - start.origin_ras_mm),
                Rotation.from_matrix(start.axes.T @ frame.axes).as_rotvec(),
                np.log(frame.spread_mm / start.spread_mm)[:sizes],
                level,
            ]
        )
        trust = freedom.evidence / weight.sum()
        normal = trust * (change * weight[:, None]).T @ change + np.diag(1 / stiff**2)
        move = np.linalg.solve(normal, -trust * (change * weight[:, None]).T @ away - gone / stiff**2)
        level += float(move[-1])
        frame = BoneFrame(
            frame.origin_ras_mm + frame.axes @ move[:3],
            frame.axes @ Rotation.from_rotvec(move[3:6]).as_matrix(),
            frame.spread_mm * np.exp(move[6:-1]),
        )
    return frame


class UsualSurface(NamedTuple):
    """Places (N, 3) on a field's surface in own mm, and their slopes (N, 3)."""

    places_mm: Points
    slope: Points


def usual_surface(field: ShapeField, count: int) -> UsualSurface:
    """About `count` places on the surface, evenly spread over the cells near it."""
    low, high = np.zeros(3), np.array(field.distance_mm.shape) - 1
    cells = np.argwhere(np.abs(field.distance_mm) < float(field.step_mm.max()))
    cells = cells[((cells > low) & (cells < high)).all(axis=1)]
    places = field.low_mm + cells * field.step_mm
    for _ in range(4):
        away, slope = field.near(places)
        places = places - away[:, None] * slope / np.maximum((slope**2).sum(axis=1, keepdims=True), 0.05)
    away, slope = field.near(places)
    on_it = np.abs(away) < 1.0
    places, slope = places[on_it], slope[on_it]
    rows = np.random.default_rng(0).permutation(len(places))[:count]
    return UsualSurface(places[rows], slope[rows])


def covered(
    field: ShapeField, usual: UsualSurface, frame: BoneFrame, surface: SurfacePoints, tree: cKDTree, work: Work
) -> tuple[float, float]:
    """Share of the usual surface inside the image that bone covers which faces the same way, and the share inside.

    `tree` holds the surface's points.
    """
    places = frame.ras_mm(usual.places_mm / field.usual_mm)
    kji = work.grid.ijk_from_ras(places)[:, ::-1]
    inside = ((kji > 0) & (kji < np.array(work.grid.shape) - 1)).all(axis=1)
    if not inside.any():
        return 0.0, 0.0
    out = field.outward(frame, usual.slope)[inside]
    away, rows = tree.query(places[inside], k=NEIGHBOURS, distance_upper_bound=COVER_MM)
    found = np.isfinite(away)
    facing = (surface.outward[np.where(found, rows, 0)] * out[:, None]).sum(axis=2) > COVER_FACING
    return float((found & facing).any(axis=1).mean()), float(inside.mean())
