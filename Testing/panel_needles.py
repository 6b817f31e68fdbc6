"""What a person does with the needles of a plan in the planner's panel."""

import numpy as np
import slicer
import vtk


def settle(host, panel, seconds=60.0):
    """Until nothing runs and no drag is waiting to be measured."""
    probes = panel.sections[4]
    host.process()
    host.wait(lambda: not (panel.runner.running or probes._tracker._rest.active or probes._unmeasured), seconds)
    host.process()


def lines(panel):
    """Of the chosen plan."""
    return panel.logic.probeLines(panel.parameters.plan)


def move(host, line, by):
    """Several moves of the tip, without letting go."""
    start = np.array(line.GetNthControlPointPositionWorld(1))
    for share in (0.3, 0.7, 1.0):
        line.SetNthControlPointPositionWorld(1, *(start + share * np.asarray(by)))
        host.process()


def drag(host, panel, line, by):
    """What dragging a tip does: several moves, then the end of the interaction."""
    move(host, line, by)
    line.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent)
    settle(host, panel)


def click_twice(line, target_ras_mm, entry_ras_mm):
    """The two clicks that place a needle."""
    for point in (target_ras_mm, entry_ras_mm):
        line.AddControlPoint(vtk.vtkVector3d(*point))
