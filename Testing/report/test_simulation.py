"""What the report says of a simulation: curves as a table, the search, what was put in; pictures of it."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from plans import small_plan

from BoneAblationPlannerLib.plan import (
    Inserted,
    PlacementRound,
    ProgramSearch,
    SimulatedPlacement,
    Simulation,
    SizeInPatient,
    Thermocouple,
    TriedProgram,
)
from BoneAblationPlannerLib.report.blocks import Figures, Paragraph, Table
from BoneAblationPlannerLib.report.simulation import simulation, thermocouples_csv

NERVE = Thermocouple("nerve", (1.0, 2.0, 3.0), 37.0, 44.5, (0.0, 10.0, 20.0), (37.0, 44.5, 40.0), (0.0, 1.5, 2.0))
SKIN = Thermocouple("=skin", (4.0, 5.0, 6.0), 36.0, 37.0, (0.0, 10.0, 20.0), (37.0, 36.5, 36.0))
TRIED = (TriedProgram("65 W 5 min", 5.0, 0.9996, ()), TriedProgram("65 W 10 min", 10.0, 1.0, ("colon",)))


def plan_with(**changes):
    simulated = Simulation(1.0, 0.8, 1.5, 4.0, 20.0, (), 10.0, 0.9, 30.0, (NERVE, SKIN))
    return replace(small_plan(), simulation=replace(simulated, **changes))


def test_curves_as_a_table_that_a_spreadsheet_reads_as_text():
    rows = list(csv.reader(io.StringIO(thermocouples_csv(plan_with().simulation))))
    assert rows[0] == ["time_s", "nerve celsius", "'=skin celsius", "nerve cem43_min"]
    assert [[float(v) for v in row] for row in rows[1:]] == [[0, 37, 37, 0], [10, 44.5, 36.5, 1.5], [20, 40, 36, 2]]


def test_search_and_what_was_put_in_are_told():
    plan = plan_with(search=ProgramSearch(1.0, None, TRIED), inserted=(Inserted("gas", "carbon dioxide", 31.0),))
    blocks = simulation(plan)
    said = " ".join(b.text for b in blocks if isinstance(b, Paragraph))
    assert "No program of the device covers 100.0 % of the lesion" in said
    assert "gas (carbon dioxide, 31.0 ml)" in said
    tried = next(b for b in blocks if isinstance(b, Table) and b.columns[0] == "Program tried")
    assert tried.rows[0][2] == "99.9 %"  # not all of it
    assert tried.rows[1][3] == "colon"
    assert tried.emphasised == ()
    assert "to the nominal zone: the largest plausible one was not simulated" in said
    assert "Limits and coverage were judged in the nominal zone alone" in said
    search = ProgramSearch(1.0, "65 W 10 min", TRIED, "largest")
    chosen = simulation(plan_with(search=search, distances_to="largest"))
    said = " ".join(b.text for b in chosen if isinstance(b, Paragraph))
    assert "Distances of structures are to the largest plausible zone" in said
    assert "Limits were judged in the largest plausible zone" in said
    assert next(b for b in chosen if isinstance(b, Table) and b.columns[0] == "Program tried").emphasised == (1,)


CHART = PlacementRound(1.0, 1.0, 2, 0.7431, 0.436, 0, SizeInPatient(0.6, 0.84, 0.703))
AGAIN = PlacementRound(0.6, 0.84, 4, 0.99989, 0.8153, 1, SizeInPatient(0.68, 0.99, 0.97))
NONE = PlacementRound(0.56, 0.79, reason="no set of up to 6 cryo probes covers the lesion")


def placed(taken):
    """Paragraphs and the table of rounds."""
    placement = SimulatedPlacement((CHART, AGAIN, NONE), taken)
    blocks = simulation(plan_with(placement=placement, size=CHART.size))
    return " ".join(b.text for b in blocks if isinstance(b, Paragraph)), next(
        b for b in blocks if isinstance(b, Table) and b.columns[0] == "Round"
    )


def test_placing_by_the_simulation_is_told_with_what_the_chart_would_have_covered():
    said, table = placed(1)
    assert "60% of the chart's across the needle and 84% along it" in said
    assert "The plan has those of round 1" in said
    assert table.emphasised == (1,)
    assert table.rows[0] == ("chart", "the chart", "2", "74.3 %", "43.6 %", "70.3 %", "0")
    assert table.rows[1][1:4] == ("60% across, 84% along", "4", "99.9 %")  # not all of it
    assert table.rows[2][-1] == NONE.reason
    said, table = placed(0)
    assert "the probes of the chart stay" in said
    assert table.emphasised == (0,)


def test_nothing_is_said_without_a_simulation():
    assert simulation(small_plan()) == []


def test_pictures_of_a_simulation(tmp_path):
    pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scene"))
    from PIL import Image
    from test_temperature import simulated

    from BoneAblationPlannerLib.views.temperature import temperature_pictures

    result, _ = simulated()
    pictures = temperature_pictures(result, tmp_path, (450, 400))
    assert [p.kind for p in pictures] == ["temperature", "temperature"]
    seen = {tuple(c) for c in np.asarray(Image.open(pictures[0].file).convert("RGB")).reshape(-1, 3).tolist()}
    for colour in ((0.87, 0.8, 0.47), (0.53, 0.13, 0.33)):  # 43 and 60 degrees
        assert any(max(abs(a - 255 * b) for a, b in zip(s, colour, strict=True)) < 3 for s in seen)
    assert any(isinstance(b, Figures) for b in simulation(result.plan, pictures))


def test_files_of_a_simulation(tmp_path, monkeypatch):
    """Volumes on the simulation's own grid with its values, curves as a table; a plan without them removes them."""
    pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scene"))
    import SimpleITK as sitk
    from test_temperature import simulated

    from BoneAblationPlannerLib.frames import Grid
    from BoneAblationPlannerLib.outputs import write_outputs

    monkeypatch.setattr("BoneAblationPlannerLib.outputs.gl_available", lambda: (False, "no pictures here"))
    result, _ = simulated()
    files = write_outputs(result, tmp_path)
    assert {"temperature.nii.gz", "dose.nii.gz", "thermocouples.csv"} <= set(files)
    fields = result.temperatures
    for name, wanted in (("temperature.nii.gz", fields.hottest_celsius), ("dose.nii.gz", fields.cem43_min)):
        image = sitk.ReadImage(str(files[name]))
        assert Grid.from_image(image).matches(fields.grid, 1e-3)
        assert sitk.GetArrayFromImage(image) == pytest.approx(wanted)
    write_outputs(replace(result, plan=replace(result.plan, simulation=None), temperatures=None), tmp_path)
    assert not any((tmp_path / name).exists() for name in ("temperature.nii.gz", "dose.nii.gz", "thermocouples.csv"))
