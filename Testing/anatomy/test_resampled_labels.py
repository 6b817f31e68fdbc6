"""Labels on another grid: thin structures to keep clear of are not lost, everything else goes to the nearest voxel."""

import numpy as np
import pytest
from grids import oblique_grid

from BoneAblationPlannerLib.anatomy.resampled_labels import nearest, structures_on_grid
from BoneAblationPlannerLib.frames import Grid


def moved(matrix, onto):
    """A grid's matrix with its first voxel so that the middles of both grids meet."""
    middle = onto.ras_from_ijk((np.array(onto.shape[::-1]) - 1) / 2)[0]
    matrix[:3, 3] = middle - [41.5, 35.5, 29.5]
    return matrix


CT = Grid((20, 24, 28), np.diag([3.0, 3.0, 3.0, 1.0]))
FINE = Grid((60, 72, 84), np.diag([1.0, 1.0, 1.0, 1.0]))  # its first voxel lies at the corner of no voxel of the CT
OBLIQUE = oblique_grid((20, 24, 28), (2.9, 3.1, 2.6))
GRIDS = {"axial": (CT, FINE), "turned": (OBLIQUE, Grid((60, 72, 84), moved(np.diag([1.0, 1.0, 1.0, 1.0]), OBLIQUE)))}


def thread(grid, reference, beside):
    """Fine voxels (k, j, i) along a line of one voxel that keeps away from the centres of the reference's voxels."""
    mask = np.zeros(grid.shape, dtype=bool)
    mask[10:50, beside, beside] = True
    return mask


@pytest.mark.parametrize("grids", GRIDS)
@pytest.mark.parametrize("beside", [19, 20, 21])
def test_a_thread_thinner_than_a_voxel_is_kept_where_it_passes(grids, beside):
    reference, grid = GRIDS[grids]
    mask = thread(grid, reference, beside)
    found = structures_on_grid(mask.astype(np.uint8), {1: "ureter_right"}, grid, reference) == 1
    expected = np.zeros(reference.shape, dtype=bool)
    kji = np.rint(reference.ijk_from_ras(grid.ras_of_mask(mask))).astype(int)[:, ::-1]
    expected[tuple(kji[((kji >= 0) & (kji < reference.shape)).all(axis=1)].T)] = True
    assert expected.sum() >= 10
    np.testing.assert_array_equal(found, expected | (nearest(mask.astype(np.uint8), grid, reference) == 1))


def test_nearest_neighbour_alone_loses_it():
    mask = thread(FINE, CT, 20)
    assert not nearest(mask.astype(np.uint8), FINE, CT).any()


@pytest.mark.parametrize("name", ["gluteus_maximus_left", "hip_left", "GTV"])
def test_what_needs_no_distance_goes_to_the_nearest_voxel(name):
    mask = thread(FINE, CT, 20).astype(np.uint8)
    assert not structures_on_grid(mask, {1: name}, FINE, CT).any()


def test_a_thread_goes_before_what_counts_less_or_as_much_and_not_before_what_counts_more():
    mask = thread(FINE, CT, 20).astype(np.uint8)
    for around, thin, kept in (("hip_left", "nerve", True), ("colon", "ureter_left", True), ("", "nerve", True),
                               ("colon", "renal artery", False)):  # fmt: skip
        labels = np.full(FINE.shape, 2, dtype=np.uint8)
        labels[mask > 0] = 1
        found = structures_on_grid(labels, {1: thin, 2: around}, FINE, CT)
        assert (found == 1).any() == kept, (around, thin)


def test_thick_structures_and_coarser_maps_go_to_the_nearest_voxel():
    thick = np.zeros(FINE.shape, dtype=np.uint8)
    thick[9:30, 12:33, 15:60] = 1
    np.testing.assert_array_equal(structures_on_grid(thick, {1: "colon"}, FINE, CT), nearest(thick, FINE, CT))
    coarse = np.zeros(CT.shape, dtype=np.uint8)
    coarse[5:9, 7, 7] = 1
    np.testing.assert_array_equal(structures_on_grid(coarse, {1: "colon"}, CT, FINE), nearest(coarse, CT, FINE))
