"""The probes of a plan as they are simulated."""

from BoneAblationPlannerLib.devices.catalogue import Device, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.candidates import outer_zone
from BoneAblationPlannerLib.plan import Plan, Probe
from BoneAblationPlannerLib.zones.heat.patient import PlacedProbe
from BoneAblationPlannerLib.zones.spheroid import Spheroid


def placed_probes(plan: Plan, devices: tuple[Device, ...]) -> list[PlacedProbe]:
    """A plan's probes with their devices; raises InputError for those that are not of the catalogue."""
    return [_placed(p, devices) for p in plan.probes]


def chart_zone(probe: PlacedProbe) -> Spheroid:
    """Where the chart expects tissue to die."""
    p = probe.program
    return Spheroid.around_needle(probe.entry_ras_mm, probe.tip_ras_mm, p.short_mm, p.long_mm, p.beyond_tip_mm)


def chart_outer_zone(probe: PlacedProbe) -> Spheroid:
    """What the chart expects to injure: the visible ice, or where tissue dies."""
    return outer_zone(chart_zone(probe), probe.program)


def _placed(probe: Probe, devices: tuple[Device, ...]) -> PlacedProbe:
    device = find_device(probe.device, devices)
    program = next((p for p in device.programs if p.id == probe.program), None)
    if program is None:
        raise InputError(f"device {device.id}: program {probe.program!r} is not in the catalogue")
    return PlacedProbe(device, program, probe.entry_ras_mm, probe.tip_ras_mm)
