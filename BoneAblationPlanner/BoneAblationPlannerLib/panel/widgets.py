"""Filling Qt widgets with what `content` says."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.panel.content import Table
from BoneAblationPlannerLib.plan import Point

_CELL_PADDING = 12


def prepare_table(widget: Any) -> None:
    """Keep a table as high as its rows, whose texts wrap when the panel gets narrower. Once per table."""
    widget.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
    widget.horizontalHeader().sectionResized.connect(lambda *_sizes: fit_height(widget))


def fill_table(widget: Any, table: Table) -> None:
    """Show a table for reading and copying only; columns are never narrower than their longest word."""
    widget.clear()
    widget.setColumnCount(len(table.columns))
    widget.setRowCount(len(table.cells))
    widget.setHorizontalHeaderLabels(list(table.columns))
    if table.titles:
        widget.setVerticalHeaderLabels(list(table.titles))
    for row, cells in enumerate(table.cells):
        for column, text in enumerate(cells):
            widget.setItem(row, column, read_only_cell(text, text))
    words = [word for cells in table.cells for text in cells for word in text.split()]
    widest = max((widget.fontMetrics().boundingRect(word).width() for word in words), default=0)
    widget.horizontalHeader().setMinimumSectionSize(widest + _CELL_PADDING)
    fit_height(widget)


def fill_places(list_widget: Any, places: Sequence[tuple[str, Point]]) -> None:
    """Fill a list with texts that lead to places, for `place_of`; an empty list takes no room."""
    list_widget.clear()
    for text, point_ras_mm in places:
        item = qt.QListWidgetItem(text)
        item.setToolTip(_("Click to see the place."))
        item.setData(qt.Qt.UserRole, list(point_ras_mm))
        list_widget.addItem(item)
    list_widget.setVisible(bool(places))


def fill_checks(list_widget: Any, texts: Mapping[str, str], checked: Collection[str]) -> None:
    """Fill a list with check boxes by value, without a signal; an empty list takes no room."""
    was_blocked = list_widget.blockSignals(True)
    list_widget.clear()
    for value, text in texts.items():
        item = qt.QListWidgetItem(text)
        item.setData(qt.Qt.UserRole, value)
        item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
        item.setCheckState(qt.Qt.Checked if value in checked else qt.Qt.Unchecked)
        list_widget.addItem(item)
    list_widget.blockSignals(was_blocked)
    list_widget.setVisible(bool(texts))


def place_of(item: Any) -> Point | None:
    """The place (RAS, mm) that an item of such a list leads to."""
    point = item.data(qt.Qt.UserRole)
    return None if point is None else (float(point[0]), float(point[1]), float(point[2]))


def read_only_cell(text: str, tip: str = "") -> Any:
    """A cell for reading and copying."""
    item = qt.QTableWidgetItem(text)
    item.setToolTip(tip or text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item


def editable_cell(text: str, tip: str) -> Any:
    """A cell that a double click opens."""
    item = qt.QTableWidgetItem(text)
    item.setToolTip(tip)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsEditable)
    return item


def check_cell(checked: bool, tip: str) -> Any:
    """A cell that is a check box."""
    item = read_only_cell("", tip)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
    item.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
    return item


def show_text(label: Any, text: str) -> None:
    """A label that takes no room while it has nothing to say."""
    label.text = text
    label.setVisible(bool(text))


def fit_height(widget: Any) -> None:
    """As high as its rows."""
    widget.resizeRowsToContents()
    rows = sum(widget.rowHeight(row) for row in range(widget.rowCount))
    header, scroll_bar = widget.horizontalHeader(), widget.horizontalScrollBar()
    too_wide = scroll_bar.maximum > 0
    bars = header.sizeHint.height() + (scroll_bar.sizeHint.height() if too_wide else 0)
    widget.setFixedHeight(rows + bars + 2 * widget.frameWidth)
