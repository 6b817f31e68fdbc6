"""Filling Qt widgets with what `content` says."""

from typing import Any

import qt

from BoneAblationPlannerLib.panel.content import Table

_MOST_COLUMNS_SIDE_BY_SIDE = 3


def fill_table(widget: Any, table: Table) -> None:
    """Show a table, as high as its rows, for reading and copying only."""
    widget.clear()
    widget.setColumnCount(len(table.columns))
    widget.setRowCount(len(table.cells))
    widget.setHorizontalHeaderLabels(list(table.columns))
    if table.titles:
        widget.setVerticalHeaderLabels(list(table.titles))
    for row, cells in enumerate(table.cells):
        for column, text in enumerate(cells):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            widget.setItem(row, column, item)
    side_by_side = len(table.columns) <= _MOST_COLUMNS_SIDE_BY_SIDE
    mode = qt.QHeaderView.Stretch if side_by_side else qt.QHeaderView.ResizeToContents
    widget.horizontalHeader().setSectionResizeMode(mode)
    widget.resizeRowsToContents()
    rows = sum(widget.rowHeight(row) for row in range(len(table.cells)))
    scroll_bar = 0 if side_by_side else widget.horizontalScrollBar().sizeHint.height()
    widget.setFixedHeight(rows + widget.horizontalHeader().sizeHint.height() + 2 * widget.frameWidth + scroll_bar)


def show_text(label: Any, text: str) -> None:
    """A label that takes no room while it has nothing to say."""
    label.text = text
    label.setVisible(bool(text))
