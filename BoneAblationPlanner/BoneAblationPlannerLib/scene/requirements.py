"""What the engine needs and Slicer may lack; asked for at use, never installed without a yes."""

import importlib
import importlib.util
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene.runtime import slicer_module

NEVER_INSTALLED = ("slicer-core", "slicer", "vtk", "SimpleITK")
"""Parts of Slicer itself: a second copy from PyPI would break its Python."""

BASE, REPORT = "requirements.txt", "requirements-report.txt"
"""What planning needs, and what writing the report needs: copies of pyproject.toml for Slicer, beside the code."""

_NAME = re.compile(r"^[A-Za-z0-9_.-]+")


def requirements(which: str = BASE) -> tuple[str, ...]:
    """The requirements of planning (the package's base dependencies) or of the report."""
    text = files("BoneAblationPlannerLib").joinpath(which).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def missing_requirements(which: str = BASE) -> tuple[str, ...]:
    """Requirements that cannot be imported here."""
    return tuple(r for r in requirements(which) if importlib.util.find_spec(_name(r)) is None)


def ensure_requirements(which: str = BASE) -> None:
    """Install what is missing, after asking; versions that Slicer has stay as they are.

    Raises
    ------
    InputError
        When the person says no, the installation fails, or a part of Slicer itself is missing.
    """
    missing = missing_requirements(which)
    if not missing:
        return
    slicer = slicer_module()
    names = ", ".join(_name(r) for r in missing)
    own = [_name(r) for r in missing if _name(r).lower() in {n.lower() for n in NEVER_INSTALLED}]
    if own:
        raise InputError(f"{', '.join(own)}: missing from this Slicer; expected a complete installation of Slicer")
    what = "Planning" if which == BASE else "The report"
    question = (
        f"{what} needs the Python package {names}, which Slicer does not bring.\n"
        "Install it now from the Python Package Index (internet needed)? Nothing is sent."
    )
    if not slicer.util.confirmOkCancelDisplay(question, "BoneAblationPlanner"):
        raise InputError(f"{names}: not installed; expected a yes to its installation")
    from subprocess import CalledProcessError

    try:
        slicer.util.pip_install([*missing, *_kept_versions(missing)])
    except (CalledProcessError, RuntimeError) as error:
        raise InputError(
            f"{names}: installation failed ({error}); expected internet access and a writable Slicer"
        ) from error
    importlib.invalidate_caches()
    still = missing_requirements(which)
    if still:
        raise InputError(
            f"{', '.join(map(_name, still))}: still missing after installation; expected a restart of Slicer"
        )


def _kept_versions(missing: tuple[str, ...]) -> list[str]:
    """Pins for what is there already, so that installing the rest does not replace a package in use."""
    pins = []
    for requirement in requirements():
        if requirement in missing or _name(requirement).lower() in {n.lower() for n in NEVER_INSTALLED}:
            continue
        try:
            pins.append(f"{_name(requirement)}=={version(_name(requirement))}")
        except PackageNotFoundError:
            continue
    return pins


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"requirement: {requirement!r}; expected a package name first")
    return match.group()
