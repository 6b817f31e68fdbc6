"""Loading .ui files as Slicer does, with the stand-ins for its own widgets."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtUiTools import QUiLoader
from PySide6.QtWidgets import QWidget

from PanelHost import ctk_widgets, pythonqt, qmrml_widgets

_SCENE_SIGNAL = "mrmlSceneChanged(vtkMRMLScene*)"
_SCENE_SLOT = "setMRMLScene(vtkMRMLScene*)"


class UiLoader(QUiLoader):
    """Makes the widgets of a .ui file; a class that nobody stands in for is an error, not an empty widget."""

    def createWidget(self, class_name: str, parent: QWidget | None = None, name: str = "") -> QWidget:
        """One widget, by class name."""
        make: Callable[[Any], QWidget] | None = {**ctk_widgets.WIDGETS, **qmrml_widgets.WIDGETS}.get(class_name)
        if make is not None:
            widget = make(parent)
            widget.setObjectName(name)
            return widget
        if class_name[0] != "Q" and class_name != "Line":
            raise NotImplementedError(f"{class_name}: no stand-in in Testing/PanelHost")
        widget = super().createWidget(class_name, parent, name)
        return pythonqt.adopt(widget)

    def load(self, device: Any, parent: QWidget | None = None) -> QWidget:
        """The top widget; connections of the scene, whose types Qt does not know here, are made in Python."""
        root = ElementTree.fromstring(bytes(device.readAll()))
        wires = _take_scene_connections(root)
        buffer = QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        top = super().load(buffer, parent)
        for sender, receiver in wires:
            _by_name(top, sender).on_scene_changed(_by_name(top, receiver).setMRMLScene)
        return top


def _take_scene_connections(root: ElementTree.Element) -> list[tuple[str, str]]:
    wires = []
    for connections in root.iter("connections"):
        for connection in list(connections):
            text = {e.tag: e.text or "" for e in connection}
            if text["signal"] == _SCENE_SIGNAL:
                if text["slot"] != _SCENE_SLOT:
                    raise ValueError(f"{text['receiver']}.{text['slot']}: expected {_SCENE_SLOT}")
                wires.append((text["sender"], text["receiver"]))
                connections.remove(connection)
    return wires


def _by_name(top: QWidget, name: str) -> Any:
    found = top if top.objectName == name else top.findChild(QWidget, name)
    if found is None:
        raise ValueError(f"{name}: connected in the .ui file, but not in it")
    return found
