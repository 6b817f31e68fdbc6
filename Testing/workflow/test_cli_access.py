"""Limits and probes to keep, from the command line to the plan."""

import argparse
import json
from dataclasses import replace

import pytest
import SimpleITK as sitk
from phantoms import coarse_phantom
from plans import small_plan

from BoneAblationPlannerLib.cli import main
from BoneAblationPlannerLib.command_line.choices import _limits
from BoneAblationPlannerLib.command_line.kept import kept_probes
from BoneAblationPlannerLib.devices.catalogue import builtin_devices, find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import write_plan


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "ct.nii.gz"
    phantom = coarse_phantom()
    sitk.WriteImage(phantom.ct.grid.image(phantom.ct.hu), str(path))
    return path


def lines_file(path, *lines):
    markups = [
        {"type": "Line", "coordinateSystem": "RAS", "coordinateUnits": "mm",
         "controlPoints": [{"position": list(point)} for point in points]}
        for points in lines
    ]  # fmt: skip
    path.write_text(json.dumps({"markups": markups}))
    return path


def options(**given):
    return argparse.Namespace(**{"keep": None, "keep_plan": None, "device": None, "program": None, **given})


def test_limits_are_read_as_names_and_numbers():
    assert _limits(["bone_path_limit_mm=80", "clearance_weight = 2"]) == {
        "bone_path_limit_mm": 80.0,
        "clearance_weight": 2.0,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [("hub_mm", "expected NAME=VALUE"), ("hub_mm=wide", "expected NAME=VALUE"), ("bone_path=80", "bone_path_limit_mm")],
)
def test_a_bad_limit_ends_with_one_line(ct, tmp_path, capsys, text, message):
    assert main(["plan", str(ct), "--lesion-seed", "0", "0", "0", "--limit", text, "--out", str(tmp_path / "p")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_lines_are_kept_with_the_device_that_is_given(tmp_path):
    path = lines_file(tmp_path / "probes.mrk.json", ([0.0, 0, 90], [0.0, 0, 0]))
    found = kept_probes(options(keep=path, device="cryo-iceforce-14g"), builtin_devices())
    assert [(p.device.id, p.entry_ras_mm, p.tip_ras_mm) for p in found] == [
        ("cryo-iceforce-14g", (0.0, 0.0, 90.0), (0.0, 0.0, 0.0))
    ]


def test_probes_of_a_plan_are_kept(tmp_path):
    plan = small_plan()
    device = find_device("mwa-emprint-13g")
    probe = replace(plan.probes[0], device=device.id, program="100 W 10 min")
    write_plan(replace(plan, probes=(probe,)), tmp_path / "plan.json")
    found = kept_probes(options(keep_plan=tmp_path / "plan.json"), builtin_devices())
    assert [(p.name, p.device, p.program.id) for p in found] == [(probe.name, device, probe.program)]
    assert (found[0].entry_ras_mm, found[0].tip_ras_mm) == (probe.entry_ras_mm, probe.tip_ras_mm)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"keep": "probes"}, "--keep: given without --device"), ({"program": "12 min"}, "--program: given without --keep"),
     ({"keep": "probes", "device": "mwa-emprint-13g"}, "program None; expected one of"),
     ({"keep": "bent", "device": "cryo-iceforce-14g"}, "3 points; expected lines from entry to tip")],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(tmp_path, given, message):
    lines_file(tmp_path / "probes.mrk.json", ([0.0, 0, 90], [0.0, 0, 0]))
    lines_file(tmp_path / "bent.mrk.json", ([0.0, 0, 90], [0.0, 5, 50], [0.0, 0, 0]))
    if "keep" in given:
        given = {**given, "keep": tmp_path / f"{given['keep']}.mrk.json"}
    with pytest.raises(InputError, match=message):
        kept_probes(options(**given), builtin_devices())
