"""Real scans with synthetic lesions: the planner's promises on each of the six cases."""

import json
from dataclasses import replace

import numpy as np
import pytest

from BoneAblationPlannerLib.case import Case
from BoneAblationPlannerLib.reading import read_ct, read_label_map
from BoneAblationPlannerLib.workflow import plan_case

NAMES = ["acetabulum-mixed", "glenoid-mixed", "humerus-lytic", "iliac-lytic", "ilium-sclerotic", "ischium-lytic-breach"]


def load(folder):
    ct = read_ct(folder / "ct.nii.gz")
    case = Case(ct, tuple(json.loads((folder / "case.json").read_text())["seed_ras_mm"]))
    if (folder / "organs.nii.gz").exists():
        organs, _ = read_label_map(folder / "organs.nii.gz", folder / "organs.json", ct.grid)
        case = replace(case, organs=organs)
    return case


@pytest.mark.realdata
@pytest.mark.parametrize("name", NAMES)
def test_case_is_planned(shared_data, name):
    case = load(shared_data / "cases" / name)
    result = plan_case(case)
    plan = result.plan
    assert plan.coverage.lesion_fraction >= 0.95
    shape = np.array(case.ct.grid.shape)
    for probe in plan.probes:
        assert all(c.shaft_mm >= c.required_shaft_mm for c in probe.clearances)
        # Never through a face of the image: where the scan was cropped, a face is not skin.
        entry_kji = case.ct.grid.ijk_from_ras(probe.entry_ras_mm)[0][::-1]
        assert (entry_kji[1:] >= 0.5).all()
        assert (entry_kji[1:] <= shape[1:] - 1.5).all()
        assert (np.subtract(probe.entry_ras_mm, probe.tip_ras_mm)[1] / probe.depth_mm) >= -np.sin(np.radians(15)) - 1e-6
