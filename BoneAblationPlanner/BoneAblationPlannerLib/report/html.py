"""The report as one HTML file without outside references: pictures are inside it, and no script is."""

import base64
from html import escape
from pathlib import Path

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

_CSS = """
body{font:15px/1.45 system-ui,sans-serif;color:#111;background:#fff;max-width:1100px;margin:0 auto;padding:0 1em 4em}
.statement{border:1px solid #111;padding:.3em .8em;font-weight:600;position:sticky;top:0;background:#fff}
footer.statement{position:static;margin-top:2em}
h1{border-bottom:3px solid #111;margin-top:1.6em}h2{margin-top:1.4em;border-bottom:1px solid #999}
table{border-collapse:collapse;width:100%;margin:.6em 0;font-variant-numeric:tabular-nums}
th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:#eee}tr.strong td{font-weight:700;border-left:4px solid #111}
.notice{border:1px solid #111;padding:.4em .9em;margin:.8em 0;break-inside:avoid}
.notice strong{display:block}.notice ul{margin:.2em 0;padding-left:1.3em}
.warning{border-left:8px solid #D55E00}.not-checked{border:3px solid #111;border-left-width:8px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1em}
figure{margin:0;break-inside:avoid}figure img{width:100%;height:auto;border:1px solid #999}
figcaption{font-size:.9em}
@page{margin:14mm 12mm 18mm;@bottom-center{content:"STATEMENT"}}
@media print{body{font-size:10.5px;max-width:none;padding:0}.statement{position:static}
h1.page{break-before:page}h1,h2,h3{break-after:avoid}.notice{break-inside:auto}.notice li{break-inside:avoid}
.figures{grid-template-columns:repeat(3,1fr)}thead{display:table-header-group}tr{break-inside:avoid}}
""".replace("STATEMENT", STATEMENT)


def html_text(blocks: tuple[Block, ...], title: str) -> str:
    """The document's text; everything that comes from the plan is escaped."""
    body = "\n".join(_block(b) for b in blocks)
    statement = escape(STATEMENT)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_CSS}</style></head>\n<body>"
        f'<div class="statement">{statement}</div>\n{body}\n'
        f'<footer class="statement">{statement}</footer></body></html>\n'
    )


def write_html(blocks: tuple[Block, ...], title: str, path: Path) -> None:
    """Write the report whole or not at all."""
    write_atomically(path, html_text(blocks, title).encode("utf-8"))


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        page = ' class="page"' if block.new_page else ""
        return f"<h{block.level}{page}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Notice):
        return _notice(block)
    if isinstance(block, Table):
        return _table(block)
    return _figures(block)


def _notice(notice: Notice) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in notice.lines)
    kind = notice.kind.replace(" ", "-")
    return f'<div class="notice {kind}" role="note"><strong>{escape(notice.title)}</strong><ul>{lines}</ul></div>'


def _table(table: Table) -> str:
    columns = ""
    if table.widths:
        total = sum(table.widths)
        shares = "".join(f'<col style="width:{100 * w / total:.1f}%">' for w in table.widths)
        columns = f"<colgroup>{shares}</colgroup>"
    head = "".join(f'<th scope="col">{escape(c)}</th>' for c in table.columns)
    rows = "".join(_row(row, n in table.emphasised) for n, row in enumerate(table.rows))
    return f"<table>{columns}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(cells: tuple[str, ...], strong: bool) -> str:
    kind = ' class="strong"' if strong else ""
    return f"<tr{kind}>{''.join(f'<td>{escape(c)}</td>' for c in cells)}</tr>"


def _figures(figures: Figures) -> str:
    parts = []
    for picture in figures.pictures:
        data = base64.b64encode(picture.file.read_bytes()).decode("ascii")
        parts.append(
            f'<figure><img alt="{escape(picture.title)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        )
    return f'<div class="figures">{"".join(parts)}</div>'
