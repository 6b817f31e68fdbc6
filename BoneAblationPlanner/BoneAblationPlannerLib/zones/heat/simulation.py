"""One treatment in one block of tissue: all probes at once, through the phases of their protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.zones.heat.antenna import Antenna
from BoneAblationPlannerLib.zones.heat.applicators import Protocol, Strength
from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.damage import killed_by_cold, killed_by_heat
from BoneAblationPlannerLib.zones.heat.ice import Ice, Shaft
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.radiofrequency import Electrodes
from BoneAblationPlannerLib.zones.heat.recording import Recorder, Recording
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart

CHUNK_S = 10.0
"""Progress, cancel and thermocouples this often."""
COOLING_S = 60.0
"""Tissue stays hot and dies on after the power is off."""
SHAFT_RATE_PER_S = 50.0
"""How fast a voxel full of shaft follows it: at once."""
CONTROL_S = 1.0
MOST_CRYO_PROBES = 6
SMALLEST_SHARE = 0.2
"""Of a voxel that a cold shaft must fill to hold it."""
Probe = tuple[Protocol, Strength, ActivePart]


@dataclass(frozen=True, eq=False)
class Treatment:
    """What a simulation ends with, all (k, j, i) on the medium's grid.

    Parameters
    ----------
    killed : bool
        Where tissue is expected to die.
    frozen : bool or None
        The largest ice ball (half of the water frozen at any time); None for heat.
    hottest_celsius, coldest_celsius : float32
        Extremes over the whole treatment.
    cem43_min, damage : float32 or None
        Thermal dose and Arrhenius integral; None for ice.
    coldest_by_freeze : arrays, one per freeze
    recording : Recording
        Virtual thermocouples, and pictures of the temperatures over time.
    """

    medium: Medium
    killed: NDArray[np.bool_]
    frozen: NDArray[np.bool_] | None
    hottest_celsius: Array
    coldest_celsius: Array
    cem43_min: Array | None
    damage: Array | None
    coldest_by_freeze: tuple[Array, ...]
    recording: Recording


def treat(
    medium: Medium,
    probes: Sequence[Probe],
    isotherm_celsius: float | None = None,
    thermocouples: Mapping[str, ArrayLike] | None = None,
    report: ReportProgress = silent,
    together: bool = True,
) -> Treatment:
    """Run all probes, which must be of one modality: cold ones at once, hot ones `together` or one after the other.

    Raises
    ------
    InputError
        For no probes, probes of several modalities, or more cold probes than a system has.
    Cancelled
        If `report` returned False.
    """
    modalities = {protocol.modality for protocol, _, _ in probes}
    if len(modalities) != 1:
        raise InputError(f"probes: {len(modalities)} modalities; expected probes of one modality to simulate together")
    points = thermocouples or {}
    if modalities == {"cryo"}:
        if len(probes) > MOST_CRYO_PROBES:
            raise InputError(f"probes: {len(probes)} cold ones; expected at most {MOST_CRYO_PROBES}")
        return _freeze(medium, probes, isotherm_celsius, points, report)
    return _heat(medium, probes, points, report, together)


def _in_chunks(
    seconds: float, start_s: float, advance: Callable[[float], None], after: Callable[[float], None]
) -> None:
    count = max(1, int(np.ceil(seconds / CHUNK_S - 1e-9)))
    for n in range(count):
        advance(seconds / count)
        after(start_s + (n + 1) * seconds / count)


def _turns(seconds: Sequence[float], together: bool) -> list[tuple[float, list[int]]]:
    """When a phase ends (s), and which probes heat in it; tissue cools after the last, and between probes in turn."""
    if together:
        last = max(seconds)
        ends = sorted(set(seconds))
        return [*((end, [n for n, s in enumerate(seconds) if s >= end]) for end in ends), (last + COOLING_S, [])]
    turns: list[tuple[float, list[int]]] = []
    now = 0.0
    for n, own in enumerate(seconds):
        turns += [(now + own, [n]), (now + own + COOLING_S, [])]
        now += own + COOLING_S
    return turns


def _heat(
    medium: Medium, probes: Sequence[Probe], points: Mapping[str, ArrayLike], report: ReportProgress, together: bool
) -> Treatment:
    heating = Heating(medium)
    sources = [_source(medium, *probe) for probe in probes]
    turns = _turns([protocol.seconds for protocol, _, _ in probes], together)
    total, now, noted = turns[-1][0], 0.0, 0.0
    recorder = Recorder(medium.grid, points, total)
    recorder.note(now, heating.temperature_celsius, heating.inner("cem43_min"))
    for end, on in turns:
        running = [sources[n] for n in on]
        _cool_electrodes(heating, [probes[n] for n in on])
        controlled = any(isinstance(source, Electrodes) for source in running)
        while now < end - 1e-9:
            chunk = min(CONTROL_S if controlled else CHUNK_S, end - now)
            heating.put_source(np.add.reduce([s.density(heating, now) for s in running]) if running else 0.0)
            heating.advance(chunk)
            now += chunk
            step(report, now / total, "heating the tissue")
            if now >= end - 1e-9 or now - noted >= CHUNK_S - 1e-9:
                recorder.note(now, heating.temperature_celsius, heating.inner("cem43_min"))
                noted = now
    rest = np.float32(medium.rest_celsius)
    return Treatment(
        medium, killed_by_heat(heating.inner("cem43_min")), None, heating.inner("peak") + rest,
        np.full(medium.grid.shape, rest), heating.inner("cem43_min"), heating.inner("damage"), (),
        recorder.done())  # fmt: skip


def _source(medium: Medium, protocol: Protocol, strength: Strength, part: ActivePart) -> Antenna | Electrodes:
    if protocol.modality == "mwa":
        return Antenna(medium, part, protocol.watts * strength.level)
    return Electrodes(medium, part, protocol.poles, protocol.watts, strength.level)


def _cool_electrodes(heating: Heating, probes: Sequence[Probe]) -> None:
    exchange = np.zeros(heating.medium.grid.shape, dtype=np.float32)
    for protocol, _, part in probes:
        if protocol.coolant_celsius is not None:
            voxels, share = part.filled(heating.medium.grid)
            exchange[tuple(voxels.T)] = np.maximum(exchange[tuple(voxels.T)], protocol.coolant_w_m3k * share)
            heating.coolant_celsius = protocol.coolant_celsius
    if exchange.any() or heating.exchange.any():
        heating.put_exchange(exchange)


def _freeze(
    medium: Medium,
    probes: Sequence[Probe],
    isotherm: float | None,
    points: Mapping[str, ArrayLike],
    report: ReportProgress,
) -> Treatment:
    schedule = probes[0][0]
    if any(p.freeze_thaw_s != schedule.freeze_thaw_s for p, _, _ in probes):
        raise InputError("probes: different freeze-thaw schedules; expected the same for probes that run together")
    ice = Ice(medium)
    shafts = [cold_shaft(medium, part) for _, _, part in probes]
    cold = [strength.level for _, strength, _ in probes]
    total, now = sum(schedule.freeze_thaw_s) + schedule.active_thaw_s, 0.0
    freezes: list[Array] = []
    frozen = np.zeros(medium.grid.shape, dtype=bool)
    hottest = np.full(medium.grid.shape, medium.rest_celsius, dtype=np.float32)
    coldest = hottest.copy()
    recorder = Recorder(medium.grid, points, total)
    recorder.note(now, ice.temperature_celsius)

    def note(time_s: float) -> None:
        step(report, time_s / total, "freezing the tissue")
        recorder.note(time_s, ice.temperature_celsius)

    for number, seconds in enumerate(schedule.freeze_thaw_s):
        freezing = number % 2 == 0
        active, goals = (shafts, cold) if freezing else ([], [])
        if freezing:
            ice.begin_freeze()
        _in_chunks(seconds, now, lambda s, a=active, g=goals: ice.advance(s, a, g), note)  # type: ignore[misc]
        now += seconds
        if freezing:
            freezes.append(ice.coldest_celsius.copy())
            frozen |= ice.frozen_fraction >= 0.5
        np.minimum(coldest, ice.coldest_celsius, out=coldest)  # far tissue cools on in the thaw
    if schedule.active_thaw_s > 0:
        warm = [schedule.active_thaw_celsius] * len(shafts)
        _in_chunks(schedule.active_thaw_s, now, lambda s: ice.advance(s, shafts, warm), note)
        np.maximum(hottest, ice.temperature_celsius, out=hottest)
        np.minimum(coldest, ice.coldest_celsius, out=coldest)
    return Treatment(
        medium, killed_by_cold(freezes, isotherm), frozen, hottest, coldest, None, None,
        tuple(freezes), recorder.done())  # fmt: skip


def cold_shaft(medium: Medium, part: ActivePart) -> Shaft:
    """Voxels that a cold shaft holds."""
    voxels, share = part.filled(medium.grid)
    held = share >= SMALLEST_SHARE
    return Shaft(voxels[held], SHAFT_RATE_PER_S * share[held])
