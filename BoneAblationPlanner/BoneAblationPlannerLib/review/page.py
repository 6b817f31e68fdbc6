"""The page's own files and its first state. The page is one Vue template, put together from the parts in ``web/``."""

import re
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

_PART = re.compile(r"<!-- part: ([a-z]+)((?: [a-z]+=\"[^\"]*\")*) -->")
_VALUE = re.compile(r"([a-z]+)=\"([^\"]*)\"")
_ASSETS = "review-page"
_TAGS = re.compile(r"<(?:script|link)\b[^>]*(?:src|rel=\"stylesheet\")[^>]*>(?:</script>)?")
_WAITING = "Loading the review"


def template() -> str:
    """The page: ``page.html`` with each ``<!-- part: name -->`` replaced by ``name.html``.

    Parts hold parts. ``<!-- part: name key="value" -->`` puts values for ``%key%`` in the part's text.
    """
    return _PART.sub(_filled, _text("page.html"))


def closed_template() -> str:
    """What stands there when the connection is gone."""
    return _text("closed.html")


def module() -> dict[str, Any]:
    """The page's style and script as a module of its server."""
    with as_file(files(__package__).joinpath("web")) as folder:
        return {"serve": {_ASSETS: str(Path(folder))}}


def index(client_folder: Path) -> str:
    """The first document: only the scripts and styles of the client, nothing inline, nothing from elsewhere."""
    tags = _TAGS.findall((client_folder / "index.html").read_text(encoding="utf-8"))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><base href="."><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>Plan review</title><link rel="icon" href="data:,">{"".join(tags)}'
        f'<link rel="stylesheet" href="{_ASSETS}/review.css"><script src="{_ASSETS}/review.js"></script></head>'
        f'<body><div id="app"><div class="waiting">{_WAITING}</div></div></body></html>\n'
    )


def first_state() -> dict[str, Any]:
    """Every key that the template reads, before anything is known."""
    return {
        "trame__title": "Plan review",
        "tab": "figures",
        "mode": -1,
        "large": "",
        "help": False,
        "layers": [],
        "window": "bone",
        "editing": False,
        "ruler": False,
        "what_if": "preparing",
        "why_not": "",
        "computing": False,
        "latency_ms": 0,
        "busy": "",
        "ended": "",
        "changed": False,
        "can_undo": False,
        "can_redo": False,
        "margin_mm": 0.0,
        "notice": None,
        "summary": {},
        "figures": [],
        "by_chart": False,
        "remainder": "",
        "structures": [],
        "unmeasured": [],
        "not_checked": [],
        "estimated": [],
        "needles": [],
        "warnings": [],
        "cement": {},
        "cement_step": 0,
        "heat": {},
        "heat_times": [],
        "heat_scale": [],
        "heat_moment": -1,
        "sources": [],
        "catalogue": [],
        "corner": {name: {} for name in ("axial", "coronal", "sagittal")},
        "depth": {"value": 0.0, "low": 0.0, "high": 1.0},
        "version": "",
        "stored_name": "",
        "decisions": [],
        "record_problems": [],
        "needs_reason": False,
        "distances": [],
        "reviewer": "",
        "reason": "",
    }


def _filled(part: re.Match[str]) -> str:
    text = _text(f"{part[1]}.html")
    for key, value in _VALUE.findall(part[2]):
        text = text.replace(f"%{key}%", value)
    return _PART.sub(_filled, text)


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath("web", name).read_text(encoding="utf-8")
