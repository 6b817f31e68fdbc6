"""From a loaded CT to a complete plan in the planner's panel, on the stand-in for the desktop: seconds and clicks.

``python Testing/Benchmarks/panel.py [CASES]``. A click is a press of a button, a choice in a list or a point in a view.
Lesions are synthetic, in real scans. The last line is one JSON object.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
TESTING = Path(__file__).resolve().parents[1]
ROOT = TESTING.parent
sys.path[:0] = [str(TESTING), str(ROOT / "BoneAblationPlanner"), str(ROOT / "CementTrajectory")]

import vtk  # noqa: E402
from PanelHost.host import PanelHost  # noqa: E402
from panels import PLANNER  # noqa: E402

from BoneAblationPlannerLib.reading import read_ct, read_label_map  # noqa: E402
from BoneAblationPlannerLib.scene.convert import fill_image, vtk_matrix  # noqa: E402
from BoneAblationPlannerLib.scene.runtime import slicer_module  # noqa: E402
from BoneAblationPlannerLib.scene.volumes import add_ct  # noqa: E402

MOST_CLICKS = 12


def main():
    """All cases of a folder."""
    default = Path(os.environ.get("BONEPLAN_DATA") or ROOT.parent / "shared" / "data") / "cases"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    rows = {}
    for path in sorted(p for p in folder.iterdir() if (p / "case.json").exists()):
        seconds, clicks, covered = plan_in_panel(path)
        rows[path.name] = {"seconds": round(seconds, 1), "clicks": clicks, "lesion_covered": covered}
        print(f"{path.name:24s} {seconds:6.1f} s, {clicks} clicks, lesion covered {covered:.3f}")
    slowest = max(row["seconds"] for row in rows.values())
    result = {
        "name": "panel",
        "input": f"{len(rows)} synthetic lesions in real CT",
        "ours_s": slowest,
        "peers": {},
        "ratios": {},
        "cases": rows,
        "targets": f"at most {MOST_CLICKS} clicks",
        "ok": all(row["clicks"] <= MOST_CLICKS for row in rows.values()),
    }
    print(json.dumps(result))


def plan_in_panel(path):
    """Seconds from the first click to the plan in the scene, clicks, and the lesion's covered share."""
    about = json.loads((path / "case.json").read_text())
    with PanelHost() as host:
        panel = host.open(host.load(PLANNER))
        ct = read_ct(path / "ct.nii.gz")
        add_ct(host.scene, ct, path.name)
        organs = add_organs(host.scene, path, ct) if (path / "organs.nii.gz").exists() else None
        panel.enter()  # the only CT is chosen by itself
        start, clicks = time.perf_counter(), 0
        panel.ui.placeButton.click()
        panel.ui.seedSelector.currentNode().AddControlPoint(vtk.vtkVector3d(*about["seed_ras_mm"]))
        clicks += 2
        if organs is not None:
            panel.ui.structuresSelector.setCurrentNode(organs)
            clicks += 2
        panel.ui.positionCombo.setCurrentText("Supine")
        clicks += 2
        panel.ui.planButton.click()
        clicks += 1
        host.wait(lambda: not panel.runner.running, seconds=600)
        host.process()
        seconds = time.perf_counter() - start
        if panel.ui.messageLabel.text or host.errors:
            raise RuntimeError(panel.ui.messageLabel.text or host.errors[0])
        return seconds, clicks, panel.plan().coverage.lesion_fraction


def add_organs(scene, path, ct):
    """The organ labels as a segmentation that a person loaded."""
    slicer = slicer_module()
    organs, _ = read_label_map(path / "organs.nii.gz", path / "organs.json", ct.grid)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    image = fill_image(slicer.vtkOrientedImageData(), organs.labels)
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(organs.grid.ijk_to_ras))
    for value, name in organs.names.items():
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation("Binary labelmap", image)
        segment.SetLabelValue(value)
        node.GetSegmentation().AddSegment(segment)
    return node


if __name__ == "__main__":
    main()
