"""PySide6 with the face of PythonQt.

In PythonQt a Qt property is an attribute (``button.enabled = False``, ``label.text``) and its getter is not a method,
setters stay methods (``button.setEnabled(False)``), signals connect by signature (``connect("clicked(bool)", f)``) and
everything is in one namespace ``qt``.
"""

import ctypes
import inspect
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from PySide6.QtCore import QObject

NAMESPACES = (QtCore, QtGui, QtWidgets, QtUiTools)
_CONNECTIONS = "_pythonqt_connections"


@cache
def application() -> Any:
    """The one QApplication, made when first asked for."""
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])


@cache
def install() -> ModuleType:
    """Give PySide6's classes PythonQt's behaviour, once per process, and return the module ``qt``."""
    application()
    _make_immortal(None, True, False)
    classes = {c for c in _members().values() if inspect.isclass(c) and issubclass(c, QObject)}
    for cls in sorted(classes, key=lambda c: len(c.__mro__)):
        _properties_become_attributes(cls)
        _instances_connect_by_signature(cls)
    QObject.name = _attribute("objectName")
    QObject.className = lambda self: self.metaObject().className()
    return _flat_namespace()


def adopt(instance: QObject) -> QObject:
    """PythonQt's ``connect`` and ``disconnect`` for one object. PySide6 honours them on instances, not on classes."""
    vars(instance)["connect"] = lambda *arguments: _connect(instance, *arguments)
    vars(instance)["disconnect"] = lambda *arguments: _disconnect(instance, *arguments)
    return instance


def _make_immortal(*constants: Any) -> None:
    """Give constants so many references that they are never freed.

    PySide6 6.12 returns None and True without counting the reference, as is right from Python 3.12 on, where they are
    immortal; below it every such call takes one away, and some ten thousand calls end the process.
    """
    if sys.version_info < (3, 12):
        for constant in constants:
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def _flat_namespace() -> ModuleType:
    module = ModuleType("qt")
    vars(module).update(_members())
    return module


@cache
def _members() -> dict[str, Any]:
    """Everything named Q... of all namespaces; by `dir`, since PySide6 makes its classes when first asked for."""
    return {name: getattr(n, name) for n in NAMESPACES for name in dir(n) if name.startswith("Q")}


def _properties_become_attributes(cls: type[QObject]) -> None:
    meta = cls.staticMetaObject
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        # Own properties, and inherited ones whose getter the class overrides (QHeaderView.sizeHint).
        if index < meta.propertyOffset() and name not in vars(cls):
            continue
        if not isinstance(inspect.getattr_static(cls, name, None), staticmethod) and name != "singleShot":
            setattr(cls, name, _attribute(name))


def _attribute(name: str) -> property:
    def read(self: QObject) -> Any:
        return self.property(name)

    def write(self: QObject, value: Any) -> None:
        if not self.setProperty(name, value):
            raise TypeError(f"{self.metaObject().className()}.{name} = {value!r}: refused by Qt")

    return property(read, write)


def _instances_connect_by_signature(cls: type[QObject]) -> None:
    if "__init__" not in vars(cls):
        return
    original = cls.__init__

    def __init__(self: QObject, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        adopt(self)

    cls.__init__ = __init__  # type: ignore[method-assign]


def _connect(sender: QObject, signature: str, *receiver: Any) -> bool:
    slot = receiver[0] if callable(receiver[0]) else getattr(receiver[0], receiver[1].split("(")[0])
    wrapper = _with_as_many_arguments_as_it_takes(slot, _argument_count(signature))
    vars(sender).setdefault(_CONNECTIONS, []).append((signature, slot, wrapper))
    _signal(sender, signature).connect(wrapper)
    return True


def _disconnect(sender: QObject, signature: str, *receiver: Any) -> bool:
    slot = receiver[0] if receiver and callable(receiver[0]) else None
    kept, found = [], False
    for connection in vars(sender).get(_CONNECTIONS, []):
        if connection[0] == signature and slot in (None, connection[1]):
            _signal(sender, signature).disconnect(connection[2])
            found = True
        else:
            kept.append(connection)
    vars(sender)[_CONNECTIONS] = kept
    return found


def _signal(sender: QObject, signature: str) -> Any:
    """The bound signal of a signature; AttributeError for a signal that the object does not have."""
    name, _, rest = signature.partition("(")
    arguments = rest.rstrip(")").replace(" ", "")
    bound = getattr(sender, name)
    if not hasattr(bound, "connect"):
        raise AttributeError(f"{sender.metaObject().className()}: {signature} is no signal")
    try:
        return bound[arguments] if arguments else bound
    except (KeyError, IndexError):  # signals with MRML nodes are declared with `object`
        return bound


def _argument_count(signature: str) -> int:
    inside = signature.partition("(")[2].rstrip(")").strip()
    return inside.count(",") + 1 if inside else 0


def _with_as_many_arguments_as_it_takes(slot: Callable[..., Any], sent: int) -> Callable[..., Any]:
    """PythonQt calls a slot with at most the arguments that it accepts."""
    kinds = [p.kind for p in inspect.signature(slot).parameters.values()]
    positional = sum(k in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for k in kinds)
    taken = sent if inspect.Parameter.VAR_POSITIONAL in kinds else min(sent, positional)
    return lambda *arguments: slot(*arguments[:taken])
