"""Pictures of both panels in every state, for the tutorial: python Testing/modules/panel_pictures.py DIR.

The panels run on the stand-in for the desktop (Testing/PanelHost) with the sample case; planning is real. Slicer draws
the same widgets in its own style.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
TESTING = Path(__file__).resolve().parents[1]
ROOT = TESTING.parent
sys.path[:0] = [str(TESTING), str(ROOT / "BoneAblationPlanner"), str(ROOT / "CementTrajectory")]

import vtk  # noqa: E402
from PanelHost.host import PanelHost  # noqa: E402
from panels import CEMENT, PLANNER  # noqa: E402

from BoneAblationPlannerLib.zones.heat.kept import VARIABLE  # noqa: E402

SPACING_MM = (1.5, 1.5, 2.0)
WIDTH = 430


def main(folder):
    """Take all pictures."""
    os.environ[VARIABLE] = "off"  # a kept result is there before a picture shows the simulation running
    folder.mkdir(parents=True, exist_ok=True)
    with PanelHost() as host:
        planner_pictures(host, Camera(host, "panel", folder, host.open(host.load(PLANNER))))
        cement_pictures(host, Camera(host, "cement", folder, host.open(host.load(CEMENT))))
        if host.errors:
            raise host.errors[0]


def planner_pictures(host, camera):
    """The planner from an empty scene to two plans side by side."""
    panel, ui = camera.panel, camera.panel.ui
    panel.logic.sampleSpacingMm = SPACING_MM
    camera.take("1-empty", "patient", "lesion", "ablation", "probes", "results")
    camera.click(ui.sampleButton)
    camera.take("2-patient", "patient")
    camera.click(ui.outlineButton)
    camera.take("3-lesion", "lesion")
    camera.take("4-structures", "structures")
    camera.click(ui.adviseButton)
    camera.take("5-ablation", "ablation")
    ui.modalityCombo.setCurrentText("Microwave")
    ui.planButton.click()
    host.wait(lambda: panel.runner.progress[0] > 0.4, seconds=600)
    camera.take("running", "probes")
    camera.settle()
    camera.take("6-probes", "probes")
    camera.take("7-results", "results")
    ui.simulateButton.click()
    host.wait(lambda: panel.runner.progress[0] > 0)
    camera.take("simulating", "heat")
    camera.settle()
    camera.take("8-heat", "heat")
    place_by_hand(host, camera)
    camera.take("9-by-hand", "probes")
    camera.click(ui.undoButton)
    ui.strictCheck.click()
    ui.planButton.click()
    camera.settle()
    camera.take("refused", "ablation", "probes")
    ui.strictCheck.click()
    camera.click(ui.planButton)
    camera.take("10-compare", "views", "figures", "report")


def place_by_hand(host, camera):
    """A needle beside the first of the plan, by two clicks."""
    panel = camera.panel
    panel.ui.addProbeButton.click()
    line = host.scene.GetFirstNodeByName("New needle")
    probe = panel.plan().probes[0]
    for point in (probe.tip_ras_mm, probe.entry_ras_mm):
        line.AddControlPoint(vtk.vtkVector3d(*(value + 12.0 for value in point)))
    camera.settle()
    panel.ui.probeList.selectRow(panel.ui.probeList.rowCount - 1)
    host.process()


def cement_pictures(host, camera):
    """Cement, screws and stability added to the plan that the planner made last."""
    panel, ui = camera.panel, camera.panel.ui
    plan = panel.parameters.plan
    panel.parameters.plan = None
    camera.take("1-no-plan", "plan", "cement", "screws", "stability", "figures", "order")
    panel.parameters.plan = plan or host.panels[0].parameters.plan
    camera.take("2-plan", "plan", "cement")
    camera.click(ui.planButton)
    camera.take("3-cement", "cement")
    ui.fillSlider.value = ui.fillSlider.maximum / 2
    camera.take("4-half-filled", "cement")
    camera.click(ui.screwsButton)
    camera.take("5-screws", "screws")
    ui.painCombo.setCurrentText("When used (3)")
    camera.click(ui.stabilityButton)
    camera.take("6-stability", "stability", "figures")
    camera.take("7-order", "order")


class Camera:
    """Presses buttons of one panel and takes its pictures."""

    def __init__(self, host, prefix, folder, panel):
        self.host, self.prefix, self.folder, self.panel = host, prefix, folder, panel

    def click(self, button):
        """Press a button and wait for what it starts."""
        if not button.enabled:
            raise RuntimeError(f"{button.objectName}: {button.toolTip}")
        button.click()
        self.settle()
        if self.panel.ui.messageLabel.text:
            raise RuntimeError(self.panel.ui.messageLabel.text)

    def settle(self):
        """Until nothing runs."""
        self.host.process()
        self.host.wait(lambda: not self.panel.runner.running, seconds=600)
        self.host.process()

    def take(self, name, *shown):
        """A picture with some sections open, the others folded."""
        for section in self.panel.sections:
            getattr(self.panel.ui, section.name).collapsed = section.name.removesuffix("Section") not in shown
        self.host.process()
        self.host.grab(self.panel, self.folder / f"{self.prefix}-{name}.png", WIDTH)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
