"""The command line: exit codes, one line per error, nothing half-written, same figures after reload."""

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import coarse_phantom

from BoneAblationPlannerLib.cli import main
from BoneAblationPlannerLib.plan import read_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.convert import fill_image, vtk_matrix
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents
from BoneAblationPlannerLib.scene.runtime import slicer_module
from BoneAblationPlannerLib.scene.segmentation import ROLE_TAG, segments, tag
from BoneAblationPlannerLib.scene.stored import read_plan_nodes


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """The coarse phantom as files."""
    folder = tmp_path_factory.mktemp("scan")
    phantom = coarse_phantom()
    sitk.WriteImage(phantom.ct.grid.image(phantom.ct.hu), str(folder / "ct.nii.gz"))
    sitk.WriteImage(phantom.ct.grid.image(phantom.lesion), str(folder / "lesion.nii.gz"))
    sitk.WriteImage(phantom.ct.grid.image(phantom.organs.labels.astype(np.uint8)), str(folder / "organs.nii.gz"))
    (folder / "organs.json").write_text(json.dumps({str(k): v for k, v in phantom.organs.names.items()}))
    markups = [
        {"type": "Curve", "coordinateSystem": "RAS", "coordinateUnits": "mm",
         "controlPoints": [{"position": point.tolist()} for point in points]}
        for _, points in phantom.nerves
    ]  # fmt: skip
    (folder / "nerves.mrk.json").write_text(json.dumps({"markups": markups}))
    return folder


def seed():
    return [f"{v}" for v in coarse_phantom().seed_ras_mm]


@pytest.fixture(scope="module")
def planned(scan, tmp_path_factory):
    """A finished plan from files."""
    out = tmp_path_factory.mktemp("plans") / "plan"
    code = main(["plan", str(scan / "ct.nii.gz"), "--lesion-seed", *seed(), "--organs", str(scan / "organs.nii.gz"),
                 "--organ-names", str(scan / "organs.json"), "--nerve", str(scan / "nerves.mrk.json"), "--cement",
                 "--out", str(out)])  # fmt: skip
    assert code == 0
    return out


def test_plan_leaves_every_file_and_nothing_else(planned):
    names = {p.name for p in planned.iterdir()}
    assert names == {"plan.json", "plan.mrb", "plan.seg.nrrd", "report.html", "report.pdf", "figures",
                     "trajectories.csv", "trajectories.mrk.json", "cement.stl"}  # fmt: skip
    plan = read_plan(planned / "plan.json")
    assert plan.coverage.lesion_fraction >= 0.95
    assert plan.cement is not None
    assert plan.input.ct == "ct.nii.gz"


def test_segments_have_their_roles(planned):
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(planned / "plan.seg.nrrd"))
    reader.ReadImageInformation()
    tags = " ".join(reader.GetMetaData(k) for k in reader.GetMetaDataKeys() if k.endswith("_Tags"))
    for role in ("bone", "lesion", "target", "zone", "skin", "structure"):
        assert f"BonePlan.Role:{role}" in tags


def test_the_reloaded_scene_gives_the_same_figures(planned, capsys):
    assert main(["evaluate", str(planned / "plan.mrb"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    stored = json.loads((planned / "plan.json").read_text())
    for key in ("probes", "coverage", "zone", "lesion", "structures", "advice", "cement", "warnings"):
        assert again[key] == stored[key], key


def test_the_plan_file_gives_the_same_figures(planned, capsys):
    assert main(["evaluate", str(planned / "plan.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"] == read_plan(planned / "plan.json").to_json()["coverage"]


def test_a_moved_probe_changes_the_figures(planned, tmp_path, capsys):
    document = json.loads((planned / "plan.json").read_text())
    for probe in document["probes"]:
        probe["tip_ras_mm"][0] += 25.0
        probe["entry_ras_mm"][0] += 25.0
    (tmp_path / "plan.json").write_text(json.dumps(document))
    (tmp_path / "plan.mrb").symlink_to(planned / "plan.mrb")
    assert main(["evaluate", str(tmp_path / "plan.json"), "--json"]) == 0
    moved = json.loads(capsys.readouterr().out)
    assert moved["coverage"]["lesion_fraction"] < document["coverage"]["lesion_fraction"]


def test_an_edited_lesion_is_measured_and_said(planned, tmp_path, capsys):
    scene = load_bundle(planned / "plan.mrb")
    (document,) = plan_documents(scene)
    node = document.GetNodeReference("BonePlan.Segmentation")
    stored = read_plan_nodes(scene)
    lesion = next(s for _, s in segments(node) if tag(s, ROLE_TAG) == "lesion")
    grid, before = stored.ct.grid, stored.masks["lesion"]
    after = before | np.roll(before, 3, axis=2)
    image = slicer_module().vtkOrientedImageData()
    fill_image(image, after.astype(np.uint8))
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.ijk_to_ras))
    lesion.AddRepresentation("Binary labelmap", image)
    lesion.SetLabelValue(1)
    save_bundle(scene, tmp_path / "edited.mrb")
    assert main(["evaluate", str(tmp_path / "edited.mrb"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["lesion"]["volume_ml"] == pytest.approx(after.sum() * grid.voxel_ml, abs=1e-3)
    assert document["lesion"]["outline"] == "given"
    assert document["lesion"]["confidence"] is None
    assert any("lesion outline was edited" in warning for warning in document["warnings"])
    assert document["cement"] is None


def test_marks_guide_the_outline_and_a_table_the_distances(scan, tmp_path):
    marks = {"markups": [{"type": "Fiducial", "coordinateSystem": "RAS",
                          "controlPoints": [{"position": list(coarse_phantom().seed_ras_mm)}]}]}  # fmt: skip
    (tmp_path / "inside.mrk.json").write_text(json.dumps(marks))
    (tmp_path / "table.json").write_text(json.dumps({"kinds": [{"kind": "skin", "shaft_mm": 0, "zone_mm": 11}]}))
    centre = np.array(coarse_phantom().seed_ras_mm)
    box = [f"{v}" for v in (*(centre - 9), *(centre + 9))]
    out = tmp_path / "out"
    code = main(["plan", str(scan / "ct.nii.gz"), "--lesion-seed", *seed(), "--lesion-box", *box, "--lesion-inside",
                 str(tmp_path / "inside.mrk.json"), "--structures", str(tmp_path / "table.json"), "--intent",
                 "palliative", "--out", str(out)])  # fmt: skip
    assert code == 0
    plan = read_plan(out / "plan.json")
    assert plan.lesion.volume_ml <= 18.0**3 / 1000
    (skin,) = [s for s in plan.structures.checked if s.kind == "skin"]
    assert skin.required_zone_mm == 11
    assert [p.value for p in plan.provenance if p.name == "skin: zone clearance"] == [11]


def test_evaluate_lines_without_a_ct(scan, planned, tmp_path, capsys):
    plan = read_plan(planned / "plan.json")
    markups = [
        {"type": "Line", "coordinateSystem": "RAS", "coordinateUnits": "mm",
         "controlPoints": [{"position": list(p.entry_ras_mm)}, {"position": list(p.tip_ras_mm)}]}
        for p in plan.probes
    ]  # fmt: skip
    (tmp_path / "lines.mrk.json").write_text(json.dumps({"markups": markups}))
    device, program = plan.probes[0].device, plan.probes[0].program
    arguments = ["evaluate", "--lesion", str(scan / "lesion.nii.gz"), "--probes", str(tmp_path / "lines.mrk.json"),
                 "--device", device, "--program", program, "--json"]  # fmt: skip
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert "nerve" in found["structures"]["not_checked"]
    assert found["structures"]["checked"] == []
    assert found["coverage"]["lesion_fraction"] > 0.5


def bad(arguments, capsys, code=2):
    """Run a command that must fail with one line on stderr and nothing on stdout."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().count("\n") == 0
    assert captured.err.startswith("bone-ablation-planner: ")
    return captured.err


CLICK = ("{scan}/ct.nii.gz", "--lesion-seed", "{seed}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{scan}/no.nii.gz", "--lesion-seed", "0", "0", "0"], "no.nii.gz"),
        (["{scan}/empty", "--lesion-seed", "0", "0", "0"], "empty"),
        (["{scan}/ct.nii.gz", "--lesion-seed", "900", "0", "0"], "outside the image"),
        (["{scan}/ct.nii.gz", "--lesion-seed", "0", "100", "60"], "expected a point inside"),
        (["{scan}/ct.nii.gz"], "expected either --lesion-seed"),
        (["{scan}/ct.nii.gz", "--lesion", "{scan}/other.nii.gz"], "fills the whole image"),
        (["{scan}/ct.nii.gz", "--lesion", "{scan}/empty.nii.gz"], "empty"),
        ([*CLICK, "--organs", "{scan}/organs.nii.gz", "--organ-names", "{scan}/wrong.json"], "wrong.json"),
        (["{scan}/nan.nii.gz", "--lesion-seed", "0", "0", "0"], "nan.nii.gz"),
        (["{scan}/flat.nii.gz", "--lesion-seed", "0", "0", "0"], "flat.nii.gz"),
        ([*CLICK, "--margin-mm", "-3"], "--margin-mm"),
        ([*CLICK, "--device", "laser"], "laser"),
        ([*CLICK, "--nerve", "{scan}/organs.json"], "organs.json"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_writes_nothing(scan, tmp_path, capsys, arguments, message):
    make_bad_files(scan)
    filled = []
    for argument in arguments:
        filled += seed() if argument == "{seed}" else [argument.format(scan=scan)]
    out = tmp_path / "out"
    assert message in bad(["plan", *filled, "--out", str(out)], capsys)
    assert not out.exists()


def make_bad_files(scan):
    """Files that a user may hand over by mistake."""
    (scan / "empty").mkdir(exist_ok=True)
    (scan / "wrong.json").write_text('{"200": "colon"}')
    if (scan / "nan.nii.gz").exists():
        return
    phantom = coarse_phantom()
    grid = phantom.ct.grid
    values = phantom.ct.hu.astype(np.float32)
    values[3, 3, 3] = np.nan
    sitk.WriteImage(grid.image(values), str(scan / "nan.nii.gz"))
    sitk.WriteImage(grid.image(np.zeros(grid.shape, dtype=bool)), str(scan / "empty.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(phantom.ct.hu[10]), str(scan / "flat.nii.gz"))
    other = grid.crop((slice(0, 50), slice(None), slice(None)))
    sitk.WriteImage(other.image(phantom.lesion[:50] | True), str(scan / "other.nii.gz"))


def test_an_output_that_is_a_file_is_refused_before_any_work(scan, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    message = bad(["plan", str(scan / "ct.nii.gz"), "--lesion-seed", *seed(), "--out", str(tmp_path / "out")], capsys)
    assert "is a file" in message
    assert (tmp_path / "out").read_text() == "mine"


def test_evaluate_needs_a_plan_or_all_parts(capsys):
    assert "expected PLAN.json" in bad(["evaluate"], capsys)
    assert "no such file" in bad(["evaluate", "nowhere.json"], capsys)


def test_a_device_with_several_programs_needs_one(scan, planned, tmp_path, capsys):
    message = bad(["evaluate", "--lesion", str(scan / "lesion.nii.gz"), "--probes", str(scan / "nerves.mrk.json"),
                   "--device", "mwa-emprint-13g"], capsys)  # fmt: skip
    assert "75 W 5 min" in message


def test_devices_lists_every_program_with_its_status(capsys):
    assert main(["devices"]) == 0
    table = capsys.readouterr().out
    assert "mwa-emprint-13g" in table
    assert "unverified" in table
    assert main(["devices", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 6


def test_a_users_catalogue_adds_and_replaces_devices(tmp_path, capsys):
    shipped = json.loads(files("BoneAblationPlannerLib.devices").joinpath("catalogue.json").read_text(encoding="utf-8"))
    own = shipped["devices"][0]
    own["name"] = "Ours"
    added = {**shipped["devices"][1], "id": "mwa-new"}
    (tmp_path / "own.json").write_text(json.dumps({"devices": [own, added], "sources": shipped["sources"]}))
    assert main(["devices", "--json", "--catalogue", str(tmp_path / "own.json")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(shipped["devices"]) + 1
    assert next(r for r in rows if r["id"] == own["id"])["name"] == "Ours"


def test_a_bad_catalogue_names_row_and_field(tmp_path, capsys):
    (tmp_path / "own.json").write_text('{"devices": [{"id": "mine", "modality": "mwa"}]}')
    message = bad(["devices", "--catalogue", str(tmp_path / "own.json")], capsys)
    assert "device 1 (mine)" in message
    assert "expected a positive number" in message
    assert "no such file" in bad(["devices", "--catalogue", "nowhere.json"], capsys)


def test_doctor_lists_what_is_there(capsys):
    main(["doctor"])
    text = capsys.readouterr().out
    assert "numba" in text
    assert "OpenGL" in text


def test_a_defect_is_one_line_and_exit_code_1():
    script = (
        "import sys; import BoneAblationPlannerLib.cli as cli\n"
        "import BoneAblationPlannerLib.command_line.choices as c\n"
        "c.builtin_devices = lambda: 1 / 0\n"
        "sys.exit(cli.main(['devices']))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "a defect in the program: ZeroDivisionError" in run.stderr


def test_a_reader_that_has_seen_enough_is_no_defect():
    command = [sys.executable, "-m", "BoneAblationPlannerLib.cli", "devices", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 141


def test_help_says_what_it_is_for(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "research use" in capsys.readouterr().out.lower()
