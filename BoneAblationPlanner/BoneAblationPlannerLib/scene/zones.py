"""Zones as ellipsoid models: where one probe is expected to kill tissue, and the ice that it shows."""

from typing import Any

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


def zone_surface(probe: Probe, axes_mm: Point) -> Any:
    """Ellipsoid around the zone's centre; full axes across the needle (twice) and along it."""
    across_u, across_v, along = (a / 2 for a in axes_mm)
    return ellipsoid_surface(probe.zone_centre_ras_mm, (across_u, across_v, along), direction_of(probe))
