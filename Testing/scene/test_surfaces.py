"""Zones, needles, margin map: positions from formulas, for every direction."""

from dataclasses import replace

import numpy as np
import pytest
from make_result import LESION_RAS_MM, VISIBLE_AXES_MM, ZONE_AXES_MM, make_result, oblique_grid
from vtk.util.numpy_support import vtk_to_numpy

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.colours import margin_table
from BoneAblationPlannerLib.scene.convert import orthonormal_frame, points_array
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.surfaces import ellipsoid_surface, mask_surface, needle_surface

DIRECTIONS = [
    (0, 0, 1),
    (0, 0, -1),
    (0, 1, 0),
    (0, -1, 0),
    (1, 0, 0),
    (-1, 0, 0),
    (1e-12, 0, -1),
    (0.3, -0.8, 0.52),
    (1, 1, 1),
]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_frame_is_a_rotation_for_every_direction(direction):
    frame = orthonormal_frame(direction)
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1.0)
    np.testing.assert_allclose(frame[:, 2], np.array(direction) / np.linalg.norm(direction), atol=1e-12)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_ellipsoid_vertices_satisfy_its_equation(direction):
    centre, across, along = np.array([5.0, -7.0, 11.0]), 12.0, 20.0
    points = points_array(ellipsoid_surface(centre, (across, across, along), direction))
    assert np.isfinite(points).all()
    d = np.array(direction) / np.linalg.norm(direction)
    offset = points - centre
    axial = offset @ d
    radial = np.linalg.norm(offset - np.outer(axial, d), axis=1)
    np.testing.assert_allclose((axial / along) ** 2 + (radial / across) ** 2, 1.0, atol=1e-9)
    assert axial.max() == pytest.approx(along)
    assert axial.min() == pytest.approx(-along)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_needle_has_its_true_diameter_and_ends_at_the_tip(direction):
    tip = np.array([1.0, 2.0, 3.0])
    points = points_array(needle_surface(tip, direction, 150.0, 1.5))
    d = np.array(direction) / np.linalg.norm(direction)
    axial = (points - tip) @ d
    radial = np.linalg.norm((points - tip) - np.outer(axial, d), axis=1)
    np.testing.assert_allclose(radial, 0.75, atol=1e-9)
    assert (axial.min(), axial.max()) == pytest.approx((-150.0, 0.0), abs=1e-9)


def test_normals_point_outwards_also_for_left_handed_grids():
    grid = Grid((12, 12, 12), np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert np.linalg.det(grid.ijk_to_ras[:3, :3]) < 0
    mask = np.zeros(grid.shape, bool)
    mask[3:9, 3:9, 3:9] = True
    surface = mask_surface(mask, grid)
    outward = points_array(surface) - points_array(surface).mean(axis=0)
    normals = vtk_to_numpy(surface.GetPointData().GetNormals())
    assert ((normals * outward).sum(axis=1) > 0).all()


@pytest.mark.parametrize("detail_mm", [0.0, 4.0, 7.0])
def test_mask_surface_lies_where_the_mask_is(detail_mm):
    """The surface of a ball keeps its centre and radius within half a block, on an oblique anisotropic grid."""
    grid = oblique_grid()
    radius = 40.0
    centre = grid.ras_from_ijk([[47.3, 39.1, 24.8]])[0]
    k, j, i = np.indices(grid.shape)
    points = grid.ras_from_ijk(np.stack([i, j, k], axis=-1).reshape(-1, 3))
    mask = (np.linalg.norm(points - centre, axis=1) <= radius).reshape(grid.shape)
    vertices = points_array(mask_surface(mask, grid, detail_mm))
    distances = np.linalg.norm(vertices - centre, axis=1)
    block = max(detail_mm, float(grid.spacing_ijk_mm.max()))
    assert abs(distances.mean() - radius) < block / 2
    assert np.linalg.norm((vertices.max(axis=0) + vertices.min(axis=0)) / 2 - centre) < block


def test_empty_mask_gives_an_empty_surface():
    grid = oblique_grid()
    assert mask_surface(np.zeros(grid.shape, bool), grid).GetNumberOfPoints() == 0


def test_zone_models_follow_the_plan():
    result = make_result()
    nodes = add_plan(new_scene(), result)
    for zone, ice, probe in zip(nodes.zones, nodes.visible_zones, result.plan.probes, strict=True):
        d = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)
        d /= np.linalg.norm(d)
        for node, axes in ((zone, ZONE_AXES_MM), (ice, VISIBLE_AXES_MM)):
            offset = points_array(node.GetPolyData()) - probe.zone_centre_ras_mm
            axial = offset @ d
            radial = np.linalg.norm(offset - np.outer(axial, d), axis=1)
            np.testing.assert_allclose((axial / (axes[2] / 2)) ** 2 + (radial / (axes[0] / 2)) ** 2, 1, atol=1e-9)


def test_heat_has_no_visible_ice():
    assert add_plan(new_scene(), make_result(ice=False)).visible_zones == ()


def test_needle_along_an_axis_builds_without_nan():
    result = make_result()
    probe = replace(
        result.plan.probes[0],
        entry_ras_mm=tuple(LESION_RAS_MM + np.array([0, 0, 60.0])),
        tip_ras_mm=tuple(LESION_RAS_MM),
        zone_centre_ras_mm=tuple(LESION_RAS_MM),
    )
    nodes = add_plan(new_scene(), replace(result, plan=replace(result.plan, probes=(probe,))))
    for node in (*nodes.zones, *nodes.shafts, *nodes.visible_zones):
        assert np.isfinite(points_array(node.GetPolyData())).all()


def test_margin_map_shows_the_nearest_evaluated_margin():
    """The margins of the synthetic result are linear in R, so the map must be so too, up to the point spacing."""
    result = make_result()
    surface = add_plan(new_scene(), result).margin_map.GetPolyData()
    margins = vtk_to_numpy(surface.GetPointData().GetScalars())
    assert surface.GetPointData().GetScalars().GetName() == "margin_mm"
    assert set(np.unique(margins)) <= set(result.surface_margins_mm)
    expected = (points_array(surface) - LESION_RAS_MM)[:, 0] / 2
    # Vertices lie within a voxel (4.3 mm across) of the evaluated points, margins change by half of that.
    assert np.abs(margins - expected).max() < 4.3 / 2 + 0.5


def test_margin_colours_diverge_around_zero():
    table = margin_table()
    grey = table[127:129].mean(axis=0)
    assert np.ptp(grey) < 0.05
    assert grey.min() > 0.9
    assert table[0, 0] > table[0, 2]  # lesion left: red side
    assert table[-1, 2] > table[-1, 0]  # beyond: blue side
