"""What the pictures of cement and screws show, and the curves of rigidity and density; no scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Plan, Point, RigidityCurve, Screw
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.views import planes
from BoneAblationPlannerLib.views.curves import Line, drawn
from BoneAblationPlannerLib.views.planes import Plane

_LABEL_MM = 40.0
_CURVES: tuple[tuple[str, str, Colour, int], ...] = (
    ("reference_EI_min", "Reference", (0.6, 0.6, 0.6), 3),
    ("before_EI_min", "Before treatment", ROLE_COLOURS["lesion"], 5),
    ("after_EI_min", "After treatment", ROLE_COLOURS["zone-visible"], 5),
)
_SCREW_COLOURS: tuple[Colour, ...] = (ROLE_COLOURS["screw"], (0.9, 0.6, 0.0), (0.0, 0.6, 0.5))


@dataclass(frozen=True)
class Instrument:
    """A cement needle or a screw as it is drawn."""

    name: str
    entry_ras_mm: Point
    tip_ras_mm: Point
    colour: Colour

    @property
    def length_mm(self) -> float:
        """From entry to tip."""
        return float(np.linalg.norm(np.subtract(self.tip_ras_mm, self.entry_ras_mm)))

    @property
    def label_ras_mm(self) -> NDArray[np.float64]:
        """Where its name stands: at the entry, or nearer to the tip of what comes from far."""
        back = unit_vector(np.subtract(self.entry_ras_mm, self.tip_ras_mm))
        place: NDArray[np.float64] = np.array(self.tip_ras_mm) + min(self.length_mm, _LABEL_MM) * back
        return place

    @property
    def plane(self) -> Plane:
        """Holds the instrument, nearest to axial."""
        entry, tip = np.array(self.entry_ras_mm), np.array(self.tip_ras_mm)
        return planes.along_needle((entry + tip) / 2, unit_vector(tip - entry))


def instruments(plan: Plan) -> tuple[Instrument, ...]:
    """Cement needles, then screws."""
    needles = [
        Instrument(n.name, n.entry_ras_mm, n.tip_ras_mm, ROLE_COLOURS["cement"])
        for n in (plan.cement.needles if plan.cement else ())
    ]
    screws = [Instrument(s.name, s.entry_ras_mm, s.tip_ras_mm, ROLE_COLOURS["screw"]) for s in plan.screws]
    return (*needles, *screws)


def across_screws(plan: Plan) -> Plane | None:
    """Perpendicular to the first screw, in the middle of its way through the lesion, else of itself."""
    if not plan.screws:
        return None
    screw = plan.screws[0]
    entry, tip = np.array(screw.entry_ras_mm), np.array(screw.tip_ras_mm)
    start, end = _in_lesion(screw) or (0.0, screw.length_mm)
    direction = unit_vector(tip - entry)
    return planes.down_the_barrel(entry + (start + end) / 2 * direction, direction)


def view_direction(plan: Plan, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Across the first screw, as near as may be to the side of the entries; `mean` where there is none."""
    if not plan.screws:
        return mean
    screw = plan.screws[0]
    axis = unit_vector(np.subtract(screw.tip_ras_mm, screw.entry_ras_mm))
    across = mean - (mean @ axis) * axis
    if np.linalg.norm(across) < 0.1:
        across = np.cross(axis, [1.0, 0.0, 0.0] if abs(axis[0]) < 0.9 else [0.0, 1.0, 0.0])
    return unit_vector(across)


def rigidity_picture(curve: RigidityCurve, size: tuple[int, int]) -> Image.Image:
    """Bending rigidity along the bone: reference, before and after treatment, on a page of the pictures' size."""
    along = np.asarray(curve.station_mm)
    lines = [Line(title, along, np.asarray(getattr(curve, name)), colour, width)
             for name, title, colour, width in _CURVES]  # fmt: skip
    return drawn(lines, "Smaller bending rigidity EI, N mm2", "mm from the bone's upper end", ".2g", size)


def density_picture(screws: Sequence[Screw], size: tuple[int, int]) -> Image.Image:
    """Mean HU on and around each screw that has it, from the head to the tip, on a page of the pictures' size.

    A bar above says where a screw lies in the lesion.
    """
    lines = [
        Line(s.name, np.asarray(s.hu_at_mm), np.asarray(s.hu_every_5_mm), colour, 5, _in_lesion(s))
        for s, colour in zip(screws, cycle(_SCREW_COLOURS), strict=False)
        if s.hu_every_5_mm
    ]
    across = "mm from the head" + ("; bars: in the lesion" if any(line.marked for line in lines) else "")
    return drawn(lines, "Density on and around the screws, HU", across, ".0f", size)


def _in_lesion(screw: Screw) -> tuple[float, float] | None:
    """From where to where along a screw the lesion is, from the head on."""
    before, beyond = screw.purchase_before_lesion_mm, screw.purchase_beyond_lesion_mm
    return None if before is None or beyond is None else (before, screw.length_mm - beyond)
