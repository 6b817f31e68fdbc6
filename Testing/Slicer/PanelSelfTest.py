"""Self-test inside the Slicer desktop: both panels, operated by their buttons."""

import time
import unittest

import slicer


class PanelSelfTest(unittest.TestCase):
    """Plan the sample case with the real widgets."""

    def setUp(self):
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def test_sample_case_is_planned_and_gets_cement(self):
        """Load the sample, plan, add cement, remove the plan."""
        panel = slicer.util.getModuleWidget("BoneAblationPlanner")
        slicer.util.selectModule("BoneAblationPlanner")
        panel.logic.sampleSpacingMm = (2.5, 2.5, 2.5)
        self._click(panel, panel.ui.sampleButton)
        self._click(panel, panel.ui.adviseButton)
        assert panel.ui.adviceLabel.text
        self._click(panel, panel.ui.planButton)
        assert panel.ui.messageLabel.text == ""
        panel.ui.figureButton.click()
        if panel.ui.planningViewsButton.enabled:
            panel.ui.planningViewsButton.click()
        assert panel.ui.probeTable.columnCount > 0
        assert panel.ui.notCheckedLabel.text

        cement = slicer.util.getModuleWidget("CementTrajectory")
        slicer.util.selectModule("CementTrajectory")
        self._click(cement, cement.ui.planButton)
        assert cement.ui.messageLabel.text == ""
        assert cement.ui.cementTable.rowCount > 0

        slicer.util.selectModule("BoneAblationPlanner")
        panel.ui.removeButton.click()
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0

    def _click(self, panel, button, seconds=600):
        """Click and wait for the background run to end."""
        assert button.enabled, button.toolTip
        button.click()
        end = time.monotonic() + seconds
        while panel.runner.running:
            assert time.monotonic() < end, "the run does not end"
            slicer.app.processEvents()
            time.sleep(0.01)
