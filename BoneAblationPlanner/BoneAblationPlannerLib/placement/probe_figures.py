"""The figures of one placed probe, whoever placed it: the optimiser, a dragged line, a stored plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.angles import axial_angle_deg, craniocaudal_angle_deg
from BoneAblationPlannerLib.access.bone_entry import bone_entry
from BoneAblationPlannerLib.access.limits import AccessLimits
from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.candidates import outer_zone
from BoneAblationPlannerLib.placement.clearance import StructureSurface, clearances
from BoneAblationPlannerLib.plan import Point, Position, Probe
from BoneAblationPlannerLib.zones.spheroid import Spheroid, contains, resized


@dataclass(frozen=True)
class Placement:
    """One probe as it is placed; points are rounded to 0.01 mm so that a stored plan gives the same figures."""

    name: str
    device: Device
    program: Program
    entry_ras_mm: Point
    tip_ras_mm: Point

    @property
    def zone(self) -> Spheroid:
        """Where tissue is expected to die."""
        p = self.program
        return Spheroid.around_needle(self.entry_ras_mm, self.tip_ras_mm, p.short_mm, p.long_mm, p.beyond_tip_mm)

    @property
    def outer_zone(self) -> Spheroid:
        """The visible ice around it, or the zone itself."""
        return outer_zone(self.zone, self.program)


def rounded_point(point_ras_mm: NDArray[np.float64]) -> Point:
    """A point as plans store it."""
    x, y, z = (round(float(v), 2) for v in point_ras_mm)
    return (x, y, z)


def measure_probe(
    placement: Placement,
    anatomy: Anatomy,
    surfaces: Sequence[StructureSurface],
    position: Position,
    limits: AccessLimits,
) -> Probe:
    """Every figure of one probe; `surfaces` are those of the anatomy's structures."""
    grid = anatomy.ct.grid
    entry, tip = np.array(placement.entry_ras_mm), np.array(placement.tip_ras_mm)
    zone, visible = placement.zone, placement.outer_zone
    ice = placement.program.visible_short_mm is not None
    depth = float(np.linalg.norm(tip - entry))
    known_bone = anatomy.bone | anatomy.lesion if anatomy.bone.any() else anatomy.bone
    met = bone_entry(known_bone, anatomy.ct.hu, grid, entry, tip)
    shafts = [s for s in placement.device.shaft_lengths_mm if s >= depth + limits.hub_mm]
    diameter = placement.device.diameter_mm
    return Probe(
        name=placement.name,
        device=placement.device.id,
        program=placement.program.id,
        entry_ras_mm=placement.entry_ras_mm,
        tip_ras_mm=placement.tip_ras_mm,
        depth_mm=depth,
        axial_angle_deg=axial_angle_deg(entry, tip, position),
        craniocaudal_angle_deg=craniocaudal_angle_deg(entry, tip),
        cortex_incidence_deg=met.incidence_deg,
        cortices_crossed=met.cortices_crossed,
        bone_path_mm=met.bone_path_mm,
        clearances=clearances(surfaces, grid, entry, tip, diameter / 2, visible),
        shaft_length_mm=min(shafts) if shafts else max(placement.device.shaft_lengths_mm),
        diameter_mm=diameter,
        zone_centre_ras_mm=rounded_point(zone.centre_ras_mm),
        zone_axes_mm=_axes(zone),
        visible_axes_mm=_axes(visible) if ice else None,
        slice_number=slice_number(grid, entry),
        device_name=placement.device.name,
        zone_axes_low_mm=_axes(resized(zone, -placement.device.uncertainty_mm)),
        zone_axes_high_mm=_axes(resized(zone, placement.device.uncertainty_mm)),
        bones_met=met.bones_met if anatomy.bone.any() else None,
    )


def _axes(zone: Spheroid) -> Point:
    return (zone.across_mm, zone.across_mm, zone.along_mm)


def slice_number(grid: Grid, point_ras_mm: NDArray[np.float64]) -> int:
    """Number of the image slice nearest to a point, counted from 1 at the first slice of the series as stored."""
    return int(np.clip(np.rint(grid.ijk_from_ras(point_ras_mm)[0, 2]), 0, grid.shape[0] - 1)) + 1


def zone_mask(grid: Grid, zones: Sequence[Spheroid]) -> NDArray[np.bool_]:
    """Voxels whose centre lies in one of the zones."""
    mask = np.zeros(grid.shape, dtype=bool)
    for zone in zones:
        region = grid.region_around(zone.centre_ras_mm, max(zone.across_mm, zone.along_mm) / 2)
        local = grid.crop(region)
        points = local.ras_of_mask(np.ones(local.shape, dtype=bool))
        mask[region] |= contains(points, zone).reshape(local.shape)
    return mask
