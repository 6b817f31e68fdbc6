"""What the pictures of cement and screws show, and the curve of rigidity; no scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Plan, Point, RigidityCurve
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.views import planes
from BoneAblationPlannerLib.views.annotate import SMALL_FONT_SIZE, LegendItem, bytes_of, finished_page
from BoneAblationPlannerLib.views.planes import Plane

_INK, _PAPER, _FAINT = (0, 0, 0), (255, 255, 255), (225, 225, 225)
_LABEL_MM = 40.0
_CURVES: tuple[tuple[str, str, Colour, int], ...] = (
    ("reference_EI_min", "Reference", (0.6, 0.6, 0.6), 3),
    ("before_EI_min", "Before treatment", ROLE_COLOURS["lesion"], 5),
    ("after_EI_min", "After treatment", ROLE_COLOURS["zone-visible"], 5),
)


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


def round_steps(low: float, high: float) -> list[float]:
    """Round values between two numbers, three to six of them."""
    rough = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(float(m * power) for m in (1, 2, 5, 10) if m * power >= rough)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [n * step for n in range(first, last + 1)]


def rigidity_picture(curve: RigidityCurve, size: tuple[int, int]) -> Image.Image:
    """Bending rigidity along the bone: reference, before and after treatment, on a page of the pictures' size."""
    image = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(SMALL_FONT_SIZE)
    left, top, right, bottom = 150, 30, size[0] - 40, size[1] - 110
    along = np.asarray(curve.station_mm)
    highest = max(max(getattr(curve, name), default=0.0) for name, *_ in _CURVES) or 1.0
    low, high = float(along.min()), max(float(along.max()), float(along.min()) + 1.0)

    def place(station_mm: float, value: float) -> tuple[float, float]:
        x = left + (station_mm - low) / (high - low) * (right - left)
        return x, bottom - value / highest * (bottom - top)

    for value in round_steps(0.0, highest):
        y = place(low, value)[1]
        draw.line([(left, y), (right, y)], fill=_FAINT, width=2)
        draw.text((left - 12, y), f"{value:.2g}", font=font, anchor="rm", fill=_INK)
    for station_mm in round_steps(low, high):
        x = place(station_mm, 0.0)[0]
        draw.line([(x, bottom), (x, bottom + 8)], fill=_INK, width=2)
        draw.text((x, bottom + 14), f"{station_mm:.0f}", font=font, anchor="mt", fill=_INK)
    draw.text(((left + right) / 2, size[1] - 14), "mm from the bone's upper end", font=font, anchor="mb", fill=_INK)
    for name, _title, colour, width in _CURVES:
        values = getattr(curve, name)
        draw.line([place(s, v) for s, v in zip(along, values, strict=True)], fill=bytes_of(colour), width=width)
    legend = [LegendItem(title, colour, filled=True) for _name, title, colour, _width in _CURVES]
    return finished_page(image, "Smaller bending rigidity EI, N mm2", legend)
