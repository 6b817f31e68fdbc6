"""Heating against closed forms: steady and transient sources, contact of two bodies, convergence, energy."""

from dataclasses import replace

import numpy as np
import pytest
from grids import every_point, oblique_grid
from scipy.special import erf

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED
from BoneAblationPlannerLib.zones.heat.damage import DAMAGE
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.tissue import tissue
from BoneAblationPlannerLib.zones.heat.tissue_map import VESSEL, uniform_map

MUSCLE = tissue("muscle")
HEAT = MUSCLE.density_kg_m3 * MUSCLE.heat_capacity_j_kgk


def cube(count, voxel_mm=1.0):
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    matrix[:3, 3] = -(count - 1) / 2 * voxel_mm
    return Grid((count,) * 3, matrix)


def bar(count, voxel_mm=1.0):
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    return Grid((1, 1, count), matrix)


def radius_m(grid):
    return np.linalg.norm(every_point(grid), axis=1).reshape(grid.shape) / 1000


def ball_shares(grid, radius_mm, parts=5):
    """Share of each voxel inside a ball around the origin, by sampling."""
    fine = grid.refined((parts,) * 3)
    inside = np.linalg.norm(every_point(fine), axis=1) <= radius_mm
    k, j, i = grid.shape
    return inside.reshape(k, parts, j, parts, i, parts).mean(axis=(1, 3, 5))


def test_steady_state_of_a_sphere_in_perfused_tissue():
    """T = q/w (1 - (1 + ka) exp(-ka) sinh(kr)/kr) inside, q/w (ka cosh ka - sinh ka) exp(-kr)/kr outside, k2 = w/K."""
    grid, radius, watts_m3, perfusion = cube(41), 0.005, 1e6, 40000.0
    medium = Medium.of(uniform_map(grid, "muscle"))
    medium.perfusion[...] = perfusion
    heating = Heating(medium, changing=False)
    heating.put_source(watts_m3 * ball_shares(grid, 5.0))
    heating.advance(12 * HEAT / perfusion)  # 12 time constants
    k = np.sqrt(perfusion / MUSCLE.conductivity_w_mk)
    r, ka = radius_m(grid), k * radius
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = 1 - (1 + ka) * np.exp(-ka) * np.where(r > 0, np.sinh(k * r) / (k * r), 1)
        outside = (ka * np.cosh(ka) - np.sinh(ka)) * np.exp(-k * r) / (k * r)
    wanted = watts_m3 / perfusion * np.where(r <= radius, inside, outside)
    error = np.abs(heating.inner("excess") - wanted)
    assert wanted.max() > 5
    assert error.max() < 0.012 * wanted.max()


def gaussian(grid, seconds, joules):
    """Instant point source: E / heat / (4 pi a t)^1.5 exp(-r2 / 4 a t)."""
    spread = 4 * MUSCLE.conductivity_w_mk / HEAT * seconds
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    r2 = ((every_point(grid) - middle) ** 2).sum(axis=1).reshape(grid.shape) * 1e-6
    return joules / HEAT / (np.pi * spread) ** 1.5 * np.exp(-r2 / spread)


@pytest.mark.parametrize("grid", [cube(49), oblique_grid((31, 49, 61), (0.8, 1.0, 1.6))], ids=["cube", "oblique"])
def test_point_source_spreads_as_a_gaussian(grid):
    medium = Medium.of(uniform_map(grid, "muscle"))
    medium.perfusion[...] = 0
    heating = Heating(medium, changing=False)
    start, end, joules = 60.0, 160.0, 30.0
    heating.put_excess(gaussian(grid, start, joules))
    heating.advance(end - start)
    wanted = gaussian(grid, end, joules)
    assert wanted.max() > 0.5
    assert np.abs(heating.inner("excess") - wanted).max() < 0.02 * wanted.max()


def test_second_order_in_space():
    """Halving the voxel with the step tied to its square divides the error by about four."""
    errors = []
    for count, voxel_mm in ((21, 2.0), (41, 1.0)):
        grid = cube(count, voxel_mm)
        medium = Medium.of(uniform_map(grid, "muscle"))
        medium.perfusion[...] = 0
        heating = Heating(medium, changing=False, largest_step_s=0.4 * voxel_mm**2)
        heating.put_excess(gaussian(grid, 60.0, 30.0))
        heating.advance(40.0)
        errors.append(np.abs(heating.inner("excess") - gaussian(grid, 100.0, 30.0)).max())
    assert 3.4 < errors[0] / errors[1] < 4.6


def test_two_bodies_in_contact():
    """Half spaces at 30 and 0 over rest: the contact takes the mean weighted by effusivity, erf to each side."""
    grid = bar(240, 0.5)
    tissues = uniform_map(grid, "muscle")
    right = np.arange(240) >= 120
    tissues.paint(right.reshape(grid.shape), "cortical bone")
    medium = Medium.of(tissues)
    medium.perfusion[...] = 0
    heating = Heating(medium, INSULATED, changing=False)
    heating.put_excess(np.where(right, 0.0, 30.0).reshape(grid.shape))
    heating.advance(120.0)
    bone = tissue("cortical bone")
    bone_heat = bone.density_kg_m3 * bone.heat_capacity_j_kgk
    e1, e2 = np.sqrt(MUSCLE.conductivity_w_mk * HEAT), np.sqrt(bone.conductivity_w_mk * bone_heat)
    contact = 30 * e1 / (e1 + e2)
    x = (np.arange(240) - 119.5) * 0.0005
    a1, a2 = MUSCLE.conductivity_w_mk / HEAT, bone.conductivity_w_mk / bone_heat
    wanted = np.where(
        x < 0,
        contact + (30 - contact) * erf(-x / np.sqrt(4 * a1 * 120)),
        contact * (1 - erf(x / np.sqrt(4 * a2 * 120))),
    )
    assert np.abs(heating.inner("excess")[0, 0] - wanted).max() < 0.05


def test_energy_is_kept_boiling_included():
    grid = oblique_grid((14, 16, 18), (1.0, 1.2, 1.5))
    medium = Medium.of(uniform_map(grid, "lytic tumour"))
    medium.perfusion[...] = 0
    heating = Heating(medium, INSULATED)
    source = np.zeros(grid.shape)
    source[6:9, 7:10, 8:11] = 2e7
    heating.put_source(source)
    heating.advance(60.0)
    put_in = source.sum() * 60 * np.prod(grid.spacing_ijk_mm) * 1e-9
    assert heating.inner("vapour").max() > 0
    assert heating.stored_j() == pytest.approx(put_in, rel=1e-3)


def test_boiling_holds_the_temperature_until_the_water_is_gone():
    grid = bar(1)
    heating = Heating(Medium.of(uniform_map(grid, "muscle")), INSULATED)
    heating.medium.perfusion[...] = 0
    heating = Heating(heating.medium, INSULATED)
    watts_m3 = 1e7
    heating.put_source(watts_m3)
    to_boil_s = HEAT * 63 / watts_m3
    to_dry_s = MUSCLE.density_kg_m3 * MUSCLE.water_fraction * 2.257e6 / watts_m3
    heating.advance(to_boil_s + 0.9 * to_dry_s)
    assert heating.temperature_celsius[0, 0, 0] == pytest.approx(100.0, abs=0.01)
    assert heating.dry_share[0, 0, 0] == pytest.approx(0.9, abs=0.02)
    heating.advance(0.3 * to_dry_s)
    assert heating.temperature_celsius[0, 0, 0] > 110


def test_damage_stops_perfusion():
    """The same source in the same tissue: with damage it ends hotter than where blood keeps flowing."""
    ends = []
    for changing in (True, False):
        medium = Medium.of(uniform_map(cube(25), "lytic tumour"))
        medium.perfusion[...] = 40000.0
        heating = Heating(medium, changing=changing)
        heating.put_source(3e6 * ball_shares(medium.grid, 5.0))
        heating.advance(600)
        ends.append(float(heating.inner("excess").max()))
    assert ends[0] > ends[1] + 2


def test_vessels_stay_at_body_temperature():
    tissues = uniform_map(cube(21), "muscle")
    vessel = np.zeros(tissues.grid.shape, dtype=bool)
    vessel[:, 10, 14] = True
    tissues.paint(vessel, "blood", VESSEL)
    heating = Heating(Medium.of(tissues))
    heating.put_source(1e6 * ball_shares(tissues.grid, 3.0))
    heating.advance(120)
    excess = heating.inner("excess")
    assert (excess[vessel] == 0).all()
    assert excess[10, 10, 13] < excess[10, 10, 7]


@pytest.mark.parametrize("seed", range(3))
def test_never_unstable(seed):
    """Without sources no temperature leaves the range it started in, whatever the materials."""
    rng = np.random.default_rng(seed)
    tissues = uniform_map(oblique_grid((8, 9, 10), (0.4, 1.0, 3.0)), "muscle")
    for name in ("metal", "cement", "carbon dioxide", "cortical bone"):
        tissues.paint(rng.random(tissues.grid.shape) < 0.2, name)
    start = rng.uniform(0, 30, tissues.grid.shape)
    heating = Heating(Medium.of(tissues))
    heating.put_excess(start)
    heating.advance(5)
    assert heating.inner("excess").min() >= 0
    assert heating.inner("excess").max() <= start.max()


def test_dose_of_a_constant_temperature():
    """240 min at 43 degrees are 60 s x 240 / 2^7 at 50."""
    grid = bar(1)
    medium = Medium.of(uniform_map(grid, "muscle"))
    medium.perfusion[...] = 0
    heating = Heating(medium, INSULATED)
    heating.put_excess(13.0)
    heating.advance(112.5)
    assert heating.inner("cem43_min")[0, 0, 0] == pytest.approx(DAMAGE["cem43_lethal_min"], rel=1e-3)


def test_dose_below_43_degrees_counts_a_quarter_per_degree():
    """112.5 s at 42 degrees count as 112.5 / 60 / 4 minutes; at 38 they count nothing."""
    for celsius, wanted in ((42.0, 112.5 / 60 / 4), (38.0, 0.0)):
        medium = Medium.of(uniform_map(bar(1), "muscle"))
        medium.perfusion[...] = 0
        heating = Heating(medium, INSULATED)
        heating.put_excess(celsius - medium.rest_celsius)
        heating.advance(112.5)
        assert heating.inner("cem43_min")[0, 0, 0] == pytest.approx(wanted, rel=1e-3)


def test_arrhenius_integral_is_one_after_61_s_at_50_degrees():
    medium = Medium.of(uniform_map(bar(1), "muscle"))
    medium.perfusion[...] = 0
    heating = Heating(medium, INSULATED)
    heating.put_excess(13.0)
    rate = 7.39e39 * np.exp(-2.577e5 / 8.314462618 / 323.15)
    heating.advance(1 / rate)
    assert 1 / rate == pytest.approx(61, abs=1)
    assert heating.inner("damage")[0, 0, 0] == pytest.approx(1, rel=1e-3)


def test_bad_settings_are_refused():
    medium = Medium.of(uniform_map(bar(3), "muscle"))
    heating = Heating(medium)
    heating.put_source(1e5)
    with pytest.raises(InputError, match="positive time"):
        heating.advance(-1)
    with pytest.raises(InputError, match="steps"):
        heating.advance(1e12)
    with pytest.raises(InputError, match="conductivity"):
        Heating(replace(medium, conductivity=-medium.conductivity))
