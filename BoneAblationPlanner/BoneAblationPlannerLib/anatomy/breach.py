"""Where a lesion has destroyed the cortex over it: the part of the bone's outer surface that is open."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import filled_slices

SHELL_FROM_HU = 220.0
SHELL_DEPTH_MM = 2.0
INSIDE_MM = 2.5
"""Cortex is also looked for this far inside the lesion's surface: an outline that goes a little beyond an intact cortex
has opened nothing, and dense tumour up to the surface is no hole."""
SOFT_HU, BRIGHTEST_SOFT_HU = 60.0, 150.0
"""Soft tissue, and the brightest that it gets with contrast medium."""
CORTEX_HU = 1200.0
"""Dense cortex; what is taken too high here makes a shell seem thinner than it is."""
THINNEST_SHELL_MM = 0.3
"""A shell that is thinner than this counts as open: what voxels of 1 mm show at `SHELL_FROM_HU` (170 of 1150 HU), twice
as much, as a shell may lie across two voxels."""
NORMAL_SMOOTHING_MM = 1.5
STEP_MM = 0.5
FILLED_WITHIN_MM = 40.0


@dataclass(frozen=True, eq=False)
class BreachMap:
    """Around a lesion, on `grid`, the CT's grid cropped by `region`.

    Parameters
    ----------
    open_surface : (k, j, i) bool
        Surface voxels of the lesion that are breached.
    outer_surface : (k, j, i) bool
        Surface voxels of the lesion under the bone's own outer surface, breached or not.
    surface_area_mm2 : (k, j, i) float64
        Part of the lesion's smooth surface that each of its voxels carries.
    normals_kji : (k, j, i, 3) float64
        Unit vectors out of the lesion, in mm along the grid's axes.
    """

    region: tuple[slice, slice, slice]
    grid: Grid
    open_surface: NDArray[np.bool_]
    outer_surface: NDArray[np.bool_]
    surface_area_mm2: NDArray[np.float64]
    normals_kji: NDArray[np.float64]

    @property
    def fraction(self) -> float:
        """Share of the bone's outer surface over the lesion that has no cortex; 0 where none of it is near."""
        outer = float(self.surface_area_mm2[self.outer_surface].sum())
        return self.area_mm2 / outer if outer else 0.0

    @property
    def area_mm2(self) -> float:
        """Area without cortex."""
        return float(self.surface_area_mm2[self.open_surface].sum())

    def on_grid(self, grid: Grid) -> NDArray[np.bool_]:
        """`open_surface` on the whole grid that the map was made on."""
        mask = np.zeros(grid.shape, dtype=bool)
        mask[self.region] = self.open_surface
        return mask


def breach_map(ct: CtVolume, lesion: NDArray[np.bool_], bone: NDArray[np.bool_], padding_mm: float = 12.0) -> BreachMap:
    """Follow a ray outward from every surface voxel of a lesion.

    Under the bone's outer surface: the ray leaves the filled bone (or the lesion, where it has grown out) within 2 mm.
    Breached: besides, nothing denser than 220 HU lies within these 2 mm or 2.5 mm inside, and what mineral the ray
    passes makes up less than 0.3 mm of cortex. The last counts where voxels thin out an intact cortex: they spread its
    density, but lose none of it.

    A hole narrower than two voxels is blurred by the cortex around it and may be missed.
    """
    region = ct.grid.region_around(ct.grid.ras_of_mask(lesion), max(padding_mm, 2 * SHELL_DEPTH_MM))
    grid, inside = ct.grid.crop(region), np.ascontiguousarray(lesion[region])
    spacing = grid.spacing_kji_mm
    surface = inside & ~ndimage.binary_erosion(inside)
    start = np.argwhere(surface).astype(np.float64)
    every_normal = _outward_normals(inside, spacing)
    normals = every_normal[surface]
    hu = ct.hu[region].astype(np.float32)
    outward_mm = np.arange(STEP_MM, SHELL_DEPTH_MM + STEP_MM / 2, STEP_MM) + spacing.min() / 2
    inward_mm = np.arange(-INSIDE_MM, -spacing.min(), STEP_MM)  # what lies between, the cortex's thickness tells
    densest = np.full(len(start), -np.inf, dtype=np.float32)
    for step in np.concatenate([inward_mm, outward_mm]):
        here = (start + normals * step / spacing).T
        densest = np.maximum(densest, ndimage.map_coordinates(hu, here, order=1, mode="nearest"))
    end = (start + normals * outward_mm[-1] / spacing).T
    filled = _whole_bone(ct, lesion, bone)[region].view(np.uint8)
    leaves = ndimage.map_coordinates(filled, end, order=0, mode="nearest") == 0
    open_surface, outer_surface = np.zeros_like(inside), np.zeros_like(inside)
    outer_surface[surface] = leaves
    thin = _shell_mm(hu, start, normals, spacing) < THINNEST_SHELL_MM
    open_surface[surface] = leaves & (densest < SHELL_FROM_HU) & thin
    area_mm2 = _surface_area_mm2(inside, every_normal, spacing)
    return BreachMap(region, grid, open_surface, outer_surface, area_mm2, every_normal)


def _shell_mm(
    hu: NDArray[np.float32], start: NDArray[np.float64], normals: NDArray[np.float64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Thickness (N,) of dense cortex with as much mineral as lies at the lesion's surface, along rays (N, 3).

    From a voxel inside the surface, as an outline may hold part of a thin cortex, to 2 mm or a voxel beyond it. What
    the lesion holds deeper is taken off, and counts beyond the surface as contrast medium would.
    """
    edge = np.linalg.norm(normals * spacing, axis=1)
    surface = edge / 2
    first, last = -edge, surface + np.maximum(SHELL_DEPTH_MM, edge)
    count = int(np.ceil((last - first).max() / STEP_MM)) + 1
    step = (last - first) / (count - 1)
    lesion, excess = np.zeros(len(start)), np.zeros(len(start))
    for n in range(count):
        along = first + n * step
        here = ndimage.map_coordinates(hu, (start + normals * along[:, None] / spacing).T, order=1, mode="nearest")
        if n == 0:
            lesion = np.maximum(here, SOFT_HU)
        level = np.where(along < surface, lesion, np.minimum(lesion, BRIGHTEST_SOFT_HU))
        excess += np.maximum(here - level, 0.0)
    return excess * step / (CORTEX_HU - SOFT_HU)


def _whole_bone(ct: CtVolume, lesion: NDArray[np.bool_], bone: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bone and lesion without holes: with the lesion as a plug, sections along all axes close that were open before."""
    whole = bone | lesion
    region = ct.grid.region_around(ct.grid.ras_of_mask(lesion), FILLED_WITHIN_MM)
    part = whole[region]
    for axis in range(3):
        part = part | np.moveaxis(filled_slices(np.moveaxis(part, axis, 0)), 0, axis)
    whole[region] = part
    return whole


def _outward_normals(inside: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (k, j, i, 3) in array order, in mm, pointing out of the mask."""
    signed = distance_mm(inside, spacing) - distance_mm(~inside, spacing)
    slopes = np.gradient(ndimage.gaussian_filter(signed, NORMAL_SMOOTHING_MM / spacing), *spacing)
    normals: NDArray[np.float64] = np.stack(slopes, axis=-1)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)


def _surface_area_mm2(
    inside: NDArray[np.bool_], normals: NDArray[np.float64], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Area (k, j, i) of the smooth surface behind a mask's outward faces.

    The steps of a slanting surface have up to 1.7 times its area. By Gauss, the faces' vectors add up to the vector
    of the surface that they stand for: each face counts with its projection on the surface's normal.
    """
    area = np.zeros(inside.shape)
    for axis in range(3):
        face_mm2 = float(np.prod(np.delete(spacing, axis)))
        along = np.moveaxis(normals[..., axis], axis, 0)
        first, second = np.moveaxis(inside, axis, 0)[:-1], np.moveaxis(inside, axis, 0)[1:]
        here = np.moveaxis(area, axis, 0)
        between = face_mm2 * (along[:-1] + along[1:]) / 2
        here[:-1] += between * (first & ~second)
        here[1:] -= between * (second & ~first)
    return np.maximum(area, 0.0)
