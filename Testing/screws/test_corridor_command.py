"""``corridors`` on the command line: what it writes, and one line for everything that it refuses."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from BoneAblationPlannerLib.cli import main


@pytest.fixture
def bones(tmp_path):
    """Two small blocks: a left and a right bone."""
    labels = np.zeros((20, 20, 60), dtype=np.uint8)
    labels[5:15, 5:15, 5:20], labels[5:15, 5:15, 40:55] = 3, 2
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((2.0, 2.0, 2.0))
    path = tmp_path / "bones.nii.gz"
    sitk.WriteImage(image, str(path))
    return path


def names_file(folder, names):
    path = folder / "names.json"
    path.write_text(json.dumps(names))
    return path


def test_what_is_missing_is_told_and_written(bones, tmp_path, capsys):
    out = tmp_path / "corridors.json"
    # LPS x grows to the left: the block of label 2 is the left one.
    names = names_file(tmp_path, {"2": "hip_left", "3": "hip_right"})
    assert main(["corridors", str(bones), "--names", str(names), "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert document["schema"] == "bone-corridors/1"
    assert document["corridors"] == []
    assert len(document["not_found"]) == 16
    assert all("ml of the" in row["reason"] for row in document["not_found"])
    assert {p["status"] for p in document["provenance"]} <= {"seen", "derived", "unverified", "default"}
    assert "not looked for" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"2": "hip_right", "3": "hip_left"}, "left hip bone lies to the right"),
        ({"2": "kidney", "3": "spleen"}, "none of kidney, spleen"),
        ({"7": "hip_left"}, "names for label values that the map does not hold"),
    ],
)
def test_names_that_cannot_be_are_refused_in_one_line(bones, tmp_path, capsys, names, message):
    out = tmp_path / "corridors.json"
    names = names_file(tmp_path, names)
    assert main(["corridors", str(bones), "--names", str(names), "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not out.exists()


@pytest.mark.parametrize("out", [".", "missing/corridors.json"])
def test_an_output_that_cannot_be_written_is_refused_first(bones, tmp_path, capsys, out):
    assert main(["corridors", str(bones), "--out", str(tmp_path / out)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["corridors", str(tmp_path / "none.nii.gz"), "--out", str(tmp_path / "out.json")]) == 2
    assert "none.nii.gz" in capsys.readouterr().err
