"""How far a simulated zone depends on what is not known of the patient, and the shortest program that does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.plan import TriedProgram
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.zones.heat.applicators import can_simulate, protocol_of
from BoneAblationPlannerLib.zones.heat.effects import worst_effects
from BoneAblationPlannerLib.zones.heat.patient import VOXEL_MM, PlacedProbe, SimulatedZone, simulate_in_patient
from BoneAblationPlannerLib.zones.heat.tissue import NOMINAL, Levels

SMALL_AND_LARGE = (
    Levels(conductivity="low", perfusion="high"),
    Levels(conductivity="high", perfusion="low", strength="high"),
)
"""Blood carries heat and cold away, conduction spreads them, a strong device has more of them: the ends at which a zone
is smallest and largest. As it is read, a device's row gives the weaker device."""


@dataclass(frozen=True, eq=False)
class Spread:
    """The zone at one end of the plausible range, and the share of the lesion that it covers."""

    levels: Levels
    zone: SimulatedZone
    lesion_fraction: float


def lesion_fraction(zone: SimulatedZone, target: Target) -> float:
    """Share of the lesion's voxels that lie wholly in the zone, rounded down to four digits."""
    return float(np.floor(zone.covers(target.lesion_ras_mm, target.grid).mean() * 1e4) / 1e4)


def spread_of(
    anatomy: Anatomy, probes: Sequence[PlacedProbe], target: Target, voxel_mm: float = VOXEL_MM,
    report: ReportProgress = silent, keep: bool = True, together: bool = False,
) -> tuple[Spread, ...]:  # fmt: skip
    """The zone at both ends of what is plausible of perfusion, conductivity and the device: small, large."""
    rows = []
    for n, levels in enumerate(SMALL_AND_LARGE):
        own = part(report, n / len(SMALL_AND_LARGE), (n + 1) / len(SMALL_AND_LARGE))
        zone = simulate_in_patient(anatomy, probes, levels, voxel_mm=voxel_mm, report=own, keep=keep, together=together)
        rows.append(Spread(levels, zone, lesion_fraction(zone, target)))
    return tuple(rows)


def shortest_program(
    anatomy: Anatomy,
    probes: Sequence[PlacedProbe],
    target: Target,
    wanted_fraction: float = 1.0,
    voxel_mm: float = VOXEL_MM,
    report: ReportProgress = silent,
    keep: bool = True,
    together: bool = False,
    with_spread: bool = True,
) -> tuple[Program | None, tuple[TriedProgram, ...]]:
    """The shortest program of the probes' device that covers the lesion and breaks no limit, and all that were tried.

    Programs are tried in order of their time, so the first that does is the shortest. The nominal zone must cover;
    with the spread no limit may break even in the largest plausible one.

    Raises
    ------
    InputError
        For no probes, or probes of several devices, which have no programs in common.
    """
    devices = {p.device.id for p in probes}
    if len(devices) != 1:
        raise InputError(f"shortest program: the probes are of {len(devices)} devices; expected probes of one device")
    device = probes[0].device
    known = [p for p in device.programs if can_simulate(device, p)]
    ordered = sorted(known, key=lambda p: (_seconds(device, p), protocol_of(device, p).watts))
    every_level = (NOMINAL, SMALL_AND_LARGE[1]) if with_spread else (NOMINAL,)
    tried: list[TriedProgram] = []
    for n, program in enumerate(ordered):
        own = part(report, n / len(ordered), (n + 1) / len(ordered))
        placed = [replace(p, program=program) for p in probes]
        zones = [
            simulate_in_patient(
                anatomy, placed, levels, voxel_mm=voxel_mm, keep=keep, together=together,
                report=part(own, m / len(every_level), (m + 1) / len(every_level)),
            )
            for m, levels in enumerate(every_level)
        ]  # fmt: skip
        worst = worst_effects(zones, anatomy.structures, anatomy.ct.grid)
        broken = tuple(name for (name, _), extremes in worst.items() if extremes.ok is False)
        row = TriedProgram(program.id, _seconds(device, program) / 60, lesion_fraction(zones[0], target), broken)
        tried.append(row)
        if row.lesion_fraction >= wanted_fraction and not broken:
            return program, tuple(tried)
    return None, tuple(tried)


def _seconds(device: Device, program: Program) -> float:
    protocol = protocol_of(device, program)
    return protocol.seconds + sum(protocol.freeze_thaw_s) + protocol.active_thaw_s
