"""A combo box that offers the segments of a segmentation by name and remembers one by id."""

from typing import Any

import qt


def segment_names(node: Any) -> dict[str, str]:
    """Names of a segmentation's segments by id."""
    if node is None:
        return {}
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    return {identifier: segmentation.GetSegment(identifier).GetName() for identifier in ids}


def show_choices(combo: Any, choices: dict[str, str], chosen: str) -> None:
    """Fill a combo box with texts by value, without a signal; an unknown value leaves it empty."""
    offered = [(combo.itemData(n), combo.itemText(n)) for n in range(combo.count)]
    if offered != list(choices.items()):
        was_blocked = combo.blockSignals(True)
        combo.clear()
        for value, text in choices.items():
            combo.addItem(text, value)
            combo.setItemData(combo.count - 1, text, qt.Qt.ToolTipRole)  # the list may be too narrow for it
        combo.blockSignals(was_blocked)
    index = combo.findData(chosen)
    if combo.currentIndex != index:
        was_blocked = combo.blockSignals(True)
        combo.setCurrentIndex(index)
        combo.blockSignals(was_blocked)
