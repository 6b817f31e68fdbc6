"""The report as PDF, for A4 and Letter, with bookmarks. Needs reportlab, which the extra ``standalone`` brings."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import write_atomically
from BoneAblationPlannerLib.report.blocks import (
    STATEMENT,
    Block,
    Figures,
    Heading,
    Notice,
    Paragraph,
    Table,
)

_FONT, _BOLD = "Vera", "VeraBd"
_MM = 72 / 25.4
_MARGIN = 14 * _MM
_FOOTER = 10 * _MM
_PAGE_WIDTH, _PAGE_HEIGHT = 210 * _MM, 279.4 * _MM
"""As wide as A4 and as high as Letter: prints on both at full size."""
_WIDTH = _PAGE_WIDTH - 2 * _MARGIN
_FRAME_HEIGHT = _PAGE_HEIGHT - 2 * _MARGIN - _FOOTER
_SHORT, _SOME_ROWS = 65 * _MM, 30 * _MM
"""Tables and notices up to the first height are not parted; of longer ones so much stands before a page ends."""
_SIZES = {1: 16, 2: 12, 3: 10}
_JPEG_QUALITY = 88
_PICTURE_WIDTH = 56 * _MM
"""Three side by side fill the width; two rows of two fit below a probe's table."""
_LONE_PICTURE_WIDTH = 80 * _MM
_MANY = 4
"""More pictures than this stand three to a row."""


def write_pdf(blocks: tuple[Block, ...], title: str, path: Path) -> None:
    """Write the report whole or not at all; raises InputError with the command to install reportlab."""
    write_atomically(path, pdf_bytes(blocks, title))


def pdf_bytes(blocks: tuple[Block, ...], title: str) -> bytes:
    """The document."""
    try:
        from reportlab import platypus
    except ImportError:
        raise InputError("report.pdf: reportlab is not installed; expected: pip install reportlab") from None
    _register_fonts()
    stream = io.BytesIO()
    frame = platypus.Frame(_MARGIN, _MARGIN + _FOOTER, _WIDTH, _FRAME_HEIGHT, 0, 0, 0, 0, id="body")
    document = platypus.BaseDocTemplate(
        stream, pagesize=(_PAGE_WIDTH, _PAGE_HEIGHT), title=_drawable(title), author="BoneAblationPlanner", lang="en"
    )
    document.addPageTemplates([platypus.PageTemplate(id="page", frames=[frame], onPage=_footer)])
    document.build(_story(blocks))
    return stream.getvalue()


def _story(blocks: tuple[Block, ...]) -> list[Any]:
    """Everything in reading order; a page ends early only where what begins would stand cut off at its foot."""
    from reportlab import platypus

    made = [_flowables(block, n) for n, block in enumerate(blocks)]
    least = [_least_height(block, flowables) for block, flowables in zip(blocks, made, strict=True)]
    story: list[Any] = []
    for n, (block, flowables) in enumerate(zip(blocks, made, strict=True)):
        if isinstance(block, Heading) and block.new_page:
            story.append(platypus.PageBreak())
        elif n == 0 or not _leads_on(blocks[n - 1], block):  # what leads on has left room already
            story.append(platypus.CondPageBreak(_needed(blocks, least, n)))
        story += flowables
    return story


def _needed(blocks: tuple[Block, ...], least: list[float], first: int) -> float:
    """Height in points of a block's beginning with the beginning of what it leads to."""
    total = least[first]
    for n in range(first + 1, len(blocks)):
        if not _leads_on(blocks[n - 1], blocks[n]):
            break
        total += least[n]
    return min(total, _FRAME_HEIGHT / 2)


def _leads_on(block: Block, to: Block) -> bool:
    """Whether a block says what comes next: headings do, and text, but for another heading."""
    return isinstance(block, Heading) or (isinstance(block, Paragraph) and not isinstance(to, Heading))


def _least_height(block: Block, flowables: list[Any]) -> float:
    """Height in points that the beginning of a block takes: all of what is short, some rows of what is long."""
    if not flowables:
        return 0.0
    if isinstance(block, Figures):
        return _height(flowables[0])
    total = sum(_height(flowable) for flowable in flowables)
    return total if total <= _SHORT or isinstance(block, Heading | Paragraph) else _SOME_ROWS


def _height(flowable: Any) -> float:
    around = float(flowable.getSpaceBefore()) + float(flowable.getSpaceAfter())
    return float(flowable.wrap(_WIDTH, _FRAME_HEIGHT)[1]) + around


@lru_cache(maxsize=1)
def _register_fonts() -> frozenset[int]:
    """Register Bitstream Vera, which reportlab carries; returns the characters that it can draw."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    regular = TTFont(_FONT, "Vera.ttf")
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(_BOLD, "VeraBd.ttf"))
    pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_BOLD, italic=_FONT, boldItalic=_BOLD)
    return frozenset(regular.face.charToGlyph)


def _drawable(text: str) -> str:
    """Characters that the font lacks are shown by their code, so that no name is silently mutilated."""
    known = _register_fonts()
    return "".join(c if ord(c) in known or c == "\n" else f"[U+{ord(c):04X}]" for c in text)


def _markup(text: str) -> str:
    return escape(_drawable(text))


def _footer(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(_BOLD, 8)
    canvas.drawString(_MARGIN, _MARGIN, STATEMENT)
    canvas.drawRightString(_PAGE_WIDTH - _MARGIN, _MARGIN, f"page {document.page}")
    canvas.line(_MARGIN, _MARGIN + 11, _PAGE_WIDTH - _MARGIN, _MARGIN + 11)
    canvas.restoreState()


def _style(size: float = 8.5, bold: bool = False, **options: Any) -> Any:
    from reportlab.lib.styles import ParagraphStyle

    font = _BOLD if bold else _FONT
    return ParagraphStyle(f"{font}-{size}", fontName=font, fontSize=size, leading=size * 1.3, **options)


def _flowables(block: Block, number: int) -> list[Any]:
    if isinstance(block, Heading):
        return _heading(block, number)
    if isinstance(block, Paragraph):
        return [_text(block.text, _style(spaceAfter=4))]
    if isinstance(block, Notice):
        return _notice(block)
    if isinstance(block, Table):
        return _table(block)
    return _figures(block)


def _text(text: str, style: Any) -> Any:
    from reportlab.platypus import Paragraph as Flowable

    return Flowable(_markup(text), style)


def _heading(heading: Heading, number: int) -> list[Any]:
    from reportlab import platypus

    class Bookmark(platypus.Flowable):
        """Draws nothing; marks the place in the outline."""

        def wrap(self, width: float, height: float) -> tuple[float, float]:
            return 0, 0

        def draw(self) -> None:
            key = f"heading-{number}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(_drawable(heading.text), key, level=0 if heading.level == 1 else 1)

    text = _text(heading.text, _style(_SIZES[heading.level], True, spaceBefore=8, spaceAfter=4))
    return [Bookmark(), text]


def _notice(notice: Notice) -> list[Any]:
    from reportlab import platypus

    lines = [_text(notice.title, _style(8.5, True)), *(_text(f"- {line}", _style(7.8)) for line in notice.lines)]
    thick = {"not checked": 2.5, "warning": 1.2, "note": 0.5}[notice.kind]
    # One cell per line: a long notice can break across pages.
    frame = platypus.Table([[line] for line in lines], colWidths=[_WIDTH - 8])
    frame.setStyle(
        platypus.TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), thick, "black"),
                ("TOPPADDING", (0, 0), (-1, -1), 0.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0.8),
            ]
        )
    )
    return [platypus.Spacer(1, 4), frame, platypus.Spacer(1, 4)]


def _table(table: Table) -> list[Any]:
    from reportlab import platypus

    if not table.rows:
        return []
    widths = table.widths or (1.0,) * len(table.columns)
    size = 6.5 if table.small_print else 7.5 if len(table.columns) > 5 else 8.5
    cells = [[_text(c, _style(size, True)) for c in table.columns]]
    cells += [[_text(c, _style(size, n in table.emphasised)) for c in row] for n, row in enumerate(table.rows)]
    grid = platypus.Table(cells, colWidths=[_WIDTH * w / sum(widths) for w in widths], repeatRows=1, splitInRow=1)
    grid.setStyle(
        platypus.TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, "grey"),
                ("BACKGROUND", (0, 0), (-1, 0), "#eeeeee"),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return [grid, platypus.Spacer(1, 5)]


def _figures(figures: Figures) -> list[Any]:
    """Two to a row, or three where there are many; a row stays together with its captions."""
    from reportlab import platypus

    width = _LONE_PICTURE_WIDTH if len(figures.pictures) == 1 else _PICTURE_WIDTH
    cells = [[_image(p.file, width), _text(p.caption, _style(7.5))] for p in figures.pictures]
    columns = 3 if len(cells) > _MANY else 2
    rows = [cells[n : n + columns] + [""] * (n + columns - len(cells)) for n in range(0, len(cells), columns)]
    grids = [platypus.Table([row], colWidths=[_WIDTH / columns] * columns) for row in rows]
    for grid in grids:
        grid.setStyle(platypus.TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return grids


def _image(path: Path, width: float) -> Any:
    from PIL import Image
    from reportlab import platypus

    with Image.open(path) as image:
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY)
        height = width * image.height / image.width
    stream.seek(0)
    return platypus.Image(stream, width, height)
