"""What each device does to tissue: protocols from ``applicators.json``, strengths from ``calibration.json``."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from numpy.typing import ArrayLike

from BoneAblationPlannerLib.devices.catalogue import Device, Program
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Modality, Provenance, Status
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart

APPLICATORS = "applicators.json"
CALIBRATION = "calibration.json"
Fitted = Literal["axes", "across", "volume"]


@dataclass(frozen=True)
class Protocol:
    """One program of a device.

    Parameters
    ----------
    medium, rest_celsius : str, float
        What the catalogue's zone was measured in, or is taken to have been.
    strong_rest_celsius : float or None
        Where the row's source states no temperature: the other one that it may have been, of which follows a stronger
        device, because colder tissue takes more heat to the same zone.
    strong_by_ice : bool
        Whether no one shaft temperature gives both the lethal and the visible diameter of the row. The lethal one gives
        the weaker device then, the visible one the stronger.
    watts : float
        Power of the generator: what a microwave antenna is given, the most that a radiofrequency one gives.
    seconds : float
        Of heating.
    poles : int
        2 for a bipolar radiofrequency probe, 1 for one with a return electrode on the skin.
    coolant_celsius, coolant_w_m3k : float or None, float
        Of an internally cooled electrode, and how well a voxel full of it is cooled.
    freeze_thaw_s : tuple of float
        Freezes and the passive thaws between them, in turn, beginning and ending with a freeze.
    active_thaw_s, active_thaw_celsius : float
        The warm shaft at the end.
    active_mm : float or None
        Length of the active part where calibration must not look for it, because the row gives too little: it ends at
        the tip then.
    needles, apart_mm, needle_mm : int, float, float
        Of a cluster: how many parallel needles, how far neighbours are apart, and their diameter.
    fitted : "axes", "across" or "volume"
        What calibration makes equal to the row: both axes and the reach beyond the tip, or only one figure.
    """

    modality: Modality
    medium: str
    rest_celsius: float
    medium_source: str
    medium_status: Status
    watts: float = 0.0
    seconds: float = 0.0
    poles: int = 1
    coolant_celsius: float | None = None
    coolant_w_m3k: float = 0.0
    freeze_thaw_s: tuple[float, ...] = ()
    active_thaw_s: float = 0.0
    active_thaw_celsius: float = 37.0
    active_mm: float | None = None
    needles: int = 1
    apart_mm: float = 0.0
    needle_mm: float = 0.0
    fitted: Fitted = "axes"
    strong_rest_celsius: float | None = None
    strong_by_ice: bool = False


@dataclass(frozen=True)
class Strength:
    """What calibration finds.

    `level` is for microwaves the share of the generator's power that tissue takes up, for radiofrequency the
    temperature that the hottest tissue is held at, for cryo the temperature of the shaft. The active part is
    `length_mm` long and ends `beyond_tip_mm` past the tip.
    """

    level: float
    length_mm: float
    beyond_tip_mm: float


def protocol_of(device: Device, program: Program) -> Protocol:
    """Protocol of a device's program; raises InputError for devices that cannot be simulated."""
    row = _rows().get(device.id)
    own = row["programs"].get(program.id) if row else None
    if device.id in _document(APPLICATORS)["not_simulated"]:
        raise InputError(f"{device.id}: cannot be simulated, {_document(APPLICATORS)['not_simulated'][device.id]}")
    if row is None or own is None:
        known = ", ".join(_rows())
        raise InputError(
            f"{device.id}, {program.id}: how it heats or freezes is not known, so it cannot be simulated; "
            f"expected a program of {known}"
        )
    return Protocol(
        modality=device.modality,
        medium=row["medium"],
        rest_celsius=float(row["rest_celsius"]),
        medium_source=_sources()[row["medium_source"]],
        medium_status=row["status"],
        watts=float(own.get("watts", row.get("watts", 0.0))),
        seconds=float(own.get("seconds", 0.0)),
        poles=int(row.get("poles", 1)),
        coolant_celsius=row.get("coolant_celsius"),
        coolant_w_m3k=float(row.get("coolant_w_m3k", 0.0)),
        freeze_thaw_s=tuple(float(s) for s in own.get("freeze_thaw_s", ())),
        active_thaw_s=float(own.get("active_thaw_s", 0.0)),
        active_thaw_celsius=float(own.get("active_thaw_celsius", 37.0)),
        active_mm=row.get("active_mm"),
        needles=int(row.get("needles", 1)),
        apart_mm=float(row.get("apart_mm", 0.0)),
        needle_mm=float(row.get("needle_mm", 0.0)),
        fitted=row.get("fitted", "axes"),
        strong_rest_celsius=row.get("strong_rest_celsius"),
        strong_by_ice=bool(row.get("strong_by_ice", False)),
    )


def heated_part(
    protocol: Protocol, strength: Strength, entry_ras_mm: ArrayLike, tip_ras_mm: ArrayLike, diameter_mm: float
) -> ActivePart:
    """The stretch of a placed needle, or of all needles of a cluster, that heats or cools."""
    part = ActivePart.on_needle(entry_ras_mm, tip_ras_mm, strength.length_mm, strength.beyond_tip_mm, diameter_mm)
    return part if protocol.needles == 1 else part.cluster(protocol.needles, protocol.apart_mm, protocol.needle_mm)


def protocol_is_known(device: Device, program: Program) -> bool:
    """Whether it is known how a device's program heats or freezes."""
    row = _rows().get(device.id)
    return row is not None and program.id in row["programs"]


def strength_of(device: Device, program: Program, level: Literal["nominal", "high"] = "nominal") -> Strength:
    """Calibrated strength, or the largest that the row allows (`strong_rest_celsius`, `strong_by_ice` of `Protocol`).

    Raises InputError where a row was never calibrated or has changed since.
    """
    row = _calibration().get((device.id, program.id))
    if row is None:
        raise InputError(f"{device.id}, {program.id}: not calibrated; expected a row in {CALIBRATION}")
    wanted = (program.short_mm / device.in_vivo_factor, program.long_mm / device.in_vivo_factor)
    if max(abs(a - b) for a, b in zip(wanted, row["chart_mm"], strict=True)) > 0.05:
        raise InputError(
            f"{device.id}, {program.id}: calibrated to a zone of {row['chart_mm'][0]:g} x {row['chart_mm'][1]:g} mm, "
            f"the catalogue says {wanted[0]:g} x {wanted[1]:g}; calibrate again"
        )
    own = row.get("strong", row) if level == "high" else row
    return Strength(own["level"], own["length_mm"], own["beyond_tip_mm"])


def can_simulate(device: Device, program: Program) -> bool:
    """Whether a device's program has a protocol and a calibration."""
    try:
        protocol_of(device, program)
        strength_of(device, program)
    except InputError:
        return False
    return True


def provenance_of_applicator(device: Device, program: Program) -> tuple[Provenance, ...]:
    """Every number of a device that a simulation rests on."""
    protocol, strength = protocol_of(device, program), strength_of(device, program)
    label = f"{device.name}, {program.id}"
    unit = "" if device.modality == "mwa" else "degree C"
    what = {"mwa": "share of power absorbed", "rfa": "hottest tissue", "cryo": "shaft"}[device.modality]
    row = _sources()["row" if protocol.fitted == "axes" else "row-figure"]
    strong = strength_of(device, program, "high")
    strongest = (
        ()
        if strong == strength
        else (Provenance(f"{label}: {what}, at most", round(strong.level, 3), unit, row, "derived"),)
    )
    return (
        *strongest,
        Provenance(f"{label}: {what}", round(strength.level, 3), unit, row, "derived"),
        Provenance(f"{label}: active length", round(strength.length_mm, 2), "mm", row, "derived"),
        Provenance(f"{label}: active part beyond the tip", round(strength.beyond_tip_mm, 2), "mm", row, "derived"),
        Provenance(
            f"{label}: medium of the row",
            f"{protocol.medium} at {protocol.rest_celsius:g} degrees"
            + ("" if protocol.strong_rest_celsius is None else f", or at {protocol.strong_rest_celsius:g}"),
            "",
            protocol.medium_source,
            protocol.medium_status,
        ),
    )


@cache
def _document(name: str) -> Any:
    return json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _rows() -> dict[str, Any]:
    return {row["device"]: row for row in _document(APPLICATORS)["devices"]}


def _sources() -> dict[str, str]:
    return dict(_document(APPLICATORS)["sources"])


def _calibration() -> dict[tuple[str, str], Any]:
    return {(row["device"], row["program"]): row for row in _document(CALIBRATION)}
