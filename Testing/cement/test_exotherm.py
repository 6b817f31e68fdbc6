"""Heat of setting cement: energy, bounds that physics gives, and who is warned of."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.zones.heat.effects import limits
from BoneAblationPlannerLib.zones.heat.tissue import NOMINAL, property_column, tissue_number
from CementTrajectoryLib.cement.defaults import DEFAULTS
from CementTrajectoryLib.cement.exotherm import heat_cautions, simulate_setting
from CementTrajectoryLib.cement.filling import simulate_fill

CENTRE = np.array([12.0, -34.0, 56.0])
RADIUS_MM = 12.0
BODY_CELSIUS = 37.0


def even_anatomy(spacing=(1.0, 1.0, 1.0), hu=300):
    """A ball of lesion in bone that fills the image."""
    grid = oblique_grid(tuple(int(80 / s) for s in spacing[::-1]), spacing)
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    lesion = ball(grid, middle, RADIUS_MM)
    values = np.where(lesion, 40, hu).astype(np.int16)
    everywhere = np.ones(grid.shape, dtype=bool)
    return Anatomy(CtVolume(grid, values, "made", "0"), everywhere, everywhere, lesion, ()), middle


def lesion_ml(anatomy):
    return float(anatomy.lesion.sum() * anatomy.ct.grid.voxel_ml)


def filled(anatomy, middle):
    return simulate_fill(anatomy, [tuple(middle)], lesion_ml(anatomy), ())


def adiabatic_celsius():
    """What cement would reach that loses nothing."""
    cement = tissue_number("cement")
    density, capacity = (property_column(name, NOMINAL)[cement] for name in ("density_kg_m3", "heat_capacity_j_kgk"))
    return BODY_CELSIUS + DEFAULTS["setting_heat_j_ml"] * 1e6 / float(density * capacity)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 2.5)])
def test_the_middle_of_thick_cement_loses_next_to_nothing_and_bone_stays_cooler(spacing):
    anatomy, middle = even_anatomy(spacing)
    setting = simulate_setting(anatomy, filled(anatomy, middle), lesion_ml(anatomy))
    hottest = setting.hottest_celsius
    away = np.linalg.norm(setting.grid.ras_of_mask(np.ones(setting.grid.shape, bool)) - middle, axis=1)
    away = away.reshape(setting.grid.shape)
    # Heat goes sqrt(4 a t) = 7 mm in cement while it sets, less than the radius: a quarter may be lost at most.
    rise = adiabatic_celsius() - BODY_CELSIUS
    assert 0.75 * rise < hottest[away < 1.5].max() - BODY_CELSIUS <= 1.001 * rise
    means = [hottest[(away >= low) & (away < low + 2)].mean() for low in range(0, 26, 2)]
    assert (np.diff(means) < 0).all()
    assert BODY_CELSIUS < setting.beside_celsius < hottest.max()


def test_the_tissue_holds_no_more_heat_than_was_given():
    anatomy, middle = even_anatomy()
    setting = simulate_setting(anatomy, filled(anatomy, middle), lesion_ml(anatomy))
    given_j = DEFAULTS["setting_heat_j_ml"] * float(setting.share.sum()) * setting.grid.voxel_ml
    assert setting.share.sum() * setting.grid.voxel_ml == pytest.approx(lesion_ml(anatomy), rel=0.02)
    # Blood carries some of it away in five minutes.
    assert 0.7 * given_j < setting.heating.stored_j() <= 1.001 * given_j


def structure(anatomy, middle, kind, gap_mm):
    """A ball of 3 mm radius beside the cement."""
    mask = ball(anatomy.ct.grid, middle + [0.0, RADIUS_MM + gap_mm + 3.0, 0.0], 3.0)
    return Structure("it", kind, mask, 5.0, 10.0, "organ label")


@pytest.mark.parametrize(
    ("kind", "gap_mm", "named"),
    [("nerve", 1.0, True), ("joint", 1.0, True), ("joint", 20.0, False), ("bowel", 1.0, False)],
)
def test_thick_cement_warns_of_the_joint_or_nerve_that_it_makes_too_hot(kind, gap_mm, named):
    anatomy, middle = even_anatomy()
    near = structure(anatomy, middle, kind, gap_mm)
    (caution,) = heat_cautions(anatomy, filled(anatomy, middle), lesion_ml(anatomy), [near])
    thickness_mm = float(caution.split("up to ")[1].split(" mm")[0])
    assert thickness_mm == pytest.approx(2 * RADIUS_MM, abs=3.0)
    assert (f"it ({kind})" in caution) == named
    if named:
        reached = float(caution.split(f"it ({kind}) up to ")[1].split(" C")[0])
        assert reached > limits()[kind].hottest_celsius


def test_nearer_is_hotter_and_a_little_cement_is_not_worth_a_word():
    anatomy, middle = even_anatomy()
    fill = filled(anatomy, middle)
    setting = simulate_setting(anatomy, fill, lesion_ml(anatomy))
    found = [setting.hottest_in(structure(anatomy, middle, "nerve", gap), anatomy.ct.grid) for gap in (1.0, 4.0, 9.0)]
    assert found == sorted(found, reverse=True)
    nowhere = Structure("it", "nerve", np.zeros_like(anatomy.lesion), 5.0, 10.0, "organ label")
    assert setting.hottest_in(nowhere, anatomy.ct.grid) is None
    assert heat_cautions(anatomy, fill, 0.15, []) == []  # 0.15 ml are a ball of 6.6 mm
    assert simulate_setting(anatomy, fill, 0.0) is None
