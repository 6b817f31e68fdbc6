"""The way back of cement needles on the command line."""

import pytest

from BoneAblationPlannerLib.cli import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cement", "--pull-back-times", "9"], "pull_back_times: 9; expected 0 to 6"),
        (["--cement", "--pull-back-mm", "0.5"], "pull_back_mm: 0.5; expected 1 to 15"),
        (["--pull-back-times", "2"], "--pull-back-times: given without --cement"),
    ],
)
def test_a_way_back_that_makes_no_sense_is_refused_before_any_work(options, said, tmp_path, capsys):
    code = main(["plan", "no-scan.nii", "--lesion-seed", "0", "0", "0", "--out", str(tmp_path / "out"), *options])
    errors = capsys.readouterr().err
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()
