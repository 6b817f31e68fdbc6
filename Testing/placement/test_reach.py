"""Zones of another reach than the chart's: never larger where they cover, never smaller where they may injure."""

from functools import cache

import numpy as np
import pytest
from phantoms import coarse_case

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.placement.access import find_access
from BoneAblationPlannerLib.placement.candidates import build_candidates, path_effort
from BoneAblationPlannerLib.placement.choice import advise_modality, place_probes
from BoneAblationPlannerLib.placement.placer import Placer
from BoneAblationPlannerLib.placement.tiers import TIERS
from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.progress import silent
from BoneAblationPlannerLib.zones.reach import BY_THE_CHART, Reach, ZoneScale
from BoneAblationPlannerLib.zones.spheroid import Spheroid, rows_of
from BoneAblationPlannerLib.zones.voxels import covered_voxels

SMALLER = Reach(ZoneScale(0.8, 0.9), ZoneScale(1.1, 1.0))


@pytest.mark.parametrize("scale", [(0.0, 1.0), (1.0, -0.5), (1.01, 1.0), (1.0, 1.2)])
def test_no_zone_covers_more_than_the_chart_says(scale):
    with pytest.raises(ValueError, match="covers"):
        Reach(ZoneScale(*scale))


def test_no_zone_injures_less_far_than_the_chart_says():
    with pytest.raises(ValueError, match="injures"):
        Reach(injures=ZoneScale(1.0, 0.99))


def test_a_scaled_zone_keeps_centre_and_axis():
    zone = Spheroid(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.6, 0.8]), 20.0, 30.0)
    scaled = ZoneScale(0.5, 0.9).of(zone)
    assert (scaled.across_mm, scaled.along_mm) == pytest.approx((10.0, 27.0))
    assert scaled.volume_ml == pytest.approx(0.5**2 * 0.9 * zone.volume_ml)
    np.testing.assert_array_equal(scaled.centre_ras_mm, zone.centre_ras_mm)
    np.testing.assert_array_equal(scaled.axis, zone.axis)


@cache
def prepared():
    return prepare_case(coarse_case())


@cache
def access():
    return find_access(prepared())


@cache
def placer():
    return Placer(prepared(), access().region, access().paths)


@pytest.mark.parametrize("device_id", ["mwa-neuwave-17g", "cryo-iceforce-14g"])
def test_candidates_stay_where_they_are_and_only_their_zones_change(device_id):
    """Needles, devices and programs are the catalogue's, so that a plan of them needs no mapping back."""
    limits = access_limits({})
    every = access().paths
    paths = every.take(np.arange(0, len(every), max(1, len(every) // 400)))
    device = find_device(device_id)
    rows = [build_candidates(paths, path_effort(paths, limits), device, limits, r) for r in (BY_THE_CHART, SMALLER)]
    assert len(rows[0]) == len(rows[1]) > 0
    for chart, here in zip(*rows, strict=True):
        assert here.program is chart.program
        np.testing.assert_array_equal(here.tip_ras_mm, chart.tip_ras_mm)
        np.testing.assert_array_equal(here.entry_ras_mm, chart.entry_ras_mm)
        assert here.zone.across_mm == pytest.approx(0.8 * chart.zone.across_mm)
        assert here.outer_zone.across_mm == pytest.approx(1.1 * chart.outer_zone.across_mm)
        assert here.outer_zone.along_mm >= chart.outer_zone.along_mm


def test_what_is_placed_for_smaller_zones_is_counted_with_them():
    """The lesion's covered share is that of the chosen probes' small zones, voxel by voxel."""
    advice = advise_modality(prepared(), access().region)
    by_chart, advice = place_probes(placer(), advice, silent)
    here = placer().place(advice.modality, TIERS, silent, SMALLER)
    target = prepared().target
    for chosen in (by_chart, here):
        zones = rows_of([chosen.candidates[row].zone for row in chosen.selection.rows])
        covered = covered_voxels(target.lesion_ras_mm, target.grid, zones)
        assert chosen.selection.lesion_fraction == pytest.approx(covered.mean(), abs=1e-9)
    assert here.reach == SMALLER
    assert here.selection.lesion_fraction >= 0.95
    assert len(here.selection.rows) >= len(by_chart.selection.rows)
