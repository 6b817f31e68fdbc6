"""Options that give anatomy: radius of nerves, models, skin without entry."""

import argparse
import json

import numpy as np
import pytest
import SimpleITK as sitk
from grids import ball, oblique_grid

from BoneAblationPlannerLib.command_line.anatomy import add_anatomy_arguments, check_anatomy_options, read_anatomy
from BoneAblationPlannerLib.command_line.planning import marked
from BoneAblationPlannerLib.errors import InputError

GRID = oblique_grid((30, 40, 50), (0.8, 1.1, 2.6), (12.0, -34.0, 56.0))
CURVE = [[12.0, -34.0, 56.0], [12.0, -34.0, 66.0]]


@pytest.fixture
def curve(tmp_path):
    points = [{"position": [-r, -a, s]} for r, a, s in CURVE]
    markup = {"type": "Curve", "name": "sciatic nerve", "coordinateSystem": "LPS", "controlPoints": points}
    path = tmp_path / "nerve.mrk.json"
    path.write_text(json.dumps({"markups": [markup]}))
    return path


def options(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("ct")
    parser.add_argument("--series")
    add_anatomy_arguments(parser)
    given = parser.parse_args(["ct.nii.gz", *map(str, arguments)])
    check_anatomy_options(given)
    return given


def reason(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_nerve_has_the_radius_behind_its_file(curve):
    nerves = read_anatomy(options("--nerve", f"{curve}:1.5", "--nerve", curve), GRID).nerves
    assert [(nerve.name, nerve.radius_mm) for nerve in nerves] == [("sciatic nerve", 1.5), ("sciatic nerve", None)]
    np.testing.assert_allclose(nerves[0].points_ras_mm, CURVE)


def test_a_file_that_is_called_so_is_a_file(curve):
    odd = curve.rename(curve.with_name("nerve:2"))
    assert read_anatomy(options("--nerve", odd), GRID).nerves[0].radius_mm is None
    assert read_anatomy(options("--nerve", f"{odd}:2"), GRID).nerves[0].radius_mm == 2.0


@pytest.mark.parametrize("radius", ["thick", "-1", "1e3", ""])
def test_a_radius_that_makes_no_sense_is_refused_before_anything_is_read(radius):
    assert "radius" in reason(options, "--nerve", f"nerve.mrk.json:{radius}")


def test_a_file_that_is_not_there_is_said_with_its_name():
    assert "nowhere.mrk.json" in reason(read_anatomy, options("--nerve", "nowhere.mrk.json"), GRID)


def test_painted_skin_reaches_the_case_wherever_it_was_painted(tmp_path):
    painted = ball(GRID, (5.0, -30.0, 50.0), 6.0)
    sitk.WriteImage(GRID.image(painted.astype(np.uint8)), str(tmp_path / "wound.nii.gz"))
    found = read_anatomy(options("--no-entry", tmp_path / "wound.nii.gz"), GRID)
    np.testing.assert_array_equal(found.no_entry, painted)
    assert found.organs is None
    other = oblique_grid((60, 60, 60), (1.3, 1.3, 1.3))
    sitk.WriteImage(
        other.image(ball(other, (5.0, -30.0, 50.0), 6.0).astype(np.uint8)), str(tmp_path / "elsewhere.nrrd")
    )
    found = read_anatomy(options("--no-entry", tmp_path / "elsewhere.nrrd"), GRID)
    assert (found.no_entry & painted).sum() > 0.8 * painted.sum()
    assert found.notes[0].startswith("elsewhere.nrrd: label map on another grid")


def test_names_of_labels_need_labels(tmp_path):
    assert "--organ-names" in reason(options, "--organ-names", tmp_path / "names.json")


def test_a_model_is_a_structure_beside_the_labels(tmp_path):
    pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")
    import vtk

    organ = ball(GRID, (12.0, -34.0, 45.0), 9.0)
    sitk.WriteImage(GRID.image(organ.astype(np.uint8)), str(tmp_path / "organs.nrrd"))
    (tmp_path / "names.json").write_text('{"1": "colon"}')
    source = vtk.vtkSphereSource()
    source.SetCenter(-12.0, 34.0, 62.0)  # LPS
    source.SetRadius(5.0)
    source.SetThetaResolution(64)
    source.SetPhiResolution(64)
    writer = vtk.vtkSTLWriter()
    writer.SetInputConnection(source.GetOutputPort())
    writer.SetFileName(str(tmp_path / "left ureter.stl"))
    writer.Write()
    labels = ("--organs", tmp_path / "organs.nrrd", "--organ-names", tmp_path / "names.json")
    found = read_anatomy(options(*labels, "--model", tmp_path / "left ureter.stl"), GRID)
    value = {name: v for v, name in found.organs.names.items()}
    assert set(value) == {"colon", "left ureter"}
    inside = ball(GRID, (12.0, -34.0, 62.0), 4.95)
    assert (found.organs.labels == value["left ureter"])[inside].all()
    np.testing.assert_array_equal(
        found.organs.labels == value["colon"], organ & (found.organs.labels != value["left ureter"])
    )


def test_marks_of_a_lesion_are_points_or_painted(tmp_path):
    mask = ball(GRID, GRID.ras_from_ijk([[25, 20, 15]])[0], 4.0)
    sitk.WriteImage(GRID.image(mask.astype(np.uint8)), str(tmp_path / "painted.nrrd"))
    np.testing.assert_allclose(marked(tmp_path / "painted.nrrd", GRID), GRID.ras_of_mask(mask), atol=1e-3)
    points = [{"position": point} for point in CURVE]
    markup = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": points}
    (tmp_path / "points.mrk.json").write_text(json.dumps({"markups": [markup]}))
    np.testing.assert_allclose(marked(tmp_path / "points.mrk.json", GRID), CURVE)
    assert marked(None, GRID) is None
