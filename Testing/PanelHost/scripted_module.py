"""Base classes of scripted modules, as in ``slicer.ScriptedLoadableModule``."""

import inspect
import unittest
from pathlib import Path
from typing import Any

import slicer

_DESCRIPTION = ("title", "categories", "dependencies", "contributors", "helpText", "acknowledgementText", "icon")


class ModuleDescription:
    """What a module says about itself to the module manager (the C++ side's ``parent``)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.title, self.helpText, self.acknowledgementText = "", "", ""
        self.categories: list[str] = []
        self.dependencies: list[str] = []
        self.contributors: list[str] = []
        self.icon: Any = None
        self.hidden = False


class ScriptedLoadableModule:
    """Describes a module."""

    def __init__(self, parent: ModuleDescription) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        import qt

        icon = Path(self.resourcePath(f"Icons/{self.moduleName}.png"))
        if icon.is_file():
            parent.icon = qt.QIcon(str(icon))

    def resourcePath(self, filename: str) -> str:
        """Path of a file in the module's Resources."""
        return str(Path(self.parent.path).parent / "Resources" / filename)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """A link in Slicer; nothing here."""
        return ""


class ScriptedLoadableModuleWidget:
    """A panel; `parent` is the top widget that the application gives it."""

    def __init__(self, parent: Any) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = False
        self.parent = parent
        self.layout = parent.layout()

    def resourcePath(self, filename: str) -> str:
        """Path of a file in the module's Resources."""
        return str(Path(inspect.getfile(type(self))).parent / "Resources" / filename)

    def setup(self) -> None:
        """For the panel to override."""

    def cleanup(self) -> None:
        """For the panel to override."""


class ScriptedLoadableModuleLogic:
    """Work without a panel; keeps the module's one parameter node."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """The module's parameter node in the scene, made if it is not there."""
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(self.moduleName)
            node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
            node = slicer.mrmlScene.AddNode(node)
        node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Self-tests that run inside Slicer; they run here too."""

    def delayDisplay(self, message: str, requestedDelay: Any = None, msec: Any = None) -> None:
        """Shown in Slicer; nothing here."""


EXPORTED = (
    ScriptedLoadableModule,
    ScriptedLoadableModuleWidget,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
)
