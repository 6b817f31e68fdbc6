"""Paths for spreadsheets and navigation hold what the plan holds."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib import plan as p
from BoneAblationPlannerLib.reading.markups import read_nerve_curve
from BoneAblationPlannerLib.report.trajectories import trajectories, trajectories_csv, trajectories_markups


@pytest.fixture(scope="module")
def plan():
    """Two probes, a cement needle and a screw."""
    needle = p.CementNeedle("Cement needle 1", 11, (1.0, 2.0, 3.0), (1.0, -38.0, 3.0), "Probe 1")
    screw = p.Screw("Screw 1", "supra-acetabular", 7.3, 90.0, (0.0, 0.0, 0.0), (90.0, 0.0, 0.0), 2.0, None)
    return replace(make_result().plan, position="supine", cement=p.Cement((needle,), 5.0, 0.4, ()), screws=(screw,))


def test_markups_are_read_back_as_the_same_lines(plan, tmp_path):
    path = tmp_path / "trajectories.mrk.json"
    path.write_text(trajectories_markups(plan), encoding="utf-8")
    lines = read_nerve_curve(path)
    assert [name for name, _ in lines] == ["Probe 1", "Probe 2", "Cement needle 1", "Screw 1"]
    for (_, points), path_ in zip(lines, trajectories(plan), strict=True):
        np.testing.assert_allclose(points, [path_.entry_ras_mm, path_.tip_ras_mm])


def test_the_table_holds_points_lengths_and_angles(plan):
    rows = list(csv.DictReader(io.StringIO(trajectories_csv(plan))))
    assert [r["order"] for r in rows] == ["1", "2", "3", "4"]
    needle = rows[2]
    assert (needle["entry_A_mm"], needle["tip_A_mm"], needle["length_mm"]) == ("2.00", "-38.00", "40.00")
    assert (needle["axial_angle_deg"], needle["gantry_tilt_deg"]) == ("0.0", "0.0")  # straight down, supine
    assert abs(float(rows[3]["axial_angle_deg"])) == 90  # horizontal


def test_names_cannot_become_formulas(plan):
    hostile = replace(plan, probes=(replace(plan.probes[0], name='=HYPERLINK("http://x")'),))
    row = next(csv.DictReader(io.StringIO(trajectories_csv(hostile))))
    assert row["instrument"] == '\'=HYPERLINK("http://x")'


def test_what_scanners_do_not_usually_reach_is_named(plan):
    """From straight above, leaning towards the head: by 60 degrees out of reach, by 20 not."""
    for lean_deg, said in ((60.0, "gantry tilt; C-arm along"), (20.0, "")):
        lean = np.radians(lean_deg)
        entry = (1.0, 2.0 + 80 * float(np.cos(lean)), 3.0 + 80 * float(np.sin(lean)))
        needle = p.CementNeedle("Cement needle 1", 11, entry, (1.0, 2.0, 3.0), None)
        leaning = replace(plan, probes=(), screws=(), cement=p.Cement((needle,), 5.0, 0.4, ()))
        row = next(csv.DictReader(io.StringIO(trajectories_csv(leaning))))
        assert row["beyond_usual_reach"] == said
