"""Numbers in data files, each with unit, meaning, source and status: the only place defaults come from."""

import json
from functools import cached_property
from importlib.resources import files
from typing import Any

from BoneAblationPlannerLib.plan import Provenance


class SourcedNumbers:
    """The rows of one JSON file: ``[{name, value, unit, meaning, source, status}]``.

    Parameters
    ----------
    package : str
        Package that holds the file.
    file_name : str
    """

    def __init__(self, package: str, file_name: str) -> None:
        self._package, self._file_name = package, file_name

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        """Read at first use, so that importing stays free of work."""
        text = files(self._package).joinpath(self._file_name).read_text(encoding="utf-8")
        return {row["name"]: row for row in json.loads(text)}

    def __getitem__(self, name: str) -> float:
        """Value of a number; KeyError for a name that the file does not hold."""
        return float(self._rows[name]["value"])

    def values(self) -> dict[str, float]:
        """All values by name."""
        return {name: float(row["value"]) for name, row in self._rows.items()}

    def range(self, name: str) -> tuple[float, float]:
        """Lowest and highest value that a user may choose; KeyError where the file does not give them."""
        row = self._rows[name]
        return float(row["lowest"]), float(row["highest"])

    def provenance(self) -> tuple[Provenance, ...]:
        """Where every number comes from."""
        return tuple(self.row(name) for name in self._rows)

    def row(self, name: str) -> Provenance:
        """Where one number comes from; KeyError for a name that the file does not hold."""
        row = self._rows[name]
        return Provenance(row["meaning"], row["value"], row["unit"], row["source"], row["status"])
