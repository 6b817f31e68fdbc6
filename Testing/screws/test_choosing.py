"""Which screws go together in a made femur: sets, probes that are out by then, cement needles."""

from types import SimpleNamespace

import numpy as np
import pytest
from grids import ball
from made_femur import HEAD, femur

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.plan import CementNeedle
from CementTrajectoryLib.screws.femur import femoral_neck
from CementTrajectoryLib.screws.planning import propose_screws

SIDE = "right"


@pytest.fixture(scope="module")
def patient():
    """A lesion in the neck of a right femur in a ball of soft tissue, and its bones."""
    bones, neck = femur(SIDE)
    bone = bones.labels > 0
    lesion = ball(bones.grid, HEAD + 26 * neck, 9.0) & bone
    body = ball(bones.grid, HEAD, 150.0)
    hu = np.where(lesion, 40, np.where(bone, 300, np.where(body, 50, -1000))).astype(np.int16)
    return Anatomy(CtVolume(bones.grid, hu, "made", "0"), body, bone, lesion, ()), bones


def across(bones, name):
    """Ends of a shaft that meets the middle of a place in the neck at a right angle, and none of the others there."""
    place = next(p for p in femoral_neck(bones, SIDE) if p.name.endswith(name))
    middle = (place.entry_ras_mm + place.exit_ras_mm) / 2
    along = (place.exit_ras_mm - place.entry_ras_mm) / place.length_mm
    others = [p for p in femoral_neck(bones, SIDE) if p is not place]
    away = middle - np.mean([(p.entry_ras_mm + p.exit_ras_mm) / 2 for p in others], axis=0)
    away -= (away @ along) * along
    outwards = away / np.linalg.norm(away)
    return tuple(middle + 60 * outwards), tuple(middle)


def probe(ends):
    return SimpleNamespace(name="Probe 1", entry_ras_mm=ends[0], tip_ras_mm=ends[1], diameter_mm=2.1)


def places(proposal):
    return sorted(screw.corridor.split(", ")[1] for screw in proposal.screws)


def test_three_screws_of_one_set_are_alike(patient):
    anatomy, bones = patient
    screws = propose_screws(anatomy, bones, ()).screws
    assert places(propose_screws(anatomy, bones, ())) == ["anterior", "inferior", "posterior"]
    assert len({screw.screw_type for screw in screws}) == 1
    # As thick as the narrowest of the three allows with 2 mm around it.
    assert min(screw.cortical_clearance_mm for screw in screws) >= 2.0 - 0.1


@pytest.mark.parametrize("name", ["inferior", "anterior", "posterior"])
def test_a_screw_where_a_probe_lies_waits_until_that_is_out(patient, name):
    anatomy, bones = patient
    proposal = propose_screws(anatomy, bones, (probe(across(bones, name)),))
    assert places(proposal) == ["anterior", "inferior", "posterior"]
    # Those that are free come first.
    assert proposal.screws[-1].corridor.split(", ")[1] == name
    assert f"{proposal.screws[-1].name} passes where Probe 1 lies: place it when that is out" in proposal.cautions
    assert sum("passes where" in caution for caution in proposal.cautions) == 1


@pytest.mark.parametrize("name", ["inferior", "anterior", "posterior"])
def test_no_screw_goes_through_a_cement_needle(patient, name):
    anatomy, bones = patient
    entry, tip = across(bones, name)
    needle = CementNeedle("Cement needle 1", 11, entry, tip, "Probe 1", 3.05)
    proposal = propose_screws(anatomy, bones, (probe((entry, tip)),), needles=(needle,))
    assert places(proposal) == sorted({"anterior", "inferior", "posterior"} - {name})
    left_out = [caution for caution in proposal.cautions if caution.startswith("no femoral neck")]
    assert left_out == [f"no femoral neck, {name}, right screw: it would meet Cement needle 1"]


def test_a_corridor_that_is_too_narrow_says_what_would_fit(patient):
    anatomy, bones = patient
    proposal = propose_screws(anatomy, bones, (), 9.0)
    assert proposal.screws == ()
    widths = {p.name: p.clearance_mm for p in femoral_neck(bones, SIDE)}
    for name, clearance in widths.items():
        said = next(caution for caution in proposal.cautions if f"no {name}, {SIDE} screw" in caution)
        # Bone around the thinnest screw of the catalogue, 3.5 mm, rounded down to tenths.
        assert said.endswith(f"one of 3.5 mm would leave {np.floor((clearance - 1.75) * 10) / 10:.1f} mm")
