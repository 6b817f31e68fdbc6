"""Regions of the working grid on the CT: voxel by voxel against the work voxel that holds each one."""

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.region_labels import RegionLabels
from BoneAblationPlannerLib.frames import Grid

STEP_MM = 1.5


@pytest.mark.parametrize("spacing_kji_mm", [(3.0, 0.8, 0.8), (1.0, 1.1, 0.7)])
def test_each_voxel_takes_the_region_of_the_work_voxel_it_lies_in(spacing_kji_mm):
    rng = np.random.default_rng(3)
    box = (slice(2, 12), slice(3, 33), slice(1, 41))
    grid = Grid((14, 36, 44), np.diag([*spacing_kji_mm[::-1], 1.0]))
    shape = tuple(int(np.ceil((s.stop - s.start) * mm / STEP_MM)) for s, mm in zip(box, spacing_kji_mm, strict=True))
    work_bone = rng.random(shape) < 0.7
    regions = np.where(rng.random(shape) < 0.8, rng.integers(1, 5, shape), 0).astype(np.int32)
    work = Work(Grid(shape, np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])), np.zeros(shape, np.float32), work_bone,
                np.zeros(shape, np.float32))  # fmt: skip
    bone = rng.random(grid.shape) < 0.6
    expected = np.zeros(grid.shape, dtype=np.uint16)
    for place in np.argwhere(np.ones(tuple(s.stop - s.start for s in box), dtype=bool)):
        middle_mm = (place + 0.5) * spacing_kji_mm
        inside = tuple(np.clip(np.floor(middle_mm / STEP_MM + 1e-9).astype(int), 0, np.array(shape) - 1))
        at = tuple(place + [s.start for s in box])
        if bone[at] or not work_bone[inside]:  # marrow that a region took in beside bone
            expected[at] = regions[inside]
    on_ct = RegionLabels(grid, bone, box, work, regions)
    table = np.arange(5, dtype=np.uint16)
    found = on_ct.labels(table)
    on_border = np.zeros(grid.shape, dtype=bool)  # a middle that lies on the face of two work voxels may take either
    for axis, (s, mm) in enumerate(zip(box, spacing_kji_mm, strict=True)):
        between = (np.arange(s.stop - s.start) + 0.5) * mm / STEP_MM
        faces = np.flatnonzero(np.abs(between - np.rint(between)) < 1e-6) + s.start
        on_border[tuple(faces if a == axis else slice(None) for a in range(3))] = True
    np.testing.assert_array_equal(found[~on_border], expected[~on_border])
    np.testing.assert_array_equal(on_ct.voxels()[1:], np.bincount(found.ravel(), minlength=5)[1:])
    np.testing.assert_array_equal(on_ct.labels(table * 2), found * 2)
