"""Candidate probes: a few diverse, easy paths per aim point, times the programs of a device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.limits import AccessLimits
from BoneAblationPlannerLib.access.paths import Paths
from BoneAblationPlannerLib.access.region import AccessRegion, sample_distance
from BoneAblationPlannerLib.access.screen import SAFETY_MM
from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.zones.reach import BY_THE_CHART, Reach
from BoneAblationPlannerLib.zones.spheroid import Spheroid

PATHS_PER_AIM = 24
APART_DEG = 8.0
SHELLS = (1.0, 0.7, 0.4, 0.0)
SHELL_POINTS = 160


@dataclass(frozen=True, eq=False)
class Candidate:
    """One needle that could be placed: device, program, path and the zone that it makes there."""

    device: Device
    program: Program
    entry_ras_mm: NDArray[np.float64]
    tip_ras_mm: NDArray[np.float64]
    zone: Spheroid
    outer_zone: Spheroid
    """The visible ice edge where there is one, else the zone: what may injure."""
    effort: float
    """0 for a short path in the axial plane, larger for longer and more tilted ones."""


def cranial_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """In the order in which a plan lists its probes; sampled placement errors depend on it."""
    return sorted(candidates, key=lambda c: -float(c.tip_ras_mm[2]))


def spread_points(points_ras_mm: NDArray[np.float64], count: int, spacing_mm: float) -> NDArray[np.float64]:
    """Farthest-point sample (M, 3) of points, starting nearest the centroid, until `count` or `spacing_mm` is met."""
    chosen = [int(np.linalg.norm(points_ras_mm - points_ras_mm.mean(axis=0), axis=1).argmin())]
    distance = np.linalg.norm(points_ras_mm - points_ras_mm[chosen[0]], axis=1)
    while len(chosen) < count and distance.max() >= spacing_mm:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points_ras_mm - points_ras_mm[chosen[-1]], axis=1))
    return points_ras_mm[chosen]


def path_effort(paths: Paths, limits: AccessLimits) -> NDArray[np.float64]:
    """Soft criteria of each path (N,), weighted: length, angle out of the axial plane, way through bone, clearance."""
    tilt_deg = np.degrees(np.arcsin(np.clip(np.abs(paths.directions[:, 2]), 0, 1)))
    effort = limits.length_weight * paths.depth_mm / 100.0
    effort = effort + limits.craniocaudal_weight * (tilt_deg / limits.craniocaudal_preferred_deg) ** 2
    effort += limits.bone_path_weight * paths.bone_mm / max(limits.bone_path_limit_mm, 1.0)
    return effort + limits.clearance_weight * np.maximum(0.0, 1 - paths.free_mm / limits.free_beyond_required_mm)


def choose_paths(paths: Paths, effort: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the easiest paths of each aim point that differ by at least 8 degrees."""
    rows: list[int] = []
    cosine = np.cos(np.radians(APART_DEG))
    for aim in np.unique(paths.aim_index):
        mine = np.flatnonzero(paths.aim_index == aim)
        mine = mine[np.argsort(effort[mine], kind="stable")]
        free = np.ones(len(mine), dtype=bool)
        for _ in range(PATHS_PER_AIM):
            if not free.any():
                break
            best = int(np.argmax(free))
            rows.append(int(mine[best]))
            free &= paths.directions[mine] @ paths.directions[mine[best]] < cosine
    return np.array(rows, dtype=np.int64)


def choose_parallel_paths(paths: Paths, effort: NDArray[np.float64], widest_deg: float) -> NDArray[np.int64]:
    """Rows of paths along a few shared directions: of each aim point, the one nearest to each direction.

    Directions are those of the easiest paths, at least 8 degrees apart; paths of one direction lie within
    `widest_deg` of each other.
    """
    near, apart = np.cos(np.radians(widest_deg / 2)), np.cos(np.radians(APART_DEG))
    free = np.ones(len(paths), dtype=bool)
    rows: list[int] = []
    for best in np.argsort(effort, kind="stable"):
        if not free[best]:
            continue
        cosine = paths.directions @ paths.directions[best]
        free &= cosine < apart
        for aim in np.unique(paths.aim_index[cosine >= near]):
            mine = np.flatnonzero(paths.aim_index == aim)
            rows.append(int(mine[np.argmax(cosine[mine])]))
        if len(rows) >= PATHS_PER_AIM * len(np.unique(paths.aim_index)) or not free.any():
            break
    return np.unique(np.array(rows, dtype=np.int64))


def build_candidates(
    paths: Paths, effort: NDArray[np.float64], device: Device, limits: AccessLimits, reach: Reach = BY_THE_CHART
) -> list[Candidate]:
    """Every program on every path, its zone centred on the aim point, where tip and shaft length allow it.

    Zones are the chart's, with the reach that they have in this patient.
    """
    candidates = []
    deepest = max(device.shaft_lengths_mm) - limits.hub_mm
    for n in range(len(paths)):
        for program in device.programs:
            extension = program.long_mm / 2 - program.beyond_tip_mm
            depth = float(paths.depth_mm[n]) + extension
            if extension > paths.extension_mm[n] or not 0 < depth <= deepest:
                continue
            axis, aim = paths.directions[n], paths.aims_ras_mm[n]
            zone = Spheroid(aim, axis, program.short_mm, program.long_mm)
            candidates.append(Candidate(device, program, paths.entries_ras_mm[n], aim + axis * extension,
                                        reach.covers.of(zone), reach.injures.of(outer_zone(zone, program)),
                                        float(effort[n])))  # fmt: skip
    return candidates


def outer_zone(zone: Spheroid, program: Program) -> Spheroid:
    """What may injure: the visible ice around the lethal zone, or the zone itself."""
    if program.visible_short_mm is None or program.visible_long_mm is None:
        return zone
    return Spheroid(zone.centre_ras_mm, zone.axis, program.visible_short_mm, program.visible_long_mm)


@dataclass(frozen=True, eq=False)
class ZoneSlack:
    """Smallest (distance - required distance) of each zone (Z,) to kinds of structures.

    `kept` to those that a zone must keep clear of, `touchable_kept` to those that it may reach where the wanted
    distance cannot be kept, and `untouched` to the former with nothing required but not to touch.
    """

    kept: NDArray[np.float64]
    touchable_kept: NDArray[np.float64]
    untouched: NDArray[np.float64]

    def take(self, rows: NDArray) -> "ZoneSlack":
        """The chosen rows."""
        return ZoneSlack(self.kept[rows], self.touchable_kept[rows], self.untouched[rows])


def zone_slack_mm(region: AccessRegion, zones: Sequence[Spheroid]) -> ZoneSlack:
    """Slack of zones, sampled on their surface and on shells inside."""
    directions = fibonacci_sphere(SHELL_POINTS)
    local = np.concatenate([directions * shell for shell in SHELLS])
    centres = np.array([z.centre_ras_mm for z in zones]).reshape(-1, 3)
    axes = np.array([z.axis for z in zones]).reshape(-1, 3)
    semi = np.array([(z.across_mm / 2, z.along_mm / 2) for z in zones]).reshape(-1, 2)
    limits = region.required_zone_mm > 0
    nearest = np.full((len(zones), len(limits)), np.inf)
    _nearest(region.distances, region.grid.ras_to_ijk, limits, local, centres, axes, semi, nearest)
    nearest -= SAFETY_MM
    kept = nearest - region.required_zone_mm

    def smallest(values: NDArray[np.float64], kinds: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(values[:, kinds].min(axis=1, initial=np.inf))

    must, may = limits & ~region.zone_may_touch, limits & region.zone_may_touch
    return ZoneSlack(smallest(kept, must), smallest(kept, may), smallest(nearest, must))


@parallel_kernel
def _nearest(distances, ras_to_ijk, limits, local, centres, axes, semi, nearest):  # type: ignore[no-untyped-def]
    for n in prange(centres.shape[0]):
        ax, ay, az = axes[n, 0], axes[n, 1], axes[n, 2]
        a, b = semi[n, 0], semi[n, 1]
        for p in range(local.shape[0]):
            lx, ly, lz = local[p, 0], local[p, 1], local[p, 2]
            along = lx * ax + ly * ay + lz * az
            # Stretch the unit ball: by a across the axis, by b along it.
            x = centres[n, 0] + a * lx + (b - a) * along * ax
            y = centres[n, 1] + a * ly + (b - a) * along * ay
            z = centres[n, 2] + a * lz + (b - a) * along * az
            i = ras_to_ijk[0, 0] * x + ras_to_ijk[0, 1] * y + ras_to_ijk[0, 2] * z + ras_to_ijk[0, 3]
            j = ras_to_ijk[1, 0] * x + ras_to_ijk[1, 1] * y + ras_to_ijk[1, 2] * z + ras_to_ijk[1, 3]
            k = ras_to_ijk[2, 0] * x + ras_to_ijk[2, 1] * y + ras_to_ijk[2, 2] * z + ras_to_ijk[2, 3]
            for kind in range(limits.shape[0]):
                if limits[kind]:
                    nearest[n, kind] = min(nearest[n, kind], sample_distance(distances, i, j, k, kind))
