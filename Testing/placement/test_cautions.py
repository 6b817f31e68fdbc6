"""Probes beside each other, zones of uncertain size, and why a plan does not stand placement errors."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.placement.coverage import PlacementError, displaced_rows, lesion_fractions
from BoneAblationPlannerLib.placement.overlap import (
    OVERLAP,
    overlap_provenance,
    overlap_warnings,
    published_together,
    zone_spacing_mm,
)
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.placement.target import build_target
from BoneAblationPlannerLib.placement.weakness import fractions_of_each, weakness_warnings
from BoneAblationPlannerLib.plan import Clearance, Probe
from BoneAblationPlannerLib.zones.spheroid import Spheroid, resized

CENTRE = np.array([12.0, -34.0, 56.0])
ERROR = PlacementError(4.0, 3.0)


def side_by_side(device, *places_mm):
    """Parallel probes along S at places along R."""
    device = find_device(device)
    return [Placement(f"Probe {n + 1}", device, device.programs[0], (x, 0.0, 90.0), (x, 0.0, 0.0))
            for n, x in enumerate(places_mm)]  # fmt: skip


def test_spacing_of_parallel_probes_is_their_distance():
    np.testing.assert_allclose(zone_spacing_mm(side_by_side("cryo-iceforce-14g", 0.0, 12.0, 30.0)), [12.0, 12.0, 18.0])


def rules(device, *places_mm):
    return overlap_warnings(side_by_side(device, *places_mm), ())


def test_spacing_rules_of_ice():
    """Between 10 and 20 mm nothing is said."""
    assert rules("cryo-iceforce-14g", 0.0, 10.0, 30.0) == []
    near, far = (rules("cryo-iceforce-14g", 0.0, mm) for mm in (9.0, 21.0))
    assert all("adds little" in text for text in near)
    assert all("warm core" in text for text in far)
    assert len(near) == len(far) == 2
    assert rules("cryo-iceforce-14g", 0.0) == []


@pytest.mark.parametrize(("device", "noun"), [("mwa-neuwave-17g", "antennas"), ("rfa-cooltip-17g", "electrodes")])
def test_heat_beside_heat_is_more_than_the_charts_tell(device, noun):
    """Up to 25 mm apart; one probe far away does not count."""
    (text,) = rules(device, 0.0, 25.0, 60.0)
    assert text.startswith(f"2 {noun} lie within 25 mm")
    assert rules(device, 0.0, 26.0) == []
    assert rules(device, 0.0) == []


@pytest.mark.parametrize(("count", "lethal_mm"), [(1, None), (2, 33.0), (3, 41.0), (4, 49.0), (5, None)])
def test_published_figure_of_several_ice_probes(count, lethal_mm):
    """Littrup 2009, by number of probes 20 mm apart; nothing is said of more, of fewer, or of wider spacing."""
    rows = published_together(side_by_side("cryo-iceforce-14g", *(20.0 * n for n in range(count))))
    assert [row.value for row in rows][:1] == ([] if lethal_mm is None else [lethal_mm])
    assert published_together(side_by_side("cryo-iceforce-14g", *(21.0 * n for n in range(count)))) == ()


def test_published_figure_of_three_electrodes():
    rows = published_together(side_by_side("rfa-cooltip-17g", 0.0, 20.0, 40.0))
    assert [row.value for row in rows] == [pytest.approx(92.0 / 68.1, abs=0.005)]
    assert published_together(side_by_side("rfa-cooltip-17g", 0.0, 20.0)) == ()


@pytest.mark.parametrize(
    ("count", "lethal_mm", "share", "places_mm"),
    [(2, 33, 0.46, [(-10, 0), (10, 0)]), (3, 41, 0.51, [(0, 11.547), (-10, -5.774), (10, -5.774)]),
     (4, 49, 0.56, [(-10, -10), (10, -10), (-10, 10), (10, 10)])],
)  # fmt: skip
def test_growth_of_the_visible_ice_follows_from_the_published_shares(count, lethal_mm, share, places_mm):
    """Lethal area / share is the area of the ice; a single probe's is 12 mm and 13 %. Areas by counting points."""
    radius_mm, step = 12 / np.sqrt(0.13) / 2, 0.1
    x, y = np.meshgrid(np.arange(-60, 60, step), np.arange(-60, 60, step))

    def area(growth_mm):
        return step**2 * sum_any((x - a) ** 2 + (y - b) ** 2 <= (radius_mm + growth_mm) ** 2 for a, b in places_mm)

    def sum_any(masks):
        return np.logical_or.reduce(list(masks)).sum()

    grown = OVERLAP[f"cryo_visible_growth_{count}_mm"]
    published = np.pi * (lethal_mm / 2) ** 2 / share
    assert area(grown - 0.1) < published <= area(grown + 0.01)


def test_ice_that_may_grow_into_a_wanted_distance_is_named():
    """5 mm wanted; two probes grow by 2.4: 7.3 mm are warned of, 7.5 are not, nor what is broken or has no limit."""

    def row(name, zone_mm, wanted_mm=5.0):
        return Clearance(name, "nerve", 20.0, zone_mm, 4.0, wanted_mm, zone_mm >= wanted_mm)

    placements = side_by_side("cryo-iceforce-14g", 0.0, 15.0)
    zones = [p.zone for p in placements]
    rows = (row("near nerve", 7.3), row("far nerve", 7.5), row("broken nerve", 4.0), row("free", 1.0, 0.0))
    probes = [probe("Probe 1", zones[0], rows), probe("Probe 2", zones[1])]
    (text,) = overlap_warnings(placements, probes)
    assert "near nerve (7.3 mm)" in text
    assert not any(name in text for name in ("far nerve", "broken nerve", "free"))
    assert overlap_warnings(side_by_side("mwa-neuwave-17g", 0.0, 60.0), probes) == []


def test_spacing_rules_bring_their_sources():
    values = [row.value for row in overlap_provenance(side_by_side("cryo-iceforce-14g", 0.0, 15.0))]
    assert values == [OVERLAP["cryo_closest_mm"], OVERLAP["cryo_farthest_mm"]]
    assert overlap_provenance(side_by_side("cryo-iceforce-14g", 0.0)) == ()


def test_a_resized_zone_keeps_its_place():
    zone = Spheroid(CENTRE, np.array([0.0, 0.6, 0.8]), 20.0, 30.0)
    small = resized(zone, -3.0)
    assert (small.across_mm, small.along_mm) == (17.0, 27.0)
    assert small.centre_ras_mm is zone.centre_ras_mm
    assert resized(zone, -50.0).across_mm > 0


def probe(name, zone, clearances=()):
    point = tuple(float(v) for v in zone.centre_ras_mm)
    return Probe(name, "d", "p", point, point, 50.0, 0.0, 0.0, None, 1, 0.0, tuple(clearances), 100.0, 1.5, point,
                 (zone.across_mm, zone.across_mm, zone.along_mm))  # fmt: skip


def lone_ball():
    grid = oblique_grid((50, 50, 50), (1.0, 1.2, 0.9), CENTRE)
    return build_target(ball(grid, CENTRE, 10.0), grid, 2.0)


def test_one_probe_alone_off_is_the_plan_off():
    target, zones = lone_ball(), [Spheroid(CENTRE, np.array([0.0, 0, 1]), 22.0, 24.0)]
    every = np.sort(lesion_fractions(target, displaced_rows(zones, ERROR)))
    assert fractions_of_each(target, zones, ERROR)[0] == every[int(0.05 * (len(every) - 1))]


def test_the_warning_names_the_probe_that_matters_and_what_holds_it_back():
    """A zone that covers everything with room to spare does not matter when a second one is small and beside it."""
    target = lone_ball()
    zones = [Spheroid(CENTRE, np.array([0.0, 0, 1]), 22.0, 24.0), Spheroid(CENTRE, np.array([0.0, 0, 1]), 5.0, 5.0)]
    near = Clearance("sciatic nerve", "nerve", 9.0, 6.5, 4.0, 5.0, True)
    far = Clearance("iliac artery", "vessel", 30.0, 25.0, 4.0, 5.0, True)
    probes = [probe("Probe 1", zones[0], (near, far)), probe("Probe 2", zones[1])]
    (text,) = weakness_warnings(target, zones, probes, ERROR, 0.9)
    assert "Probe 1 matters most" in text
    assert "sciatic nerve (6.5 mm from the zone, 5 mm wanted)" in text
    assert "iliac artery" not in text
    (free,) = weakness_warnings(target, zones, [replace(probes[0], clearances=()), probes[1]], ERROR, 0.9)
    assert "no structure does" in free
    assert weakness_warnings(target, zones, probes, ERROR, 0.95) == []
