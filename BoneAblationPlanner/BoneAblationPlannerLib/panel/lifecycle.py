"""What the panels of both modules do alike: binding to the scene, runs in the background, messages, progress."""

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from BoneAblationPlannerLib.panel.content import plan_of
from BoneAblationPlannerLib.panel.runner import TaskRunner, attempt
from BoneAblationPlannerLib.panel.section import Section
from BoneAblationPlannerLib.panel.widgets import show_text
from BoneAblationPlannerLib.plan import Plan

STATUS_MS = 5000


class PlanningPanel(VTKObservationMixin):
    """A panel of numbered steps around one parameter node. Mixed into a ScriptedLoadableModuleWidget.

    Attributes
    ----------
    ui : widgets by name
    logic : the module's logic
    runner : TaskRunner
    sections : tuple of Section
    parameters : the wrapped parameter node or None
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self.ui: Any = None
        self.runner: Any = None
        self.sections: tuple[Section, ...] = ()
        self.parameters: Any = None
        self._gui_tag: Any = None
        self._exporting = False
        self._update_is_due = False
        self._read_state: tuple[Any, int] = (None, 0)
        self._read: Plan | None = None

    def startPanel(self, file_name: str, logic: Any, steps: Sequence[type[Section]]) -> None:
        """Load the .ui file and connect everything; from the module's ``setup``."""
        top = slicer.util.loadUI(self.resourcePath(f"UI/{file_name}"))
        self.layout.addWidget(top)
        self.ui = slicer.util.childWidgetVariables(top)
        self.ui.planSelector.addAttribute("vtkMRMLTextNode", "BonePlan.Schema")
        top.setMRMLScene(slicer.mrmlScene)
        self.logic = logic
        self.runner = TaskRunner(self.updateRunning, self.showMessage)
        self.sections = tuple(step(self, number) for number, step in enumerate(steps, start=1))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        for section in self.sections:
            section.connect()
            # Tables measure their rows by their width, which a folded section does not have.
            getattr(self.ui, section.name).connect("contentsCollapsed(bool)", self._on_folded)
        self.showMessage("")
        self.initializeParameterNode()
        self.updateRunning()

    def section(self, kind: type[Section]) -> Any:
        """The step of a kind."""
        return next(section for section in self.sections if isinstance(section, kind))

    def plan(self) -> Plan | None:
        """The chosen plan as it is stored now, read again only after its document changed; None if it cannot be."""
        document = None if self.parameters is None else self.parameters.plan
        state = (document, 0 if document is None else document.GetMTime())
        if state != self._read_state:
            self._read_state, self._read = state, plan_of(document)
        return self._read

    @property
    def busy(self) -> bool:
        """Whether something runs that must end before the next can start."""
        return bool(self.runner.running) or self._exporting

    def cleanup(self) -> None:
        """The panel goes away."""
        self.runner.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        """The module is shown."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """Another module is shown: changes of the scene are taken up on return."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """A run under way belongs to the scene that goes away."""
        self.runner.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """Start anew if the panel is visible."""
        from BoneAblationPlannerLib.scene.live import forget_removed

        forget_removed()
        self.showMessage("")
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any, event: Any) -> None:
        """A scene was opened or added: its parameters, and its plan if it has one, are taken up."""
        if self.parent.isEntered and not slicer.mrmlScene.IsClosing():
            self.initializeParameterNode()

    def onNodeRemoved(self, caller: Any, event: Any) -> None:
        """The user may delete any node at any time; many at once are one update, when all are gone."""
        if not self._update_is_due:
            self._update_is_due = True
            qt.QTimer.singleShot(0, self._update_now)

    def _update_now(self) -> None:
        self._update_is_due = False
        self.update()

    def onCancel(self) -> None:
        """Stop at the next step; nothing is added."""
        self.runner.cancel()

    def initializeParameterNode(self) -> None:
        """Take up the scene's parameter node; what a scene has only one of needs no choosing."""
        self.setParameterNode(self.logic.getParameterNode())
        self.logic.chooseDefaults(self.parameters)

    def setParameterNode(self, parameters: Any) -> None:
        """Bind the panel to a parameter node or, with None, to nothing."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._gui_tag)
            self.removeObserver(self.parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.update)
            for section in self.sections:
                section.release()
        self.parameters = parameters
        if parameters is not None:
            self._gui_tag = parameters.connectGui(self.ui)
            self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.update)
        self.update()

    def update(self, caller: Any = None, event: Any = None) -> None:
        """Show what parameters and scene say now, in every step."""
        if self.parameters is None:
            return
        for section in self.sections:
            section.update()
        self.updateRunning()

    def updateRunning(self) -> None:
        """Buttons, titles and progress, after every step of a run."""
        if self.parameters is not None:
            for section in self.sections:
                section.updateRunning()
                section.showTitle()
        self.ui.cancelButton.enabled = self.runner.running and not self.runner.cancelling
        self.ui.progressRow.setVisible(self.busy)
        if self.runner.running:
            fraction, stage = self.runner.progress
            self.showProgress(fraction, _("stopping") if self.runner.cancelling else stage)

    def _on_folded(self, collapsed: bool) -> None:
        if not collapsed:
            self.update()

    def showProgress(self, fraction: float, stage: str) -> None:
        """How far a run is."""
        self.ui.progressBar.value = int(100 * fraction)
        self.ui.stageLabel.text = stage

    def say(self, text: str) -> None:
        """A line in the status bar, for what went well."""
        slicer.util.showStatusMessage(text, STATUS_MS)

    def showMessage(self, text: str | None) -> None:
        """One line below the buttons; nothing takes no room."""
        show_text(self.ui.messageLabel, text or "")

    def tryTo(self, action: Callable[[], Any]) -> bool:
        """Do something now; what goes wrong is one line in the panel. Whether it went well."""
        message = attempt(action)
        self.showMessage(message)
        return message is None

    def run(self, prepare: Callable[[], Callable[..., Any]], finish: Callable[[Any], None]) -> None:
        """Ask for what is not installed, read the scene now (`prepare`), work in the background, then `finish` here."""

        def start() -> None:
            self.logic.ensureRequirements()
            self.runner.start(prepare(), finish)

        self.tryTo(start)

    def wait(self, action: Callable[[Callable[[float, str], bool]], Any]) -> bool:
        """Do something on this thread that takes its time, with progress; the window stays alive."""

        def report(fraction: float, stage: str) -> bool:
            self.showProgress(fraction, stage)
            slicer.app.processEvents()
            return True

        self._exporting = True
        self.updateRunning()
        try:
            return self.tryTo(lambda: action(report))
        finally:
            self._exporting = False
            self.updateRunning()
