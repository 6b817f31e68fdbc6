"""The parts a lesion outline is made of: best region, sharpened edges, ellipsoid, necks, overlap with normal bone."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from BoneAblationPlannerLib.anatomy.lesion.cut import best_region
from BoneAblationPlannerLib.anatomy.lesion.envelope import Envelope
from BoneAblationPlannerLib.anatomy.lesion.growth import AT_CLICK_MM, grown
from BoneAblationPlannerLib.anatomy.lesion.marks import Marks
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood, depth_mm
from BoneAblationPlannerLib.anatomy.lesion.outline import NORMAL_ABOVE
from BoneAblationPlannerLib.anatomy.lesion.shape import WIDER, WIDER_MM, body_at, fitted_ellipsoid
from BoneAblationPlannerLib.anatomy.lesion.tissue import sharpened
from BoneAblationPlannerLib.frames import Grid

SIZE = 71


def cube(hu, bone):
    """A neighbourhood whose click lies in the middle."""
    matrix = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    matrix[:3, 3] = -VOXEL_MM * (SIZE - 1) / 2
    grid = Grid((SIZE,) * 3, matrix)
    radius = np.linalg.norm(grid.ras_of_mask(np.ones(grid.shape, dtype=bool)), axis=1).reshape(grid.shape)
    return Neighbourhood(grid, hu.astype(np.float32), bone, np.ones(grid.shape, bool), radius.astype(np.float32))


def centred_ball(radius_mm):
    k, j, i = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    return (k**2 + j**2 + i**2) * VOXEL_MM**2 <= radius_mm**2


@pytest.mark.parametrize(("gain", "kept"), [(0.2, False), (0.55, True)])
def test_a_ball_is_kept_if_it_holds_more_than_its_surface_costs(gain, kept):
    """A ball of radius r voxels gains 4/3 pi r^3 g and costs 4 pi r^2: kept for g r > 3, here r = 10."""
    k, j, i = np.indices((31, 31, 31)) - 15
    inside = k**2 + j**2 + i**2 <= 100
    evidence = np.where(inside, gain, -5.0).astype(np.float32)
    found = best_region(evidence, np.ones_like(evidence), np.zeros_like(evidence)) > 0.5
    if kept:
        assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.9
        assert not (found & ~inside).any()
    else:
        assert not found.any()


def test_the_best_region_does_not_depend_on_its_start():
    rng = np.random.default_rng(5)
    evidence = rng.normal(size=(20, 21, 22)).astype(np.float32)
    wall = np.full_like(evidence, 0.3)
    first = best_region(evidence, wall, np.zeros_like(evidence)) > 0.5
    second = best_region(evidence, wall, np.ones_like(evidence)) > 0.5
    assert (first != second).mean() < 0.01  # where both sides weigh the same


def test_without_a_surface_cost_every_voxel_decides_for_itself():
    evidence = np.random.default_rng(6).normal(size=(9, 10, 11)).astype(np.float32)
    found = best_region(evidence, np.zeros_like(evidence), np.full_like(evidence, 0.5))
    clear = np.abs(evidence) > 0.1
    np.testing.assert_array_equal((found > 0.5)[clear], (evidence > 0)[clear])


def test_a_blurred_edge_becomes_a_step_at_the_half_way_density():
    line = np.array([0.0, 0, 0, 100, 300, 700, 900, 1000, 1000, 1000], dtype=np.float32)
    blurred = np.ascontiguousarray(np.broadcast_to(line, (5, 5, 10)))
    sharp = blurred
    for _ in range(4):
        sharp = sharpened(sharp, np.float32(50.0))
    np.testing.assert_array_equal(sharp[2, 2], np.where(line > 500, 1000, 0))


def test_what_differs_too_little_is_left_as_it_is():
    noise = np.random.default_rng(2).uniform(0, 40, (6, 7, 8)).astype(np.float32)
    np.testing.assert_array_equal(sharpened(noise, np.float32(41.0)), noise)


def test_ellipsoid_of_an_oblique_ellipsoid():
    axes = Rotation.from_euler("xyz", [20, 35, -50], degrees=True).as_matrix()
    radii = np.array([14.0, 10.0, 8.0])
    offset = np.moveaxis(np.indices((41, 41, 41)) - 20.0, 0, -1) * VOXEL_MM
    region = ((offset @ axes / radii) ** 2).sum(axis=-1) <= 1
    found = fitted_ellipsoid(region)
    np.testing.assert_allclose(found.centre, 20.0, atol=0.1)
    wider = 1 / np.sqrt(np.linalg.eigvalsh(found.form))
    np.testing.assert_allclose(np.sort(wider), np.sort(radii * WIDER + WIDER_MM), rtol=0.03)
    along = 20 + axes[:, 0] * (radii[0] * WIDER + WIDER_MM) / VOXEL_MM
    assert found.reach((41, 41, 41))[tuple(np.rint(along).astype(int))] == pytest.approx(1, abs=0.06)  # half a voxel


def test_what_hangs_on_by_a_neck_is_cut_off():
    main = centred_ball(9.0)
    other = np.roll(main, 18, axis=2)
    neck = np.zeros_like(main)
    neck[35:37, 35:37, 35:54] = True
    near = cube(np.zeros(main.shape), main)
    body = body_at(main | other | neck, near.radius_mm < AT_CLICK_MM)
    assert body[main].mean() > 0.95
    assert body[other & ~main].mean() < 0.1


def test_a_thin_region_is_not_lost():
    plate = np.zeros((SIZE,) * 3, dtype=bool)
    plate[35:37, 25:46, 25:46] = True
    np.testing.assert_array_equal(body_at(plate, centred_ball(AT_CLICK_MM)), plate)


def test_depth_is_signed():
    mask = centred_ball(12.0)
    depth = depth_mm(mask)
    assert (depth[mask] > 0).all()
    assert (depth[~mask] < 0).all()
    assert depth.max() == pytest.approx(12.0, abs=VOXEL_MM * np.sqrt(3))


@pytest.mark.parametrize(("hu", "low", "high"), [(45.0, 0.0, 0.3), (230.0, NORMAL_ABOVE, 1.0)])
def test_overlap_with_normal_bone_tells_lesion_from_bone(hu, low, high):
    """Bone of 230 HU and 30 HU noise: a lesion at 45 HU shares no density with it, one at 230 HU all of them."""
    rng = np.random.default_rng(9)
    bone = centred_ball(34.0)
    tissue = np.where(bone, 230.0, 50.0) + rng.normal(scale=30.0, size=bone.shape)
    lesion = centred_ball(9.0)
    tissue[lesion] += hu - 230.0
    nothing = np.zeros_like(bone)
    marks = Marks(nothing, nothing, nothing)
    found = grown(cube(tissue, bone), Envelope(bone.astype(np.float32), False), marks)
    assert low <= found.alike_normal <= high
