"""Which kinds count as checked: only by structures that tell of this lesion, and what is said of the others."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.looked_for import (
    Site,
    map_too_small,
    not_looked_for,
    telling_rules,
    undrawn,
)
from BoneAblationPlannerLib.anatomy.structures import collect_structures, tube_mask
from BoneAblationPlannerLib.case import NerveCurve, Structure
from BoneAblationPlannerLib.ct import CtVolume, LabelMap

GRID = oblique_grid((40, 70, 90), (2.0, 2.0, 2.0))
AXIS = GRID.ijk_to_ras[:3, 0] / 2.0
CENTRE = GRID.ras_from_ijk([[20, 35, 20]])[0]
LESION_MM = 6.0
LESION = ball(GRID, CENTRE, LESION_MM)


def structure(name, kind, away_mm=30.0):
    """A small ball at a distance from the lesion's centre."""
    return Structure(name, kind, ball(GRID, CENTRE + away_mm * AXIS, 4.0), 5.0, 10.0, "organ label")


def site(side="right"):
    return Site(GRID, LESION, side)


@pytest.mark.parametrize("kind", ["nerve", "vessel", "joint"])
def test_what_runs_everywhere_counts_only_near_the_lesion(kind):
    """Between the balls' centres lie the limit and both radii; two voxels' diagonals are not decided."""
    limit = telling_rules()[kind].near_mm
    undecided = 2 * GRID.half_diagonal_mm
    near = structure("a", kind, limit + LESION_MM + 4.0 - undecided)
    far = structure("b", kind, limit + LESION_MM + 4.0 + undecided)
    assert not_looked_for([near], site()) == {}
    assert list(not_looked_for([far], site())) == [kind]
    assert f"within {limit:g} mm" in not_looked_for([far], site())[kind]
    assert not_looked_for([far, near], site()) == {}


@pytest.mark.parametrize(
    ("names", "side", "told"),
    [(["ureter_right"], "right", True), (["ureter_left"], "right", False), (["ureter_left"], None, False),
     (["ureter_left", "ureter_right"], None, True), (["Left ureter", "Ureter_R"], "right", True),
     (["ureter"], "right", True)],
)  # fmt: skip
def test_of_paired_organs_that_of_the_lesions_side_counts(names, side, told):
    given = [structure(name, "ureter") for name in names]
    assert (not_looked_for(given, site(side)) == {}) == told


@pytest.mark.parametrize(
    ("names", "told"),
    [(["small_bowel", "colon"], True), (["rectum"], False), (["duodenum"], False), (["Bowel_Bag"], True),
     (["Bowel_Small", "Bowel_Large"], True), (["small_bowel"], False)],
)  # fmt: skip
def test_bowel_is_small_and_large(names, told):
    assert (not_looked_for([structure(name, "bowel") for name in names], site()) == {}) == told


def test_a_bladder_anywhere_is_the_bladder():
    assert not_looked_for([structure("urinary_bladder", "bladder", 120.0)], site()) == {}


def collected(organs=None, nerves=(), at=None):
    inside = np.ones(GRID.shape, dtype=bool)
    ct = CtVolume(GRID, np.full(GRID.shape, 40, dtype=np.int16), "made", "0")
    body = Body(inside, np.zeros(GRID.shape, dtype=bool), ~inside)
    return collect_structures(ct, body, organs, nerves, site=at)[1]


def test_a_nerve_drawn_elsewhere_leaves_the_kind_unchecked_and_says_so():
    far = CENTRE + 120.0 * AXIS
    nerve = NerveCurve("left sciatic", np.stack([far, far + 8.0]))
    account = collected(nerves=(nerve,), at=site())
    assert "nerve" in account.not_checked
    assert account.why_not == (
        "nerve: only left sciatic was given; none within 60 mm of the lesion, so those near it are not checked",
    )
    assert "left sciatic" in [s.name for s in account.checked]
    assert "nerve" not in collected(nerves=(nerve,)).not_checked


def test_the_gallbladder_is_no_bladder():
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[LESION] = 4
    for name in ("gallbladder", "GallBladder", "gall bladder"):
        account = collected(LabelMap(GRID, labels, {4: name}), at=site())
        assert "bladder" in account.not_checked
        assert [s.kind for s in account.checked if s.origin == "organ label"] == ["other"]


def along(start, end, radius):
    """Voxels within a radius of a line, which runs across the axis through the lesion."""
    across = GRID.ijk_to_ras[:3, 1] / 2.0
    return tube_mask(GRID, np.stack([CENTRE + start * across, CENTRE + end * across]), radius)


def shifted(mask, away_mm):
    """A mask moved along the axis by whole voxels of 2 mm."""
    return np.roll(mask, round(away_mm / 2.0), axis=2)


def test_an_expected_nerve_is_drawn_by_its_name_or_its_course():
    """The band reaches 48 mm to both sides of the lesion, so all of it is near (60 mm)."""
    band = Structure("sciatic nerve right (estimated, verify)", "nerve", along(-48, 48, 12.0), 5, 10, "estimated")

    def drawn(name, away_mm, start=-48, end=48):
        return Structure(name, "nerve", shifted(along(start, end, 3.0), away_mm), 5, 10, "drawn curve")

    missing = ("sciatic nerve right",)
    assert undrawn([band], [], site()) == missing
    assert undrawn([band], [drawn("curve", 0.0)], site()) == ()
    assert undrawn([band], [drawn("Sciatic_R", 16.0)], site()) == ()
    assert undrawn([band], [drawn("Sciatic_L", 0.0)], site()) == missing
    assert undrawn([band], [drawn("Femoral_R", 0.0)], site()) == missing
    assert undrawn([band], [drawn("curve", 20.0)], site()) == missing  # beside the band
    assert undrawn([band], [drawn("Sciatic_R", 60.0)], site()) == missing
    # A stretch of 12 mm is followed for 15 or 30 mm beyond its ends: less than half of 96 mm, unless it is named.
    assert undrawn([band], [drawn("curve", 0.0, 36, 48)], site()) == missing
    assert undrawn([band], [drawn("Sciatic_R", 0.0, 40, 48)], site()) == missing


def test_one_curve_is_one_nerve():
    """Two bands lie in each other; a curve without a name is the one that it follows most."""
    long, short = along(-48, 48, 12.0), along(-48, 20, 12.0)
    bands = [
        Structure(f"{name} right (estimated, verify)", "nerve", mask, 5, 10, "estimated")
        for name, mask in (("femoral nerve", long), ("obturator nerve", short))
    ]
    curve = Structure("C", "nerve", along(-48, 10, 3.0), 5, 10, "drawn curve")
    assert undrawn(bands, [curve], site()) == ("femoral nerve right",)
    assert undrawn(bands, [curve, replace(curve, name="D", mask=along(-48, 48, 3.0))], site()) == ()


def half_covered(first_column):
    """An organ map that ends at a column of the grid, and the reason why it tells nothing."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[0, 0, 0] = 4
    covered = np.zeros(GRID.shape, dtype=bool)
    covered[..., :first_column] = True
    organs = LabelMap(GRID, labels, {4: "urinary_bladder"}, covered)
    return organs, map_too_small(organs, np.ones(GRID.shape, dtype=bool), site())


def test_a_map_that_ends_near_the_lesion_tells_nothing_of_it():
    """The lesion's middle is column 20 and its radius 6 mm: what counts reaches 40 mm farther, to column 43."""
    assert half_covered(44)[1] is None
    organs, reason = half_covered(38)
    # A cap of the ball of 46 mm beyond 36 mm: pi h^2 (3 R - h) / 3 with h = 10 of 4/3 pi R^3, what lies in the image.
    assert "does not cover" in reason
    account = collect_structures(
        CtVolume(GRID, np.full(GRID.shape, 40, dtype=np.int16), "made", "0"),
        Body(*(np.full(GRID.shape, value) for value in (True, False, False))),
        organs,
        (),
        site=site(),
        map_doubt=reason,
    )[1]
    assert "bladder" in account.not_checked
    assert "urinary_bladder" in [s.name for s in account.checked]
    assert any(reason in why and why.startswith("bladder") for why in account.why_not)


def test_every_rule_has_a_source():
    for rule in telling_rules().values():
        assert rule.source
        assert rule.status == "default"
        assert rule.near_mm or rule.sided or rule.all_of
