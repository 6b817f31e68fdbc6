"""Distances that the reviewer measures between two points that he clicks."""

from collections.abc import Callable
from typing import Any

from BoneAblationPlannerLib.scene.runtime import application_logic, slicer_module

_COLOUR = (0.4, 0.95, 0.5)
_NAME = "Distance"


class Ruler:
    """Lines of their own in the scene of the review, which is never saved."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._lines: list[Any] = []

    def place(self, done: Callable[[], None]) -> None:
        """The next two clicks in any view place a distance; calls back after the second."""
        node = self._scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", f"{_NAME} {len(self._lines) + 1}")
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSelectedColor(*_COLOUR)
        display.SetColor(*_COLOUR)
        display.SetGlyphScale(1.5)
        display.SetTextScale(3.0)
        display.PointLabelsVisibilityOff()
        display.PropertiesLabelVisibilityOn()
        self._lines.append(node)
        application = application_logic(self._scene)
        application.GetModuleLogic("Markups").SetActiveList(node)
        interaction = application.GetInteractionNode()
        interaction.SetPlaceModePersistence(False)
        interaction.SetCurrentInteractionMode(slicer_module().vtkMRMLInteractionNode.Place)
        node.AddObserver(
            slicer_module().vtkMRMLMarkupsNode.PointPositionDefinedEvent, lambda *_: self._placed(node, done)
        )

    def clear(self) -> None:
        """Remove every distance."""
        self._view()
        for node in self._lines:
            self._scene.RemoveNode(node)
        self._lines = []

    def distances(self) -> list[str]:
        """What was measured so far."""
        return [f"{n.GetName()}: {n.GetLineLengthWorld():.1f} mm" for n in self._lines
                if n.GetNumberOfDefinedControlPoints() == 2]  # fmt: skip

    def _placed(self, node: Any, done: Callable[[], None]) -> None:
        if node.GetNumberOfDefinedControlPoints() == 2:
            self._view()
            done()

    def _view(self) -> None:
        interaction = application_logic(self._scene).GetInteractionNode()
        interaction.SetCurrentInteractionMode(slicer_module().vtkMRMLInteractionNode.ViewTransform)
