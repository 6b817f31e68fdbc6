"""What a report is made of: headings, tables, notices, pictures. `html` and `pdf` render them."""

from dataclasses import dataclass
from typing import Literal

from BoneAblationPlannerLib.views.picture import Picture

STATEMENT = "Decision support for research use. Not a medical device."

Level = Literal[1, 2, 3]
NoticeKind = Literal["warning", "not checked", "note"]


@dataclass(frozen=True)
class Heading:
    """A title with a bookmark; `new_page` only where what follows fills a page of its own."""

    text: str
    level: Level = 2
    new_page: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Notice:
    """A framed list that must be seen."""

    kind: NoticeKind
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Columns and rows of text; `emphasised` are the numbers of rows to set in bold. Widths are relative.

    `small_print` is for what is looked up, not read.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    emphasised: tuple[int, ...] = ()
    widths: tuple[float, ...] = ()
    small_print: bool = False


@dataclass(frozen=True)
class Figures:
    """Pictures, to be set beside each other."""

    pictures: tuple[Picture, ...]


Block = Heading | Paragraph | Notice | Table | Figures
