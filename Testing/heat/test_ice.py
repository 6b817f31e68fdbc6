"""Freezing against Neumann's solution, energy, symmetry, and the rules of cold death."""

import numpy as np
import pytest
from grids import oblique_grid
from scipy.optimize import brentq
from scipy.special import erf, erfc

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED
from BoneAblationPlannerLib.zones.heat.damage import killed_by_cold
from BoneAblationPlannerLib.zones.heat.freezing import Freezing
from BoneAblationPlannerLib.zones.heat.ice import Ice, Shaft
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map

WALL_CELSIUS = -100.0


def bar(count, voxel_mm):
    return Grid((1, 1, count), np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0]))


def sharp(medium):
    """The medium's frozen properties with a freezing range so narrow that Neumann's sharp front holds."""
    law, width = Freezing.of(medium), 0.1
    latent = medium.water * np.float32(334000)
    return Freezing(
        law.heat, law.frozen_heat, latent + (law.heat + law.frozen_heat) * np.float32(width / 2),
        law.conductivity, law.frozen_conductivity, 0.0, width, 0.0)  # fmt: skip


def neumann(law, latent, rest, wall, seconds, x):
    """Front (m) and temperatures of a half space whose wall is held below freezing (Carslaw and Jaeger 11.2)."""
    c1, c2 = float(law.frozen_heat.flat[0]), float(law.heat.flat[0])
    k1, k2 = float(law.frozen_conductivity.flat[0]), float(law.conductivity.flat[0])
    a1, a2 = k1 / c1, k2 / c2

    def balance(s):
        frozen = np.exp(-(s**2)) / erf(s)
        warm = k2 / k1 * np.sqrt(a1 / a2) * rest / wall * np.exp(-(s**2) * a1 / a2) / erfc(s * np.sqrt(a1 / a2))
        return frozen + warm - s * np.sqrt(np.pi) * latent / (c1 * -wall)

    s = brentq(balance, 1e-3, 5)
    front = 2 * s * np.sqrt(a1 * seconds)
    cold = wall * (1 - erf(x / np.sqrt(4 * a1 * seconds)) / erf(s))
    warm = rest * (1 - erfc(x / np.sqrt(4 * a2 * seconds)) / erfc(s * np.sqrt(a1 / a2)))
    return front, np.where(x < front, cold, warm)


@pytest.mark.parametrize(("voxel_mm", "front_mm", "rms_kelvin"), [(1.0, 0.1, 0.6), (0.5, 0.1, 0.3)])
def test_neumann_front_in_a_half_space(voxel_mm, front_mm, rms_kelvin):
    count = int(120 / voxel_mm)
    medium = Medium.of(uniform_map(bar(count, voxel_mm), "muscle"))
    medium.perfusion[...] = 0
    law = sharp(medium)
    ice = Ice(medium, law, INSULATED)
    wall = Shaft(np.array([[0, 0, 0]]), np.array([1e9]))
    x = np.arange(count) * voxel_mm / 1000  # the wall is the first voxel's centre
    latent = float(medium.water.flat[0]) * 334000
    ice.advance(300.0, [wall], [WALL_CELSIUS])
    errors = []
    for _ in range(15):
        ice.advance(20.0, [wall], [WALL_CELSIUS])
        seconds = 300.0 + 20.0 * (len(errors) + 1)
        front, wanted = neumann(law, latent, 37.0, WALL_CELSIUS, seconds, x)
        frozen = float(ice.frozen_fraction.sum() - 0.5) * voxel_mm
        errors.append(frozen - front * 1000)
        rms = np.sqrt(np.mean((ice.temperature_celsius[0, 0] - wanted)[x < 0.06] ** 2))
        assert rms < rms_kelvin
    assert abs(np.mean(errors)) < front_mm


def test_energy_is_kept_through_freeze_and_thaw():
    """What a cold voxel takes from a closed block is what the block loses: without a shaft nothing changes."""
    tissues = uniform_map(oblique_grid((14, 16, 18), (1.0, 1.2, 1.5)), "muscle")
    tissues.paint(np.indices(tissues.grid.shape)[0] > 8, "cancellous bone")
    medium = Medium.of(tissues)
    medium.perfusion[...] = 0
    ice = Ice(medium, boundary=INSULATED)
    start = np.full(tissues.grid.shape, 20.0)
    start[4:10, 5:11, 5:12] = -80.0
    ice.put_temperature(start)
    before = ice.heat_content_j()
    cold = before - _content_at(ice, 20.0)
    ice.advance(120.0)
    assert ice.frozen_fraction.max() > 0.1
    assert ice.heat_content_j() - before == pytest.approx(0, abs=1e-3 * abs(cold))


def _content_at(ice, celsius):
    volume = np.prod(ice.medium.grid.spacing_ijk_mm) * 1e-9
    return float(Freezing.of(ice.medium).heat_content(np.full(ice.medium.grid.shape, celsius)).sum() * volume)


def test_ice_is_symmetric():
    grid = Grid((31, 31, 31), np.eye(4))
    ice = Ice(Medium.of(uniform_map(grid, "gel")))
    ice.advance(60.0, [Shaft(np.array([[15, 15, 15]]), np.array([50.0]))], [-150.0])
    t = ice.temperature_celsius
    for other in (t[::-1], t[:, ::-1], t[:, :, ::-1], t.transpose(1, 0, 2), t.transpose(2, 1, 0)):
        assert np.abs(t - other).max() < 1e-3
    assert t.min() >= -150.001
    assert t.max() <= 37.001


def test_heat_content_rises_with_temperature():
    medium = Medium.of(uniform_map(bar(1, 1.0), "muscle"))
    law = Freezing.of(medium)
    content = [float(law.heat_content(np.full((1, 1, 1), t))[0, 0, 0]) for t in np.arange(-100, 50, 0.5)]
    assert (np.diff(content) > 0).all()
    ends = [law.heat_content(np.full((1, 1, 1), t))[0, 0, 0] for t in (-8.0, -0.5)]
    gap = float(ends[1] - ends[0])
    assert gap > 0.75 * 1090 * 334000  # the latent heat of its water at least


def test_blood_flows_less_in_the_cold():
    """Without conduction: dx/dt = w/c (R - x) x / R over freezing, whose solution is the logistic curve."""
    medium = Medium.of(uniform_map(bar(1, 1.0), "muscle"))
    medium.perfusion[...] = 40000.0
    ice = Ice(medium, boundary=INSULATED, largest_step_s=0.2)
    law = Freezing.of(medium)
    ice.put_temperature(6.0)
    ice.advance(60.0)
    rest, start = 37.0 - law.from_celsius, 6.0 - law.from_celsius
    grown = np.exp(-40000.0 / float(medium.heat.flat[0]) * 60.0)
    wanted = rest / (1 + (rest / start - 1) * grown) + law.from_celsius
    assert float(ice.temperature_celsius.flat[0]) == pytest.approx(wanted, abs=0.02)
    assert wanted < 37 - (37 - 6) * grown  # slower than with the flow of warm tissue


def test_blood_hinders_ice():
    """More perfusion, smaller ice ball; frozen tissue has none."""
    volumes = []
    for perfusion in (0.0, 40000.0, 200000.0):
        medium = Medium.of(uniform_map(Grid((31, 31, 31), np.eye(4)), "muscle"))
        medium.perfusion[...] = perfusion
        ice = Ice(medium)
        ice.advance(180.0, [Shaft(np.array([[15, 15, 15]]), np.array([50.0]))], [-150.0])
        volumes.append(float(ice.frozen_fraction.sum()))
    assert volumes[0] > volumes[1] > volumes[2]


def test_cold_kills_where_every_freeze_reaches_the_isotherm_or_one_the_deadly_one():
    first = np.array([[[-25.0, -45.0, -25.0, -10.0]]], dtype=np.float32)
    second = np.array([[[-30.0, -5.0, -15.0, -30.0]]], dtype=np.float32)
    assert killed_by_cold([first, second], None).tolist() == [[[True, True, False, False]]]
    assert killed_by_cold([first, second], -10.0).tolist() == [[[True, True, True, True]]]


def test_a_freezing_range_must_be_wide():
    medium = Medium.of(uniform_map(bar(1, 1.0), "muscle"))
    law = Freezing.of(medium)
    with pytest.raises(InputError, match="freezing range"):
        Freezing(law.heat, law.frozen_heat, law.range_heat, law.conductivity, law.frozen_conductivity, 0.0, 0.0, 0.0)
