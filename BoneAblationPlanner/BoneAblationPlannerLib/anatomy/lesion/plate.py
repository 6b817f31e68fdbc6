"""A flat bone across a hole: both cortices are carried on from the rim as smooth height fields."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

Frame = tuple[NDArray, NDArray, NDArray]
"""Two axes along the plate and its normal, in array order."""
RASTER_MM = 2.0
RADIUS_MM = 32.0
TALLEST_MM = 16.0
"""Bone farther than this from the plane through the seed is not the plate."""
THICKEST_MM = 26.0
OUTLIER_MM = 5.0
LARGEST_MISFIT_MM = 3.0
SMALLEST_SHARE = 0.35
"""Of the directions in the plane, how many must meet the plate."""
PASSES = 4


@dataclass(frozen=True, eq=False)
class Plate:
    """Signed depth (k, j, i) mm inside the carried-on plate, negative outside; the misfit of its rim in mm."""

    depth_mm: NDArray[np.float32]
    misfit_mm: float
    half_thickness_mm: float
    share: float

    @property
    def trusted(self) -> bool:
        """Whether the bone around the hole is a plate at all."""
        return self.misfit_mm < LARGEST_MISFIT_MM and self.share > SMALLEST_SHARE


def fit_plate(bone: NDArray[np.bool_], middle: NDArray[np.float64], tensor: NDArray, voxel_mm: float) -> Plate | None:
    """Plate through the middle; `tensor` tells the plane, see `bridging`.

    Returns None where too little bone is near the plane.
    """
    _, axes = np.linalg.eigh(tensor)
    normal, along, across = axes[:, 0], axes[:, 2], axes[:, 1]
    steps = np.arange(-RADIUS_MM, RADIUS_MM + 0.1, RASTER_MM)
    u, v = (a.ravel() for a in np.meshgrid(steps, steps, indexing="ij"))
    disc = u**2 + v**2 <= RADIUS_MM**2
    u, v = u[disc], v[disc]
    low, high, column = _runs(bone, middle, (along, across, normal), (u, v), voxel_mm)
    if len(column) < 30:
        return None
    uv = np.stack([u, v], axis=1)
    chosen, middle_height = _one_surface(uv, low, high, column)
    if len(chosen) < 30:
        return None
    at = uv[column[chosen]]
    heights = (low[chosen] + high[chosen]) / 2
    halves = (high[chosen] - low[chosen]) / 2
    misfit = float(np.median(np.abs(heights - middle_height[column[chosen]])))
    half_of = _whole_thickness(at, halves)
    # The click lies inside the bone as it was: near the middle of the plate, wherever the rim would put it.
    height_of = RBFInterpolator(np.vstack([at, [0.0, 0.0]]), np.append(heights, 0.0), neighbors=60, smoothing=3.0)
    angle = np.arctan2(at[:, 1], at[:, 0])
    share = len(np.unique(np.floor(angle / (2 * np.pi) * 36))) / 36
    raster = np.stack([a.ravel() for a in np.meshgrid(steps, steps, indexing="ij")], axis=1)
    frame = (along, across, normal)
    depth = _depth(bone.shape, middle, frame, voxel_mm, steps, height_of(raster), half_of(raster))
    return Plate(depth, misfit, float(np.median(halves)), share)


def _whole_thickness(at: NDArray, halves: NDArray) -> RBFInterpolator:
    """Half the thickness over the plane; columns that the hole's edge has thinned are left out."""
    nearest = cKDTree(at).query(at, k=min(15, len(at)))[1]
    whole = halves >= np.quantile(halves[nearest], 0.5, axis=1) - 0.01
    return RBFInterpolator(at[whole], halves[whole], neighbors=40, smoothing=30.0, degree=0, kernel="linear")


def _runs(
    bone: NDArray[np.bool_], middle: NDArray, axes: Frame, uv: tuple[NDArray, NDArray], voxel_mm: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Bottom, top and column number of every run of bone along the normal."""
    step = voxel_mm / 2
    h = np.arange(-TALLEST_MM, TALLEST_MM + step / 2, step)
    along, across, normal = axes
    u, v = uv
    points = middle + (u[:, None, None] * along + v[:, None, None] * across + h[None, :, None] * normal) / voxel_mm
    hit = ndimage.map_coordinates(bone.view(np.uint8), points.reshape(-1, 3).T, order=0, cval=0).reshape(len(u), len(h))
    padded = np.pad(hit.astype(np.int8), ((0, 0), (1, 1)))
    rise = np.diff(padded, axis=1)
    column, start = np.nonzero(rise == 1)
    _, stop = np.nonzero(rise == -1)
    low, high = h[start] - step / 2, h[stop - 1] + step / 2
    good = (high - low < THICKEST_MM) & (start > 0) & (stop < len(h))
    return low[good], high[good], column[good]


def _one_surface(uv: NDArray, low: NDArray, high: NDArray, column: NDArray) -> tuple[NDArray, NDArray]:
    """Of all runs, those on one smooth surface through the seed's neighbourhood: a quadric, refitted to its inliers."""
    centre = (low + high) / 2
    x = uv / RADIUS_MM
    basis = np.stack([np.ones(len(x)), x[:, 0], x[:, 1], x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2], axis=1)
    surface = np.zeros(len(uv))
    chosen = np.arange(0)
    for turn in range(PASSES):
        off = np.maximum(np.maximum(low - surface[column], surface[column] - high), 0) + 0.2 * np.abs(
            centre - surface[column]
        )
        order = np.lexsort((off, column))
        nearest = order[np.unique(column[order], return_index=True)[1]]
        chosen = nearest[off[nearest] < OUTLIER_MM * (3 - min(turn, 2))]
        if len(chosen) < 12:
            return chosen, surface
        rows = column[chosen]
        near = 1.0 / (1.0 + (np.linalg.norm(uv[rows], axis=1) / 20.0) ** 2)
        weight = near / (1.0 + (off[chosen] / 2.0) ** 2)
        a = basis[rows] * weight[:, None]
        ridge = np.diag([1e-3, 1e-3, 1e-3, 0.3, 0.3, 0.3])
        coefficients = np.linalg.solve(a.T @ basis[rows] + ridge, a.T @ centre[chosen])
        surface = basis @ coefficients
    return chosen, surface


def _depth(
    shape: tuple[int, ...],
    middle: NDArray,
    axes: Frame,
    voxel_mm: float,
    steps: NDArray,
    heights: NDArray,
    halves: NDArray,
) -> NDArray[np.float32]:
    """Signed depth (k, j, i) in mm from both height fields on the raster."""
    along, across, normal = axes
    k, j, i = (a * voxel_mm for a in np.ogrid[tuple(slice(-m, n - m) for n, m in zip(shape, middle, strict=True))])
    n = len(steps)
    uv = np.stack([a[0] * k + a[1] * j + a[2] * i for a in (along, across)]) / RASTER_MM + (n - 1) / 2
    height = ndimage.map_coordinates(heights.reshape(n, n), uv, order=1, mode="nearest")
    half = ndimage.map_coordinates(halves.reshape(n, n), uv, order=1, mode="nearest")
    above = normal[0] * k + normal[1] * j + normal[2] * i - height
    return (half - np.abs(above)).astype(np.float32)
