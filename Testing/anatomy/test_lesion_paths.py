"""Cheapest paths through the image: costs against Dijkstra's algorithm on the same graph, and what they tell."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import VOXEL_MM, Neighbourhood
from BoneAblationPlannerLib.anatomy.lesion.paths import FAR_MM, STEP_COST, click_or_far, path_costs
from BoneAblationPlannerLib.frames import Grid

SIZE = 45


def graph_costs(level, start):
    """Least cost to every voxel from a sparse graph of all pairs of neighbours."""
    number = np.arange(level.size).reshape(level.shape)
    rows, columns, costs = [], [], []
    for axis in range(3):
        ahead, behind = (np.moveaxis(number, axis, 0)[part].ravel() for part in (slice(1, None), slice(None, -1)))
        step = np.abs(level.ravel()[ahead] - level.ravel()[behind]) + STEP_COST
        rows += [ahead, behind]
        columns += [behind, ahead]
        costs += [step, step]
    graph = coo_array((np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))), shape=[level.size] * 2)
    return dijkstra(graph.tocsr(), indices=number[start], min_only=True).reshape(level.shape)


def test_costs_are_those_of_the_cheapest_path():
    rng = np.random.default_rng(11)
    level = rng.integers(-200, 1501, (7, 8, 9)).astype(np.int32)
    starts = np.zeros((2, *level.shape), dtype=bool)
    starts[0, [1, 5], [6, 0], [2, 8]] = True
    starts[1, 3, 3, 3] = True
    for costs, start in zip(path_costs(level, starts), starts, strict=True):
        np.testing.assert_array_equal(costs, graph_costs(level, start))


def test_in_an_even_image_the_cost_is_the_number_of_steps():
    start = np.zeros((6, 5, 7), dtype=bool)
    start[2, 3, 4] = True
    steps = np.abs(np.indices(start.shape) - np.array([2, 3, 4])[:, None, None, None]).sum(axis=0)
    np.testing.assert_array_equal(path_costs(np.full(start.shape, 80, np.int32), start[None])[0], steps * STEP_COST)


def test_what_a_wall_parts_from_the_click_belongs_to_what_lies_far_off():
    """The same density on both sides of a closed shell: only the paths tell them apart."""
    offset = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    radius = np.sqrt((offset**2).sum(axis=0)).astype(np.float32) * np.float32(VOXEL_MM)
    assert radius.max() > FAR_MM + 5.0
    hu = np.where((radius > 12.0) & (radius < 15.0), 400.0, 50.0).astype(np.float32)
    everywhere = np.ones(hu.shape, dtype=bool)
    grid = Grid(hu.shape, np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0]))
    near = Neighbourhood(grid, hu, everywhere, everywhere, radius)
    told = click_or_far(near, (slice(None),) * 3)
    assert (told[radius < 12.0] > 0).all()
    assert (told[radius > 15.0] < 0).all()
