"""Zones as ellipsoid models: where one probe is expected to kill tissue, and the ice that it shows."""

from dataclasses import dataclass
from typing import Any, Literal

from BoneAblationPlannerLib.plan import Point, Probe
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.models import add_model
from BoneAblationPlannerLib.scene.probes import direction_of, of_probe
from BoneAblationPlannerLib.scene.surfaces import ellipsoid_surface


def add_zone(scene: Any, probe: Probe) -> Any:
    """Model of the ellipsoid in which one probe is expected to kill tissue."""
    surface = zone_surface(probe, probe.zone_axes_mm)
    return of_probe(add_model(scene, f"{probe.name} zone", surface, "zone", ROLE_COLOURS["zone"], 0.35), probe)


def add_visible_zone(scene: Any, probe: Probe) -> Any | None:
    """Model of the ice that one probe is expected to show on CT; None for heat."""
    if probe.visible_axes_mm is None:
        return None
    surface = zone_surface(probe, probe.visible_axes_mm)
    colour = ROLE_COLOURS["zone-visible"]
    return of_probe(add_model(scene, f"{probe.name} visible ice", surface, "zone-visible", colour, 0.15), probe)


@dataclass(frozen=True)
class ZoneBound:
    """A zone that turns out smaller or larger by its device's uncertainty: hidden until someone asks for it."""

    role: Literal["zone-small", "zone-large"]

    def axes_mm(self, probe: Probe) -> Point | None:
        """Full axes; None in plans that did not store them."""
        return probe.zone_axes_low_mm if self.role == "zone-small" else probe.zone_axes_high_mm

    def surface(self, probe: Probe) -> Any:
        """The ellipsoid."""
        return zone_surface(probe, self.axes_mm(probe) or probe.zone_axes_mm)

    def add(self, scene: Any, probe: Probe) -> Any:
        """The ellipsoid as a hidden model."""
        size = self.role.removeprefix("zone-")
        name = f"{probe.name} zone, {size}"
        node = of_probe(add_model(scene, name, self.surface(probe), self.role, ROLE_COLOURS["zone"], 0.2), probe)
        node.GetDisplayNode().SetVisibility(False)
        return node


BOUNDS = (ZoneBound("zone-small"), ZoneBound("zone-large"))


def zone_surface(probe: Probe, axes_mm: Point) -> Any:
    """Ellipsoid around the zone's centre; full axes across the needle (twice) and along it."""
    across_u, across_v, along = (a / 2 for a in axes_mm)
    return ellipsoid_surface(probe.zone_centre_ras_mm, (across_u, across_v, along), direction_of(probe))
