"""Grids: frames, cropping, refinement, refusal of what is not a grid."""

import numpy as np
import pytest
import SimpleITK as sitk
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.frames import Grid, pooled, ras_from_lps, subdivide, unit_vector


def test_ras_and_ijk_are_inverse_on_an_oblique_grid():
    grid = oblique_grid()
    ijk = np.array([[0.0, 0.0, 0.0], [3.25, 7.5, 11.75], [-2.0, 50.0, 4.0]])
    np.testing.assert_allclose(grid.ijk_from_ras(grid.ras_from_ijk(ijk)), ijk, atol=1e-9)


def test_spacing_and_volume_follow_from_the_axes():
    grid = oblique_grid(spacing_ijk_mm=(0.8, 1.1, 2.6))
    np.testing.assert_allclose(grid.spacing_ijk_mm, [0.8, 1.1, 2.6])
    np.testing.assert_allclose(grid.spacing_kji_mm, [2.6, 1.1, 0.8])
    assert grid.voxel_ml == pytest.approx(0.8 * 1.1 * 2.6 / 1000)
    assert grid.half_diagonal_mm == pytest.approx(np.sqrt(0.8**2 + 1.1**2 + 2.6**2) / 2)


def test_simpleitk_sees_the_same_point_at_the_same_index():
    grid = oblique_grid()
    image = grid.image(np.zeros(grid.shape, dtype=np.int16))
    ras = grid.ras_from_ijk([[4, 9, 21]])[0]
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((4, 9, 21)), ras * [-1, -1, 1], atol=1e-6)
    assert grid.matches(Grid.from_image(image))


def test_image_of_a_left_handed_grid_keeps_its_points():
    grid = Grid((3, 4, 5), np.diag([1.0, -2.0, 3.0, 1.0]))
    image = grid.image(np.zeros(grid.shape, dtype=np.uint8))
    np.testing.assert_allclose(
        ras_from_lps(image.TransformIndexToPhysicalPoint((1, 1, 1))), grid.ras_from_ijk([[1, 1, 1]])[0]
    )


def test_crop_keeps_points_in_place():
    grid = oblique_grid()
    region = (slice(3, 9), slice(5, 30), slice(10, 11))
    marked = np.zeros(grid.shape, dtype=bool)
    marked[4, 20, 10] = True
    np.testing.assert_allclose(grid.crop(region).ras_of_mask(marked[region]), grid.ras_of_mask(marked), atol=1e-9)


def test_refined_grid_fills_the_same_space():
    grid = oblique_grid(shape=(3, 4, 5))
    factors = grid.refinement(1.0)
    assert factors == (3, 2, 1)
    fine = grid.refined(factors)
    assert fine.spacing_ijk_mm.max() <= 1.0
    # Each voxel's parts average to its centre, and parts carry its value.
    values = np.arange(60).reshape(grid.shape)
    parts = subdivide(values, factors)
    centres = every_point(fine)
    for value in (0, 17, 59):
        mean = centres[(parts == value).ravel()].mean(axis=0)
        np.testing.assert_allclose(mean, every_point(grid)[value], atol=1e-9)
    assert fine.voxel_ml * 6 == pytest.approx(grid.voxel_ml)


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 1, 3), (1, 2, 2)])
def test_coarsened_blocks_hold_their_voxels(factors):
    grid = oblique_grid(shape=(5, 7, 8))
    coarse = grid.coarsened(factors)
    mask = np.zeros(grid.shape, dtype=bool)
    mask[4, 6, 7] = mask[0, 2, 3] = True
    blocks = pooled(mask, factors)
    assert blocks.shape == coarse.shape
    # Every voxel lies in a block that is marked: no farther from its centre than the block's extent allows.
    for point in grid.ras_of_mask(mask):
        offset = np.abs(coarse.ijk_from_ras(coarse.ras_of_mask(blocks)) - coarse.ijk_from_ras(point)).max(axis=1)
        assert offset.min() <= 0.5
    assert blocks.sum() <= 2


def test_region_around_holds_everything_within_the_padding():
    grid = oblique_grid()
    point = grid.ras_from_ijk([[25, 20, 15]])[0]
    region = grid.region_around(point, 6.0)
    inside = np.zeros(grid.shape, dtype=bool)
    inside[region] = True
    near = np.linalg.norm(every_point(grid) - point, axis=1) <= 6.0
    assert inside.ravel()[near].all()


def test_region_of_points_outside_is_never_empty():
    grid = oblique_grid()
    far = grid.ras_from_ijk([[-500, 900, -500]])
    assert all(s.stop > s.start for s in grid.region_around(far, 1.0))


def test_nearest_voxel_refuses_points_outside():
    grid = oblique_grid()
    assert grid.nearest_voxel(grid.ras_from_ijk([[7.4, 8.6, 9.0]])[0]) == (9, 9, 7)
    with pytest.raises(ValueError, match="outside the image"):
        grid.nearest_voxel(grid.ras_from_ijk([[-1.0, 5, 5]])[0])


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3), np.eye(4) + 0.5 * np.eye(4, k=1) * [[1], [0], [0], [0]]],
    ids=["flat", "nan", "3x3", "sheared"],
)  # fmt: skip
def test_refuses_what_is_not_a_grid(matrix):
    with pytest.raises(ValueError, match="ijk_to_ras"):
        Grid((2, 2, 2), matrix)


def test_grid_cannot_be_changed_afterwards():
    matrix = np.eye(4)
    grid = Grid((2, 2, 2), matrix)
    matrix[0, 0] = 5
    assert grid.ijk_to_ras[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.ijk_to_ras[0, 0] = 2


@pytest.mark.parametrize("vector", [[0, 0, 0], [np.nan, 1, 0], [np.inf, 0, 0]])
def test_no_direction_from_nothing(vector):
    with pytest.raises(ValueError, match="no direction"):
        unit_vector(vector)


def test_image_of_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        oblique_grid().image(np.zeros((2, 2, 2)))


def test_sitk_image_type_survives():
    grid = oblique_grid(shape=(2, 3, 4))
    assert grid.image(np.zeros(grid.shape, dtype=bool)).GetPixelID() == sitk.sitkUInt8
