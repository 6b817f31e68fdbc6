"""Slicer module: plan the percutaneous ablation of a bone metastasis. The planning is in BoneAblationPlannerLib."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from BoneAblationPlannerLib.panel.choices import ModalityChoice
from BoneAblationPlannerLib.panel.logic import PlannerLogic
from BoneAblationPlannerLib.panel.planner import STEPS, PlannerPanel


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
            "nerves, vessels and organs. "
            "Anatomy that the case does not contain is listed as NOT CHECKED. "
            "<b>For research only; not a medical device.</b>"
            "<ol>"
            "<li>Choose the CT and how the patient will lie, or load the sample case.</li>"
            "<li>Place: click into the lesion. Outline it, and edit the outline if it is wrong.</li>"
            "<li>Choose the segmentation of the organs, draw nerves, check the distances to keep.</li>"
            "<li>Advise: which kind of ablation the rules recommend, why, and what they do not know. Choose one, "
            "or leave it to the rules.</li>"
            "<li>Plan. Or place needles by hand: target first, then entry. Unlock a needle to drag it; "
            "zone, margins and figures follow; Undo takes it back.</li>"
            "<li>Read what is covered and what is close; a click on a warning shows the place.</li>"
            "<li>Simulate heat or ice in this patient's tissues.</li>"
            "<li>Follow a needle with the slices, down the barrel and along it.</li>"
            "<li>Show tables and curves beside the slices, and go back.</li>"
            "<li>Compare plans side by side and write the report.</li>"
            "</ol>"
            'Tutorial with pictures: <a href="https://github.com/BoneAblationPlanner/BoneAblationPlanner#'
            'tutorial-the-sample-case-in-ten-steps">the documentation</a>.'
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


class BoneAblationPlannerWidget(ScriptedLoadableModuleWidget, PlannerPanel):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        PlannerPanel.__init__(self)

    def setup(self):
        """Load the panel and connect it."""
        ScriptedLoadableModuleWidget.setup(self)
        self.startPanel("BoneAblationPlanner.ui", BoneAblationPlannerLogic(), STEPS)

    def cleanup(self):
        """The panel goes away."""
        PlannerPanel.cleanup(self)

    def enter(self):
        """The module is shown."""
        PlannerPanel.enter(self)

    def exit(self):
        """Another module is shown."""
        PlannerPanel.exit(self)


class BoneAblationPlannerLogic(ScriptedLoadableModuleLogic, PlannerLogic):
    """Between the scene and the workflow; works without the panel."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        PlannerLogic.__init__(self)

    def getParameterNode(self):
        """The module's parameters in the scene."""
        return self.wrapped(super().getParameterNode())

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
