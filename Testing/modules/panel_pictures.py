"""Pictures of the planner's panel in every state, for the tutorial: python Testing/modules/panel_pictures.py DIR.

The panel runs on the stand-in for the desktop (Testing/PanelHost) with the sample case; planning is real. Slicer draws
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
from panels import PLANNER  # noqa: E402

SPACING_MM = (1.5, 1.5, 2.0)
WIDTH = 430
SECTIONS = ("patient", "lesion", "structures", "ablation", "probes", "results", "heat", "views", "report")


def main(folder):
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with PanelHost() as host:
        panel = host.open(host.load(PLANNER))
        panel.logic.sampleSpacingMm = SPACING_MM
        take(host, panel, folder, "1-empty", ("patient", "lesion"))
        click(host, panel, panel.ui.sampleButton)
        take(host, panel, folder, "2-patient", ("patient",))
        click(host, panel, panel.ui.outlineButton)
        take(host, panel, folder, "3-lesion", ("lesion",))
        take(host, panel, folder, "4-structures", ("structures",))
        panel.ui.modalityCombo.setCurrentText("Microwave")
        click(host, panel, panel.ui.planButton)
        take(host, panel, folder, "5-ablation", ("ablation",))
        take(host, panel, folder, "6-probes", ("probes",))
        take(host, panel, folder, "7-results", ("results",))
        click(host, panel, panel.ui.simulateButton)
        take(host, panel, folder, "8-heat", ("heat",))
        panel.ui.addProbeButton.click()
        line = host.scene.GetFirstNodeByName("New needle")
        probe = panel.plan().probes[0]
        for point in (probe.tip_ras_mm, probe.entry_ras_mm):
            line.AddControlPoint(vtk.vtkVector3d(*(value + 12.0 for value in point)))
        settle(host, panel)
        panel.ui.probeList.selectRow(panel.ui.probeList.rowCount - 1)
        host.process()
        take(host, panel, folder, "9-by-hand", ("probes",))
        click(host, panel, panel.ui.undoButton)
        click(host, panel, panel.ui.planButton)
        take(host, panel, folder, "10-compare", ("views", "report"))
        if host.errors:
            raise host.errors[0]


def click(host, panel, button):
    """Press a button and wait for what it starts."""
    if not button.enabled:
        raise RuntimeError(f"{button.objectName}: {button.toolTip}")
    button.click()
    settle(host, panel)
    if panel.ui.messageLabel.text:
        raise RuntimeError(panel.ui.messageLabel.text)


def settle(host, panel):
    """Until nothing runs."""
    host.process()
    host.wait(lambda: not panel.runner.running, seconds=600)
    host.process()


def take(host, panel, folder, name, shown):
    """A picture with some sections open, the others folded."""
    for section in SECTIONS:
        getattr(panel.ui, f"{section}Section").collapsed = section not in shown
    host.process()
    host.grab(panel, folder / f"panel-{name}.png", WIDTH)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
