"""Where heat comes from: electric fields against closed forms, absorbed power, needles in any direction."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.antenna import absorbed_w_m3, attenuation_per_m
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED, REST, inner
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.potential import joule_w_m3, solve_potential
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart
from BoneAblationPlannerLib.zones.heat.tissue import tissue
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map

SIGMA = 0.5


def cube(count, voxel_mm=1.0):
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    matrix[:3, 3] = -(count - 1) / 2 * voxel_mm
    return Grid((count,) * 3, matrix)


@pytest.mark.parametrize("grid", [cube(41), oblique_grid((33, 45, 51), (0.8, 0.9, 1.2))], ids=["cube", "oblique"])
def test_potential_and_heat_between_concentric_spheres(grid):
    """phi = 1/r between spheres of 5 and 15 mm: heat in a shell a to b is 4 pi sigma (1/a - 1/b)."""
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    r = np.linalg.norm(every_point(grid) - middle, axis=1).reshape(grid.shape)
    exact = 1 / np.maximum(r, 1) * 1000
    fixed = (r <= 5) | (r >= 15)
    conductivity = np.full(grid.shape, SIGMA, dtype=np.float32)
    phi = solve_potential(conductivity, grid.spacing_kji_mm, fixed, exact, INSULATED)
    assert np.abs(inner(phi) - exact)[~fixed].max() < 0.01 * exact[~fixed].max()
    heat = joule_w_m3(phi, conductivity, grid.spacing_kji_mm, INSULATED)
    shell = (r > 8) & (r < 13)
    watts = heat[shell].sum() * np.prod(grid.spacing_kji_mm) * 1e-9
    assert watts == pytest.approx(4 * np.pi * SIGMA * (1 / 0.008 - 1 / 0.013), rel=0.03)


def test_current_through_two_layers_heats_them_by_their_resistance():
    """A slab of two halves in series at 1 V: 2 s1 s2 / (s1 + s2) over its length; heat shares are the resistances."""
    grid = Grid((1, 1, 41), np.diag([1.0, 1.0, 1.0, 1.0]))
    conductivity = np.where(np.arange(41) < 20.5, 0.4, 0.1).astype(np.float32).reshape(grid.shape)
    conductivity[0, 0, 20] = 0.16  # half of each in series: the middle voxel is cut by the contact
    fixed = np.zeros(grid.shape, dtype=bool)
    fixed[0, 0, [0, 40]] = True
    values = np.zeros(grid.shape)
    values[0, 0, 0] = 1.0
    phi = solve_potential(conductivity, grid.spacing_kji_mm, fixed, values, INSULATED)
    heat = joule_w_m3(phi, conductivity, grid.spacing_kji_mm, INSULATED)
    resistance = 0.020 / 0.4 + 0.020 / 0.1  # per area, ends at voxel centres
    assert heat.sum() * 1e-3 == pytest.approx(1 / resistance, rel=1e-3)
    assert heat[0, 0, 25] / heat[0, 0, 10] == pytest.approx(4, rel=1e-3)


def test_two_equal_poles_make_an_antisymmetric_field():
    grid = cube(31)
    fixed, values = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape)
    fixed[9:13, 15, 15], values[9:13, 15, 15] = True, 1.0
    fixed[18:22, 15, 15], values[18:22, 15, 15] = True, -1.0
    conductivity = np.full(grid.shape, SIGMA, dtype=np.float32)
    phi = inner(solve_potential(conductivity, grid.spacing_kji_mm, fixed, values, INSULATED))
    assert np.abs(phi + phi[::-1]).max() < 1e-3
    assert np.abs(phi).max() <= 1 + 1e-6


def test_potential_of_a_sphere_pair():
    """1/r1 - 1/r2 around two spheres of 4 mm, 20 mm apart, whose surfaces hold it; oblique as well."""
    for grid in (cube(45), oblique_grid((31, 43, 49), (0.8, 1.0, 1.4))):
        middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
        apart = np.array([10.0, 0.0, 0.0])
        r1, r2 = (np.linalg.norm(every_point(grid) - middle - s * apart, axis=1).reshape(grid.shape) for s in (1, -1))
        exact = 1 / np.maximum(r1, 1) - 1 / np.maximum(r2, 1)
        fixed = (r1 <= 4) | (r2 <= 4)
        for axis in range(3):
            edge = [slice(None)] * 3
            for place in (0, -1):
                edge[axis] = place
                fixed[tuple(edge)] = True
        conductivity = np.full(grid.shape, SIGMA, dtype=np.float32)
        phi = inner(solve_potential(conductivity, grid.spacing_kji_mm, fixed, exact, INSULATED))
        assert (~fixed).sum() > 10000
        assert np.abs(phi - exact)[~fixed].max() < 0.02 * np.abs(exact[~fixed]).max()


def test_no_electrode_is_refused():
    grid = cube(5)
    ones = np.ones(grid.shape, dtype=np.float32)
    with pytest.raises(InputError, match="electrode"):
        solve_potential(ones, grid.spacing_kji_mm, np.zeros(grid.shape, bool), ones, REST)


def test_attenuation_of_muscle_at_2450_mhz():
    """sigma/2 x impedance for a weak loss, corrected by the loss tangent: about 45 Np/m, a depth of 22 mm."""
    muscle = tissue("muscle")
    got = attenuation_per_m(np.array([muscle.mw_permittivity]), np.array([muscle.mw_conductivity_s_m]))[0]
    weak = muscle.mw_conductivity_s_m / 2 * 376.73 / np.sqrt(muscle.mw_permittivity)
    assert got == pytest.approx(weak, rel=0.02)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (0.3, -0.5, 0.8)])
def test_absorbed_power_is_what_was_put_in(direction):
    grid = cube(51)
    medium = Medium.of(uniform_map(grid, "lytic tumour"))
    axis = np.array(direction) / np.linalg.norm(direction)
    part = ActivePart(-8 * axis, 8 * axis, 0.75)
    density = absorbed_w_m3(medium, part, 30.0, medium.mw_permittivity, medium.mw_conductivity)
    assert density.sum() * 1e-9 == pytest.approx(30.0, rel=1e-4)
    across = np.cross(axis, [0.0, 1.0, 0.1])
    across /= np.linalg.norm(across)
    sides = [density[grid.nearest_voxel(d * across)] for d in (-10, 10)]
    assert sides[0] == pytest.approx(sides[1], rel=0.1)


def test_fat_takes_less_of_a_microwave_than_tumour():
    grid = cube(41)
    tissues = uniform_map(grid, "lytic tumour")
    tissues.paint(np.indices(grid.shape)[2] > 20, "fat")
    medium = Medium.of(tissues)
    part = ActivePart(np.array([0.0, 0.0, -8.0]), np.array([0.0, 0.0, 8.0]), 0.75)
    density = absorbed_w_m3(medium, part, 30.0, medium.mw_permittivity, medium.mw_conductivity)
    ratio = density[20, 20, 24] / density[20, 20, 16]
    assert ratio < 2 * tissue("fat").mw_conductivity_s_m / tissue("lytic tumour").mw_conductivity_s_m


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 1, 0), (1, 1, 1), (0.2, -0.9, 0.4)])
def test_a_shaft_fills_its_own_volume_in_any_direction(direction):
    """A shaft of 4 mm: the shares add up to about its volume, ends rounded."""
    grid = cube(41)
    axis = np.array(direction) / np.linalg.norm(direction)
    voxels, share = ActivePart(-10 * axis, 10 * axis, 2.0).filled(grid)
    assert (share <= 1).all()
    assert len(np.unique(voxels, axis=0)) == len(voxels)
    assert share.sum() == pytest.approx(np.pi * 4 * 20 + 4 / 3 * np.pi * 8, rel=0.08)


def test_an_active_part_outside_the_block_is_refused():
    with pytest.raises(InputError, match="active part"):
        ActivePart(np.array([0.0, 0.0, 0.0]), np.array([0.0, 0.0, 40.0]), 1.0).filled(cube(21))


@pytest.mark.parametrize("direction", [(0, 0, 1), (0.3, -0.5, 0.8)])
def test_a_cluster_is_as_many_needles_as_far_apart(direction):
    """Three of 1.5 mm, 5 mm apart: axes lie 5 / sqrt(3) mm off the middle, and fill three times what one does."""
    grid = oblique_grid((45, 45, 45), (1.0, 1.0, 1.0))
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    axis = np.array(direction) / np.linalg.norm(direction)
    one = ActivePart(middle - 10 * axis, middle + 10 * axis, 3.65)
    three = one.cluster(3, 5.0, 1.5)
    assert np.allclose(np.linalg.norm(three.beside_mm, axis=1), 5 / np.sqrt(3))
    assert np.allclose(three.beside_mm @ axis, 0)
    assert np.allclose(np.linalg.norm(three.beside_mm - np.roll(three.beside_mm, 1, axis=0), axis=1), 5)
    assert np.allclose(three.distance_mm(middle + three.beside_mm), 0)
    assert three.distance_mm(middle[None])[0] == pytest.approx(5 / np.sqrt(3))
    thin = ActivePart(one.start_ras_mm, one.end_ras_mm, 0.75)
    assert three.filled(grid)[1].sum() == pytest.approx(3 * thin.filled(grid)[1].sum(), rel=0.1)
