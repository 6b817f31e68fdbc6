"""What tests of panels share."""

import threading
import time
from pathlib import Path

from BoneAblationPlannerLib.progress import step

ROOT = Path(__file__).resolve().parents[1]
PLANNER = ROOT / "BoneAblationPlanner" / "BoneAblationPlanner.py"
CEMENT = ROOT / "CementTrajectory" / "CementTrajectory.py"


def ids(scene):
    """Of all nodes in a scene."""
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def run(host, panel, button):
    """Click and wait for the run to end."""
    assert button.enabled, button.toolTip
    button.click()
    host.wait(lambda: not panel.runner.running)
    host.process()


def cells(table):
    """The texts of a table widget, row by row."""
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def waiting(case, report):
    """Planning that goes on until it is cancelled."""
    while True:
        step(report, 0.3, "looking for paths")
        time.sleep(0.005)


class HeldRun:
    """A run that has read the scene and waits for `set`."""

    def __init__(self, prepare):
        self.began, self._prepare, self._go_on = False, prepare, threading.Event()
        self.set, self.clear = self._go_on.set, self._go_on.clear

    def __call__(self, *arguments):
        work = self._prepare(*arguments)
        self.began = True
        return lambda report: self._go_on.wait(60) and work(report)


def held(monkeypatch, logic, name):
    """Hold every run that a function of the logic prepares."""
    run = HeldRun(getattr(logic, name))
    monkeypatch.setattr(logic, name, run)
    return run
