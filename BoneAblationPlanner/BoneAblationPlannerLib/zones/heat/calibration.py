"""Strength of each device, found so that its simulation in the medium of its catalogue row gives the row's zone.

``python -m BoneAblationPlannerLib.zones.heat.calibration ["BEGINNING OF DEVICE ID, PROGRAM"]`` writes
``calibration.json`` anew.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.devices.catalogue import Device, Program, builtin_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.applicators import (
    CALIBRATION,
    Protocol,
    Strength,
    heated_part,
    protocol_is_known,
    protocol_of,
)
from BoneAblationPlannerLib.zones.heat.damage import DAMAGE
from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.simulation import Treatment, treat
from BoneAblationPlannerLib.zones.heat.tissue_map import uniform_map
from BoneAblationPlannerLib.zones.heat.zone_size import ZoneSize, zone_size

PADDING_MM = 16.0
CLOSE_ENOUGH_MM = 0.6
MOST_ROUNDS = 8
LEVELS = {"mwa": (0.05, 1.0), "rfa": (46.0, 140.0), "cryo": (-185.8, -15.0)}  # boiling argon is the coldest
FIRST = {"mwa": 0.35, "rfa": 70.0, "cryo": -155.0}
ENTRY = np.array([0.0, 0.0, 100.0])
TIP = np.zeros(3)


def bench_grid(short_mm: float, long_mm: float, beyond_mm: float, voxel_mm: float = 1.0) -> Grid:
    """A block around a needle that comes down the z axis to the origin, the zone in its middle."""
    across = int(np.ceil((short_mm / 2 + PADDING_MM) / voxel_mm))
    up = int(np.ceil((long_mm - beyond_mm + PADDING_MM) / voxel_mm))
    down = int(np.ceil((beyond_mm + PADDING_MM) / voxel_mm))
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    matrix[:3, 3] = np.array([-across, -across, -down]) * voxel_mm
    return Grid((up + down + 1, 2 * across + 1, 2 * across + 1), matrix)


def on_bench(
    protocol: Protocol, strength: Strength, diameter_mm: float, grid: Grid, isotherm: float | None
) -> tuple[Treatment, ZoneSize]:
    """One probe in its row's medium, and the size of its zone."""
    medium = Medium.of(uniform_map(grid, protocol.medium), rest_celsius=protocol.rest_celsius)
    part = heated_part(protocol, strength, ENTRY, TIP, diameter_mm)
    treatment = treat(medium, [(protocol, strength, part)], isotherm)
    return treatment, size_of(treatment, isotherm, ENTRY, TIP)


def size_of(
    treatment: Treatment, isotherm: float | None, entry: NDArray[np.float64], tip: NDArray[np.float64]
) -> ZoneSize:
    """Size of the zone of a treatment, from its smooth fields.

    For ice that is the lethal isotherm at its largest, which is what charts show; what is counted as killed asks for
    more (`damage.killed_by_cold`).
    """
    grid = treatment.medium.grid
    if treatment.cem43_min is not None:
        return zone_size(np.log2(treatment.cem43_min + 1e-6), np.log2(DAMAGE["cem43_lethal_min"]), grid, entry, tip)
    level = DAMAGE["cold_lethal_celsius"] if isotherm is None else isotherm
    return zone_size(-treatment.coldest_celsius, -level, grid, entry, tip)


def calibrate(device: Device, program: Program, protocol: Protocol) -> tuple[Strength, ZoneSize, float]:
    """Strength that gives a row's axes, by Newton steps with differences, then the reach beyond the tip by a shift.

    Returns the best found, the size it gives, and the diameter of a ball as large; a chart that no strength reaches
    leaves an error, which is kept.
    """
    if protocol.fitted != "axes":
        return _calibrate_level(device, program, protocol)
    factor = device.in_vivo_factor
    want = np.array([program.short_mm, program.long_mm]) / factor
    beyond = program.beyond_tip_mm / factor
    grid = bench_grid(want[0], want[1], beyond)
    low, high = LEVELS[device.modality]
    isotherm = program.lethal_isotherm_celsius

    def measured(level: float, length: float, shift: float) -> tuple[Treatment, ZoneSize]:
        return on_bench(protocol, Strength(level, length, shift), device.diameter_mm, grid, isotherm)

    level, length = FIRST[device.modality], max(3.0, float(want[1] - 0.6 * want[0]))
    shift = beyond - (0.35 if device.modality == "mwa" else 0.2) * want[0]
    best, best_error, slope = (Strength(level, length, shift), ZoneSize(0, 0, 0), 0.0), np.inf, None
    previous = None
    for _ in range(MOST_ROUNDS):
        treatment, size = measured(level, length, shift)
        got = np.array([size.across_mm, size.along_mm])
        shift_error = size.beyond_tip_mm - beyond
        error = float(np.abs(got - want).max() + abs(shift_error) * 0.5)
        if error < best_error:
            best, best_error = (Strength(level, length, shift), size, ball_diameter_mm(treatment)), error
        if error < CLOSE_ENOUGH_MM:
            break
        shift -= shift_error if size.along_mm > 0 else 0.0
        here = np.array([level, length])
        span = (high - low) / 20
        if slope is None:
            # Guess: a stronger source is wider and longer alike, a longer one only longer.
            sign = -1.0 if device.modality == "cryo" else 1.0
            slope = np.array([[sign * want[0] / 30 / span * 2, 0.1], [sign * want[0] / 30 / span * 2, 0.8]])
        elif previous is not None:
            moved, changed = here - previous[0], got - previous[1]
            scaled = moved / np.array([span, 1.0]) ** 2
            slope = slope + np.outer(changed - slope @ moved, scaled) / max(float(moved @ scaled), 1e-12)
        previous = (here, got)
        try:
            move = np.linalg.solve(slope, want - got)
        except np.linalg.LinAlgError:
            break
        move = np.clip(move, [-4 * span, -8.0], [4 * span, 8.0])
        level = float(np.clip(level + move[0], low, high))
        length = float(np.clip(length + move[1], 2.0, 70.0))
    return best


def _calibrate_level(device: Device, program: Program, protocol: Protocol) -> tuple[Strength, ZoneSize, float]:
    """Only the level, for a row that gives one figure: a diameter, or a volume as that of a ball."""
    assert protocol.active_mm is not None  # rows that fit one figure give the length
    factor, isotherm = device.in_vivo_factor, program.lethal_isotherm_celsius
    want = program.short_mm / factor
    long = protocol.active_mm + want
    grid = bench_grid(want, long, want / 2)
    ends = LEVELS[device.modality]
    weak, strong = ends if device.modality != "cryo" else ends[::-1]
    best: tuple[Strength, ZoneSize, float] | None = None
    best_error = np.inf
    for _ in range(MOST_ROUNDS):
        strength = Strength((weak + strong) / 2, protocol.active_mm, 0.0)
        treatment, size = on_bench(protocol, strength, device.diameter_mm, grid, isotherm)
        ball = ball_diameter_mm(treatment)
        got = size.across_mm if protocol.fitted == "across" else ball
        if abs(got - want) < best_error:
            best, best_error = (strength, size, ball), abs(got - want)
        if best_error < CLOSE_ENOUGH_MM / 2:
            break
        weak, strong = (weak, strength.level) if got > want else (strength.level, strong)
    assert best is not None  # there is at least one round
    return best


def ball_diameter_mm(treatment: Treatment) -> float:
    """Diameter of a ball as large as the zone."""
    volume_mm3 = treatment.killed.sum() * np.prod(treatment.medium.grid.spacing_kji_mm)
    return float(np.cbrt(volume_mm3 * 6 / np.pi))


def write_calibration(path: Path, only: str = "") -> None:
    """Calibrate the rows of the shipped catalogue whose ``DEVICE ID, PROGRAM`` begins with `only`; others are kept."""
    every = [(device, program) for device in builtin_devices() for program in device.programs]
    for device, program in every:
        if f"{device.id}, {program.id}".startswith(only) and protocol_is_known(device, program):
            found = _row(device, program)
            kept = {(row["device"], row["program"]): row for row in json.loads(path.read_text(encoding="utf-8"))}
            kept[device.id, program.id] = found
            rows = [kept[d.id, p.id] for d, p in every if (d.id, p.id) in kept]
            path.write_text("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


def _row(device: Device, program: Program) -> dict[str, object]:
    protocol = protocol_of(device, program)
    try:
        found = _found(device, program, protocol)
        if protocol.strong_rest_celsius is not None:
            found["strong"] = _found(device, program, replace(protocol, rest_celsius=protocol.strong_rest_celsius))
        if protocol.strong_by_ice:
            found["strong"] = _found(device, _visible(program), protocol)
    except InputError as error:
        raise InputError(f"{device.id}, {program.id}: {error}") from None
    factor = device.in_vivo_factor
    return {
        "device": device.id,
        "program": program.id,
        "chart_mm": [round(program.short_mm / factor, 2), round(program.long_mm / factor, 2)],
        "chart_beyond_tip_mm": round(program.beyond_tip_mm / factor, 2),
        **found,
        "source": "calibrated to row",
        "status": "derived",
    }


def _visible(program: Program) -> Program:
    """The program with the ice that is seen in place of its lethal zone: its edge is where half of the water is ice."""
    if program.visible_short_mm is None or program.visible_long_mm is None:
        raise InputError("its strength is to be found by visible ice; expected a visible diameter in the catalogue")
    edge_celsius = (PHYSICS["freezing_from_celsius"] + PHYSICS["freezing_to_celsius"]) / 2
    return replace(
        program,
        short_mm=program.visible_short_mm,
        long_mm=program.visible_long_mm,
        lethal_isotherm_celsius=edge_celsius,
    )


def _found(device: Device, program: Program, protocol: Protocol) -> dict[str, object]:
    """What calibration finds, as it is written."""
    strength, size, ball = calibrate(device, program, protocol)
    figure = {"ball_mm": round(ball, 2)} if protocol.fitted == "volume" else {}
    return {
        "simulated_mm": [round(size.across_mm, 2), round(size.along_mm, 2)],
        "simulated_beyond_tip_mm": round(size.beyond_tip_mm, 2),
        **figure,
        "level": round(strength.level, 4),
        "length_mm": round(strength.length_mm, 3),
        "beyond_tip_mm": round(float(strength.beyond_tip_mm), 3),
    }


if __name__ == "__main__":
    write_calibration(Path(__file__).with_name(CALIBRATION), *sys.argv[1:2])
