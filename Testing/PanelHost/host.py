"""A desktop for one test: opens scripted modules on a fresh scene and takes everything back afterwards."""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import slicer

from BoneAblationPlannerLib.scene.runtime import application_logic, new_scene
from PanelHost import application, ctk_widgets, loader, parameter_node, pythonqt, qmrml_widgets, scripted_module

_ABSENT = object()


class PanelHost:
    """Context manager; inside it ``import qt, ctk, slicer`` are what a scripted module expects.

    Attributes
    ----------
    scene : vtkMRMLScene
        ``slicer.mrmlScene``, real.
    samples : SampleDataRegistry
        What modules registered with Sample Data.
    answers : list of bool
        Answers to questions to come (``confirmOkCancelDisplay``); an unexpected question fails the test.
    questions, installed : list
        What was asked, and what ``pip_install`` was called with (nothing is installed).
    status : list of str
        What the status bar said.
    errors : list of BaseException
        Raised in slots and observers, where Qt and VTK swallow them after printing.
    """

    def __enter__(self) -> "PanelHost":
        self._before: list[tuple[Any, str, Any]] = []
        self._modules_before: dict[str, Any] = {}
        self.panels: list[Any] = []
        self.answers: list[bool] = []
        self.questions: list[str] = []
        self.installed: list[Any] = []
        self.status: list[str] = []
        self.errors: list[BaseException] = []
        self.samples = application.SampleDataRegistry()
        self.scene = new_scene()
        self._install()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for panel in list(self.panels):
            self.close(panel)
        self.scene.Clear(True)
        for owner, name, value in reversed(self._before):
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        for name, module in self._modules_before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module

    def load(self, path: Path) -> ModuleType:
        """Run a module file as Slicer does at start-up, and its description class."""
        name = path.stem
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(str(path))
        module = importlib.util.module_from_spec(spec)
        self._put_module(name, module)
        spec.loader.exec_module(module)
        module.description = scripted_module.ModuleDescription(str(path))  # type: ignore[attr-defined]
        getattr(module, name)(module.description)
        self.app.complete_startup()
        return module

    def open(self, module: ModuleType) -> Any:
        """A panel of a loaded module, set up and entered."""
        parent = qmrml_widgets.qMRMLWidget()
        self.qt.QVBoxLayout(parent)
        parent.isEntered = True
        panel = getattr(module, f"{module.__name__}Widget")(parent)
        panel.setup()
        parent.setMRMLScene(self.scene)
        panel.enter()
        self.panels.append(panel)
        parent.show()
        self.process()
        return panel

    def close(self, panel: Any) -> None:
        """Leave and clean up a panel, as when Slicer closes or reloads the module."""
        panel.exit()
        panel.cleanup()
        for combo in panel.parent.findChildren(self.qt.QWidget):
            if hasattr(combo, "setMRMLScene"):
                combo.setMRMLScene(None)
        panel.parent.close()
        self.panels.remove(panel)

    def process(self) -> None:
        """Handle what Qt has waiting."""
        self.app.processEvents()

    def wait(self, until: Callable[[], bool], seconds: float = 60.0) -> None:
        """Run the event loop until something is true."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"still waiting after {seconds:g} s")
            self.process()
            time.sleep(0.005)

    def grab(self, panel: Any, path: Path, width: int = 420) -> None:
        """A picture of a panel, as high as it wants to be."""
        panel.parent.resize(width, panel.parent.sizeHint.height())
        self.process()
        height = max(panel.parent.sizeHint.height(), panel.parent.layout().heightForWidth(width))
        panel.parent.resize(width, height)
        self.process()
        panel.parent.grab().save(str(path))

    def _install(self) -> None:
        self.qt = pythonqt.install()
        self.qt.QUiLoader = loader.UiLoader  # type: ignore[attr-defined]
        logic = application_logic(self.scene)
        self.app = application.Application(self.scene, logic)
        scripted = ModuleType("slicer.ScriptedLoadableModule")
        scripted.__all__ = [c.__name__ for c in scripted_module.EXPORTED]  # type: ignore[attr-defined]
        vars(scripted).update({c.__name__: c for c in scripted_module.EXPORTED})
        parameters = ModuleType("slicer.parameterNodeWrapper")
        vars(parameters).update(parameter_node.EXPORTED)
        self._put_module("qt", self.qt)
        self._put_module("ctk", ctk_widgets.module())
        self._put_module("SampleData", application.sample_data_module(self.samples))
        for module in (scripted, parameters, application.i18n_module()):
            self._put_module(module.__name__, module)
            self._put(slicer, module.__name__.removeprefix("slicer."), module)
        self._put(sys, "excepthook", lambda kind, error, trace: self.errors.append(error))
        self._put(slicer, "mrmlScene", self.scene)
        self._put(slicer, "app", self.app)
        self._put(slicer, "modules", application.module_registry(self.scene, logic))
        for name, widget in qmrml_widgets.WIDGETS.items():
            self._put(slicer, name, widget)
        self._put(slicer.util, "confirmOkCancelDisplay", self._confirm)
        self._put(slicer.util, "pip_install", self.installed.append)
        self._put(slicer.util, "showStatusMessage", lambda text, *_: self.status.append(text))
        self._put(slicer.util, "setSliceViewerLayers", lambda **_: None)
        self._put(slicer.util, "getModuleWidget", self._panel_of)
        self._put(slicer.util, "selectModule", self._select)

    def _panel_of(self, name: str) -> Any:
        return next(p for p in self.panels if p.moduleName == name)

    def _select(self, name: str) -> None:
        for panel in self.panels:
            if panel.parent.isEntered and panel.moduleName != name:
                panel.parent.isEntered = False
                panel.exit()
        panel = self._panel_of(name)
        panel.parent.isEntered = True
        panel.enter()

    def _confirm(self, text: str, *_: Any, **__: Any) -> bool:
        if not self.answers:
            raise AssertionError(f"unexpected question: {text}")
        self.questions.append(text)
        return self.answers.pop(0)

    def _put(self, owner: Any, name: str, value: Any) -> None:
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def _put_module(self, name: str, module: ModuleType) -> None:
        self._modules_before.setdefault(name, sys.modules.get(name))
        sys.modules[name] = module
