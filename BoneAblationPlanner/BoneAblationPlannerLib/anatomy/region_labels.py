"""Regions of the working grid as labels on the CT's own: each voxel takes the region of the work voxel it lies in."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import Region


class RegionLabels:
    """Which region each voxel of a box in the CT belongs to: bone, and what regions took in beside it (marrow).

    Parameters
    ----------
    grid : Grid
        The CT's.
    bone : (k, j, i) bool
        On it.
    box : three slices
        What `work` covers.
    work : Work
    regions : (k, j, i) int
        On the working grid; 0 is none.
    """

    def __init__(
        self, grid: Grid, bone: NDArray[np.bool_], box: Region, work: Work, regions: NDArray[np.int32]
    ) -> None:
        self._shape, self._box, self._bone = grid.shape, box, bone[box]
        self._regions = np.ascontiguousarray(regions, dtype=np.int32)
        self._work_bone = work.bone
        self._at = [
            np.clip(np.rint((np.arange(s.stop - s.start) + 0.5) * mm / work.step_mm - 0.5).astype(np.int64), 0, n - 1)
            for s, mm, n in zip(box, grid.spacing_kji_mm, regions.shape, strict=True)
        ]

    def voxels(self) -> NDArray[np.int64]:
        """Number of voxels of each region, from 0 to the largest."""
        counts = np.zeros((len(self._at[0]), int(self._regions.max(initial=0)) + 1), dtype=np.int64)
        at_k, at_j, at_i = self._at
        _count(self._bone, self._regions, self._work_bone, at_k, at_j, at_i, counts)
        return np.asarray(counts.sum(axis=0))

    def labels(self, table: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Labels (k, j, i) on the CT: each region's entry in a table."""
        labels = np.zeros(self._shape, dtype=np.uint16)
        at_k, at_j, at_i = self._at
        _write(self._bone, self._regions, self._work_bone, at_k, at_j, at_i, table, labels[self._box])
        return labels


@parallel_kernel
def _count(bone, regions, work_bone, at_k, at_j, at_i, counts):  # type: ignore[no-untyped-def]
    for k in prange(len(at_k)):
        for j in range(len(at_j)):
            for i in range(len(at_i)):
                region = regions[at_k[k], at_j[j], at_i[i]]
                if bone[k, j, i] or not work_bone[at_k[k], at_j[j], at_i[i]]:
                    counts[k, region] += 1


@parallel_kernel
def _write(bone, regions, work_bone, at_k, at_j, at_i, table, labels):  # type: ignore[no-untyped-def]
    for k in prange(len(at_k)):
        for j in range(len(at_j)):
            for i in range(len(at_i)):
                region = regions[at_k[k], at_j[j], at_i[i]]
                if bone[k, j, i] or not work_bone[at_k[k], at_j[j], at_i[i]]:
                    labels[k, j, i] = table[region]
