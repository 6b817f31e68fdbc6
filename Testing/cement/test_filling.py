"""The simulated fill: the front against SimpleITK and closed forms, volume conserved, leaks only through defects."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from grids import ball, oblique_grid
from phantoms import coarse_result

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan
from CementTrajectoryLib.cement.cautions import advised_stop_ml
from CementTrajectoryLib.cement.defects import find_defects
from CementTrajectoryLib.cement.filling import VISCOSITIES, simulate_fill
from CementTrajectoryLib.cement.marching import CLOSED, GATE, INSIDE, OUTSIDE, march
from CementTrajectoryLib.workflow import CementChoices, plan_cement

CENTRE = np.array([12.0, -34.0, 56.0])


def open_block(shape):
    return np.full(shape, INSIDE, np.uint8), np.ones(shape, np.float32)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 1.1)])
def test_the_front_is_that_of_another_implementation(spacing):
    shape = (18, 22, 26)
    slowness = np.random.default_rng(5).uniform(0.5, 4.0, shape).astype(np.float32)
    kind, capacity = open_block(shape)
    voxels, times = march(slowness, kind, capacity, np.array(spacing), np.array([[9, 11, 13]]), np.inf)
    image = sitk.GetImageFromArray((1 / slowness).astype(np.float64))
    image.SetSpacing(spacing[::-1])
    theirs = sitk.GetArrayFromImage(sitk.FastMarching(image, [(13, 11, 9)], 1.0, 1e9))
    assert len(voxels) == slowness.size
    assert np.allclose(times, theirs[tuple(voxels.T)], rtol=1e-4, atol=1e-4)
    assert (np.diff(times) >= -1e-9).all()


def test_an_even_front_is_a_ball():
    kind, capacity = open_block((61, 61, 61))
    voxels, times = march(np.full(kind.shape, 2.0, np.float32), kind, capacity, np.ones(3), np.array([[30] * 3]), 20000)
    assert len(voxels) == 20000
    away = np.linalg.norm(voxels - 30, axis=1)
    radius = (3 * 20000 / (4 * np.pi)) ** (1 / 3)
    # First order is too slow along diagonals, by less than a voxel here.
    assert away.max() < radius + 1.5
    assert np.abs(times / 2 - away).max() < 1.6


def test_the_front_leaves_through_gates_only_and_never_comes_back():
    kind, capacity = open_block((20, 20, 30))
    kind[:, :, 15:18] = OUTSIDE
    kind[10, 10, 14] = GATE
    slowness = np.ones(kind.shape, np.float32)
    voxels, times = march(slowness, kind, capacity, np.ones(3), np.array([[10, 10, 3]]), np.inf)
    assert voxels[:, 2].max() == 17
    outside = kind[tuple(voxels.T)] == OUTSIDE
    first = voxels[outside][0]
    assert first.tolist() == [10, 10, 15]
    gate = times[(voxels == [10, 10, 14]).all(axis=1)][0]
    assert times[outside].min() > gate
    kind[10, 10, 14] = INSIDE
    voxels, _times = march(slowness, kind, capacity, np.ones(3), np.array([[10, 10, 3]]), np.inf)
    assert voxels[:, 2].max() == 14


def test_closed_seeds_are_refused():
    kind, capacity = open_block((4, 4, 4))
    kind[1, 1, 1] = CLOSED
    with pytest.raises(ValueError, match="seeds_kji"):
        march(capacity, kind, capacity, np.ones(3), np.array([[1, 1, 1]]), 5.0)
    with pytest.raises(ValueError, match="seeds_kji"):
        march(capacity, kind, capacity, np.ones(3), np.zeros((0, 3), dtype=int), 5.0)


def bone_with_lesion(offset=0.0):
    """A ball of bone (26 mm, cortex 1100 HU, 3 mm) with a lesion of 12 mm, at the middle or sticking out along x."""
    grid = oblique_grid((62, 74, 80), (0.9, 1.0, 1.2))
    bone, inner = ball(grid, CENTRE, 26.0), ball(grid, CENTRE, 23.0)
    lesion = ball(grid, CENTRE + [offset, 0, 0], 12.0)
    hu = np.where(lesion, 40, np.where(inner, 230, np.where(bone, 1100, 55))).astype(np.int16)
    ct = CtVolume(grid, hu, "made", "0")
    return Anatomy(ct, np.ones(grid.shape, dtype=bool), bone | lesion, lesion, ())


@pytest.mark.parametrize("viscosity", VISCOSITIES)
@pytest.mark.parametrize("volume", [0.4, 9.0])
def test_volume_is_conserved(viscosity, volume):
    fill = simulate_fill(bone_with_lesion(), [tuple(CENTRE)], volume, (), viscosity)
    assert fill.injected_ml == pytest.approx(volume, rel=1e-9)
    for part in (0.0, 0.3 * volume, volume):
        share = fill.share(part)
        assert share.min() >= 0
        assert share.max() <= 1 + 1e-6
        assert float(share.sum()) * fill.grid.voxel_ml == pytest.approx(part, rel=1e-5, abs=1e-9)
        step = fill.at(part)
        assert step.lesion_ml + step.bone_ml + step.outside_ml == pytest.approx(step.injected_ml, abs=0.003)


def test_a_contained_lesion_is_filled_before_the_bone_around_it_and_never_leaks():
    anatomy = bone_with_lesion()
    lesion_ml = anatomy.lesion.sum() * anatomy.ct.grid.voxel_ml
    fill = simulate_fill(anatomy, [tuple(CENTRE)], 1.5 * lesion_ml, ())
    assert fill.at(0.7 * lesion_ml).lesion_ml == pytest.approx(0.7 * lesion_ml, rel=0.03)
    assert not fill.outside.any()
    cortex = anatomy.ct.hu[fill.region] > 1000
    assert not fill.share(1.5 * lesion_ml)[cortex].any()


def test_more_cement_never_fills_less():
    fill = simulate_fill(bone_with_lesion(), [tuple(CENTRE)], 8.0, ())
    assert (fill.share(8.0) >= fill.share(3.0)).all()


def test_high_viscosity_keeps_rounder():
    anatomy = bone_with_lesion(8.0)
    tip = tuple(CENTRE + [-2.0, 0, 0])

    def spread(viscosity):
        fill = simulate_fill(anatomy, [tip], 5.0, (), viscosity)
        points = fill.grid.ras_from_ijk(fill.voxels_kji[:, ::-1])
        return np.linalg.norm(points - tip, axis=1).max()

    assert spread("high") < spread("low")


def test_a_hole_leaks_at_the_volume_that_reaches_it():
    anatomy = bone_with_lesion(18.0)
    defects = find_defects(anatomy, 10.0)
    assert len(defects) == 1
    tip = CENTRE + [12.0, 0, 0]
    fill = simulate_fill(anatomy, [tuple(tip)], 12.0, defects)
    (leak,) = fill.leak_ml
    assert leak is not None
    before, after = fill.at(leak), fill.at(leak + 0.2)
    assert before.outside_ml == 0
    assert after.outside_ml > 0
    # The front is even in the lesion: it leaks between touching the hole and standing a little beyond it.
    grid = anatomy.ct.grid
    reach = np.linalg.norm(grid.ras_of_mask(anatomy.lesion) - tip, axis=1)
    hole = np.linalg.norm(grid.ras_from_ijk(defects[0].voxels_kji[:, ::-1]) - tip, axis=1).min()
    touching, passed = ((reach <= hole + more).sum() * grid.voxel_ml for more in (-1.0, 4.0))
    assert touching <= leak <= passed * 1.1
    points = fill.grid.ras_from_ijk(fill.voxels_kji[fill.outside][:, ::-1])
    assert ((points - CENTRE)[:, 0] > 15).all()
    assert simulate_fill(anatomy, [tuple(tip)], 7.0, ()).leak_ml == ()


def test_no_more_room_is_said():
    grid = oblique_grid((30, 30, 30), (1.0, 1.0, 1.0))
    lesion = ball(grid, CENTRE, 5.0)
    shell = ball(grid, CENTRE, 9.0)
    hu = np.where(lesion, 40, 1200).astype(np.int16)
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones_like(lesion), shell, lesion, ())
    fill = simulate_fill(anatomy, [tuple(CENTRE)], 5.0, ())
    assert fill.injected_ml == pytest.approx(lesion.sum() * grid.voxel_ml)


def test_two_needles_fill_from_both_ends():
    anatomy = bone_with_lesion()
    tips = [tuple(CENTRE + [s, 0, 0]) for s in (-9.0, 9.0)]
    fill = simulate_fill(anatomy, tips, 2.0, ())
    side = fill.grid.ras_from_ijk(fill.voxels_kji[:, ::-1])[:, 0] > CENTRE[0]
    assert fill.taken_ml[side].sum() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("tip", "volume", "viscosity", "message"),
    [
        (CENTRE, 0.0, "medium", "more than 0"),
        (CENTRE, 2.0, "runny", "viscosity"),
        (CENTRE + 300, 2.0, "medium", "its tip"),
    ],
)
def test_bad_input_is_refused(tip, volume, viscosity, message):
    with pytest.raises(InputError, match=message):
        simulate_fill(bone_with_lesion(), [tuple(float(v) for v in tip)], volume, (), viscosity)


def test_the_plan_tells_where_to_stop():
    one, several = (
        plan_cement(coarse_result(), CementChoices(filling_fraction=1.0, needles=count)).plan.cement
        for count in (1, None)
    )
    for cement in (one, several):
        leaks = [leak.at_ml for leak in cement.leaks if leak.at_ml is not None]
        assert cement.stop_ml <= min([cement.fill_ml + 0.01, *leaks])
        assert bool(leaks) == any("leaves the bone before" in caution for caution in cement.cautions)
    # A lesion with a gap cannot be filled through one needle; more of them never make it worse.
    assert one.stop_ml < one.fill_ml - 0.1
    assert several.stop_ml >= one.stop_ml
    assert [s.injected_ml for s in cement.steps] == sorted(s.injected_ml for s in cement.steps)
    assert cement.steps[-1].injected_ml == pytest.approx(cement.fill_ml, abs=0.01)
    assert any("veins" in caution for caution in cement.cautions)
    plan = replace(coarse_result().plan, cement=cement)
    assert Plan.from_json(plan.to_json()).cement.viscosity == "medium"


def test_viscosity_is_a_choice():
    low = plan_cement(coarse_result(), CementChoices(viscosity="low")).plan.cement
    assert low.viscosity == "low"


def test_the_tip_lies_where_no_less_goes_in_than_at_the_zones_centre():
    result, choices = coarse_result(), CementChoices(filling_fraction=1.0)
    cement = plan_cement(result, choices).plan.cement
    needle = cement.needles[0]
    probe = next(p for p in result.plan.probes if p.name == needle.shares_track_with)
    defects = find_defects(result.anatomy, 10.0)
    there = simulate_fill(result.anatomy, [probe.zone_centre_ras_mm], cement.fill_ml, defects)
    assert cement.stop_ml >= advised_stop_ml(there, cement.fill_ml) - 0.01
    # On the probe's track, so that no new way through tissue is needed.
    track = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)
    across = np.cross(track, np.subtract(needle.tip_ras_mm, probe.entry_ras_mm)) / np.linalg.norm(track)
    assert np.linalg.norm(across) < 0.5


def test_two_places_far_apart_are_two_balls_of_half_the_volume():
    grid = oblique_grid((60, 70, 100), (0.8, 1.0, 1.1))
    lesion = ball(grid, CENTRE, 30.0)
    hu = np.full(grid.shape, 40, dtype=np.int16)
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones_like(lesion), lesion, lesion, ())
    deep, shallow = (CENTRE + [0.0, 0.0, z] for z in (14.0, -14.0))
    fill = simulate_fill(anatomy, [tuple(deep)], 4.0, (), pulled_back_ras_mm=[[tuple(shallow)]])
    assert fill.injected_ml == pytest.approx(4.0, rel=1e-9)
    assert len(np.unique(fill.voxels_kji, axis=0)) == len(fill.voxels_kji)
    points = fill.grid.ras_from_ijk(fill.voxels_kji[:, ::-1])
    radius = (3 * 2000.0 / (4 * np.pi)) ** (1 / 3)
    first = np.cumsum(fill.taken_ml) - fill.taken_ml < 2.0 - 1e-9
    for own, centre in ((first, deep), (~first, shallow)):
        assert np.linalg.norm(points[own] - centre, axis=1).max() < radius + 1.5
        assert fill.taken_ml[own].sum() == pytest.approx(2.0, abs=2 * fill.grid.voxel_ml)


def test_a_needle_that_is_pulled_back_fills_along_its_track():
    anatomy = bone_with_lesion()
    places = [CENTRE + [x, 0.0, 0.0] for x in (5.0, 0.0, -5.0)]
    along = simulate_fill(anatomy, [tuple(places[0])], 3.0, (), "medium", [[tuple(p)] for p in places[1:]])
    still = simulate_fill(anatomy, [tuple(CENTRE)], 3.0, ())
    assert along.injected_ml == pytest.approx(still.injected_ml, rel=1e-9)

    def spread(fill):
        points = fill.grid.ras_from_ijk(fill.voxels_kji[:, ::-1]) - CENTRE
        return (fill.taken_ml[:, None] * points**2).sum(axis=0) / fill.taken_ml.sum()

    # Longer along the track, thinner across it; at rest the cement is a ball.
    assert spread(along)[0] > 1.5 * spread(still)[0]
    assert (spread(along)[1:] < spread(still)[1:]).all()
    stay = simulate_fill(anatomy, [tuple(CENTRE)], 3.0, (), "medium", [[tuple(CENTRE)]] * 2)
    assert (stay.share(3.0) - still.share(3.0)).max() <= 1.0 + 1e-6
    assert np.abs(stay.share(3.0) - still.share(3.0)).sum() <= 0.02 * still.share(3.0).sum()


def test_pulling_back_from_a_hole_saves_it():
    anatomy = bone_with_lesion(18.0)
    defects = find_defects(anatomy, 10.0)
    grid = anatomy.ct.grid
    hole = grid.ras_from_ijk(defects[0].voxels_kji[:, ::-1])
    tip = CENTRE + [13.0, 0.0, 0.0]
    away = np.linalg.norm(hole - tip, axis=1).min()
    # Half of a ball that would reach the hole stays short of it; the other half goes in farther back.
    volume = 0.75 * 4 / 3 * np.pi * away**3 / 1000
    still = simulate_fill(anatomy, [tuple(tip)], 1.6 * volume, defects)
    back = simulate_fill(anatomy, [tuple(tip)], 1.6 * volume, defects, "medium", [[tuple(tip - [8.0, 0.0, 0.0])]])
    assert still.leak_ml[0] is not None
    assert back.leak_ml[0] is None or back.leak_ml[0] > still.leak_ml[0]


def test_the_plan_says_where_needles_are_pulled_back():
    result = coarse_result()
    cement = plan_cement(result, CementChoices(needles=1, pull_back_times=2, pull_back_mm=3.0)).plan.cement
    (needle,) = cement.needles
    places = np.array(needle.injects_at_ras_mm)
    assert needle.tip_ras_mm == needle.injects_at_ras_mm[0]
    assert len(places) >= 2
    assert np.allclose(np.linalg.norm(np.diff(places, axis=0), axis=1), 3.0, atol=0.2)
    outwards = np.subtract(needle.entry_ras_mm, needle.tip_ras_mm)
    assert (np.diff(places, axis=0) @ outwards > 0).all()
    parts = [cement.fill_ml * n / len(places) for n in range(1, len(places))]
    assert cement.pull_back_after_ml == pytest.approx(parts, abs=0.01)
    grid, lesion = result.anatomy.ct.grid, result.anatomy.lesion

    def in_lesion(points):
        return lesion[tuple(np.rint(grid.ijk_from_ras(points)[:, ::-1]).astype(int).T)]

    assert in_lesion(places).all()
    probe = next(p for p in result.plan.probes if p.name == needle.shares_track_with)
    # Three places, save where the next one would leave the lesion or lie deeper than the probe went.
    step = 3.0 * outwards / np.linalg.norm(outwards)
    deeper, farther_out = places[0] - step, places[-1] + step
    too_deep = np.linalg.norm(np.subtract(deeper, probe.entry_ras_mm)) > probe.depth_mm
    assert len(places) == 3 or too_deep or not in_lesion(np.stack([deeper, farther_out])).all()
    assert np.linalg.norm(np.subtract(needle.tip_ras_mm, probe.entry_ras_mm)) <= probe.depth_mm + 0.1
    named = [row for row in cement.provenance if "pulled back" in row.name]
    assert {row.status for row in named} == {"default"}
    assert all(row.source.startswith("planning default") for row in named)
    for wrong in ({"pull_back_times": 9}, {"pull_back_mm": 0.0}):
        with pytest.raises(InputError, match="pull_back"):
            plan_cement(result, CementChoices(**wrong))
    still = plan_cement(result, CementChoices(needles=1, pull_back_times=0)).plan.cement
    assert still.pull_back_after_ml == ()
    assert len(still.needles[0].injects_at_ras_mm) == 1


@pytest.mark.parametrize("viscosity", ["low", "high"])
def test_the_default_never_brings_in_less_than_needles_that_stay_where_they_are(viscosity):
    default = plan_cement(coarse_result(), CementChoices(viscosity=viscosity)).plan.cement
    still = plan_cement(coarse_result(), CementChoices(viscosity=viscosity, pull_back_times=0)).plan.cement
    assert default.stop_ml >= still.stop_ml
    assert still.pull_back_after_ml == ()
