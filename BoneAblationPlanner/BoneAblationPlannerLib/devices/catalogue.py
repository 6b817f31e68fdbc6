"""The catalogue of ablation probes: what each device is and how large a zone its chart promises.

Data and provenance live in ``catalogue.json``; this file only reads and checks them.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import MODALITIES, Modality, Provenance, Status


@dataclass(frozen=True)
class Program:
    """Power and time or freeze-thaw, and the ellipsoid it makes: full axes in mm across and along the needle.

    `beyond_tip_mm` is how far the zone reaches past the tip. For ice `short_mm` and `long_mm` are the lethal
    isotherm's and the visible axes are those of the 0 degree edge.
    """

    id: str
    short_mm: float
    long_mm: float
    beyond_tip_mm: float
    source: str
    status: Status
    beyond_tip_status: Status
    visible_short_mm: float | None = None
    visible_long_mm: float | None = None
    lethal_isotherm_celsius: float | None = None
    active_tip_mm: float | None = None
    """Length that heats; None where the source does not state it."""


@dataclass(frozen=True)
class Device:
    """A probe; zones of its programs are given as they are expected in the patient (in-vivo factor applied).

    One that is not `automatic` is planned with only where it is asked for: its zone is known too roughly to be chosen.
    """

    id: str
    name: str
    modality: Modality
    gauge: str
    diameter_mm: float
    shaft_lengths_mm: tuple[float, ...]
    shaft_status: Status
    shaft_source: str
    tissue: str
    in_vivo_factor: float
    uncertainty_mm: float
    programs: tuple[Program, ...]
    automatic: bool = True

    def provenance(self, program: Program) -> tuple[Provenance, ...]:
        """Every number of this device that a plan with this program rests on."""
        label, measured = f"{self.name}, {program.id}", f"{program.source}; {self.tissue}"
        factor_status: Status = "default" if self.in_vivo_factor == 1 else "derived"
        longest = max(self.shaft_lengths_mm)
        rows = [
            Provenance(f"{label}: zone across", program.short_mm, "mm", measured, program.status),
            Provenance(f"{label}: zone along", program.long_mm, "mm", measured, program.status),
            Provenance(
                f"{label}: reach beyond the tip", program.beyond_tip_mm, "mm", measured, program.beyond_tip_status
            ),
            Provenance(f"{label}: in-vivo factor", self.in_vivo_factor, "", self.tissue, factor_status),
            Provenance(f"{label}: zone may be smaller by", self.uncertainty_mm, "mm", "planning default", "default"),
            Provenance(f"{self.name}: longest shaft", longest, "mm", self.shaft_source, self.shaft_status),
        ]
        if program.visible_short_mm is not None:
            visible = f"{program.visible_short_mm:g} x {program.visible_long_mm:g}"
            rows.append(Provenance(f"{label}: visible ice", visible, "mm", program.source, program.status))
        return tuple(rows)


@cache
def builtin_devices() -> tuple[Device, ...]:
    """The shipped catalogue."""
    text = files(__package__).joinpath("catalogue.json").read_text(encoding="utf-8")
    return parse_catalogue(json.loads(text), "catalogue.json")


def read_devices(path: Path) -> tuple[Device, ...]:
    """The shipped catalogue with a user's file on top: a row with a known id replaces it, others are added.

    Raises
    ------
    InputError
        If the file cannot be read or a row is bad; the message names the row and the field.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a device catalogue (JSON)") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); expected a device catalogue") from None
    own = parse_catalogue(document, Path(path).name)
    replaced = {device.id for device in own}
    return (*(device for device in builtin_devices() if device.id not in replaced), *own)


def find_device(device_id: str, devices: tuple[Device, ...] | None = None) -> Device:
    """Look a device up; raises InputError that lists what there is."""
    available = builtin_devices() if devices is None else devices
    for device in available:
        if device.id == device_id:
            return device
    raise InputError(
        f"device {device_id!r}: not in the catalogue; expected one of {', '.join(d.id for d in available)}"
    )


def usable_devices(devices: tuple[Device, ...], asked: str | None) -> tuple[Device, ...]:
    """What may be planned with: the device that was asked for, else all that may be chosen without being asked for."""
    return tuple(d for d in devices if (d.automatic if asked is None else d.id == asked))


def parse_catalogue(document: Any, where: str) -> tuple[Device, ...]:
    """Check a catalogue document; raises InputError naming the row and the field."""
    if not isinstance(document, dict) or not isinstance(document.get("devices"), list):
        raise InputError(f"{where}: expected an object with a list 'devices'")
    sources = document.get("sources", {})
    found = tuple(_device(row, sources, f"{where}: device {n + 1}") for n, row in enumerate(document["devices"]))
    ids = [device.id for device in found]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice is not None:
        raise InputError(f"{where}: two devices have the id {twice!r}; expected each id once")
    return found


def _device(row: dict[str, Any], sources: dict[str, str], where: str) -> Device:
    if not isinstance(row, dict):
        raise InputError(f"{where}: {row!r}; expected an object")
    where = f"{where} ({row.get('id', 'no id')})"
    factor = _number(row, "in_vivo_factor", where)
    if row.get("modality") not in MODALITIES:
        raise InputError(f"{where}: modality {row.get('modality')!r}; expected one of {', '.join(MODALITIES)}")
    shafts = row.get("shaft_lengths_mm")
    if not isinstance(shafts, list) or not shafts or not all(isinstance(s, int | float) and s > 0 for s in shafts):
        raise InputError(f"{where}: shaft_lengths_mm {shafts!r}; expected a list of lengths in mm")
    tissue = _text(row, "tissue", where)
    if "in_vivo_source" in row:
        tissue += f"; factor: {sources.get(row['in_vivo_source'], row['in_vivo_source'])}"
    programs = row.get("programs")
    if not isinstance(programs, list) or not programs:
        raise InputError(f"{where}: programs missing; expected at least one")
    return Device(
        id=_text(row, "id", where),
        name=_text(row, "name", where),
        modality=row["modality"],
        gauge=_text(row, "gauge", where),
        diameter_mm=_number(row, "diameter_mm", where),
        shaft_lengths_mm=tuple(float(s) for s in sorted(shafts)),
        shaft_status=_status(row, "shaft_status", where),
        shaft_source=sources.get(row.get("shaft_source", ""), _text(row, "shaft_source", where)),
        tissue=tissue,
        in_vivo_factor=factor,
        uncertainty_mm=_number(row, "uncertainty_mm", where),
        programs=tuple(_program(p, sources, factor, f"{where} program {n + 1}") for n, p in enumerate(programs)),
        automatic=_flag(row, "automatic", where),
    )


def _program(row: dict[str, Any], sources: dict[str, str], factor: float, where: str) -> Program:
    source = _text(row, "source", where)
    visible = "visible_short_mm" in row
    isotherm = row.get("lethal_isotherm_celsius")
    program = Program(
        id=_text(row, "id", where),
        short_mm=_number(row, "short_mm", where) * factor,
        long_mm=_number(row, "long_mm", where) * factor,
        beyond_tip_mm=_number(row, "beyond_tip_mm", where) * factor,
        source=sources.get(source, source),
        status=_status(row, "status", where),
        beyond_tip_status=_status(row, "beyond_tip_status" if "beyond_tip_status" in row else "status", where),
        visible_short_mm=_number(row, "visible_short_mm", where) * factor if visible else None,
        visible_long_mm=_number(row, "visible_long_mm", where) * factor if visible else None,
        lethal_isotherm_celsius=None if isotherm is None else float(isotherm),
        active_tip_mm=_number(row, "active_tip_mm", where) if "active_tip_mm" in row else None,
    )
    if program.beyond_tip_mm >= program.long_mm:
        raise InputError(f"{where}: beyond_tip_mm {program.beyond_tip_mm:g}; expected less than long_mm")
    return program


def _number(row: dict[str, Any], key: str, where: str) -> float:
    value = row.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1000:
        raise InputError(f"{where}: {key} is {value!r}; expected a positive number")
    return float(value)


def _flag(row: dict[str, Any], key: str, where: str) -> bool:
    value = row.get(key, True)
    if not isinstance(value, bool):
        raise InputError(f"{where}: {key} is {value!r}; expected true or false")
    return value


def _text(row: dict[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {key} is {value!r}; expected text")
    return value


def _status(row: dict[str, Any], key: str, where: str) -> Status:
    value = row.get(key)
    if value not in ("seen", "derived", "unverified", "default"):
        raise InputError(f"{where}: {key} is {value!r}; expected seen, derived, unverified or default")
    return value
