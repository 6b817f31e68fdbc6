"""Slicer module: plan the percutaneous ablation of a bone metastasis. The planning is in BoneAblationPlannerLib."""

import enum
from pathlib import Path
from typing import Annotated, Union

import qt
import slicer
import vtk
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsCurveNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTextNode,
)
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

SAMPLE_SPACING_MM = (0.9, 0.9, 1.25)


class BoneAblationPlanner(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Bone Ablation Planner")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Planning")]
        self.parent.dependencies = []
        self.parent.contributors = ["BoneAblationPlanner contributors"]
        self.parent.helpText = _(
            "Plans needles for the ablation of a bone metastasis outside the spine on a CT: where to enter the skin, "
            "how deep and at which angles, what the ablation zone covers, and how far needle and zone stay from "
            "nerves, vessels and organs. Choose the CT, mark the lesion with one point, choose the structures, and "
            "press Plan. "
            "Anatomy that the case does not contain is listed as NOT CHECKED. "
            "<b>For research only; not a medical device.</b> "
            'See <a href="https://github.com/BoneAblationPlanner/BoneAblationPlanner">the documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Device sizes, distances and rules come from published sources; each plan lists them with their status."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the digital phantom in Sample Data; it is made by code, nothing is downloaded."""
    import SampleData

    icons = Path(__file__).parent / "Resources" / "Icons"
    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory("BoneAblationPlanner", title=_("Bone Ablation Planner"))
    logic.registerCustomSampleDataSource(
        category="BoneAblationPlanner",
        sampleName="BonePlanPhantom",
        thumbnailFileName=str(icons / "BonePlanPhantom.png"),
        uris=[],
        fileNames=[],
        nodeNames=[],
        customDownloader=lambda source: BoneAblationPlannerLogic().loadSample(),
    )


class PatientPosition(enum.Enum):
    """How the patient will lie."""

    AS_SCANNED = None
    SUPINE = "supine"
    PRONE = "prone"
    LEFT_LATERAL = "left-lateral"
    RIGHT_LATERAL = "right-lateral"

    def label(self):
        """Text in the panel."""
        return {
            "AS_SCANNED": _("As scanned"),
            "SUPINE": _("Supine"),
            "PRONE": _("Prone"),
            "LEFT_LATERAL": _("On the left side"),
            "RIGHT_LATERAL": _("On the right side"),
        }[self.name]


class LesionSource(enum.Enum):
    """How the lesion is given."""

    POINT = "point"
    OUTLINE = "outline"

    def label(self):
        """Text in the panel."""
        return {"POINT": _("One point inside"), "OUTLINE": _("A finished outline")}[self.name]


class ModalityChoice(enum.Enum):
    """Which kind of ablation."""

    AUTO = None
    RFA = "rfa"
    MWA = "mwa"
    CRYO = "cryo"

    def label(self):
        """Text in the panel."""
        return {
            "AUTO": _("Proposed by the rules"),
            "RFA": _("Radiofrequency"),
            "MWA": _("Microwave"),
            "CRYO": _("Cryoablation"),
        }[self.name]


class IntentChoice(enum.Enum):
    """What the ablation is for."""

    CURATIVE = "curative"
    PALLIATIVE = "palliative"

    def label(self):
        """Text in the panel."""
        return {"CURATIVE": _("Curative"), "PALLIATIVE": _("Palliative (pain)")}[self.name]


@parameterNodeWrapper
class BoneAblationPlannerParameterNode:
    """What the panel remembers in the scene.

    `ignoredNerves` are curves that the user unchecked: a curve drawn later is kept clear of unless unchecked too.
    `marginMm` below 0 leaves the margin to the intent.
    """

    ct: vtkMRMLScalarVolumeNode
    position: PatientPosition
    lesionSource: LesionSource
    seed: vtkMRMLMarkupsFiducialNode
    lesionSegmentation: vtkMRMLSegmentationNode
    lesionSegment: str
    structures: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode]  # noqa: UP007 - older Slicers know this form only
    ignoredNerves: list[vtkMRMLMarkupsCurveNode]
    modality: ModalityChoice
    intent: IntentChoice
    marginMm: Annotated[float, WithinRange(-1, 30)] = -1.0
    plan: vtkMRMLTextNode


class BoneAblationPlannerWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.runner = None
        self._parameterNode = None
        self._guiTag = None
        self._observedSeed = None
        self._syncingNerves = False
        self._exporting = False

    def setup(self):
        """Load the panel and connect it."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/BoneAblationPlanner.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        self.ui.planSelector.addAttribute("vtkMRMLTextNode", "BonePlan.Schema")
        uiWidget.setMRMLScene(slicer.mrmlScene)

        from BoneAblationPlannerLib.panel.runner import TaskRunner
        from BoneAblationPlannerLib.panel.widgets import prepare_table

        for table in (self.ui.coverageTable, self.ui.probeTable):
            prepare_table(table)
        self.logic = BoneAblationPlannerLogic()
        self.runner = TaskRunner(self._updateRunning, self._showMessage)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.sampleButton.connect("clicked(bool)", self.onLoadSample)
        self.ui.placeButton.connect("clicked(bool)", self.onPlaceSeed)
        self.ui.segmentCombo.connect("currentIndexChanged(int)", self.onSegmentChosen)
        self.ui.nerveSelector.connect("checkedNodesChanged()", self.onNervesChecked)
        self.ui.nerveSelector.connect("nodeAdded(vtkMRMLNode*)", self.onNerveAdded)
        self.ui.planButton.connect("clicked(bool)", self.onPlan)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self.ui.exportButton.connect("clicked(bool)", self.onExport)
        self.ui.removeButton.connect("clicked(bool)", self.onRemovePlan)
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
        """Take up the scene's parameter node; choose the only CT and the only point list if nothing is chosen."""
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

    def onLoadSample(self):
        """Make the phantom in the background and choose its nodes."""
        from BoneAblationPlannerLib.panel.runner import attempt

        def start():
            self.logic.ensureRequirements()
            self.runner.start(self.logic.makePhantom, self._addSample)

        self._showMessage(attempt(start))

    def onPlaceSeed(self):
        """The next click in a view is the point in the lesion."""
        if self._parameterNode.seed is None:
            self._parameterNode.seed = self.ui.seedSelector.addNode()
        self.logic.placePoint(self._parameterNode.seed)

    def onSegmentChosen(self, index):
        """Remember the outline by its segment's id."""
        if self._parameterNode is not None and index >= 0:
            self._parameterNode.lesionSegment = self.ui.segmentCombo.itemData(index)

    def onNervesChecked(self):
        """Remember which curves are not to be kept clear of."""
        if self._parameterNode is not None and not self._syncingNerves:
            self._parameterNode.ignoredNerves = list(self.ui.nerveSelector.uncheckedNodes())

    def onNerveAdded(self, node):
        """A new curve is checked unless it was unchecked before."""
        self._showNerves()

    def onPlan(self):
        """Read the scene, plan in the background, add the plan."""
        from BoneAblationPlannerLib.panel.runner import attempt

        def start():
            self.logic.ensureRequirements()
            ct = self._parameterNode.ct
            case = self.logic.makeCase(self._parameterNode, list(self.ui.nerveSelector.checkedNodes()))
            self.runner.start(lambda report: self.logic.plan(case, report), lambda result: self._addPlan(result, ct))

        self._showMessage(attempt(start))

    def onCancel(self):
        """Stop at the next step; nothing is added."""
        self.runner.cancel()

    def onExport(self):
        """Write what the command line writes."""
        folder = qt.QFileDialog.getExistingDirectory(self.parent, _("Folder for the plan's files"))
        if not folder:
            return
        from BoneAblationPlannerLib.panel.runner import attempt

        self._exporting = True
        self._updateRunning()
        document = self._parameterNode.plan
        message = attempt(lambda: self.logic.export(document, Path(folder), self._reportExport))
        self._exporting = False
        self._updateRunning()
        self._showMessage(message or _("Written to {folder}").format(folder=folder))

    def onRemovePlan(self):
        """Take the plan and all its nodes out of the scene."""
        from BoneAblationPlannerLib.panel.runner import attempt

        self._showMessage(attempt(lambda: self.logic.removePlan(self._parameterNode.plan)))

    def _addSample(self, phantom):
        self.logic.addSample(phantom, self._parameterNode)

    def _addPlan(self, result, ct):
        document = self.logic.addPlan(result, ct)
        if self._parameterNode is not None:
            self._parameterNode.plan = document

    def _reportExport(self, fraction, stage):
        self._showProgress(fraction, stage)
        slicer.app.processEvents()
        return True

    def _update(self, caller=None, event=None):
        """Show what can be done now, and the chosen plan."""
        parameters = self._parameterNode
        if parameters is None:
            return
        self._observeSeed(parameters.seed)
        by_point = parameters.lesionSource == LesionSource.POINT
        for widget in (self.ui.seedLabel, self.ui.seedRow):
            widget.setVisible(by_point)
        for widget in (self.ui.outlineLabel, self.ui.outlineSelector, self.ui.segmentLabel, self.ui.segmentCombo):
            widget.setVisible(not by_point)
        self._showSegments(parameters)
        self._showNerves()
        self._updateRunning()
        self._showPlan(parameters.plan)

    def _updateRunning(self):
        """Buttons and progress, after every step of a run."""
        busy = self.runner.running or self._exporting
        missing = self.logic.missing(self._parameterNode) if self._parameterNode is not None else [_("an open scene")]
        self.ui.planButton.enabled = not busy and not missing
        self.ui.planButton.toolTip = (
            _("To plan, still needed: {what}").format(what="; ".join(missing))
            if missing
            else _("Look for the best needles")
        )
        self.ui.sampleButton.enabled = not busy
        self.ui.cancelButton.enabled = self.runner.running and not self.runner.cancelling
        self.ui.progressRow.setVisible(busy)
        has_plan = self._parameterNode is not None and self._parameterNode.plan is not None
        self.ui.exportButton.enabled = not busy and has_plan
        self.ui.removeButton.enabled = not busy and has_plan
        if self.runner.running:
            fraction, stage = self.runner.progress
            self._showProgress(fraction, _("stopping") if self.runner.cancelling else stage)

    def _showProgress(self, fraction, stage):
        self.ui.progressBar.value = int(100 * fraction)
        self.ui.stageLabel.text = stage

    def _showMessage(self, text):
        from BoneAblationPlannerLib.panel.widgets import show_text

        show_text(self.ui.messageLabel, text or "")

    def _showPlan(self, document):
        """The figures of the plan, or an empty section."""
        from BoneAblationPlannerLib.panel import content, widgets

        plan = content.plan_of(document)
        self.ui.resultsBody.setVisible(plan is not None)
        if plan is None:
            return
        widgets.show_text(self.ui.notCheckedLabel, content.not_checked_line(plan))
        widgets.fill_table(self.ui.coverageTable, content.coverage_table(plan))
        widgets.fill_table(self.ui.probeTable, content.probe_table(plan))
        widgets.show_text(self.ui.warningsLabel, content.bullets(content.warning_lines(plan)))

    def _showSegments(self, parameters):
        """The segments of the chosen segmentation, with the remembered one current."""
        names = self.logic.segmentNames(parameters.lesionSegmentation)
        combo = self.ui.segmentCombo
        wasBlocked = combo.blockSignals(True)
        combo.clear()
        for identifier, name in names.items():
            combo.addItem(name, identifier)
        combo.setCurrentIndex(combo.findData(parameters.lesionSegment))
        combo.blockSignals(wasBlocked)

    def _showNerves(self):
        if self._parameterNode is None or self._syncingNerves:
            return
        self._syncingNerves = True
        selector = self.ui.nerveSelector
        ignored = [node.GetID() for node in self._parameterNode.ignoredNerves if node is not None]
        for node in [*selector.checkedNodes(), *selector.uncheckedNodes()]:
            selector.setCheckState(node, qt.Qt.Unchecked if node.GetID() in ignored else qt.Qt.Checked)
        self._syncingNerves = False

    def _observeSeed(self, node):
        """A placed or removed point changes what is missing."""
        if node is self._observedSeed:
            return
        for owner, change in ((self._observedSeed, self.removeObserver), (node, self.addObserver)):
            if owner is not None:
                for event in (
                    owner.PointPositionDefinedEvent,
                    owner.PointRemovedEvent,
                    owner.PointPositionUndefinedEvent,
                ):
                    change(owner, event, self._onSeedChanged)
        self._observedSeed = node

    def _onSeedChanged(self, caller=None, event=None):
        self._updateRunning()


class BoneAblationPlannerLogic(ScriptedLoadableModuleLogic):
    """Between the scene and the workflow; works without the panel."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self.sampleSpacingMm = SAMPLE_SPACING_MM

    def getParameterNode(self):
        """The module's parameters in the scene."""
        return BoneAblationPlannerParameterNode(super().getParameterNode())

    def ensureRequirements(self):
        """Ask for what the engine needs and Slicer does not bring."""
        from BoneAblationPlannerLib.scene.requirements import ensure_requirements

        ensure_requirements()

    def chooseDefaults(self, parameters):
        """The only CT, the only point list and the only plan of a scene need no choosing."""
        from BoneAblationPlannerLib.scene.build import plan_documents

        documents = plan_documents(slicer.mrmlScene)
        if parameters.plan is None and len(documents) == 1:
            parameters.plan = documents[0]
        for name, className in (("ct", "vtkMRMLScalarVolumeNode"), ("seed", "vtkMRMLMarkupsFiducialNode")):
            if getattr(parameters, name) is None and slicer.mrmlScene.GetNumberOfNodesByClass(className) == 1:
                setattr(parameters, name, slicer.mrmlScene.GetFirstNodeByClass(className))

    def missing(self, parameters):
        """What the user still has to give, in words."""
        missing = []
        if parameters.ct is None:
            missing.append(_("a CT"))
        if parameters.lesionSource == LesionSource.POINT:
            placed = 0 if parameters.seed is None else parameters.seed.GetNumberOfDefinedControlPoints()
            if placed != 1:
                missing.append(_("one point in the lesion ({count} placed)").format(count=placed))
        elif parameters.lesionSegment not in self.segmentNames(parameters.lesionSegmentation):
            missing.append(_("the lesion's segment"))
        return missing

    def segmentNames(self, node):
        """Names of a segmentation's segments by id."""
        if node is None:
            return {}
        segmentation = node.GetSegmentation()
        ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
        return {identifier: segmentation.GetSegment(identifier).GetName() for identifier in ids}

    def placePoint(self, node):
        """Slicer's place mode for one point; a point placed before is replaced."""
        node.RemoveAllControlPoints()
        markups = slicer.modules.markups.logic()
        markups.SetActiveList(node)
        markups.StartPlaceMode(False)

    def makeCase(self, parameters, nerves=()):
        """The case that the parameters describe, free of the scene."""
        from BoneAblationPlannerLib.case import Choices
        from BoneAblationPlannerLib.scene.inputs import LesionSegment, case_from_nodes

        byPoint = parameters.lesionSource == LesionSource.POINT
        return case_from_nodes(
            parameters.ct,
            parameters.seed if byPoint else None,
            parameters.structures,
            nerves,
            Choices(
                modality=parameters.modality.value,
                intent=parameters.intent.value,
                margin_mm=parameters.marginMm if parameters.marginMm >= 0 else None,
                position=parameters.position.value,
            ),
            None if byPoint else LesionSegment(parameters.lesionSegmentation, parameters.lesionSegment),
        )

    def plan(self, case, report):
        """The same planning as on the command line; runs in the background."""
        from BoneAblationPlannerLib.workflow import plan_case

        return plan_case(case, report)

    def addPlan(self, result, ct=None):
        """Add a plan to the scene, beside the CT it was made on; returns its document."""
        from BoneAblationPlannerLib.scene.build import add_plan
        from BoneAblationPlannerLib.scene.inputs import is_plain_ct
        from BoneAblationPlannerLib.scene.live import remember

        keep = ct is not None and slicer.mrmlScene.IsNodePresent(ct) and is_plain_ct(ct)
        nodes = add_plan(slicer.mrmlScene, result, ct_node=ct if keep else None)
        remember(nodes, result)
        return nodes.document

    def removePlan(self, document):
        """Take a plan and all its nodes out of the scene."""
        from BoneAblationPlannerLib.scene.live import remove_live_plan

        remove_live_plan(document)

    def export(self, document, folder, report):
        """Write plan, scene, segmentation and report, as the command line does."""
        from BoneAblationPlannerLib.outputs import write_outputs
        from BoneAblationPlannerLib.scene.live import prepare_result
        from BoneAblationPlannerLib.scene.requirements import REPORT, ensure_requirements

        ensure_requirements(REPORT)
        return write_outputs(prepare_result(document)(), folder, report)

    def makePhantom(self, report):
        """The sample case; takes some seconds."""
        from BoneAblationPlannerLib.anatomy.phantom import make_phantom
        from BoneAblationPlannerLib.progress import step

        step(report, 0.1, _("making the sample case"))
        phantom = make_phantom(spacing_mm=self.sampleSpacingMm)
        step(report, 1.0, _("adding the sample case"))
        return phantom

    def addSample(self, phantom, parameters=None):
        """Add the sample case to the scene and choose its nodes."""
        from BoneAblationPlannerLib.scene.sample import add_sample

        sample = add_sample(slicer.mrmlScene, phantom)
        if parameters is not None:
            parameters.ct, parameters.seed, parameters.structures = sample.ct, sample.seed, sample.structures
            parameters.lesionSource = LesionSource.POINT
        slicer.util.setSliceViewerLayers(background=sample.ct, fit=True)
        return sample

    def loadSample(self):
        """For Sample Data: make the case and add it, while the window waits."""
        from BoneAblationPlannerLib.progress import silent

        self.ensureRequirements()
        with slicer.util.tryWithErrorDisplay(_("The sample case could not be made."), waitCursor=True):
            return self.addSample(self.makePhantom(silent), self.getParameterNode()).ct


class BoneAblationPlannerTest(ScriptedLoadableModuleTest):
    """Self-test inside Slicer: the phantom is planned through the logic."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all."""
        self.setUp()
        self.test_planPhantom()

    def test_planPhantom(self):
        """Plan, add, remove."""
        from BoneAblationPlannerLib.panel.content import plan_of
        from BoneAblationPlannerLib.progress import silent

        self.delayDisplay("Making the sample case")
        logic = BoneAblationPlannerLogic()
        logic.sampleSpacingMm = (3.0, 3.0, 3.0)
        parameters = logic.getParameterNode()
        parameters.modality = ModalityChoice.MWA  # trying all takes three times as long
        sample = logic.addSample(logic.makePhantom(silent), parameters)
        assert logic.missing(parameters) == []
        self.delayDisplay("Planning")
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLDisplayableNode")
        document = logic.addPlan(logic.plan(logic.makeCase(parameters, sample.nerves), silent), sample.ct)
        assert plan_of(document).coverage.lesion_fraction >= 0.95
        logic.removePlan(document)
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLDisplayableNode") == before
        self.delayDisplay("Test passed")
