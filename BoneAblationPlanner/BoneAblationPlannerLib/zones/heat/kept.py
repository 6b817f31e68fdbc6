"""Finished treatments kept on disk between sessions, by content; nothing of a patient but temperatures is written.

The folder is the user's cache folder, ``BONEPLAN_CACHE`` another one, ``BONEPLAN_CACHE=off`` none. Files are written
whole or not at all, the ones used longest ago go first, and a file that cannot be read counts as absent.
"""

import hashlib
import os
import sys
import tempfile
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from BoneAblationPlannerLib.zones.heat.medium import Medium
from BoneAblationPlannerLib.zones.heat.recording import Recording, frame_grid
from BoneAblationPlannerLib.zones.heat.simulation import Treatment

VARIABLE = "BONEPLAN_CACHE"
LARGEST_BYTES = 1 << 30
_FIELDS = ("killed", "frozen", "hottest_celsius", "coldest_celsius", "cem43_min", "damage")
_CURVES = {"celsius": "curves_celsius", "cem43": "curves_cem43_min"}


def kept_folder() -> Path | None:
    """Where treatments are kept; None where they are not."""
    asked = os.environ.get(VARIABLE, "")
    if asked.lower() == "off":
        return None
    if asked:
        return Path(asked)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "bone-ablation-planner" / "heat"


@cache
def engine_digest() -> str:
    """Changes with the simulation's code and data, so that results of another version are never taken."""
    digest = hashlib.sha256()
    for item in sorted(files(__package__).iterdir(), key=lambda f: f.name):
        if item.name.endswith((".py", ".json")):
            digest.update(item.name.encode() + item.read_bytes())
    return digest.hexdigest()


def read_treatment(key: str, medium: Medium) -> Treatment | None:
    """A treatment of this content, in its medium; None where none is kept."""
    path = _path(key)
    if path is None or not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        os.utime(path)
        return _treatment(arrays, medium)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def keep_treatment(key: str, treatment: Treatment) -> None:
    """Keep a treatment; a folder that cannot be written costs only the time of simulating again."""
    path = _path(key)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                np.savez(stream, **_arrays(treatment))  # type: ignore[arg-type]
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _drop_oldest(path.parent)
    except OSError:
        return


def _path(key: str) -> Path | None:
    folder = kept_folder()
    return None if folder is None else folder / f"{key}.npz"


def _arrays(treatment: Treatment) -> dict[str, np.ndarray]:
    record = treatment.recording
    arrays = {name: getattr(treatment, name) for name in _FIELDS if getattr(treatment, name) is not None}
    arrays |= {f"freeze{n}": cold for n, cold in enumerate(treatment.coldest_by_freeze)}
    for short, name in _CURVES.items():
        arrays |= {f"{short}{n}": curve for n, curve in enumerate(getattr(record, name).values())}
    return arrays | {"times": record.times_s, "frame_times": record.frame_times_s, "frames": record.frames_celsius}


def _treatment(arrays: dict[str, np.ndarray], medium: Medium) -> Treatment:
    """Raises ValueError where arrays are not of the medium's shape."""
    grid, frames = medium.grid, frame_grid(medium.grid)
    fields = {name: arrays.get(name) for name in _FIELDS}
    freezes = tuple(_numbered(arrays, "freeze"))
    if any(a is not None and a.shape != grid.shape for a in (*fields.values(), *freezes)):
        raise ValueError("kept treatment: of another shape")
    if arrays["frames"].shape != (len(arrays["frame_times"]), *frames.shape):
        raise ValueError("kept treatment: frames of another shape")
    curves = {
        name: {str(n): curve for n, curve in enumerate(_numbered(arrays, short))} for short, name in _CURVES.items()
    }
    recording = Recording(
        times_s=arrays["times"],
        frame_grid=frames,
        frame_times_s=arrays["frame_times"],
        frames_celsius=arrays["frames"],
        **curves,
    )
    return Treatment(
        medium=medium,
        killed=arrays["killed"],
        frozen=fields["frozen"],
        hottest_celsius=arrays["hottest_celsius"],
        coldest_celsius=arrays["coldest_celsius"],
        cem43_min=fields["cem43_min"],
        damage=fields["damage"],
        coldest_by_freeze=freezes,
        recording=recording,
    )


def _numbered(arrays: dict[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    names = sorted((n for n in arrays if n.startswith(prefix) and n[len(prefix) :].isdigit()), key=len)
    return [arrays[f"{prefix}{n}"] for n in range(len(names))]


def _drop_oldest(folder: Path) -> None:
    """Remove what was used longest ago until the folder is within its size."""
    rows = []
    for path in folder.glob("*.npz"):
        try:
            state = path.stat()
        except OSError:
            continue
        rows.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in rows)
    for _, size, path in sorted(rows, key=lambda row: row[0]):
        if total <= LARGEST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= size
