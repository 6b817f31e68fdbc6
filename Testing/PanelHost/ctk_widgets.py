"""The CTK widgets that the panels use."""

from types import ModuleType
from typing import Any

from PySide6.QtCore import Property, QEvent, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QStyle, QStyleOptionButton, QWidget

_TITLE_HEIGHT = 24
_UNLIMITED = 16777215


class ctkCollapsibleButton(QWidget):
    """A titled section that a click on its title folds."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self._hidden_before: set[QWidget] = set()
        self.setContentsMargins(2, _TITLE_HEIGHT, 2, 2)

    def _get_text(self) -> str:
        return self._text

    def _set_text(self, text: str) -> None:
        self._text = text
        self.update()

    def _get_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        children = self.findChildren(QWidget, options=Qt.FindDirectChildrenOnly)
        if collapsed:
            self._hidden_before = {c for c in children if c.isHidden()}
        for child in children:
            if child not in self._hidden_before:
                child.setVisible(not collapsed)
        self._collapsed = collapsed
        self.setMaximumHeight(_TITLE_HEIGHT if collapsed else _UNLIMITED)
        self.contentsCollapsed.emit(collapsed)

    text = Property(str, _get_text, _set_text)
    collapsed = Property(bool, _get_collapsed, _set_collapsed, notify=contentsCollapsed)

    def event(self, event: QEvent) -> bool:
        """Children that the loader adds to a folded section stay hidden."""
        if event.type() == QEvent.Type.ChildPolished and self._collapsed and isinstance(event.child(), QWidget):
            event.child().hide()
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Fold or unfold."""
        if event.position().y() < _TITLE_HEIGHT:
            self.collapsed = not self._collapsed

    def paintEvent(self, event: QPaintEvent) -> None:
        """The title as a push button, as CTK draws it."""
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width, _TITLE_HEIGHT - 2)
        option.text = ("▸ " if self._collapsed else "▾ ") + self._text
        painter = QPainter(self)
        self.style().drawControl(QStyle.ControlElement.CE_PushButton, option, painter, self)
        painter.end()


class ctkSliderWidget(QWidget):
    """A slider with a spin box."""

    valueChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider, self._box = QSlider(Qt.Orientation.Horizontal, self), QDoubleSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._slider.valueChanged.connect(self._box.setValue)
        self._box.valueChanged.connect(self._changed)

    def _changed(self, value: float) -> None:
        self._slider.blockSignals(True)  # the slider knows whole numbers only, the value does not
        self._slider.setValue(round(value))
        self._slider.blockSignals(False)
        self.valueChanged.emit(value)

    def _of_box(name: str, kind: type) -> Any:
        def read(self: "ctkSliderWidget") -> Any:
            return self._box.property(name)

        def write(self: "ctkSliderWidget", value: Any) -> None:
            self._box.setProperty(name, value)
            if name in ("minimum", "maximum"):
                self._slider.setProperty(name, round(value))

        return Property(kind, read, write)

    decimals = _of_box("decimals", int)
    suffix = _of_box("suffix", str)
    singleStep = _of_box("singleStep", float)
    minimum = _of_box("minimum", float)
    maximum = _of_box("maximum", float)
    value = _of_box("value", float)


WIDGETS: dict[str, Any] = {"ctkCollapsibleButton": ctkCollapsibleButton, "ctkSliderWidget": ctkSliderWidget}


def module() -> ModuleType:
    """The module ``ctk``."""
    result = ModuleType("ctk")
    vars(result).update(WIDGETS)
    return result
