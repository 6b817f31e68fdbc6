"""The corridors of a pelvis as a JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import write_atomically
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor
from CementTrajectoryLib.screws.definitions import corridor_provenance

SCHEMA = "bone-corridors/1"


def corridor_document(
    found: Sequence[Corridor], missing: Sequence[MissingCorridor], source: str, notes: Sequence[str]
) -> dict[str, Any]:
    """Corridors, what was not found and why, and where the numbers come from, as JSON values."""
    return {
        "schema": SCHEMA,
        "input": source,
        "corridors": [_row(corridor) for corridor in found],
        "not_found": [{"name": m.name, "side": m.side, "reason": m.reason, "widest_mm": m.widest_mm} for m in missing],
        "notes": list(notes),
        "provenance": [
            {"name": p.name, "value": p.value, "unit": p.unit, "source": p.source, "status": p.status}
            for p in corridor_provenance()
        ],
    }


def write_corridors(document: dict[str, Any], path: Path) -> None:
    """Write the file whole or not at all; raises InputError where it cannot be written."""
    try:
        write_atomically(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"--out {path}: {reason}; expected a file in a folder you may write to") from None


def check_corridor_output(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    if path.is_dir():
        raise InputError(f"--out {path}: is a folder; expected a file name")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--out {path}: no such folder; expected a file in a folder that exists")


def _row(corridor: Corridor) -> dict[str, Any]:
    return {
        "name": corridor.name,
        "side": corridor.side,
        "entry_ras_mm": [round(float(v), 2) for v in corridor.entry_ras_mm],
        "exit_ras_mm": [round(float(v), 2) for v in corridor.exit_ras_mm],
        "diameter_mm": _down(corridor.diameter_mm),
        "length_mm": round(corridor.length_mm, 1),
        "clearance_mm": _down(corridor.clearance_mm),
        "inside_cortex_mm": None if corridor.inside_cortex_mm is None else _down(corridor.inside_cortex_mm),
        "bones": list(corridor.bones),
        "published": [asdict(published) for published in corridor.published],
    }


def _down(value_mm: float) -> float:
    """Rounded down to hundredths: space is rather understated."""
    return int(value_mm * 100) / 100
