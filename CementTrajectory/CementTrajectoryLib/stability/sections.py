"""Rigidity of a bone's cross-sections as those of a composite beam.

EA = sum E dA; EI about the modulus-weighted centroid, its smaller principal value; GJ = sum G r^2 dA, G = E / 2(1 + nu)
(Snyder 2006; Nazarian 2015). Every voxel gives its volume to the two nearest stations along the axis, so that any
oblique, anisotropic grid serves as it is. GJ is that of an unwarped section: an upper bound where it is not round.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import inlined, kernel, summing_kernel
from BoneAblationPlannerLib.frames import Grid, subdivide

FINEST_MM = 1.0


@dataclass(frozen=True, eq=False)
class Sections:
    """Rigidity at stations (N,) mm along an axis from its origin: EA in N, EI_min and GJ in N mm2."""

    station_mm: NDArray[np.float64]
    EA: NDArray[np.float64]
    EI_min: NDArray[np.float64]
    GJ: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Axis:
    """A straight axis: origin (3,) RAS mm, unit direction (3,), and the stations' spacing and number."""

    origin_ras_mm: NDArray[np.float64]
    direction: NDArray[np.float64]
    step_mm: float
    count: int

    @property
    def station_mm(self) -> NDArray[np.float64]:
        return np.asarray(np.arange(self.count) * self.step_mm, dtype=np.float64)

    def point_ras_mm(self, station: int) -> NDArray[np.float64]:
        """The axis at a station."""
        return np.asarray(self.origin_ras_mm + self.direction * (station * self.step_mm), dtype=np.float64)


def bone_axis(
    points_ras_mm: NDArray[np.float64], step_mm: float, above_ras_mm: NDArray[np.float64] | None = None
) -> Axis:
    """The longest principal axis of a bone's voxel centres (N, 3), from its upper end on.

    The upper end is the one nearer to `above_ras_mm` (3,), a point of the bone that this one hangs on: an arm may be
    raised. Without it, the upper end is the one towards the head.

    Raises
    ------
    ValueError
        For fewer than four points.
    """
    if len(points_ras_mm) < 4:
        raise ValueError(f"points_ras_mm: {len(points_ras_mm)}; expected the voxels of a bone")
    middle = points_ras_mm.mean(axis=0)
    direction = np.linalg.eigh(np.cov((points_ras_mm - middle).T))[1][:, -1]
    upwards = np.array([0.0, 0.0, 1.0]) if above_ras_mm is None else above_ras_mm - middle
    direction = direction if direction @ upwards < 0 else -direction
    along = (points_ras_mm - middle) @ direction
    count = int(np.ceil((along.max() - along.min()) / step_mm)) + 1
    return Axis(middle + direction * along.min(), direction, step_mm, count)


def rigidity_along(grid: Grid, modulus_mpa: NDArray[np.float32], axis: Axis, poisson: float) -> Sections:
    """Rigidity at every station of an axis.

    Parameters
    ----------
    grid : Grid
    modulus_mpa : (k, j, i) float32
        Young's modulus, 0 outside the bone.
    axis : Axis
    poisson : float
    """
    split = grid.refinement(FINEST_MM)
    fine = grid.refined(split)
    values = np.ascontiguousarray(subdivide(modulus_mpa, split), dtype=np.float32)
    u, v = np.linalg.svd(axis.direction[None])[2][1:]
    # From voxel indices to mm along the axis and across it.
    turned = np.stack([axis.direction, u, v]) @ fine.ijk_to_ras[:3, :3]
    start = np.stack([axis.direction, u, v]) @ (fine.ijk_to_ras[:3, 3] - axis.origin_ras_mm)
    sums = np.zeros((axis.count, 6))
    _gather(values, turned, start, axis.step_mm, sums)
    sums *= fine.voxel_ml * 1000.0 / axis.step_mm
    area, x, y, xx, yy, xy = sums.T
    safe = np.where(area > 0, area, 1.0)
    i_x, i_y, i_xy = xx - x * x / safe, yy - y * y / safe, xy - x * y / safe
    half, spread = (i_x + i_y) / 2, np.hypot((i_x - i_y) / 2, i_xy)
    shear = 1.0 / (2.0 * (1.0 + poisson))
    return Sections(axis.station_mm, area, np.maximum(half - spread, 0.0), np.maximum(i_x + i_y, 0.0) * shear)


@inlined
def _powers(row, start, stop):  # type: ignore[no-untyped-def]
    """Sums of E t^n for n = 0 to 3 over a stretch of a row, t counted from its start."""
    zero = one = two = three = 0.0
    for n in range(stop - start):
        e, t = float(row[start + n]), float(n)
        zero += e
        one += e * t
        two += e * t * t
        three += e * t * t * t
    return zero, one, two, three


@kernel
def _stretch(at, per_voxel, start, length):  # type: ignore[no-untyped-def]
    """The first voxel of a row beyond `start` that lies between another pair of stations."""
    if per_voxel == 0.0:
        return length
    here = np.floor(at + per_voxel * start)
    border = here + 1.0 if per_voxel > 0.0 else here
    stop = max(start + 1, int((border - at) / per_voxel))
    while stop < length and np.floor(at + per_voxel * stop) == here:
        stop += 1
    while stop > start + 1 and np.floor(at + per_voxel * (stop - 1)) != here:
        stop -= 1
    return min(stop, length)


@inlined
def _add(sums, station, zero, one, two, a, b, c, d):  # type: ignore[no-untyped-def]
    """Moments of a stretch with x = a + b t and y = c + d t."""
    sums[station, 0] += zero
    sums[station, 1] += a * zero + b * one
    sums[station, 2] += c * zero + d * one
    sums[station, 3] += a * a * zero + 2 * a * b * one + b * b * two
    sums[station, 4] += c * c * zero + 2 * c * d * one + d * d * two
    sums[station, 5] += a * c * zero + (a * d + b * c) * one + b * d * two


@summing_kernel
def _gather(modulus, turned, start, step, sums):  # type: ignore[no-untyped-def]
    """Per station: sums of E, E x, E y, E x^2, E y^2 and E x y over the voxels, shared between two stations.

    Along a row x, y and the share of a station are straight lines, so that four sums per stretch are all it takes.
    """
    stations, length = sums.shape[0], modulus.shape[2]
    along_i, b, d = turned[0, 0] / step, turned[1, 0], turned[2, 0]
    for k in range(modulus.shape[0]):
        for j in range(modulus.shape[1]):
            row = modulus[k, j]
            at = (turned[0, 1] * j + turned[0, 2] * k + start[0]) / step
            x = turned[1, 1] * j + turned[1, 2] * k + start[1]
            y = turned[2, 1] * j + turned[2, 2] * k + start[2]
            first = 0
            while first < length:
                stop = _stretch(at, along_i, first, length)
                zero, one, two, three = _powers(row, first, stop)
                if zero > 0.0:
                    here = at + along_i * first
                    lower = int(np.floor(here))
                    share, a, c = here - lower, x + b * first, y + d * first
                    u, v, w = (
                        share * zero + along_i * one,
                        share * one + along_i * two,
                        share * two + along_i * three,
                    )
                    if 0 <= lower < stations:
                        _add(sums, lower, zero - u, one - v, two - w, a, b, c, d)
                    if 0 <= lower + 1 < stations:
                        _add(sums, lower + 1, u, v, w, a, b, c, d)
                first = stop
