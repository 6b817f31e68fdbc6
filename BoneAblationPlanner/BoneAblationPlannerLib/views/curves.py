"""Curves with their axes, as pictures; no scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from BoneAblationPlannerLib.scene.colours import Colour
from BoneAblationPlannerLib.views.annotate import SMALL_FONT_SIZE, bytes_of
from BoneAblationPlannerLib.views.finishing import LegendItem, finished_page

_INK, _PAPER, _FAINT = (0, 0, 0), (255, 255, 255), (225, 225, 225)
_BAR = 20


@dataclass(frozen=True, eq=False)
class Line:
    """A curve; `marked` is a stretch along it that gets a bar above."""

    name: str
    along: NDArray[np.float64]
    values: NDArray[np.float64]
    colour: Colour
    width: int
    marked: tuple[float, float] | None = None


def drawn(
    lines: Sequence[Line],
    title: str,
    across: str,
    number: str,
    size: tuple[int, int],
    values_shown: tuple[float, float] | None = None,
) -> Image.Image:
    """Lines over one axis on a page of a size; `number` is how values are written.

    `values_shown` are the lowest and the highest value of the scale; by default all values, and zero among them.
    """
    image = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(SMALL_FONT_SIZE)
    marked = [line for line in lines if line.marked is not None]
    left, top, right, bottom = 150, 30 + _BAR * len(marked), size[0] - 40, size[1] - 110
    along, values = (np.concatenate([getattr(line, name) for line in lines]) for name in ("along", "values"))
    lowest, highest = values_shown or (min(float(values.min()), 0.0), max(float(values.max()), 0.0))
    highest = highest if highest > lowest else lowest + 1.0
    low, high = float(along.min()), max(float(along.max()), float(along.min()) + 1.0)

    def place(at: float, value: float) -> tuple[float, float]:
        x = left + (at - low) / (high - low) * (right - left)
        return x, bottom - (value - lowest) / (highest - lowest) * (bottom - top)

    for value in round_steps(lowest, highest):
        y = place(low, value)[1]
        draw.line([(left, y), (right, y)], fill=_FAINT, width=2)
        draw.text((left - 12, y), f"{value:{number}}", font=font, anchor="rm", fill=_INK)
    for at in round_steps(low, high):
        x = place(at, 0.0)[0]
        draw.line([(x, bottom), (x, bottom + 8)], fill=_INK, width=2)
        draw.text((x, bottom + 14), f"{at:g}", font=font, anchor="mt", fill=_INK)
    draw.text(((left + right) / 2, size[1] - 14), across, font=font, anchor="mb", fill=_INK)
    for line in lines:
        points = [place(s, v) for s, v in zip(line.along, line.values, strict=True)]
        draw.line(points, fill=bytes_of(line.colour), width=line.width)
    for row, line in enumerate(marked):
        start, end = (place(at, 0.0)[0] for at in line.marked or ())
        y = 15 + row * _BAR
        draw.rectangle([(start, y), (end, y + _BAR * 0.6)], fill=bytes_of(line.colour))
    legend = [LegendItem(line.name, line.colour, filled=True) for line in lines]
    return finished_page(image, title, legend)


def round_steps(low: float, high: float) -> list[float]:
    """Round values between two numbers, three to six of them."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(float(m * power) for m in (1, 2, 5, 10) if m * power >= rough)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [n * step for n in range(first, last + 1)]
