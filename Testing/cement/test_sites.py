"""Sites of cement: told from the bone and the place in it, and what is usual there."""

import json
from importlib.resources import files

import numpy as np
import pytest
from grids import every_point, oblique_grid
from phantoms import coarse_result

from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.plan import Lesion, Plan
from CementTrajectoryLib.cement.cautions import site_cautions
from CementTrajectoryLib.cement.sites import nearest_site, propose_site, sites
from CementTrajectoryLib.workflow import CementChoices, plan_cement

HIP = [site for site in sites() if site.places is not None]
TABLE = files("CementTrajectoryLib.screws").joinpath("corridors.json").read_text(encoding="utf-8")
CORRIDORS = {row["name"]: row for row in json.loads(TABLE)}


def turned_frame():
    """A hip bone's frame as spreads of the atlas have it, turned about all axes."""
    axes = np.linalg.qr(np.array([[0.2, 0.3, 1.0], [0.1, 1.0, -0.2], [1.0, 0.1, 0.3]]))[0]
    return BoneFrame(np.array([40.0, -20.0, 300.0]), axes, np.array([53.2, 32.5, 17.8]))


def lesion(bone, centre=(0.0, 0.0, 0.0)):
    at = tuple(float(v) for v in centre)
    return Lesion(5.0, "lytic", (20.0, 20.0, 20.0), at, at, 0.0, bone, 40.0, "made")


# Where the annotated corridors of the atlas begin and end, whose bones have names of their own.
@pytest.mark.parametrize(
    ("corridor", "end", "site"),
    [
        ("iliac crest", "entry", "iliac wing"),
        ("AIIS-PSIS (LC-II)", "exit", "iliac wing"),
        ("posterior column", "entry", "ischium"),
        ("superior ramus", "entry", "pubic ramus"),
        ("supra-acetabular", "entry", "acetabulum"),
        ("ischium", "entry", "ischium"),
        ("ischium", "exit", "acetabulum"),
        ("superior ramus", "exit", "acetabulum"),
    ],
)
def test_ends_of_annotated_corridors_lie_in_the_parts_of_the_hip_bone_that_they_are_called_after(corridor, end, site):
    frame = turned_frame()
    assert nearest_site(HIP, frame, tuple(frame.ras_mm(CORRIDORS[corridor][end]["at"]))).name == site


# The planning table: approach and usual ml by site.
@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("acetabulum", (6, 15)),
        ("iliac wing", (5, 15)),
        ("ischium", (4, 10)),
        ("pubic ramus", (2, 6)),
        ("sacrum", (3, 8)),
        ("femoral head and neck", (5, 14)),
        ("proximal humerus", (5, 20)),
        ("scapula and glenoid", (1, 5)),
        ("sternum", (2, 5)),
    ],
)
def test_the_table_is_complete_and_says_where_it_comes_from(name, usual):
    site = next(site for site in sites() if site.name == name)
    assert site.usual_ml.value == usual
    for row in site.provenance():
        assert row.source
        assert row.status in ("seen", "derived", "unverified", "default")
    assert [row.unit for row in site.provenance()] == ["", "G", "", "ml"]


@pytest.mark.parametrize(
    ("bone", "depth", "site"),
    [
        ("femur_left", 30, "femoral head and neck"),
        ("femur_left", 110, "femoral shaft"),
        ("humerus_left", 60, "proximal humerus"),
        ("humerus_left", 100, "humeral shaft"),
    ],
)
def test_the_depth_below_the_upper_end_tells_the_ends_of_long_bones_from_their_shafts(bone, depth, site):
    grid = oblique_grid((40, 40, 60), (1.5, 1.5, 4.0))
    ends = grid.ras_from_ijk([[30, 20, 1], [30, 20, 38]])
    upper, lower = (ends[0], ends[1]) if ends[0, 2] > ends[1, 2] else (ends[1], ends[0])
    down = (lower - upper) / np.linalg.norm(lower - upper)
    away = every_point(grid) - upper
    along = away @ down
    across = np.linalg.norm(away - np.outer(along, down), axis=1)
    shaft = ((across < 12) & (along > 0) & (along < np.linalg.norm(lower - upper))).reshape(grid.shape)
    bones = LabelMap(grid, shaft.astype(np.uint8), {1: bone})
    assert propose_site(bones, lesion(bone, upper + depth * down)).name == site


def test_bones_of_one_site_and_bones_of_none():
    bones = LabelMap(oblique_grid(), np.zeros(oblique_grid().shape, dtype=np.uint8), {})
    assert propose_site(bones, lesion("sternum")).name == "sternum"
    assert propose_site(bones, lesion("rib_left_4")).name == "rib"
    assert propose_site(bones, lesion("rib_left_4")).usual_ml is None
    for unknown in (None, "skull", "vertebrae_L3", "hip_left"):  # the last is not in the map: its frame is unknown
        assert propose_site(bones, lesion(unknown)) is None


@pytest.mark.parametrize(("ml", "words"), [(5.9, "less than usual"), (6.0, "as usual"), (15.1, "more than usual")])
def test_the_wanted_volume_is_compared_with_the_usual_one(ml, words):
    acetabulum = next(site for site in sites() if site.name == "acetabulum")
    assert acetabulum.compared(ml).compared == words
    assert bool(site_cautions(acetabulum, ml)) == (words == "more than usual")


def test_a_plan_keeps_site_and_provenance_and_takes_the_sites_needle():
    result = coarse_result()
    cement = plan_cement(result).plan.cement
    site = propose_site(result.anatomy.bones, result.plan.lesion)
    assert cement.site == site.compared(cement.fill_ml)
    assert {row.name for row in site.provenance()} <= {row.name for row in cement.provenance}
    assert {needle.gauge for needle in cement.needles} == {site.gauge.value}
    chosen = plan_cement(result, CementChoices(gauge=13))
    assert {needle.gauge for needle in chosen.plan.cement.needles} == {13}
    assert Plan.from_json(json.loads(json.dumps(chosen.plan.to_json()))).cement.site == chosen.plan.cement.site


def test_an_unknown_site_is_said():
    assert "could not be told" in site_cautions(None, 5.0)[0]
