"""What this machine lacks, and the command that mends it."""

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ENGINE = ("numpy", "scipy", "SimpleITK", "numba", "pydicom")
STANDALONE = ("slicer", "vtk", "trame_slicer", "trame_rca", "reportlab")
_DISTRIBUTION = {"slicer": "slicer-core", "trame_slicer": "trame-slicer", "SimpleITK": "simpleitk"}
PYTHON_FROM = (3, 11)
FREE_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is fine, what was seen, and how to mend it."""

    name: str
    ok: bool
    seen: str
    mend: str = ""


def examine() -> list[Finding]:
    """Run every check; never raises and never imports what could crash the process."""
    findings = [_python()]
    findings += [_package(name, "pip install bone-ablation-planner") for name in ENGINE]
    findings += [_package(name, "pip install 'bone-ablation-planner[standalone]'") for name in STANDALONE]
    findings += [_rendering(), _disk()]
    return findings


def _python() -> Finding:
    ok = sys.version_info >= PYTHON_FROM
    return Finding("Python", ok, platform.python_version(), "" if ok else "install Python 3.11 or newer")


def _package(name: str, mend: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, False, "missing", mend)
    try:
        return Finding(name, True, version(_DISTRIBUTION.get(name, name)))
    except PackageNotFoundError:
        return Finding(name, True, "bundled")


def _rendering() -> Finding:
    """Pictures need OpenGL; without it VTK would end the process, so another process tries."""
    if importlib.util.find_spec("slicer") is None or importlib.util.find_spec("vtk") is None:
        return Finding("OpenGL", False, "cannot be tried without the Slicer runtime", "install the runtime first")
    from BoneAblationPlannerLib.views.gl import gl_available

    ok, mend = gl_available()
    return Finding("OpenGL", ok, "renders off screen" if ok else "no usable OpenGL: plans have no pictures", mend)


def _disk() -> Finding:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free / 1e9
    ok = free >= FREE_GB and os.access(folder, os.W_OK)
    mend = "" if ok else f"free {FREE_GB:g} GB, or set TMPDIR to a folder with room"
    return Finding("temporary folder", ok, f"{free:.1f} GB free", mend)
