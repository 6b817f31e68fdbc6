"""The probes of a plan simulated in the patient's own tissues, and what a plan needs of that."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Point, Provenance
from BoneAblationPlannerLib.progress import ReportProgress, silent
from BoneAblationPlannerLib.zones.heat.applicators import (
    heated_part,
    protocol_of,
    provenance_of_applicator,
    strength_of,
)
from BoneAblationPlannerLib.zones.heat.damage import DAMAGE
from BoneAblationPlannerLib.zones.heat.kept import engine_digest, keep_treatment, read_treatment
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.recording import check_points
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart
from BoneAblationPlannerLib.zones.heat.simulation import Treatment, treat
from BoneAblationPlannerLib.zones.heat.tissue import NOMINAL, Levels, provenance_of_tissues
from BoneAblationPlannerLib.zones.heat.tissue_map import (
    TissueMap,
    map_tissues,
    provenance_of_map,
    simulation_grid,
)

PADDING_MM = {"mwa": 32.0, "rfa": 28.0, "cryo": 36.0}
PADDING_PER_TURN_MM, MOST_TURNS_PADDED = 6.0, 3
"""Hot probes that follow each other find warm tissue, so that heat goes further with each."""
VOXEL_MM = 1.0
KEPT_RESULTS = 6
"""The chart's plan, three rounds of placing by the simulation, and both ends of what is plausible."""
_results: OrderedDict[str, Treatment] = OrderedDict()


@dataclass(frozen=True)
class PlacedProbe:
    """A probe in the patient, RAS mm."""

    device: Device
    program: Program
    entry_ras_mm: Point
    tip_ras_mm: Point


@dataclass(frozen=True, eq=False)
class SimulatedZone:
    """A treatment in the patient, on its own grid along the CT's axes."""

    treatment: Treatment
    tissues: TissueMap
    probes: tuple[PlacedProbe, ...]
    thermocouples: Mapping[str, Point] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """Of every array of the treatment."""
        return self.treatment.medium.grid

    @property
    def killed(self) -> NDArray[np.bool_]:
        """Where tissue is expected to die."""
        return self.treatment.killed

    @property
    def outer(self) -> NDArray[np.bool_]:
        """What structures are kept away from: the ice ball, or where tissue dies of heat."""
        frozen = self.treatment.frozen
        return self.killed if frozen is None else frozen | self.killed

    @property
    def volume_ml(self) -> float:
        """Of where tissue is expected to die."""
        return float(self.killed.sum() * self.grid.voxel_ml)

    def mask_on(self, ct_grid: Grid, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of this grid on the CT's voxels (by their centres)."""
        found = np.zeros(ct_grid.shape, dtype=bool)
        corners = self.grid.ras_from_ijk(np.array([(0, 0, 0), self.grid.shape[::-1]]) - [[0.0], [1.0]])
        region = ct_grid.region_around(corners, 0.0)
        local = ct_grid.crop(region)
        points = local.ras_of_mask(np.ones(local.shape, dtype=bool))
        found[region] = self.at(mask, points, False).reshape(local.shape)
        return found

    def at(self, values: NDArray, points_ras_mm: NDArray[np.float64], outside: float | bool) -> NDArray:
        """Values of the voxels that hold points (N, 3); `outside` where none does."""
        kji = np.rint(self.grid.ijk_from_ras(points_ras_mm)).astype(int)[:, ::-1]
        inside = ((kji >= 0) & (kji < np.array(self.grid.shape))).all(axis=1)
        found = np.full(len(kji), outside, dtype=values.dtype)
        found[inside] = values[tuple(kji[inside].T)]
        return found

    def margins_mm(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed depth (N,) of points in the zone, positive inside; a voxel's half diagonal is taken off."""
        if not self.killed.any():
            return np.full(len(points_ras_mm), -np.inf)
        inside = distance_mm(~np.pad(self.killed, 1), self.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
        outside = distance_mm(self.killed, self.grid.spacing_kji_mm)
        depth = np.where(self.killed, inside, -outside).astype(np.float64)
        return np.asarray(self.at(depth, points_ras_mm, -np.inf), dtype=np.float64) - self.grid.half_diagonal_mm

    def covers(self, points_ras_mm: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
        """Which of some voxels (N, 3) of a grid lie wholly in the zone: centre and all corners are killed."""
        corners = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).reshape(3, -1).T @ grid.ijk_to_ras[:3, :3].T
        covered = self.at(self.killed, points_ras_mm, False).astype(bool)
        for corner in corners:
            covered[covered] = self.at(self.killed, points_ras_mm[covered] + corner * (1 - 1e-6), False)
        return covered


def simulate_in_patient(
    anatomy: Anatomy,
    probes: Sequence[PlacedProbe],
    levels: Levels = NOMINAL,
    voxel_mm: float = VOXEL_MM,
    thermocouples: Mapping[str, Point] | None = None,
    report: ReportProgress = silent,
    keep: bool = True,
    together: bool = False,
) -> SimulatedZone:
    """Simulate the probes of a plan in one block of tissue; the same input is simulated once.

    Parameters
    ----------
    thermocouples : {name: RAS mm}
        Points whose temperatures are noted.
    keep : bool
        Whether results are kept on disk, and taken from there (`kept`).
    together : bool
        Whether hot probes heat at the same time, not one after the other as charts imply. Cold ones always do.

    Raises
    ------
    InputError
        For no probes, probes that cannot be simulated, thermocouples far away, or settings that are not usable.
    Cancelled
        If `report` returned False.
    """
    if not probes:
        raise InputError("simulation: no probes; expected at least one")
    wires = dict(thermocouples or {})
    parts = [active_part(p, levels) for p in probes]
    ends = np.concatenate([part.ends_ras_mm for part in parts])
    modality = probes[0].device.modality
    turns = 0 if together or modality == "cryo" else min(len(probes) - 1, MOST_TURNS_PADDED)
    padding = PADDING_MM[modality] + turns * PADDING_PER_TURN_MM
    tissues = map_tissues(anatomy, simulation_grid(anatomy.ct.grid, ends, padding, voxel_mm))
    key = _content_hash(tissues, probes, levels, list(wires.values()), together)
    if key not in _results:
        sources = [
            (protocol_of(p.device, p.program), strength_of(p.device, p.program, levels.strength), part)
            for p, part in zip(probes, parts, strict=True)
        ]
        isotherm, medium = probes[0].program.lethal_isotherm_celsius, Medium.of(tissues, levels)
        check_points(tissues.grid, wires)
        found = read_treatment(key, medium) if keep else None
        if found is None:
            unnamed = {str(n): point for n, point in enumerate(wires.values())}
            found = treat(medium, sources, isotherm, unnamed, report, together)
            if keep:
                keep_treatment(key, found)
        _results[key] = found
        while len(_results) > KEPT_RESULTS:
            _results.popitem(last=False)
    return SimulatedZone(_results[key], tissues, tuple(probes), wires)


def active_part(probe: PlacedProbe, levels: Levels = NOMINAL) -> ActivePart:
    """The stretch of a placed probe that heats or cools."""
    protocol = protocol_of(probe.device, probe.program)
    strength = strength_of(probe.device, probe.program, levels.strength)
    return heated_part(protocol, strength, probe.entry_ras_mm, probe.tip_ras_mm, probe.device.diameter_mm)


def provenance_of_simulation(zone: SimulatedZone) -> tuple[Provenance, ...]:
    """Every number that a simulation rests on."""
    rows = [row for p in zone.probes for row in provenance_of_applicator(p.device, p.program)]
    rows += [*provenance_of_map(), *provenance_of_tissues(zone.tissues.tissues)]
    return tuple(dict.fromkeys((*rows, *PHYSICS.provenance(), *DAMAGE.provenance())))


def _content_hash(
    tissues: TissueMap,
    probes: Sequence[PlacedProbe],
    levels: Levels,
    points_ras_mm: Sequence[Point],
    together: bool,
) -> str:
    """Equal for equal input to the same engine, whatever made it."""
    digest = hashlib.sha256(engine_digest().encode())
    for array in (tissues.first, tissues.second, tissues.share, tissues.held):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(tissues.grid.ijk_to_ras.tobytes())
    plain = [
        (p.device.id, p.device.diameter_mm, replace(p.program, source=""), p.entry_ras_mm, p.tip_ras_mm) for p in probes
    ]
    points = [tuple(float(v) for v in point) for point in points_ras_mm]
    digest.update(repr((tissues.grid.shape, plain, levels, points, together)).encode())
    return digest.hexdigest()
