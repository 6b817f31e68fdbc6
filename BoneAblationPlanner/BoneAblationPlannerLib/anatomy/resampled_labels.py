"""Labels of another grid on the CT's: nearest neighbour, and no critical structure is lost for being thin."""

# SimpleITK has no annotations.
# mypy: allow-untyped-calls

from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.stacked_labels import is_kept_clear_of, weight
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import label_regions

_ONE_VOXEL = 1.001
"""Rounding of a file's spacing makes no voxel larger than another."""


def nearest(labels: NDArray[np.integer], grid: Grid, reference: Grid) -> NDArray[np.integer]:
    """Nearest neighbour on the reference grid; 0 outside."""
    one_voxel = reference.crop((slice(0, 1), slice(0, 1), slice(0, 1))).image(np.zeros((1, 1, 1), dtype=np.uint8))
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(one_voxel)
    resample.SetSize(reference.shape[::-1])
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    return np.asarray(sitk.GetArrayFromImage(resample.Execute(grid.image(labels))))


def structures_on_grid(
    labels: NDArray[np.integer],
    names: Mapping[int, str],
    grid: Grid,
    reference: Grid,
    table: StructureTable | None = None,
) -> NDArray[np.integer]:
    """Labels (k, j, i) of named structures on the reference grid.

    Nearest neighbour, but where a structure to keep clear of is thinner than the reference's voxels, those that hold a
    part of it belong to it, unless they belong to one that counts more (`weight`).
    """
    result = nearest(labels, grid, reference)
    box = _voxel_in(reference, grid)
    if box == (1, 1, 1):
        return result
    weights = {value: weight(name, table) for value, name in names.items()}
    for value, region in label_regions(labels).items():
        if not is_kept_clear_of(names.get(value, ""), table):
            continue
        own = labels[region] == value
        thin = own & ~ndimage.binary_opening(own, np.ones(box, dtype=bool))
        kji = np.argwhere(thin) + [s.start for s in region]
        index = np.rint(reference.ijk_from_ras(grid.ras_from_ijk(kji[:, ::-1]))).astype(int)[:, ::-1]
        k, j, i = index[((index >= 0) & (index < reference.shape)).all(axis=1)].T
        held = result[k, j, i]
        present, place = np.unique(held, return_inverse=True)
        own_weight = weights.get(value, weight("", table))
        yields = np.array([not n or weights.get(int(n), own_weight) <= own_weight for n in present], dtype=bool)
        free = yields[place.reshape(held.shape)] if len(held) else np.zeros(0, dtype=bool)
        result[k[free], j[free], i[free]] = value
    return result


def _voxel_in(reference: Grid, grid: Grid) -> tuple[int, int, int]:
    """How many voxels of a grid a voxel of the reference spans at most along k, j and i, rounded up; at least 1."""
    spans = np.abs((grid.ras_to_ijk @ reference.ijk_to_ras)[:3, :3]).sum(axis=1)
    i, j, k = (1 if span <= _ONE_VOXEL else int(np.ceil(span - 1e-3)) for span in spans)
    return k, j, i
