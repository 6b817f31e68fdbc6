"""Freezing against Neumann's solution, energy, symmetry, and the rules of cold death."""

import numpy as np
import pytest
from grids import oblique_grid
from scipy.optimize import brentq
from scipy.special import erf, erfc

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat import icy_block
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED, inner
from BoneAblationPlannerLib.zones.heat.damage import killed_by_cold
from BoneAblationPlannerLib.zones.heat.freezing import Freezing
from BoneAblationPlannerLib.zones.heat.ice import Ice, Shaft
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.tissue_map import VESSEL, uniform_map

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


def mixed_medium(shape, spacing_mm):
    """Muscle, bone, fat and a vessel on an oblique grid."""
    tissues = uniform_map(oblique_grid(shape, spacing_mm), "muscle")
    k, j, i = np.indices(shape)
    tissues.paint(k > shape[0] * 2 // 3, "cancellous bone")
    tissues.paint(j < 3, "fat")
    tissues.paint((i > shape[2] - 4) & (j > 5), "blood", VESSEL)
    return Medium.of(tissues)


def enthalpy_by_small_steps(medium, start, shaft, goal, seconds, step_s):
    """Explicit steps of the whole closed block in float64, conductances of all faces anew at every step."""
    law = Freezing.of(medium)
    t = np.asarray(start, dtype=np.float64) - law.from_celsius
    width, grow, rest = law.width_kelvin, law.ice_per_kelvin, medium.rest_celsius - law.from_celsius

    def potential(celsius):
        below, deeper = np.clip(-celsius, 0, width), np.maximum(-celsius - width, 0)
        return -(below**2 / (2 * width) + deeper + grow / 2 * deeper**2)

    ends = []
    for conductivity in (law.conductivity, law.frozen_conductivity):
        k = conductivity.astype(np.float64)
        ends.append([2 / (1 / np.delete(k, -1, a) + 1 / np.delete(k, 0, a)) for a in range(3)])
    content, slope = law.heat_content(t + law.from_celsius), law.range_heat.astype(np.float64) / width
    for _ in range(round(seconds / step_s)):
        gain = medium.perfusion * (rest - t) * np.clip(t / rest, 0, 1)
        ice = potential(t)
        for axis, step_mm in enumerate(medium.grid.spacing_kji_mm):
            through = ends[0][axis] * np.diff(t, axis=axis)
            through += (ends[1][axis] - ends[0][axis]) * np.diff(ice, axis=axis)
            through /= (step_mm / 1000) ** 2
            zero = np.zeros_like(np.take(t, [0], axis))
            gain += np.diff(np.concatenate([zero, through, zero], axis), axis=axis)
        content += step_s * np.where(medium.held == 0, gain, 0)
        t = np.maximum(content, 0) / law.heat
        t += np.clip(content / slope, -width, 0) + np.minimum(content + slope * width, 0) / law.frozen_heat
        if goal is not None:
            t[shaft] = goal - law.from_celsius
            content[shaft] = law.heat_content(t + law.from_celsius)[shaft]
    return t + law.from_celsius


def test_boxes_and_unequal_steps_change_little():
    """A freeze and a thaw in mixed tissue against small equal steps of everything, which know no boxes."""
    shape = (15, 17, 19)
    medium = mixed_medium(shape, (1.2, 1.0, 1.4))
    voxels = np.array([[k, 8, 8] for k in range(4, 11)])
    ice = Ice(medium, boundary=INSULATED)
    ice.advance(60.0, [Shaft(voxels, np.full(len(voxels), 1e9))], [-120.0])
    shaft = tuple(voxels.T)
    wanted = enthalpy_by_small_steps(medium, np.full(shape, 37.0), shaft, -120.0, 60.0, 0.05)
    assert np.abs(ice.temperature_celsius - wanted).max() < 0.6
    assert np.sqrt(np.mean((ice.temperature_celsius - wanted) ** 2)) < 0.1
    frozen = Freezing.of(medium).frozen_fraction(wanted).sum()
    assert float(ice.frozen_fraction.sum()) == pytest.approx(frozen, rel=0.01)
    ice.advance(30.0)
    thawed = enthalpy_by_small_steps(medium, wanted, shaft, None, 30.0, 0.05)
    assert np.sqrt(np.mean((ice.temperature_celsius - thawed) ** 2)) < 0.1


def test_slabs_side_by_side_change_nothing(monkeypatch):
    """The same numbers, bit for bit, however many slabs the box around ice is cut into."""
    found = []
    for slabs in (1, 2, 5):
        monkeypatch.setattr(icy_block, "threads", lambda n=slabs: n)
        monkeypatch.setattr(icy_block, "MOST_STEPS_A_GROUP", 3)
        ice = Ice(mixed_medium((44, 15, 17), (1.0, 1.2, 1.1)))
        shaft = Shaft(np.array([[k, 8, 8] for k in range(6, 38)]), np.full(32, 50.0))
        ice.advance(20.0, [shaft], [-140.0])
        ice.advance(15.0)
        found.append((ice.temperature_celsius.copy(), ice.coldest_celsius.copy()))
    for celsius, coldest in found[1:]:
        assert np.array_equal(celsius, found[0][0])
        assert np.array_equal(coldest, found[0][1])
    assert found[0][1].min() < -100


@pytest.mark.parametrize("coldest", [-140.0, -30.0, -8.0, -3.0, 5.0])
def test_short_steps_are_stable_with_any_temperatures(coldest):
    """No voxel gives away more than it holds: conductances as steep as the potentials get, least heat capacity."""
    medium = mixed_medium((9, 11, 13), (1.2, 1.0, 1.4))
    ice, law = Ice(medium), Freezing.of(medium)
    t = np.random.default_rng(4).uniform(coldest - law.from_celsius, 30, ice.above.shape)
    t.flat[::7] = coldest - law.from_celsius
    width, grow = law.width_kelvin, law.ice_per_kelvin
    steepest = np.where(t < -width, 1 + grow * (-t - width), np.clip(-t / width, 0, 1)).max()
    leaving = 0
    for axis, names in enumerate(("k", "j", "i")):
        face = getattr(ice._tissue, f"face_{names}") + steepest * getattr(ice._tissue, f"more_{names}")
        leaving = leaving + face + np.roll(face, 1, axis)
    capacity = [law.heat, law.range_heat / width] + ([law.frozen_heat] if t.min() < -width else [])
    free = medium.held == 0
    stable_s = (np.minimum.reduce(capacity) / inner(leaving))[free].min()
    assert 0.6 * stable_s < ice._stable.largest_s(coldest - law.from_celsius) < stable_s


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
