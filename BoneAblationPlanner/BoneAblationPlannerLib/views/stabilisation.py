"""What the pictures of cement and screws show, and the curves of rigidity and density; no scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Plan, Point, RigidityCurve, Screw
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.views import planes
from BoneAblationPlannerLib.views.annotate import SMALL_FONT_SIZE, LegendItem, bytes_of, finished_page
from BoneAblationPlannerLib.views.planes import Plane

_INK, _PAPER, _FAINT = (0, 0, 0), (255, 255, 255), (225, 225, 225)
_LABEL_MM = 40.0
_BAR = 20
_NAME_WIDTH, _NAME_HEIGHT = 220.0, 30.0
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


def apart(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places of names on a picture, in pixels, moved up and down so far that none covers another."""
    moved = list(places)
    taken: list[tuple[float, float]] = []
    for n in sorted(range(len(places)), key=lambda n: places[n][1]):
        x, y = places[n]
        for other_x, other_y in taken:
            if abs(x - other_x) < _NAME_WIDTH and y - other_y < _NAME_HEIGHT:
                y = other_y + _NAME_HEIGHT
        moved[n] = x, y
        taken.append(moved[n])
    return moved


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
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(float(m * power) for m in (1, 2, 5, 10) if m * power >= rough)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [n * step for n in range(first, last + 1)]


def rigidity_picture(curve: RigidityCurve, size: tuple[int, int]) -> Image.Image:
    """Bending rigidity along the bone: reference, before and after treatment, on a page of the pictures' size."""
    along = np.asarray(curve.station_mm)
    lines = [_Line(title, along, np.asarray(getattr(curve, name)), colour, width)
             for name, title, colour, width in _CURVES]  # fmt: skip
    return _drawn(lines, "Smaller bending rigidity EI, N mm2", "mm from the bone's upper end", ".2g", size)


def density_picture(screws: Sequence[Screw], size: tuple[int, int]) -> Image.Image:
    """Mean HU on and around each screw that has it, from the head to the tip, on a page of the pictures' size.

    A bar above says where a screw lies in the lesion.
    """
    lines = [
        _Line(s.name, np.asarray(s.hu_at_mm), np.asarray(s.hu_every_5_mm), colour, 5, _in_lesion(s))
        for s, colour in zip(screws, cycle(_SCREW_COLOURS), strict=False)
        if s.hu_every_5_mm
    ]
    across = "mm from the head" + ("; bars: in the lesion" if any(line.marked for line in lines) else "")
    return _drawn(lines, "Density on and around the screws, HU", across, ".0f", size)


def _in_lesion(screw: Screw) -> tuple[float, float] | None:
    """From where to where along a screw the lesion is, from the head on."""
    before, beyond = screw.purchase_before_lesion_mm, screw.purchase_beyond_lesion_mm
    return None if before is None or beyond is None else (before, screw.length_mm - beyond)


@dataclass(frozen=True, eq=False)
class _Line:
    """A curve; `marked` is a stretch along it that gets a bar above."""

    name: str
    along: NDArray[np.float64]
    values: NDArray[np.float64]
    colour: Colour
    width: int
    marked: tuple[float, float] | None = None


def _drawn(lines: Sequence[_Line], title: str, across: str, number: str, size: tuple[int, int]) -> Image.Image:
    """Lines over one axis, zero among the values; `number` is how values are written."""
    image = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(SMALL_FONT_SIZE)
    marked = [line for line in lines if line.marked is not None]
    left, top, right, bottom = 150, 30 + _BAR * len(marked), size[0] - 40, size[1] - 110
    along, values = (np.concatenate([getattr(line, name) for line in lines]) for name in ("along", "values"))
    lowest, highest = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    highest = highest if highest > lowest else lowest + 1.0
    low, high = float(along.min()), max(float(along.max()), float(along.min()) + 1.0)

    def place(along_mm: float, value: float) -> tuple[float, float]:
        x = left + (along_mm - low) / (high - low) * (right - left)
        return x, bottom - (value - lowest) / (highest - lowest) * (bottom - top)

    for value in round_steps(lowest, highest):
        y = place(low, value)[1]
        draw.line([(left, y), (right, y)], fill=_FAINT, width=2)
        draw.text((left - 12, y), f"{value:{number}}", font=font, anchor="rm", fill=_INK)
    for along_mm in round_steps(low, high):
        x = place(along_mm, 0.0)[0]
        draw.line([(x, bottom), (x, bottom + 8)], fill=_INK, width=2)
        draw.text((x, bottom + 14), f"{along_mm:.0f}", font=font, anchor="mt", fill=_INK)
    draw.text(((left + right) / 2, size[1] - 14), across, font=font, anchor="mb", fill=_INK)
    for line in lines:
        points = [place(s, v) for s, v in zip(line.along, line.values, strict=True)]
        draw.line(points, fill=bytes_of(line.colour), width=line.width)
    for row, line in enumerate(marked):
        start, end = (place(along_mm, 0.0)[0] for along_mm in line.marked or ())
        y = 15 + row * _BAR
        draw.rectangle([(start, y), (end, y + _BAR * 0.6)], fill=bytes_of(line.colour))
    legend = [LegendItem(line.name, line.colour, filled=True) for line in lines]
    return finished_page(image, title, legend)
