"""Choices of cement, screws and stability on the command line."""

import pytest

from BoneAblationPlannerLib.cli import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cement", "--pull-back-times", "9"], "pull_back_times: 9; expected 0 to 6"),
        (["--cement", "--pull-back-mm", "0.5"], "pull_back_mm: 0.5; expected 1 to 15"),
        (["--pull-back-times", "2"], "--pull-back-times: given without --cement"),
        (["--cement", "--cement-gauge", "9"], "cement needle: 9 G; expected one of 10 G, 11 G, 12 G, 13 G"),
        (["--cement", "--cement-filling", "1.5"], "cement filling: 1.5; expected more than 0 and at most 1"),
        (["--cement", "--cement-needles", "4"], "cement needles: 4; expected 1 to 3"),
        (["--screws", "--cement-viscosity", "low"], "--cement-viscosity: given without --cement"),
        (["--screws", "--screw-clearance-mm", "11"], "screw clearance: 11 mm; expected 0 to 10"),
        (["--cement", "--screw-clearance-mm", "1"], "--screw-clearance-mm: given without --screws"),
        (["--pain", "2"], "--pain: given without --cement or --screws"),
    ],
)
def test_choices_that_make_no_sense_are_refused_before_any_work(options, said, tmp_path, capsys):
    code = main(["plan", "no-scan.nii", "--lesion-seed", "0", "0", "0", "--out", str(tmp_path / "out"), *options])
    errors = capsys.readouterr().err
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()
