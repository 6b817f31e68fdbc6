"""Heat beside metal: said for every probe of heat, never for ice, cement or metal far away."""

from dataclasses import replace

import pytest
from plans import small_plan

from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.near_metal import metal_warnings
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Clearance

LIMIT_MM = DEFAULTS["heat_to_metal_mm"]


def said(device_id, name="metal", zone_mm=0.0, kind="implant"):
    device = find_device(device_id)
    probe = replace(small_plan().probes[0], clearances=(Clearance(name, kind, 12.0, zone_mm, 3.0, 0.0, True),))
    placement = Placement(probe.name, device, device.programs[0], probe.entry_ras_mm, probe.tip_ras_mm)
    return metal_warnings([placement], [probe])


@pytest.mark.parametrize("device", ["rfa-cooltip-17g", "mwa-neuwave-17g"])
def test_heat_that_touches_metal_or_nearly_does_is_said(device):
    (touching,) = said(device, zone_mm=-1.0)
    assert "ZONE OF HEAT TOUCHES METAL" in touching
    (near,) = said(device, name="femoral nail", zone_mm=LIMIT_MM - 0.01)
    assert f"{LIMIT_MM - 0.1:.1f} mm from FEMORAL NAIL" in near  # rounded down
    assert said(device, zone_mm=LIMIT_MM) == []


def test_ice_old_cement_and_other_structures_are_not_meant():
    assert said("cryo-iceforce-14g", zone_mm=-1.0) == []
    assert said("rfa-cooltip-17g", name="old cement", zone_mm=-1.0) == []
    assert said("rfa-cooltip-17g", name="metal", zone_mm=-1.0, kind="other") == []
