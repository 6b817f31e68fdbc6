"""Which nerves are expected beside which bones, and how wide their bands are drawn (``nerves.json``)."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from BoneAblationPlannerLib.plan import Status


@dataclass(frozen=True)
class BandRule:
    """How wide a band is drawn, with provenance; which bones it needs, and beside which of them it is missed.

    Without the bones of `further_needs` a band lacks its `further_part`.
    """

    nerve: str
    radius_mm: float
    needs: tuple[str, ...]
    beside: tuple[str, ...]
    source: str
    status: Status
    further_needs: tuple[str, ...] = ()
    further_part: str = ""


@cache
def band_rules() -> dict[str, BandRule]:
    """The rules of all bands, keyed by nerve."""
    rows = json.loads(files(__package__).joinpath("nerves.json").read_text(encoding="utf-8"))["bands"]
    for row in rows:
        row.update({key: tuple(value) for key, value in row.items() if isinstance(value, list)})
    return {row["nerve"]: BandRule(**row) for row in rows}
