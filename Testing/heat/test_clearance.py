"""Clearances of simulated zones against closed forms: a ball and a plate, several probes, reaching in."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from grids import oblique_grid

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from BoneAblationPlannerLib.plan import Clearance
from BoneAblationPlannerLib.zones.heat.clearance import parts_of_probes, with_simulated_clearances, zone_distance_mm
from BoneAblationPlannerLib.zones.heat.patient import PlacedProbe, SimulatedZone
from BoneAblationPlannerLib.zones.heat.tissue_map import simulation_grid

CT_GRID = oblique_grid((20, 60, 60), (1.0, 1.0, 2.5))
MIDDLE = CT_GRID.ras_from_ijk([[30.0, 24.0, 10.0]])[0]
SIM_GRID = simulation_grid(CT_GRID, [MIDDLE], 22.0, 1.0)
DEVICE = find_device("mwa-neuwave-17g")


def zone_of(killed, probes=1):
    """A simulated zone of a given mask; each probe lies along the CT's j axis, 6 mm from the next along i."""
    axis_i, axis_j = (CT_GRID.ijk_to_ras[:3, a] / CT_GRID.spacing_ijk_mm[a] for a in (0, 1))
    placed = []
    for n in range(probes):
        tip = MIDDLE + (n - (probes - 1) / 2) * 6 * axis_i + 20 * axis_j
        placed.append(PlacedProbe(DEVICE, DEVICE.programs[0], tuple(tip - 80 * axis_j), tuple(tip)))
    treatment = SimpleNamespace(medium=SimpleNamespace(grid=SIM_GRID), killed=killed, frozen=None)
    return SimulatedZone(treatment, None, tuple(placed))


def ball(radius_mm, centre=MIDDLE):
    points = SIM_GRID.ras_of_mask(np.ones(SIM_GRID.shape, bool))
    return (np.linalg.norm(points - centre, axis=1) <= radius_mm).reshape(SIM_GRID.shape)


def plate(from_j):
    """Everything from a plane of the CT on."""
    mask = np.zeros(CT_GRID.shape, dtype=bool)
    mask[:, from_j:, :] = True
    return Structure("plate", "bowel", mask, 5.0, 10.0, "organ label")


@pytest.mark.parametrize("from_j", [36, 40, 45])
def test_distance_of_a_ball_to_a_plate(from_j):
    """Plane at j - 0.5 less the ball's radius; voxels of 1 mm make the ball at most half a voxel larger."""
    zone, structure = zone_of(ball(8.0)), plate(from_j)
    found = zone_distance_mm(zone.outer, zone, StructureSurface.of(structure), CT_GRID)
    wanted = (from_j - 0.5 - 24.0) - 8.0
    assert wanted - 0.5 * np.sqrt(3) - 1e-6 <= found <= wanted + 0.5


def test_a_zone_that_reaches_in_is_negative_by_its_depth_at_most():
    zone, structure = zone_of(ball(10.0)), plate(30)
    found = zone_distance_mm(zone.outer, zone, StructureSurface.of(structure), CT_GRID)
    assert -(10.0 - 5.5) - 0.5 <= found < 0  # the plate begins 5.5 mm off the centre


def test_nothing_is_infinitely_far():
    nothing = np.zeros(SIM_GRID.shape, dtype=bool)
    zone, structure = zone_of(nothing), plate(40)
    assert zone_distance_mm(zone.outer, zone, StructureSurface.of(structure), CT_GRID) == np.inf


def test_each_voxel_belongs_to_one_probe_and_the_nearest_counts():
    zone, structure = zone_of(ball(10.0), probes=2), plate(38)
    parts = parts_of_probes(zone)
    assert (sum(p.astype(int) for p in parts) == zone.outer).all()
    assert all(p.any() for p in parts)
    surface = StructureSurface.of(structure)
    whole = zone_distance_mm(zone.outer, zone, surface, CT_GRID)
    assert min(zone_distance_mm(p, zone, surface, CT_GRID) for p in parts) == pytest.approx(whole)


def test_probes_take_the_simulated_distance_and_keep_the_shafts():
    from plans import small_plan

    zone, structure = zone_of(ball(8.0)), plate(38)
    chart = Clearance("plate", "bowel", 7.0, 30.0, 5.0, 10.0, True)
    probe = replace(small_plan().probes[0], clearances=(chart,))
    (found,) = with_simulated_clearances([probe], [zone], [structure], CT_GRID)
    row = found.clearances[0]
    assert row.shaft_mm == 7.0
    assert row.zone_mm <= 38 - 0.5 - 24 - 8 + 0.5
    assert row.ok is False  # 10 mm are asked for


@pytest.mark.parametrize("order", [(8.0, 11.0), (11.0, 8.0)])
def test_the_nearest_of_several_zones_counts(order):
    """Balls of 8 and 11 mm: structures are as near as the larger one, whichever is named first."""
    from plans import small_plan

    structure = plate(45)
    probe = replace(small_plan().probes[0], clearances=(Clearance("plate", "bowel", 7.0, 30.0, 5.0, 11.0, True),))
    zones = [zone_of(ball(radius_mm)) for radius_mm in order]
    (both,) = with_simulated_clearances([probe], zones, [structure], CT_GRID)
    (larger,) = with_simulated_clearances([probe], [zone_of(ball(11.0))], [structure], CT_GRID)
    (smaller,) = with_simulated_clearances([probe], [zone_of(ball(8.0))], [structure], CT_GRID)
    assert both == larger
    assert smaller.clearances[0].zone_mm - both.clearances[0].zone_mm == pytest.approx(3.0, abs=1.0)
    assert smaller.clearances[0].ok  # 20.5 - 8 mm where 11 are asked for
    assert not both.clearances[0].ok
