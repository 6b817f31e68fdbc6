"""Regions of bone that dark sheets (cartilage, joint space) between two dense walls part from each other.

A watershed from the thick parts, whose regions are merged again where no such sheet parts them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone_tissue import foreign_material
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate

FINE_MM, COARSE_MM = 1.25, 1.5
"""Working voxel size, for scans with thin slices and for others."""
MOST_VOXELS = 4e6
HU_RANGE = (-200.0, 900.0)
"""Contrast beyond this (metal, dense cortex) says nothing about joints."""
FOREIGN_RIM_MM = 3.0
"""Around metal and cement: bone there is blurred or shadowed, and would look like a joint space beside it."""
SHEET_MM = 1.4
SHEET_FROM_HU = 50.0
"""Second derivative times squared scale from which a voxel belongs to a dark sheet."""
JOINT_FROM_HU = 60.0
"""Mean sheet strength over an interface of two regions from which they are different bones."""
JOINT_FACES_MM2 = 60.0
MARKER_DEPTHS_MM = (5.0, 4.0, 3.0, 2.0)
SMALLEST_MARKER_ML = 0.15
CRUMB_ML = 3.0


@dataclass(frozen=True, eq=False)
class Work:
    """Cubic voxels around all bone: `hu` float32, `bone`, and the strength of dark sheets (0 where there is none)."""

    grid: Grid
    hu: NDArray[np.float32]
    bone: NDArray[np.bool_]
    sheet: NDArray[np.float32]

    @property
    def step_mm(self) -> float:
        return float(self.grid.spacing_ijk_mm[0])


class Interface(NamedTuple):
    """Where two regions meet: area, mean sheet strength and points (N, 3) in k, j, i."""

    area_mm2: float
    sheet_hu: float
    points: NDArray[np.float64]


def work_of(ct: CtVolume, bone: NDArray[np.bool_], box: tuple[slice, slice, slice]) -> Work:
    local = ct.grid.crop(box)
    volume_mm3 = float(np.prod(np.array(local.shape) * local.spacing_kji_mm))
    step = FINE_MM if local.spacing_ijk_mm.max() <= 1.6 else COARSE_MM
    step = max(step, (volume_mm3 / MOST_VOXELS) ** (1 / 3))
    factors = step / local.spacing_ijk_mm
    matrix = np.array(local.ijk_to_ras)
    matrix[:3, :3] = local.ijk_to_ras[:3, :3] * factors
    matrix[:3, 3] = local.ras_from_ijk((factors - 1) / 2)[0]
    k, j, i = (int(np.ceil(n * mm / step)) for n, mm in zip(local.shape, local.spacing_kji_mm, strict=True))
    grid = Grid((k, j, i), matrix)
    hu = np.clip(_without_foreign(ct, bone, box), *HU_RANGE).astype(np.float32)
    hu = ndimage.gaussian_filter(hu, np.where(local.spacing_kji_mm < 0.8 * step, 0.4 * factors[::-1], 0.0))
    filled = _sampled(local, np.ascontiguousarray(bone[box]), grid, sitk.sitkNearestNeighbor).astype(bool)
    hu = _sampled(local, hu, grid, sitk.sitkLinear)
    return Work(grid, hu, filled, _sheets(hu, filled, SHEET_MM / step))


def _without_foreign(ct: CtVolume, bone: NDArray[np.bool_], box: tuple[slice, slice, slice]) -> NDArray:
    """HU in a box; metal, cement and the bone around them are as dense as the rest of the bone usually is."""
    hu, local = ct.hu[box], np.ascontiguousarray(bone[box])
    grid = ct.grid.crop(box)
    foreign = foreign_material(CtVolume(grid, hu, ct.source, ""), local, local)
    if not foreign.any():
        return hu
    replaced = dilate(foreign, FOREIGN_RIM_MM, grid.spacing_kji_mm) & local
    rest = local & ~replaced
    return np.where(replaced, np.median(hu[rest]), hu) if rest.any() else hu


def _sampled(local: Grid, values: NDArray, grid: Grid, how: int) -> NDArray:
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(grid.image(np.zeros(grid.shape, dtype=np.uint8)))
    resample.SetInterpolator(how)
    resample.UseNearestNeighborExtrapolatorOn()
    return np.asarray(sitk.GetArrayFromImage(resample.Execute(local.image(values))))


def _sheets(hu: NDArray[np.float32], bone: NDArray[np.bool_], scale: float) -> NDArray[np.float32]:
    """Strength of dark sheets inside bone: curvature across, less that along and the slope, in HU."""
    second = np.empty((int(bone.sum()), 3, 3), dtype=np.float32)
    for a in range(3):
        for b in range(a, 3):
            order = tuple(int(n == a) + int(n == b) for n in range(3))
            second[:, a, b] = second[:, b, a] = ndimage.gaussian_filter(hu, scale, order=order)[bone]
    curvature = np.linalg.eigvalsh(second)
    slope = ndimage.gaussian_gradient_magnitude(hu, scale)[bone] * scale
    strength = np.zeros(hu.shape, dtype=np.float32)
    # The dark side of a step is curved as well, but steep; the middle of a sheet is level.
    strength[bone] = np.maximum((curvature[:, 2] - np.abs(curvature[:, 1])) * scale**2 - slope, 0)
    return strength


def watershed(work: Work) -> NDArray[np.int32]:
    """Regions of bone that grow from its thick parts and meet along dark sheets; every piece of bone has one."""
    solid = work.bone & (work.sheet < SHEET_FROM_HU)
    spacing = work.grid.spacing_kji_mm
    depth = distance_mm(np.pad(~solid, 1, constant_values=True), spacing)[1:-1, 1:-1, 1:-1]
    markers, count = _markers(depth, work.grid.voxel_ml)
    pieces, number = ndimage.label(work.bone)
    has_marker = np.zeros(number + 1, dtype=bool)
    has_marker[np.unique(pieces[markers > 0])] = True
    alone = work.bone & ~has_marker[pieces]
    markers[alone] = count + pieces[alone]
    relief = np.where(work.bone, 0.1 * work.sheet - depth, 1e3).astype(np.float32)
    grown = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(relief), sitk.GetImageFromArray(markers), markWatershedLine=False
    )
    regions = np.where(work.bone, sitk.GetArrayFromImage(grown), 0)
    _, dense = np.unique(regions, return_inverse=True)
    # A region may flood into another piece of bone through the background: what is not connected is not one bone.
    labels = dense.reshape(regions.shape).astype(np.int64) * (number + 1) + pieces
    labels[~work.bone] = 0
    _, dense = np.unique(labels, return_inverse=True)
    return dense.reshape(regions.shape).astype(np.int32)


def _markers(depth: NDArray[np.float32], voxel_ml: float) -> tuple[NDArray[np.int32], int]:
    """Thick parts first; thinner ones join as markers of their own where they hold no thicker one. Labels and count."""
    markers = np.zeros(depth.shape, dtype=np.int32)
    count = 0
    for least in MARKER_DEPTHS_MM:
        parts, number = ndimage.label(depth > least)
        new = np.bincount(parts.ravel(), minlength=number + 1) * voxel_ml >= SMALLEST_MARKER_ML
        new[0] = False
        new[np.unique(parts[markers > 0])] = False
        table = np.where(new, count + np.cumsum(new), 0).astype(np.int32)
        markers += table[parts]
        count += int(new.sum())
    return markers, count


def interfaces(work: Work, regions: NDArray[np.int32]) -> dict[tuple[int, int], Interface]:
    """All pairs of touching regions."""
    lows, highs, sheets, points = [], [], [], []
    for axis in range(3):
        one, two = (np.moveaxis(regions, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
        near = np.moveaxis(work.sheet, axis, 0)
        at = np.argwhere((one != two) & (one > 0) & (two > 0))
        a, b = one[tuple(at.T)], two[tuple(at.T)]
        strength = np.maximum(near[:-1][tuple(at.T)], near[1:][tuple(at.T)])
        place = at + [0.5, 0.0, 0.0]
        lows.append(np.minimum(a, b))
        highs.append(np.maximum(a, b))
        sheets.append(strength)
        points.append(np.insert(place[:, 1:], axis, place[:, 0], axis=1))
    low, high, sheet, point = (np.concatenate(parts) for parts in (lows, highs, sheets, points))
    if not len(low):
        return {}
    pairs, inverse = np.unique(np.stack([low, high], axis=1), axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    cuts = np.cumsum(np.bincount(inverse.ravel(), minlength=len(pairs)))[:-1]
    face = work.step_mm**2
    return {
        (int(a), int(b)): Interface(len(rows) * face, float(sheet[rows].mean()), point[rows])
        for (a, b), rows in zip(pairs, np.split(order, cuts), strict=True)
    }


def merged_regions(work: Work, regions: NDArray[np.int32]) -> NDArray[np.int32]:
    """Join regions, weakest boundary first, until only boundaries of joint strength are left; 1, 2, … without gaps."""
    found = {pair: (i.area_mm2, i.area_mm2 * i.sheet_hu) for pair, i in interfaces(work, regions).items()}
    parent = np.arange(int(regions.max()) + 1)
    volume_ml = np.bincount(regions.ravel()) * work.grid.voxel_ml
    while found:
        strengths = {
            pair: total / area
            for pair, (area, total) in found.items()
            # Two bones that touch in a few faces stay apart; a crumb belongs to its neighbour.
            if area >= JOINT_FACES_MM2 or min(volume_ml[list(pair)]) < CRUMB_ML
        }
        pair = min(strengths, key=lambda p: strengths[p], default=(0, 0))
        if not strengths or strengths[pair] >= JOINT_FROM_HU:
            break
        keep, gone = pair
        parent[parent == gone] = keep
        volume_ml[keep] += volume_ml[gone]
        merged: dict[tuple[int, int], tuple[float, float]] = {}
        for (a, b), (area, total) in found.items():
            a, b = (keep if a == gone else a), (keep if b == gone else b)
            if a != b:
                before = merged.get((min(a, b), max(a, b)), (0.0, 0.0))
                merged[min(a, b), max(a, b)] = (before[0] + area, before[1] + total)
        found = merged
    _, dense = np.unique(parent[regions], return_inverse=True)
    return dense.reshape(regions.shape).astype(np.int32)
