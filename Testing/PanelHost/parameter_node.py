"""A stand-in for ``slicer.parameterNodeWrapper``: typed parameters of a node, bound to widgets.

Widgets are bound by the pairs of value and widget type that Slicer's ``guiConnectors.py`` has; any other pair raises,
as it does there. Values are stored as there: enums by name, nodes as references, lists element by element.
"""

import enum
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PanelHost import qmrml_widgets

PROPERTY = "SlicerParameterName"


@dataclass(frozen=True)
class WithinRange:
    """Annotation: limits of a number."""

    minimum: float
    maximum: float


@dataclass(frozen=True)
class Default:
    """Annotation: initial value."""

    value: Any


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: Any
    annotations: tuple[Any, ...]
    default: Any


def parameterNodeWrapper(cls: type) -> type:
    """Class decorator: annotated names become parameters."""
    parameters = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        kind, *annotations = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
        noted = next((a.value for a in annotations if isinstance(a, Default)), None)
        default = getattr(cls, name, _zero(kind) if noted is None else noted)
        parameters[name] = _Parameter(name, kind, tuple(annotations), default)
        setattr(cls, name, _property(parameters[name]))
    members = {
        "allParameters": parameters,
        "__init__": _init,
        "connectGui": _connect_gui,
        "disconnectGui": _disconnect_gui,
    }
    members |= {m: _forward(m) for m in ("AddObserver", "RemoveObserver", "StartModify", "EndModify", "Modified")}
    for name, member in members.items():
        setattr(cls, name, member)
    return cls


def _forward(name: str) -> Callable[..., Any]:
    return lambda self, *arguments: getattr(self.parameterNode, name)(*arguments)


def _init(self: Any, parameterNode: Any) -> None:
    self.parameterNode = parameterNode
    self._bindings = {}
    self._updating = False
    for parameter in self.allParameters.values():
        if not _has(parameterNode, parameter.name, parameter.kind):
            _write(parameterNode, parameter.name, parameter.kind, parameter.default)


def _property(parameter: _Parameter) -> property:
    def put(self: Any, value: Any) -> None:
        for limits in (a for a in parameter.annotations if isinstance(a, WithinRange)):
            if not limits.minimum <= value <= limits.maximum:
                raise ValueError(f"{parameter.name}: {value}; expected {limits.minimum} to {limits.maximum}")
        _write(self.parameterNode, parameter.name, parameter.kind, value)

    return property(lambda self: _read(self.parameterNode, parameter.name, parameter.kind), put)


def _connect_gui(self: Any, gui: Any) -> int:
    bound = []
    for widget in vars(gui).values():
        name = widget.property(PROPERTY)
        if name:
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a param with the given name: {name}")
            bound.append(_bind(self, self.allParameters[name], widget))

    def update(*_: Any) -> None:
        if not self._updating:
            self._updating = True
            try:
                for show, _ in bound:
                    show()
            finally:
                self._updating = False

    update()
    tag = len(self._bindings) + 1
    self._bindings[tag] = (bound, self.parameterNode.AddObserver("ModifiedEvent", update))
    return tag


def _disconnect_gui(self: Any, tag: int) -> None:
    bound, observer = self._bindings.pop(tag, ((), None))
    for _, release in bound:
        release()
    if observer is not None:
        self.parameterNode.RemoveObserver(observer)


def _bind(self: Any, parameter: _Parameter, widget: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    """(show the parameter in the widget, release the widget)."""
    read, write, signal = _connector(parameter, widget)

    def changed(*_: Any) -> None:
        if not self._updating:
            setattr(self, parameter.name, read())

    signal.connect(changed)
    return lambda: write(getattr(self, parameter.name)), lambda: signal.disconnect(changed)


def _connector(parameter: _Parameter, widget: Any) -> tuple[Callable[[], Any], Callable[[Any], None], Any]:
    kind, widget_type = parameter.kind, type(widget).__name__
    if kind is bool and widget_type == "QCheckBox":
        return (lambda: widget.checked), widget.setChecked, widget.stateChanged
    if kind in (float, int) and widget_type == "QDoubleSpinBox":
        for limits in (a for a in parameter.annotations if isinstance(a, WithinRange)):
            widget.minimum, widget.maximum = limits.minimum, limits.maximum
        return (lambda: widget.value), widget.setValue, widget.valueChanged
    if _is_enum(kind) and widget_type == "QComboBox":
        members = list(kind)
        label = getattr(kind, "label", lambda e: e.name)
        widget.clear()
        for member in members:
            widget.addItem(label(member))
        return (
            (lambda: members[widget.currentIndex]),
            (lambda value: widget.setCurrentIndex(members.index(value))),
            widget.currentIndexChanged,
        )
    if kind is str and widget_type == "QLineEdit":
        return (lambda: widget.text), widget.setText, widget.textChanged
    if _is_node(kind) and type(widget) is qmrml_widgets.qMRMLNodeComboBox:
        widget.nodeTypes = [t.__name__ for t in _node_types(kind)]
        return widget.currentNode, widget.setCurrentNode, widget.currentNodeChanged
    raise RuntimeError(f"Unable to create GUI connector from datatype '{kind}' to widget type '{widget_type}'.")


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _node_types(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _is_node(kind: Any) -> bool:
    return all(isinstance(t, type) and t.__name__.startswith("vtkMRML") for t in _node_types(kind))


def _zero(kind: Any) -> Any:
    if _is_node(kind):
        return None
    if _is_enum(kind):
        return next(iter(kind))
    return typing.get_origin(kind)() if typing.get_origin(kind) is list else kind()


def _has(node: Any, name: str, kind: Any) -> bool:
    return node.HasParameter(f"{name}.len" if typing.get_origin(kind) is list else name)


def _write(node: Any, name: str, kind: Any, value: Any) -> None:
    if typing.get_origin(kind) is list:
        _write_list(node, name, typing.get_args(kind)[0], value)
    elif _is_node(kind):
        if value is not None and not any(value.IsA(t.__name__) for t in _node_types(kind)):
            raise TypeError(f"{name}: {value.GetClassName()}; expected {kind}")
        before = node.StartModify()
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)
        node.EndModify(before)
    elif _is_enum(kind):
        node.SetParameter(name, value.name)
    else:
        node.SetParameter(name, str(kind(value)))


def _write_list(node: Any, name: str, kind: Any, values: list[Any]) -> None:
    before = node.StartModify()
    length = int(node.GetParameter(f"{name}.len") or 0)
    for index, value in enumerate(values):
        _write(node, f"{name}.{index}", kind, value)
    for index in range(len(values), length):
        node.UnsetParameter(f"{name}.{index}")
        node.RemoveNodeReferenceIDs(f"{name}.{index}")
    node.SetParameter(f"{name}.len", str(len(values)))
    node.EndModify(before)


def _read(node: Any, name: str, kind: Any) -> Any:
    if typing.get_origin(kind) is list:
        return [
            _read(node, f"{name}.{n}", typing.get_args(kind)[0])
            for n in range(int(node.GetParameter(f"{name}.len") or 0))
        ]
    if _is_node(kind):
        return node.GetNodeReference(name)
    text = node.GetParameter(name)
    if _is_enum(kind):
        return kind[text]
    return text == "True" if kind is bool else kind(text)


EXPORTED: dict[str, Any] = {
    "parameterNodeWrapper": parameterNodeWrapper,
    "WithinRange": WithinRange,
    "Default": Default,
}
