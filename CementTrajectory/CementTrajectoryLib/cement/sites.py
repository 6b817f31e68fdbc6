"""What is usual where: the part of the skeleton that cement goes into, from the bone and the place in it.

Approach, volume, needle and number of needles by site are those of ``sites.json``. They propose; the lesion's size and
the simulated fill decide on the volume.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.plan import CementSite, Lesion, Point, Provenance, Status
from CementTrajectoryLib.screws.bones import Pelvis
from CementTrajectoryLib.screws.naming import pelvic_name
from CementTrajectoryLib.stability.limbs import above_ras_mm
from CementTrajectoryLib.stability.sections import bone_axis

STEP_MM = 1.0


@dataclass(frozen=True)
class Sourced:
    """A value of one site with its source and status."""

    value: Any
    source: str
    status: Status


@dataclass(frozen=True)
class Site:
    """A row of ``sites.json``.

    `places` are points of a hip bone's own coordinates (see `anatomy.hip_frame`) that lie in this part of it,
    `below_top_mm` the part of a limb's bone from its upper end; None where the whole bone is one site.
    """

    name: str
    bones: tuple[str, ...]
    approach: Sourced
    usual_ml: Sourced | None
    gauge: Sourced
    most_needles: Sourced
    places: tuple[Point, ...] | None = None
    below_top_mm: tuple[float, float] | None = None

    def provenance(self) -> tuple[Provenance, ...]:
        """Where the figures of this site come from."""
        rows = [
            ("usual approach", self.approach, ""),
            ("needle", self.gauge, "G"),
            ("largest number of needles", self.most_needles, ""),
        ]
        found = [Provenance(f"{self.name}: {name}", s.value, unit, s.source, s.status) for name, s, unit in rows]
        if self.usual_ml is not None:
            low, high = self.usual_ml.value
            found.append(
                Provenance(
                    f"{self.name}: usual cement", f"{low:g} to {high:g}", "ml", self.usual_ml.source,
                    self.usual_ml.status,
                )
            )  # fmt: skip
        return tuple(found)

    def compared(self, fill_ml: float) -> CementSite:
        """What the plan keeps of this site, for a wanted volume."""
        usual = None if self.usual_ml is None else self.usual_ml.value
        words = "no usual volume is known"
        if usual is not None:
            words = "less than usual" if fill_ml < usual[0] else "more than usual" if fill_ml > usual[1] else "as usual"
        return CementSite(self.name, self.approach.value, usual, words)


@cache
def sites() -> tuple[Site, ...]:
    """All sites."""
    text = files(__package__).joinpath("sites.json").read_text(encoding="utf-8")
    return tuple(_site(row) for row in json.loads(text))


def propose_site(bones: LabelMap | None, lesion: Lesion) -> Site | None:
    """The site of a lesion, or None where its bone, or the place in it, cannot be told.

    Parameters
    ----------
    bones : LabelMap or None
        Separate bones.
    lesion : Lesion
        Its bone and its centre.
    """
    if bones is None or lesion.bone is None:
        return None
    name = pelvic_name(lesion.bone)
    rows = [row for row in sites() if name.startswith(row.bones)]
    if len(rows) < 2:
        return rows[0] if rows else None
    if rows[0].places is not None:
        frame = _hip_frame(bones, name)
        return None if frame is None else nearest_site(rows, frame, lesion.centroid_ras_mm)
    depth = _below_top_mm(bones, lesion.bone, lesion.centroid_ras_mm)
    return next((r for r in rows if depth is not None and r.below_top_mm and depth < r.below_top_mm[1]), None)


def nearest_site(rows: list[Site], frame: BoneFrame, point_ras_mm: Point) -> Site:
    """The site one of whose places lies nearest to a point, in mm."""

    def away(row: Site) -> float:
        return float(np.linalg.norm(frame.ras_mm(row.places or ()) - np.array(point_ras_mm), axis=1).min())

    return min(rows, key=away)


def _hip_frame(bones: LabelMap, name: str) -> BoneFrame | None:
    """The frame of one named hip bone, if its shape can be told."""
    named = {value: pelvic_name(label) for value, label in bones.names.items()}
    side = next((side for side in SIDES if name == f"hip_{side}"), None)
    pelvis = Pelvis(LabelMap(bones.grid, bones.labels, {v: n for v, n in named.items() if n == name}))
    return None if side is None else pelvis.frames.get(side)


def _below_top_mm(bones: LabelMap, name: str, point_ras_mm: Point) -> float | None:
    """Depth of a point below the upper end of a limb's bone."""
    points = bones.grid.ras_of_mask(np.isin(bones.labels, [v for v, label in bones.names.items() if label == name]))
    if len(points) < 4:
        return None
    axis = bone_axis(points, STEP_MM, above_ras_mm(bones, name))
    return float((np.array(point_ras_mm) - axis.origin_ras_mm) @ axis.direction)


def _site(row: dict[str, Any]) -> Site:
    usual = row.get("usual_ml")
    places, below = row.get("places"), row.get("below_top_mm")
    return Site(
        name=row["name"],
        bones=tuple(row["bones"]),
        approach=Sourced(**row["approach"]),
        usual_ml=None if usual is None else Sourced((usual["low"], usual["high"]), usual["source"], usual["status"]),
        gauge=Sourced(**row["gauge"]),
        most_needles=Sourced(**row["most_needles"]),
        places=None if places is None else tuple((p[0], p[1], p[2]) for p in places),
        below_top_mm=None if below is None else (below[0], below[1]),
    )
