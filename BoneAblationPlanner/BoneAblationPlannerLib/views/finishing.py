"""The page around a picture: its title above, its legend below, and its file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from BoneAblationPlannerLib.scene.colours import Colour
from BoneAblationPlannerLib.views.annotate import FONT_SIZE, INK, MARGIN, SMALL_FONT_SIZE, Sheet, bytes_of
from BoneAblationPlannerLib.views.picture import Picture, PictureKind

SIZE = (900, 800)
"""Of a picture without title and legend, pixels."""
TITLE_ROWS = 2 * MARGIN + FONT_SIZE
"""Height of the title above a picture, pixels."""
_LEGEND_ROW = 44
_PAPER = (255, 255, 255)


@dataclass(frozen=True)
class LegendItem:
    """A line of the legend; `mark` is the letter that stands beside the outline, for prints without colour."""

    text: str
    colour: Colour
    mark: str = ""
    filled: bool = False


def saved(
    sheet: Sheet,
    legend: Sequence[LegendItem],
    folder: Path,
    name: str,
    title: str,
    caption: str,
    probe: str | None,
    kind: PictureKind,
) -> Picture:
    """Write a picture with title and legend as PNG."""
    path = folder / f"{name}.png"
    finished(sheet, title, legend).save(path, compress_level=3)
    return Picture(path, title, caption, probe, kind)


def finished(sheet: Sheet, title: str, legend: Sequence[LegendItem]) -> Image.Image:
    """The picture with its title above and its legend below, black on white."""
    return finished_page(sheet.image, title, legend)


def finished_page(image: Image.Image, title: str, legend: Sequence[LegendItem]) -> Image.Image:
    """Any image with a title above and a legend below."""
    font, small = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(SMALL_FONT_SIZE)
    rows = _legend_rows(legend, image.width, small)
    top = TITLE_ROWS
    bottom = len(rows) * _LEGEND_ROW + (MARGIN if rows else 0)
    page = Image.new("RGB", (image.width, top + image.height + bottom), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, top / 2), title, font=font, anchor="lm", fill=INK)
    page.paste(image, (0, top))
    for n, row in enumerate(rows):
        y = top + image.height + MARGIN / 2 + (n + 0.5) * _LEGEND_ROW
        for x, item in row:
            _legend_entry(draw, x, y, item, small)
    return page


def _legend_rows(
    legend: Sequence[LegendItem], width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> list[list[tuple[float, LegendItem]]]:
    rows: list[list[tuple[float, LegendItem]]] = []
    x = float(MARGIN)
    for item in legend:
        needed = 46 + font.getlength(_legend_text(item)) + 2 * MARGIN
        if not rows or x + needed > width:
            rows.append([])
            x = float(MARGIN)
        rows[-1].append((x, item))
        x += needed
    return rows


def _legend_text(item: LegendItem) -> str:
    return f"{item.mark}  {item.text}" if item.mark else item.text


def _legend_entry(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    item: LegendItem,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    draw.rectangle((x, y - 9, x + 34, y + 9), fill=(60, 60, 60))
    colour = bytes_of(item.colour)
    if item.filled:
        draw.rectangle((x + 4, y - 6, x + 30, y + 6), fill=colour)
    else:
        draw.line((x + 4, y, x + 30, y), fill=colour, width=4)
    draw.text((x + 44, y), _legend_text(item), font=font, anchor="lm", fill=INK)
