"""Critical structures: names, kinds, thresholds, and what is said of anatomy that is missing."""

import json

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.structures import (
    collect_structures,
    ignored_reason,
    kind_of,
    kind_rules,
    provenance_of,
    tube_mask,
)
from BoneAblationPlannerLib.case import NerveCurve
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError

CENTRE = np.array([12.0, -34.0, 56.0])


def scene(shape=(20, 40, 50)):
    grid = oblique_grid(shape)
    inside = np.zeros(shape, dtype=bool)
    inside[1:-1, 2:-2, 2:-2] = True
    outside = ~inside
    ct = CtVolume(grid, np.where(inside, 40, -1000).astype(np.int16), "made", "0")
    return ct, Body(inside, np.zeros(shape, dtype=bool), outside)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("urinary_bladder", "bladder"), ("small_bowel", "bowel"), ("colon", "bowel"), ("iliac_artery_left", "vessel"),
     ("iliac_vena_right", "vessel"), ("inferior_vena_cava", "vessel"), ("spinal_cord", "spinal canal"),
     ("lung_upper_lobe_left", "lung"), ("kidney_left", "other"), ("Sciatic nerve right", "nerve"),
     ("sacral plexus", "nerve"), ("portal_vein_and_splenic_vein", "vessel"), ("ureter_left", "ureter")],
)  # fmt: skip
def test_names_become_kinds(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["hip_left", "sacrum", "vertebrae_L5", "rib_left_7", "gluteus_maximus_left"])
def test_bones_and_muscles_are_ignored_with_a_reason(name):
    assert kind_of(name) is None
    assert ignored_reason(name)


def test_every_label_of_a_real_map_is_mapped_or_ignored(shared_data):
    names = json.loads((shared_data / "cases/iliac-lytic/organs.json").read_text())
    assert len(names) == 61
    assert [n for n in names.values() if kind_of(n) is None and ignored_reason(n) is None] == []


def test_unknown_labels_are_kept_clear_of():
    ct, body = scene()
    labels = np.zeros(ct.grid.shape, dtype=np.uint8)
    labels[8:12, 10:20, 10:20] = 3
    found, account = collect_structures(ct, body, LabelMap(ct.grid, labels, {3: "mystery"}), ())
    mystery = next(s for s in found if s.name == "mystery")
    assert mystery.kind == "other"
    assert mystery.required_shaft_mm > 0
    assert any(s.name == "mystery" for s in account.checked)


def test_missing_kinds_are_not_checked():
    ct, body = scene()
    found, account = collect_structures(ct, body, None, ())
    assert {s.kind for s in found} == {"skin"}
    assert set(account.not_checked) == set(kind_rules()) - {"skin", "other", "implant"}
    nerve = NerveCurve("sciatic nerve", np.stack([CENTRE, CENTRE + 5.0]))
    assert "nerve" not in collect_structures(ct, body, None, (nerve,))[1].not_checked


def test_gas_seen_in_the_ct_does_not_make_bowel_checked():
    ct, body = scene()
    gas = np.zeros(ct.grid.shape, dtype=bool)
    gas[5:15, 10:30, 10:30] = True
    ct.hu[gas] = -950
    found, account = collect_structures(ct, Body(body.inside, gas, body.outside), None, ())
    assert any(s.kind == "bowel" for s in found)
    assert "bowel" in account.not_checked


def test_names_that_match_no_label_are_refused():
    ct, body = scene()
    labels = np.zeros(ct.grid.shape, dtype=np.uint8)
    labels[3, 3, 3] = 7
    with pytest.raises(InputError, match="none of the 1 names"):
        collect_structures(ct, body, LabelMap(ct.grid, labels, {1: "colon"}), ())


def test_labels_on_another_grid_are_refused():
    ct, body = scene()
    other = oblique_grid((20, 40, 51))
    with pytest.raises(InputError, match="not on the CT's grid"):
        collect_structures(ct, body, LabelMap(other, np.ones(other.shape, dtype=np.uint8), {1: "colon"}), ())


def test_a_nerve_outside_the_image_is_refused():
    ct, body = scene()
    with pytest.raises(InputError, match="outside the image"):
        collect_structures(ct, body, None, (NerveCurve("n", np.stack([CENTRE + 900, CENTRE + 950])),))


def test_tube_holds_everything_within_its_radius_and_little_more():
    grid = oblique_grid((20, 40, 50))
    points = np.stack([CENTRE, CENTRE + [8.0, 2, -4], CENTRE + [8.0, 12, -4]])
    mask = tube_mask(grid, points, 4.0)
    t = np.linspace(0, 1, 200)[:, None]
    dense = np.concatenate([points[0] + t * (points[1] - points[0]), points[1] + t * (points[2] - points[1])])
    distance = np.array([np.linalg.norm(dense - p, axis=1).min() for p in every_point(grid)]).reshape(grid.shape)
    assert mask[distance <= 4.0].all()
    assert not mask[distance > 4.0 + grid.half_diagonal_mm + 0.1].any()


def test_a_single_point_is_a_ball():
    grid = oblique_grid((20, 40, 50))
    assert tube_mask(grid, CENTRE[None], 3.0).any()


def test_every_threshold_has_a_source():
    ct, body = scene()
    found, _ = collect_structures(ct, body, None, ())
    assert all(p.source and p.status for p in provenance_of(found))
    for rule in kind_rules().values():
        assert rule.source
        assert rule.shaft_mm >= 0
        assert rule.zone_mm >= 0
