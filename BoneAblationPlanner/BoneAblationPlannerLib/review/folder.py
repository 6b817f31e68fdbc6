"""The plan folder under review: which versions it holds, and how a new one is added without touching the old."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan, read_plan, write_plan

_VERSION = re.compile(r"plan(?:-([1-9][0-9]{0,3}))?\.json")
_LARGEST_VERSION = 9999


@dataclass(frozen=True)
class Version:
    """One plan of a folder: ``plan.json`` with ``plan.mrb`` is version 1, ``plan-2.json`` with ``plan-2.mrb`` 2."""

    number: int
    plan: Path
    scene: Path

    @property
    def name(self) -> str:
        """As the page and the record of decisions call it."""
        return self.plan.name


class PlanFolder:
    """A folder that planning wrote; every path of the review is made here, none comes from the page."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"{path}: no such folder; expected the --out folder of a plan")

    def versions(self) -> list[Version]:
        """Complete versions, oldest first: those with both files."""
        found = []
        for file in self.path.iterdir():
            match = _VERSION.fullmatch(file.name)
            if match and file.with_suffix(".mrb").is_file():
                found.append(self._version(int(match[1] or 1)))
        return sorted(set(found), key=lambda v: v.number)

    def version(self, number: int | None = None) -> Version:
        """One version, by default the newest; raises InputError that says what is there."""
        every = self.versions()
        if not every:
            raise InputError(f"{self.path}: holds no plan; expected plan.json and plan.mrb, as planning writes them")
        if number is None:
            return every[-1]
        for one in every:
            if one.number == number:
                return one
        known = ", ".join(str(v.number) for v in every)
        raise InputError(f"{self.path}: holds no version {number}; expected one of {known}")

    def read(self, version: Version) -> Plan:
        """The plan of a version."""
        return read_plan(version.plan)

    def add(self, plan: Plan, save_scene: Callable[[Path], None]) -> Version:
        """Write the next version: the scene first, its plan last, each whole, and never over an existing file.

        Raises
        ------
        InputError
            When the folder cannot be written; nothing of the version is left then.
        """
        try:
            with tempfile.TemporaryDirectory(dir=self.path, prefix=".bone-plan-") as staging:
                scene, document = Path(staging) / "plan.mrb", Path(staging) / "plan.json"
                save_scene(scene)
                write_plan(plan, document)
                return self._publish(scene, document)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"{self.path}: {reason}; expected a folder with room to write, nothing was saved"
            ) from None

    def _publish(self, scene: Path, document: Path) -> Version:
        for number in range(2, _LARGEST_VERSION + 1):
            version = self._version(number)
            if version.plan.exists():
                continue
            try:
                _place(scene, version.scene)
            except FileExistsError:
                continue
            try:
                _place(document, version.plan)
            except OSError:
                version.scene.unlink()
                raise
            return version
        raise InputError(f"{self.path}: holds {_LARGEST_VERSION} versions; expected fewer")

    def _version(self, number: int) -> Version:
        stem = "plan" if number == 1 else f"plan-{number}"
        return Version(number, self.path / f"{stem}.json", self.path / f"{stem}.mrb")


def _place(source: Path, target: Path) -> None:
    """Move a whole file to a name that nobody has; a hard link fails where a rename would overwrite."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(target) from None
        source.rename(target)


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
