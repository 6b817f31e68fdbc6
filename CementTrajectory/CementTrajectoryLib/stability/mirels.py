"""Mirels' score of impending fracture: proposed from the scan, except for pain, which has to be asked."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import LesionKind, Mirels, Provenance
from CementTrajectoryLib.stability.sections import Axis

DIRECTIONS = 18
PAIN = (1, 2, 3)


@cache
def _table() -> dict[str, Any]:
    text = files("CementTrajectoryLib.stability").joinpath("mirels.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def mirels_provenance() -> tuple[Provenance, ...]:
    """Where the table comes from."""
    near = _table()["peritrochanteric_mm"]
    limits = f"{near['from']:g} to {near['to']:g}"
    return (
        Provenance("Mirels' table", None, "", _table()["source"], _table()["status"]),
        Provenance(f"peritrochanteric: {near['meaning']}", limits, "mm", near["source"], near["status"]),
    )


def mirels_score(
    bone: str | None,
    below_top_mm: float | None,
    kind: LesionKind | None,
    width_share: float | None,
    pain: int | None = None,
) -> Mirels:
    """The score as far as it is known.

    Parameters
    ----------
    bone : str or None
        Name of the lesion's bone; other than a limb's bone there is no site and so no score.
    below_top_mm : float or None
        Depth of the lesion's centre below the bone's upper end.
    kind : str or None
        Lytic, mixed or sclerotic.
    width_share : float or None
        Largest share of the bone's width that the lesion takes.
    pain : int or None
        1 mild, 2 moderate, 3 functional; None if it was not asked.

    Raises
    ------
    ValueError
        For pain other than 1, 2, 3 or None.
    """
    if pain is not None and pain not in PAIN:
        raise ValueError(f"pain: {pain!r}; expected 1 (mild), 2 (moderate), 3 (functional) or None")
    points = _table()["points"]
    site = _site(bone, below_top_mm)
    lesion = None if kind is None else int(points["lesion"][kind])
    size = None if width_share is None else 1 + int(width_share >= 1 / 3) + int(width_share > 2 / 3)
    if site is None:
        return Mirels(None, pain, lesion, size)
    items = (site, pain, lesion, size)
    lowest, highest = sum(v or 1 for v in items), sum(v or 3 for v in items)
    total = lowest if None not in items else None
    risks = dict.fromkeys(risk for t in range(lowest, highest + 1) if (risk := mirels_risk(t)))
    return Mirels(site, pain, lesion, size, total, lowest, highest, " to ".join(risks))


def mirels_risk(total: int) -> str:
    """What a total stands for; raises ValueError outside 4 to 12."""
    for row in _table()["totals"]:
        if row["from"] <= total <= row["to"]:
            return str(row["risk"])
    raise ValueError(f"total: {total}; expected 4 to 12")


def _site(bone: str | None, below_top_mm: float | None) -> int | None:
    points, near = _table()["points"]["site"], _table()["peritrochanteric_mm"]
    for limb, names in _table()["bones"].items():
        if bone is not None and bone.startswith(tuple(names)):
            around_trochanter = below_top_mm is not None and near["from"] <= below_top_mm <= near["to"]
            return int(points["peritrochanteric" if bone.startswith("femur") and around_trochanter else limb])
    return None


def width_share(grid: Grid, bone: NDArray[np.bool_], lesion: NDArray[np.bool_], axis: Axis) -> float | None:
    """Largest share of the bone's width across its axis that the lesion takes; None where they do not meet.

    Widths are measured slab by slab of two stations, in directions of 10 degrees; the worst of all counts.
    """
    u, v = np.linalg.svd(axis.direction[None])[2][1:]
    angles = np.linspace(0, np.pi, DIRECTIONS, endpoint=False)
    across = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v
    worst = None
    both = [grid.ras_of_mask(m) - axis.origin_ras_mm for m in (bone | lesion, lesion)]
    slabs = [np.floor(points @ axis.direction / (2 * axis.step_mm)).astype(int) for points in both]
    edge = float(grid.spacing_ijk_mm.mean())
    for slab in np.unique(slabs[1]):
        whole, part = (points[s == slab] @ across.T for points, s in zip(both, slabs, strict=True))
        share = float(((np.ptp(part, axis=0) + edge) / (np.ptp(whole, axis=0) + edge)).max())
        worst = share if worst is None else max(worst, share)
    return worst
