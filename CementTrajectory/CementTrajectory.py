"""Slicer module: plan cement after the ablation of a bone metastasis. The planning itself is in CementTrajectoryLib."""

import enum
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLTextNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class CementTrajectory(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cement Trajectory")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Planning")]
        self.parent.dependencies = ["BoneAblationPlanner"]
        self.parent.contributors = ["BoneAblationPlanner contributors"]
        self.parent.helpText = _(
            "Adds cement to an ablation plan: which needle along which track, how much cement, and towards what it may "
            "leak through gaps in the cortex. Make the ablation plan with Bone Ablation Planner first. "
            "<b>For research only; not a medical device.</b> "
            'See <a href="https://github.com/BoneAblationPlanner/BoneAblationPlanner">the documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Volumes and distances come from published sources; each plan lists them with their status."
        )


class NeedleGauge(enum.Enum):
    """Gauges of cement needles."""

    G11 = 11
    G10 = 10
    G13 = 13

    def label(self):
        """Text in the panel."""
        return _("{gauge} G").format(gauge=self.value)


@parameterNodeWrapper
class CementTrajectoryParameterNode:
    """What the panel remembers in the scene; `fillingPercent` 0 is the default with its source."""

    plan: vtkMRMLTextNode
    gauge: NeedleGauge
    fillingPercent: Annotated[float, WithinRange(0, 100)] = 0.0


class CementTrajectoryWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.runner = None
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        """Load the panel and connect it."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/CementTrajectory.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.planSelector.addAttribute("vtkMRMLTextNode", "BonePlan.Schema")
        uiWidget.setMRMLScene(slicer.mrmlScene)

        from BoneAblationPlannerLib.panel.runner import TaskRunner
        from BoneAblationPlannerLib.panel.widgets import prepare_table

        prepare_table(self.ui.cementTable)
        self.logic = CementTrajectoryLogic()
        self.runner = TaskRunner(self._updateRunning, self._showMessage)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.planButton.connect("clicked(bool)", self.onPlan)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self._showMessage("")
        self.initializeParameterNode()
        self._updateRunning()

    def cleanup(self):
        """The panel goes away."""
        self.runner.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The module is shown."""
        self.initializeParameterNode()

    def exit(self):
        """Another module is shown: changes of the scene are taken up on return."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """A run under way belongs to the scene that goes away."""
        self.runner.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        """Start anew if the panel is visible."""
        from BoneAblationPlannerLib.scene.live import forget_removed

        forget_removed()
        self._showMessage("")
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take up the scene's parameter node; choose the only plan if none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        self.logic.chooseDefaults(self._parameterNode)

    def setParameterNode(self, parameterNode):
        """Bind the panel to a parameter node or, with None, to nothing."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._update)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def onPlan(self):
        """Read the plan, add cement in the background, show it."""
        from BoneAblationPlannerLib.panel.runner import attempt

        def start():
            self.logic.ensureRequirements()
            document = self._parameterNode.plan
            work = self.logic.prepare(document, self._parameterNode)
            self.runner.start(work, lambda result: self._addCement(document, result))

        self._showMessage(attempt(start))

    def onCancel(self):
        """Stop at the next step; nothing is added."""
        self.runner.cancel()

    def _addCement(self, document, result):
        self.logic.addCement(document, result)
        self._update()

    def _update(self, caller=None, event=None):
        """Show what can be done now, and the cement of the chosen plan."""
        if self._parameterNode is None:
            return
        self._updateRunning()
        self._showCement(self._parameterNode.plan)

    def _updateRunning(self):
        """Buttons and progress, after every step of a run."""
        busy = self.runner.running
        missing = self.logic.missing(self._parameterNode) if self._parameterNode is not None else [_("an open scene")]
        self.ui.planButton.enabled = not busy and not missing
        self.ui.planButton.toolTip = (
            _("To plan cement, still needed: {what}").format(what="; ".join(missing))
            if missing
            else _("Look for the cement needle's track and for gaps in the cortex")
        )
        self.ui.cancelButton.enabled = busy and not self.runner.cancelling
        self.ui.progressRow.setVisible(busy)
        if busy:
            fraction, stage = self.runner.progress
            self.ui.progressBar.value = int(100 * fraction)
            self.ui.stageLabel.text = _("stopping") if self.runner.cancelling else stage

    def _showMessage(self, text):
        from BoneAblationPlannerLib.panel.widgets import show_text

        show_text(self.ui.messageLabel, text or "")

    def _showCement(self, document):
        """Needles, volume, leaks and cautions, or an empty section."""
        from BoneAblationPlannerLib.panel import content, widgets

        plan = content.plan_of(document)
        cement = plan.cement if plan is not None else None
        self.ui.resultsBody.setVisible(cement is not None)
        if cement is None:
            return
        widgets.show_text(self.ui.notCheckedLabel, content.not_checked_line(plan))
        widgets.fill_table(self.ui.cementTable, content.cement_table(cement))
        widgets.show_text(self.ui.cautionsLabel, content.bullets(cement.cautions))


class CementTrajectoryLogic(ScriptedLoadableModuleLogic):
    """Between the scene and the workflow; works without the panel."""

    def getParameterNode(self):
        """The module's parameters in the scene."""
        return CementTrajectoryParameterNode(super().getParameterNode())

    def ensureRequirements(self):
        """Ask for what the engine needs and Slicer does not bring."""
        from BoneAblationPlannerLib.scene.requirements import ensure_requirements

        ensure_requirements()

    def chooseDefaults(self, parameters):
        """The only plan of a scene needs no choosing."""
        from BoneAblationPlannerLib.scene.build import plan_documents

        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and len(documents) == 1:
            parameters.plan = documents[0]

    def missing(self, parameters):
        """What the user still has to give, in words."""
        return [] if parameters.plan is not None else [_("an ablation plan (make one with Bone Ablation Planner)")]

    def prepare(self, document, parameters):
        """Read the plan and the choices now; returns the work to run in the background, free of the scene."""
        from BoneAblationPlannerLib.scene.live import prepare_result
        from CementTrajectoryLib.workflow import CementChoices, plan_cement

        measure = prepare_result(document)
        percent = parameters.fillingPercent
        choices = CementChoices(parameters.gauge.value, percent / 100 if percent > 0 else None)
        return lambda report: plan_cement(measure(), choices, report)

    def addCement(self, document, result):
        """Add the cement of a result to its plan in the scene."""
        from BoneAblationPlannerLib.scene.live import update
        from CementTrajectoryLib.scene.needles import add_cement

        nodes = add_cement(document, result.plan)
        update(document, result, (*nodes.lines, *nodes.shafts))
        return nodes


class CementTrajectoryTest(ScriptedLoadableModuleTest):
    """Self-test inside Slicer: cement is added to the plan of the phantom."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all."""
        self.setUp()
        self.test_addCement()

    def test_addCement(self):
        """Plan the phantom, add cement."""
        from BoneAblationPlanner import BoneAblationPlannerLogic
        from BoneAblationPlannerLib.panel.content import plan_of
        from BoneAblationPlannerLib.progress import silent

        self.delayDisplay("Planning the sample case")
        planner = BoneAblationPlannerLogic()
        planner.sampleSpacingMm = (3.0, 3.0, 3.0)
        parameters = planner.getParameterNode()
        sample = planner.addSample(planner.makePhantom(silent), parameters)
        document = planner.addPlan(planner.plan(planner.makeCase(parameters, sample.nerves), silent), sample.ct)
        self.delayDisplay("Adding cement")
        logic = CementTrajectoryLogic()
        choices = logic.getParameterNode()
        choices.plan = document
        nodes = logic.addCement(document, logic.prepare(document, choices)(silent))
        assert len(nodes.lines) == len(nodes.shafts)
        assert plan_of(document).cement.fill_ml > 0
        self.delayDisplay("Test passed")
