"""Estimated nerve bands: the phantom's nerves lie inside them; they warn and never reassure."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from grids import ball, oblique_grid
from phantoms import coarse_case, coarse_result

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.nerves import (
    ESTIMATED,
    band_rules,
    band_structures,
    bands_provenance,
    expected_nerves,
)
from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.placement.near_nerves import needle_warnings, target_warnings
from BoneAblationPlannerLib.plan import CheckedStructure, Plan, Structures
from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.zones.spheroid import Spheroid

NAMES = ("sacral plexus", "sciatic nerve", "femoral nerve", "obturator nerve")


@cache
def pelvis(turned=False):
    phantom = make_phantom((2.5, 2.5, 3.0), (6.0, -5.0, 8.0) if turned else (0.0, 0.0, 0.0))
    body = find_body(phantom.ct).inside
    bones = separate_bones(phantom.ct, bone_mask(phantom.ct, body, phantom.organs), body, phantom.organs)
    return phantom, bones, {band.name: band for band in expected_nerves(bones)}


def along(points, step_mm=1.0):
    """Points every millimetre of a polyline (N, 3)."""
    dense = []
    for a, b in itertools.pairwise(points):
        t = np.linspace(0, 1, max(2, int(np.linalg.norm(b - a) / step_mm) + 1))[:, None]
        dense.append(a + t * (b - a))
    return np.vstack(dense)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", [f"{nerve} {side}" for nerve in NAMES for side in ("right", "left")])
def test_the_phantoms_nerves_lie_inside_their_bands(name, turned):
    """At least 90 % of the true course lies within the band's radius of the expected one, on a turned grid too."""
    phantom, _, bands = pelvis(turned)
    truth = along(dict(phantom.nerves)[name])
    expected = along(bands[name].points_ras_mm)
    inside = np.linalg.norm(truth[:, None] - expected[None], axis=2).min(axis=1) <= bands[name].radius_mm
    assert inside.mean() >= 0.9


def test_without_landmarks_there_are_no_bands():
    grid = oblique_grid()
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[5:20, 5:20, 5:20] = 1
    assert expected_nerves(LabelMap(grid, labels, {1: "bone 1"})) == ()
    assert expected_nerves(LabelMap(grid, labels, {1: "rib_left_3"})) == ()


def test_a_humerus_has_its_axillary_and_radial_nerve_around_it():
    grid = oblique_grid((90, 60, 60), (2.0, 2.0, 2.5))
    axis = grid.ijk_to_ras[:3, 2] / 2.5
    centre = grid.ras_from_ijk([[30, 30, 75]])[0]
    points = grid.ras_of_mask(np.ones(grid.shape, dtype=bool)) - centre
    height = points @ axis
    shaft = (np.linalg.norm(points - height[:, None] * axis, axis=1) <= 11) & (height < 0) & (height > -150)
    labels = (shaft | (np.linalg.norm(points, axis=1) <= 23)).reshape(grid.shape).astype(np.uint8)
    bands = {band.name: band for band in expected_nerves(LabelMap(grid, labels, {1: "humerus_left"}))}
    assert set(bands) == {"axillary nerve left", "radial nerve left"}
    for band, heights in ((bands["axillary nerve left"], (-40, -28)), (bands["radial nerve left"], (-150, -75))):
        offset = (band.points_ras_mm - centre) @ axis
        assert heights[0] <= offset.min()
        assert offset.max() <= heights[1]
        # On the surface of the 11 mm shaft, a few mm of soft tissue between.
        away = np.linalg.norm((band.points_ras_mm - centre) - offset[:, None] * axis, axis=1)
        assert away.min() >= 11
        assert away.max() <= 18


def structure(grid, centre_ras_mm):
    return Structure(
        "sciatic nerve right (estimated, verify)", "nerve", ball(grid, centre_ras_mm, 6), 5.0, 10.0, ESTIMATED
    )


def test_targets_near_a_band_are_warned_of():
    grid = oblique_grid((40, 60, 60), (1.0, 1.0, 1.5))
    band = structure(grid, grid.ras_from_ijk([[15, 30, 20]])[0])
    for i, said in ((15, "crosses"), (30, "from the target"), (45, None)):
        # A target of 5 mm: from band to target 0, 4 and 19 mm; wanted 10 mm.
        warnings = target_warnings([band], ball(grid, grid.ras_from_ijk([[i, 30, 20]])[0], 5), grid)
        assert bool(warnings) == (said is not None)
        assert said is None or said in warnings[0]


def test_needles_near_a_band_are_warned_of():
    grid = oblique_grid((40, 60, 60), (1.0, 1.0, 1.5))
    band = structure(grid, grid.ras_from_ijk([[15, 30, 20]])[0])

    def warn(i):
        entry, tip = grid.ras_from_ijk([[i, 5, 20], [i, 30, 20]])
        zone = Spheroid(tip, (tip - entry) / np.linalg.norm(tip - entry), 10.0, 14.0)
        return needle_warnings([band], grid, [("Probe 1", entry, tip, 1.0, zone)])

    assert "inside the band" in warn(15)[0]
    # Shaft 20 - 6 - 1 = 13 mm away, zone 20 - 6 - 5 = 9 mm: only the zone is too near.
    assert "zone" in warn(35)[0]
    assert "shaft" not in warn(35)[0]
    assert warn(50) == []


def test_bands_never_count_as_checked_or_limit_the_plan():
    prepared = prepare_case(replace(coarse_case(), nerves=()))
    assert "nerve" in prepared.structures.not_checked
    assert not any(s.origin == ESTIMATED for s in prepared.anatomy.structures)
    assert not any(s.origin == ESTIMATED for s in prepared.structures.checked)
    names = {s.name for s in prepared.structures.estimated}
    assert {"sciatic nerve right (estimated, verify)", "femoral nerve left (estimated, verify)"} <= names
    assert {s.origin for s in prepared.anatomy.estimates} == {ESTIMATED}
    assert any("expected course" in warning for warning in prepared.warnings)


def test_bands_are_written_into_the_plan_and_older_plans_still_read():
    plan = coarse_result().plan
    assert plan.structures.estimated
    document = plan.to_json()
    assert Plan.from_json(document).structures.estimated == plan.structures.estimated
    del document["structures"]["estimated"]
    assert Plan.from_json(document).structures.estimated == ()
    assert Structures((), ()).estimated == ()
    assert Anatomy.__dataclass_fields__["estimates"].default == ()
    assert all(isinstance(row, CheckedStructure) for row in plan.structures.estimated)


def test_every_band_has_a_source():
    _, _, bands = pelvis()
    assert len(bands_provenance(list(bands.values()))) == 4
    assert all(rule.source and rule.status == "unverified" for rule in band_rules().values())
    assert band_structures(list(bands.values()), pelvis()[0].ct.grid)
