"""``slicer.app``, ``slicer.modules`` and the Sample Data module, as far as scripted modules meet them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer

from BoneAblationPlannerLib.scene.runtime import quiet_vtk
from PanelHost import pythonqt


class Application:
    """The running application: a scene, its logics, signals that a test fires."""

    applicationName = "Slicer"

    def __init__(self, scene: Any, logic: Any) -> None:
        self._scene, self._logic = scene, logic
        self._startup: list[Callable[[], None]] = []

    def mrmlScene(self) -> Any:
        """The scene that the person works in."""
        return self._scene

    def applicationLogic(self) -> Any:
        """The logic that all modules share."""
        return self._logic

    def processEvents(self, *_: Any) -> None:
        """Let the windows live."""
        pythonqt.application().processEvents()

    def testingEnabled(self) -> bool:
        """False: questions are asked, so that tests can answer them."""
        return False

    def connect(self, signature: str, slot: Callable[[], None]) -> None:
        """Only the end of start-up is announced."""
        if signature != "startupCompleted()":
            raise NotImplementedError(signature)
        self._startup.append(slot)

    def complete_startup(self) -> None:
        """Fire ``startupCompleted()``."""
        for slot in self._startup:
            slot()

    def layoutManager(self) -> None:
        """No views."""

    def mainWindow(self) -> None:
        """No window."""


@dataclass
class SampleDataSource:
    """One data set on offer."""

    category: str
    sampleName: str
    customDownloader: Callable[[Any], Any]
    thumbnailFileName: str | None


@dataclass
class SampleDataRegistry:
    """The registering half of ``SampleData.SampleDataLogic``."""

    categories: dict[str, str] = field(default_factory=dict)
    sources: list[SampleDataSource] = field(default_factory=list)

    def registerCustomSampleDataCategory(self, category: str, title: str) -> None:
        """Name a category."""
        self.categories[category] = title

    def registerCustomSampleDataSource(
        self,
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
    ) -> None:
        """Offer a data set; the checks that Slicer makes."""
        if uris is None or fileNames is None or len(uris) != len(fileNames):
            raise TypeError("All fields of sample data source must have the same length")
        source = SampleDataSource(category, sampleName or "", customDownloader, thumbnailFileName)
        if source.sampleName not in [s.sampleName for s in self.sources]:
            self.sources.append(source)


def sample_data_module(registry: SampleDataRegistry) -> ModuleType:
    """The module ``SampleData``."""
    module = ModuleType("SampleData")
    module.SampleDataLogic = registry  # type: ignore[attr-defined]
    return module


def module_registry(scene: Any, application_logic: Any) -> SimpleNamespace:
    """``slicer.modules`` with the logics that the panels ask for; the application logic holds them weakly only."""
    markups = slicer.vtkSlicerMarkupsLogic()
    with quiet_vtk():  # it registers node classes once more
        markups.SetMRMLApplicationLogic(application_logic)
        markups.SetMRMLScene(scene)
    return SimpleNamespace(markups=SimpleNamespace(logic=lambda: markups))


def i18n_module() -> ModuleType:
    """``slicer.i18n`` without translations."""
    module = ModuleType("slicer.i18n")
    module.tr = lambda text: text  # type: ignore[attr-defined]
    module.translate = lambda context, text: text  # type: ignore[attr-defined]
    return module
