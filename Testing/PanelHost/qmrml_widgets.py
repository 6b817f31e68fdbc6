"""The qMRML widgets that the panels use, over a real MRML scene."""

from collections.abc import Callable
from typing import Any

import slicer
from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

_ANY_VALUE = object()


class qMRMLWidget(QWidget):
    """A panel's top widget: hands its scene to the widgets that the .ui file connects to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._receivers: list[Callable[[Any], None]] = []

    def on_scene_changed(self, receiver: Callable[[Any], None]) -> None:
        """What a ``mrmlSceneChanged(vtkMRMLScene*)`` connection of a .ui file does."""
        self._receivers.append(receiver)

    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene here and in all connected widgets."""
        self._scene = scene
        for receiver in self._receivers:
            receiver(scene)

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene


class qMRMLNodeComboBox(QWidget):
    """A choice among the nodes of some classes; disabled until it has a scene."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeAdded = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._observers: list[int] = []
        self._names: list[tuple[Any, int]] = []
        self._types: list[str] = []
        self._attributes: list[tuple[str, str, Any]] = []
        self._flags: dict[str, Any] = {
            "noneEnabled": False,
            "addEnabled": True,
            "removeEnabled": True,
            "editEnabled": False,
            "renameEnabled": False,
            "showHidden": False,
            "showChildNodeTypes": True,
            "selectNodeUponCreation": True,
            "baseName": "",
            "noneDisplay": "None",
        }
        self._filling = False
        self._known: set[str] = set()
        self._combo = self._make_combo()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._emit_current)
        self.setEnabled(False)

    def _make_combo(self) -> QComboBox:
        combo = QComboBox(self)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)
        return combo

    def _flag(name: str, kind: type) -> Any:
        def read(self: "qMRMLNodeComboBox") -> Any:
            return self._flags[name]

        def write(self: "qMRMLNodeComboBox", value: Any) -> None:
            self._flags[name] = value
            self._refill()

        return Property(kind, read, write)

    def _get_types(self) -> list[str]:
        return list(self._types)

    def _set_types(self, types: list[str]) -> None:
        self._types = list(types)
        self._refill()

    def _get_id(self) -> str:
        node = self.currentNode()
        return node.GetID() if node is not None else ""

    def setCurrentNodeID(self, identifier: str) -> None:
        """Choose by id; an unknown id chooses none."""
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if self._scene and identifier else None)

    nodeTypes = Property("QStringList", _get_types, _set_types)
    currentNodeID = Property(str, _get_id, setCurrentNodeID)
    noneEnabled = _flag("noneEnabled", bool)
    addEnabled = _flag("addEnabled", bool)
    removeEnabled = _flag("removeEnabled", bool)
    editEnabled = _flag("editEnabled", bool)
    renameEnabled = _flag("renameEnabled", bool)
    showHidden = _flag("showHidden", bool)
    showChildNodeTypes = _flag("showChildNodeTypes", bool)
    selectNodeUponCreation = _flag("selectNodeUponCreation", bool)
    baseName = _flag("baseName", str)
    noneDisplay = _flag("noneDisplay", str)

    def addAttribute(self, node_type: str, name: str, value: Any = _ANY_VALUE) -> None:
        """Show only nodes of the type that have the attribute, with the value if one is given."""
        self._attributes.append((node_type, name, value))
        self._refill()

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        """Observe a scene, or none."""
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        events = ("NodeAddedEvent", "NodeRemovedEvent", "EndImportEvent", "EndCloseEvent")
        self._observers = (
            [scene.AddObserver(getattr(slicer.vtkMRMLScene, e), lambda *_: self._refill()) for e in events]
            if scene is not None
            else []
        )
        self.setEnabled(scene is not None)
        self._refill()

    def currentNode(self) -> Any:
        """The chosen node or None."""
        identifier = self._combo.itemData(self._combo.currentIndex)
        return self._scene.GetNodeByID(identifier) if self._scene is not None and identifier else None

    def setCurrentNode(self, node: Any) -> None:
        """Choose a node of the list, or none."""
        index = self._combo.findData(node.GetID()) if node is not None else self._combo.findData("")
        self._combo.setCurrentIndex(index)

    def nodeCount(self) -> int:
        """Number of nodes on offer."""
        return len(self._nodes())

    def nodeFromIndex(self, index: int) -> Any:
        """Node on offer by its place, or None."""
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def nodes(self) -> list[Any]:
        """All nodes on offer."""
        return self._nodes()

    def addNode(self, node_type: str | None = None) -> Any:
        """Create a node of the (first) type and choose it, as the menu does."""
        kind = node_type or self._types[0]
        name = self._scene.GenerateUniqueName(self._flags["baseName"] or kind.removeprefix("vtkMRML"))
        node = self._scene.AddNewNodeByClass(kind, name)
        if self._flags["selectNodeUponCreation"]:
            self.setCurrentNode(node)
        return node

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        found = []
        for n in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(n)
            if self._is_offered(node):
                found.append(node)
        return found

    def _is_offered(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self._flags["showHidden"]:
            return False
        for kind in self._types:
            if node.IsA(kind) and (self._flags["showChildNodeTypes"] or node.GetClassName() == kind):
                return all(
                    node.GetAttribute(name) is not None and value in (_ANY_VALUE, node.GetAttribute(name))
                    for wanted, name, value in self._attributes
                    if node.IsA(wanted)
                )
        return False

    def _follow_names(self, nodes: list[Any]) -> None:
        """The list shows the new name of a node that was renamed."""
        for node, tag in self._names:
            node.RemoveObserver(tag)
        self._names = [(node, node.AddObserver("ModifiedEvent", self._show_name)) for node in nodes]

    def _show_name(self, node: Any, event: str) -> None:
        index = self._combo.findData(node.GetID())
        if index >= 0 and self._combo.itemText(index) != node.GetName():
            self._combo.setItemText(index, node.GetName())

    def _refill(self) -> None:
        before = self._combo.itemData(self._combo.currentIndex) or ""
        self._filling = True
        self._combo.clear()
        if self._flags["noneEnabled"]:
            self._combo.addItem(self._flags["noneDisplay"], "")
        for node in self._nodes():
            self._combo.addItem(node.GetName(), node.GetID())
        index = self._combo.findData(before)
        self._combo.setCurrentIndex(index if index >= 0 else self._combo.findData(""))
        self._filling = False
        self._follow_names(self._nodes())
        offered = {n.GetID() for n in self._nodes()}
        new, self._known = offered - self._known, offered
        for identifier in sorted(new):
            self.nodeAdded.emit(self._scene.GetNodeByID(identifier))
        if index < 0 and before:
            self._emit_current()

    def _emit_current(self, *_: Any) -> None:
        if not self._filling:
            self.currentNodeChanged.emit(self.currentNode())
            self.currentNodeIDChanged.emit(self._get_id())


class _CheckList(QComboBox):
    """A combo box that shows what is checked rather than what is current."""

    def __init__(self, summary: Callable[[], str], parent: QWidget) -> None:
        super().__init__(parent)
        self._summary = summary

    def paintEvent(self, event: QPaintEvent) -> None:
        """The summary in the box."""
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self._summary()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A choice of several nodes, unchecked by default."""

    checkedNodesChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._checked: set[str] = set()
        super().__init__(parent)

    def _make_combo(self) -> QComboBox:
        return _CheckList(self._summary, self)

    def checkedNodes(self) -> list[Any]:
        """Nodes on offer that are checked."""
        return [n for n in self._nodes() if n.GetID() in self._checked]

    def uncheckedNodes(self) -> list[Any]:
        """Nodes on offer that are not checked."""
        return [n for n in self._nodes() if n.GetID() not in self._checked]

    def checkState(self, node: Any) -> Any:
        """Qt.Checked or Qt.Unchecked."""
        return Qt.CheckState.Checked if node.GetID() in self._checked else Qt.CheckState.Unchecked

    def setCheckState(self, node: Any, state: Any) -> None:
        """Check or uncheck a node; says so if that changed anything."""
        if self.checkState(node) == state:
            return
        if state == Qt.CheckState.Checked:
            self._checked.add(node.GetID())
        else:
            self._checked.discard(node.GetID())
        self._combo.update()
        self.checkedNodesChanged.emit()

    def _summary(self) -> str:
        checked, offered = self.checkedNodes(), self._nodes()
        if not checked:
            return "None"
        return "All" if len(checked) == len(offered) else ", ".join(n.GetName() for n in checked)


class qMRMLSegmentEditorWidget(QWidget):
    """The Segment Editor: remembers what it was given; effects are Slicer's own and are not here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._given: dict[str, Any] = {}

    def setMRMLScene(self, scene: Any) -> None:
        """The scene."""
        self._scene = scene

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        """The settings."""
        self._given["editor"] = node

    def setSegmentationNode(self, node: Any) -> None:
        """What is edited; the settings node follows, as in Slicer."""
        self._given["editor"].SetAndObserveSegmentationNode(node)

    def setSourceVolumeNode(self, node: Any) -> None:
        """What it is drawn on."""
        self._given["editor"].SetAndObserveSourceVolumeNode(node)

    def setCurrentSegmentID(self, identifier: str) -> None:
        """Which segment."""
        self._given["editor"].SetSelectedSegmentID(identifier)

    def setupViewObservations(self) -> None:
        """Clicks in the views go to the effect."""
        self._given["views"] = True

    def removeViewObservations(self) -> None:
        """Clicks in the views are the views' own again."""
        self._given["views"] = False

    def setActiveEffect(self, effect: Any) -> None:
        """An effect, None for none."""
        self._given["effect"] = effect


WIDGETS: dict[str, Any] = {
    c.__name__: c for c in (qMRMLWidget, qMRMLNodeComboBox, qMRMLCheckableNodeComboBox, qMRMLSegmentEditorWidget)
}
