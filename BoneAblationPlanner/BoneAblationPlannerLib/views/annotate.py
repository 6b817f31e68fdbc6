"""What is written onto a view's pixels: needles, orientation letters, scale bar, marks. Pillow, no scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from BoneAblationPlannerLib.scene.colours import Colour
from BoneAblationPlannerLib.views.labels import Box, free_shift, inside_shift
from BoneAblationPlannerLib.views.planes import Plane, letter

Pixels = NDArray[np.uint8]
Pixel = tuple[float, float]

FONT_SIZE = 36
SMALL_FONT_SIZE = 31
_LETTER_SIZE = 42
MARGIN = 14
_AROUND = 4
TITLE_ROWS = 2 * MARGIN + FONT_SIZE
"""Height of the title above a picture, pixels."""
_PAPER = (255, 255, 255)
INK = (0, 0, 0)
_TICK_MM = 10.0


@dataclass(frozen=True, eq=False)
class Frame:
    """How a plane lies on a picture of (width, height) pixels; the field of view is the width."""

    plane: Plane
    field_of_view_mm: float
    size: tuple[int, int]

    @property
    def mm_per_pixel(self) -> float:
        """Edge length of a pixel."""
        return self.field_of_view_mm / self.size[0]

    def to_pixel(self, points_ras_mm: ArrayLike) -> NDArray[np.float64]:
        """(N, 2) of column and row (from the top) of points projected onto the plane, as a slice view samples it."""
        in_plane = self.plane.to_plane(points_ras_mm)[:, :2] / self.mm_per_pixel
        width, height = self.size
        return np.column_stack([in_plane[:, 0] + width / 2, height - 1 - (in_plane[:, 1] + height / 2)])


class Sheet:
    """A picture being annotated."""

    def __init__(self, pixels: Pixels, dark: bool = True) -> None:
        self.image = Image.fromarray(pixels)
        self.draw = ImageDraw.Draw(self.image)
        self._taken: list[Box] = []
        self.ink, self.halo = ((255, 255, 255), INK) if dark else (INK, (255, 255, 255))

    def text(
        self, at: Pixel, text: str, size: int = FONT_SIZE, anchor: str = "mm", colour: Colour | None = None
    ) -> None:
        """Text with a halo at its place, kept inside the picture."""
        box = self._box(at, text, size, anchor)
        self._write(at, inside_shift(box, *self.image.size), text, size, anchor, colour)

    def label(self, at: Pixel, text: str, size: int = FONT_SIZE, colour: Colour | None = None) -> None:
        """Text with a halo near a place: moved where it would cover what is written already."""
        shift = free_shift(self._box(at, text, size, "mm"), self._taken, *self.image.size)
        self._write(at, shift, text, size, "mm", colour)

    def _box(self, at: Pixel, text: str, size: int, anchor: str) -> Box:
        left, top, right, bottom = self.draw.textbbox(at, text, font=ImageFont.load_default(size), anchor=anchor)
        return left - _AROUND, top - _AROUND, right + _AROUND, bottom + _AROUND

    def _write(self, at: Pixel, shift: Pixel, text: str, size: int, anchor: str, colour: Colour | None) -> None:
        place = (at[0] + shift[0], at[1] + shift[1])
        font, fill = ImageFont.load_default(size), self.ink if colour is None else bytes_of(colour)
        stroke = 2 if size > SMALL_FONT_SIZE else 1
        self.draw.text(place, text, font=font, anchor=anchor, fill=fill, stroke_width=stroke, stroke_fill=self.halo)
        self._taken.append(self._box(place, text, size, anchor))

    def line(self, points: Sequence[Pixel], colour: Colour, width: int, dashed: bool = False) -> None:
        """A line with a dark edge."""
        pieces = [points] if not dashed else _dashes(points)
        for piece in pieces:
            self.draw.line(list(piece), fill=self.halo, width=width + 3)
        for piece in pieces:
            self.draw.line(list(piece), fill=bytes_of(colour), width=width)

    def ring(self, at: Pixel, radius: float, colour: Colour, width: int = 3) -> None:
        """A circle with a dark edge."""
        x, y = at
        for r, w, fill in ((radius + 2, width + 3, self.halo), (radius, width, bytes_of(colour))):
            self.draw.ellipse((x - r, y - r, x + r, y + r), outline=fill, width=w)
        self._taken.append((x - radius, y - radius, x + radius, y + radius))

    def orientation(self, right: NDArray[np.float64], up: NDArray[np.float64]) -> None:
        """Letters at the four edges."""
        width, height = self.image.size
        edge = MARGIN + _LETTER_SIZE / 2
        self.text((width - edge, height / 2), letter(right), _LETTER_SIZE)
        self.text((edge, height / 2), letter(-right), _LETTER_SIZE)
        self.text((width / 2, edge), letter(up), _LETTER_SIZE)
        self.text((width / 2, height - edge), letter(-up), _LETTER_SIZE)

    def scale_bar(self, mm_per_pixel: float) -> None:
        """A bar of a round length, lower left."""
        length_mm = next(mm for mm in (100, 50, 20, 10, 5) if mm / mm_per_pixel < 0.3 * self.image.width or mm == 5)
        left, bottom = 2.0 * MARGIN, self.image.height - 2.0 * MARGIN
        right = left + length_mm / mm_per_pixel
        ink = (self.ink[0] / 255, self.ink[1] / 255, self.ink[2] / 255)
        for piece in (
            [(left, bottom), (right, bottom)],
            [(left, bottom - 6), (left, bottom + 6)],
            [(right, bottom - 6), (right, bottom + 6)],
        ):
            self.line(piece, ink, 3)
        self.text(((left + right) / 2, bottom - 24), f"{length_mm / 10:g} cm")

    def needle(self, frame: Frame, entry: ArrayLike, tip: ArrayLike, colour: Colour, near_mm: float) -> None:
        """A needle's path: solid with a tick per centimetre from the tip where it runs in the plane, else dashed."""
        ends = np.array([entry, tip], dtype=np.float64)
        start, end = (tuple(p) for p in frame.to_pixel(ends).tolist())
        self.line([start, end], colour, 2, dashed=True)
        part = _part_near(frame.plane.to_plane(ends)[:, 2], near_mm)
        if part is not None:
            inside = frame.to_pixel(ends[0] + np.outer(part, ends[1] - ends[0]))
            self.line([tuple(p) for p in inside.tolist()], colour, 4)
        self._ticks(frame, ends, part, colour)
        self._tip(end, colour)
        self.ring(start, 8, colour)

    def needle_name(self, frame: Frame, entry: ArrayLike, tip: ArrayLike, name: str, colour: Colour) -> None:
        """A needle's name beyond its entry; names go on when all needles are drawn."""
        start, end = frame.to_pixel(np.array([entry, tip], dtype=np.float64))
        away = start - end
        length = float(np.linalg.norm(away))
        outward = away / length if length > 20 else np.array([0.0, -1.0])
        half_text = self.draw.textlength(name, font=ImageFont.load_default(FONT_SIZE)) / 2
        place = np.clip(start, 0, np.array(self.image.size, dtype=float)) + outward * [half_text + 18, 30]
        self.label((float(place[0]), float(place[1])), name, colour=colour)

    def _ticks(self, frame: Frame, ends: NDArray[np.float64], part: tuple[float, float] | None, colour: Colour) -> None:
        depth_mm = float(np.linalg.norm(ends[1] - ends[0]))
        start, end = frame.to_pixel(ends)
        seen = end - start
        if part is None or depth_mm == 0 or np.linalg.norm(seen) * frame.mm_per_pixel < depth_mm / 2:
            return
        across = np.array([-seen[1], seen[0]]) / np.linalg.norm(seen) * 6
        for n in range(1, int(depth_mm / _TICK_MM) + 1):
            where = 1 - n * _TICK_MM / depth_mm
            if part[0] <= where <= part[1]:
                centre = start + where * seen
                self.line([tuple((centre - across).tolist()), tuple((centre + across).tolist())], colour, 2)

    def _tip(self, at: Pixel, colour: Colour) -> None:
        x, y = at
        self.draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=bytes_of(colour), outline=self.halo, width=2)


def colour_bar(sheet: Sheet, table: NDArray[np.float64], range_mm: float, title: str) -> None:
    """A vertical bar from -range to +range on the right, with values."""
    height, width = int(0.6 * sheet.image.height), 26
    rows = np.linspace(len(table) - 1, 0, height).astype(int)
    bar = np.repeat((table[rows] * 255).astype(np.uint8)[:, None], width, axis=1)
    left, top = sheet.image.width - 136, int(0.2 * sheet.image.height)
    sheet.image.paste(Image.fromarray(bar), (left, top))
    sheet.draw.rectangle((left, top, left + width, top + height), outline=INK)
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = range_mm * (1 - 2 * share)
        sheet.text(
            (left + width + 10, top + share * height), f"{value:+.0f} mm" if value else "0 mm", SMALL_FONT_SIZE, "lm"
        )
    sheet.text((left + width, top - 24), title, SMALL_FONT_SIZE, "mm")


def bytes_of(colour: Colour) -> tuple[int, int, int]:
    """0..1 to 0..255."""
    red, green, blue = (round(255 * c) for c in colour)
    return (red, green, blue)


def _part_near(distances_mm: NDArray[np.float64], near_mm: float) -> tuple[float, float] | None:
    """Start and end (0 entry, 1 tip) of the part of a segment that lies within a distance of a plane."""
    first, last = float(distances_mm[0]), float(distances_mm[1])
    if abs(last - first) < 1e-9:
        return (0.0, 1.0) if abs(first) <= near_mm else None
    a, b = sorted(((-near_mm - first) / (last - first), (near_mm - first) / (last - first)))
    a, b = max(a, 0.0), min(b, 1.0)
    return (a, b) if b > a else None


def _dashes(points: Sequence[Pixel], dash: float = 10.0) -> list[list[Pixel]]:
    start, end = np.array(points[0]), np.array(points[-1])
    length = float(np.linalg.norm(end - start))
    if length < dash:
        return [[points[0], points[-1]]]
    steps = np.arange(0, length, 2 * dash)
    along = (end - start) / length
    ends = np.minimum(steps + dash, length)
    return [
        [tuple((start + a * along).tolist()), tuple((start + b * along).tolist())]
        for a, b in zip(steps, ends, strict=True)
    ]
