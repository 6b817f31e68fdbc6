"""Slicer module: cement, screws and stability after an ablation. The planning is in CementTrajectoryLib."""

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from CementTrajectoryLib.panel.logic import CementLogic
from CementTrajectoryLib.panel.planning import STEPS, CementPanel


class CementTrajectory(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cement Trajectory")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Planning")]
        self.parent.dependencies = ["BoneAblationPlanner"]
        self.parent.contributors = ["BoneAblationPlanner contributors"]
        self.parent.helpText = _(
            "Adds cement, screws and stability to an ablation plan: which needles along which tracks, how much cement "
            "and where it may leak, which screw corridors the patient has, and how stable the bone is before and "
            "after. Make the ablation plan with Bone Ablation Planner first. "
            "<b>For research only; not a medical device.</b> "
            'See <a href="https://github.com/BoneAblationPlanner/BoneAblationPlanner">the documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Volumes and distances come from published sources; each plan lists them with their status."
        )


class CementTrajectoryWidget(ScriptedLoadableModuleWidget, CementPanel):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        CementPanel.__init__(self)

    def setup(self):
        """Load the panel and connect it."""
        ScriptedLoadableModuleWidget.setup(self)
        self.startPanel("CementTrajectory.ui", CementTrajectoryLogic(), STEPS)

    def cleanup(self):
        """The panel goes away."""
        CementPanel.cleanup(self)

    def enter(self):
        """The module is shown."""
        CementPanel.enter(self)

    def exit(self):
        """Another module is shown."""
        CementPanel.exit(self)


class CementTrajectoryLogic(ScriptedLoadableModuleLogic, CementLogic):
    """Between the scene and the workflow; works without the panel."""

    def getParameterNode(self):
        """The module's parameters in the scene."""
        return self.wrapped(super().getParameterNode())


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
        logic.show(document, logic.prepare(document, choices)(silent))
        assert plan_of(document).cement.fill_ml > 0
        self.delayDisplay("Test passed")
