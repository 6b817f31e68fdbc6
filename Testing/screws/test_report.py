"""The report's pages about screws and stability."""

from dataclasses import replace

import pytest
from phantoms import coarse_result

from BoneAblationPlannerLib.plan import Acetabulum, Mirels, PathClearance, Screw, ScrewCorridor
from BoneAblationPlannerLib.report.blocks import Notice, Paragraph, Table
from BoneAblationPlannerLib.report.paths import LISTED_WITHIN_MM
from BoneAblationPlannerLib.report.stabilisation import stabilisation

SCREW = Screw(
    name="Screw 1",
    corridor="iliac crest, right",
    diameter_mm=7.3,
    length_mm=90.0,
    entry_ras_mm=(40.0, -20.0, 10.0),
    tip_ras_mm=(83.2, -74.0, 67.6),
    cortical_clearance_mm=2.4,
    purchase_beyond_lesion_mm=31.5,
    purchase_before_lesion_mm=22.5,
    hu_shares={"weak": 0.25, "trabecular": 0.5, "cortical": 0.25},
    clearances=(
        PathClearance("colon", "bowel", 20.0, 5.0, True),
        PathClearance("iliac artery", "vessel", 2.0, 4.0, False),
        PathClearance("liver", "other", LISTED_WITHIN_MM + 1, 3.0, True),
    ),
)
CORRIDOR = ScrewCorridor("ischium", "right", True, 12.0, 60.0, near_lesion=True, reason="it would meet Screw 1")


@pytest.fixture(scope="module")
def plan():
    base = coarse_result().plan
    warnings = (*base.warnings, "screws: no ischium, right screw: it would meet Screw 1", "screws: look twice")
    return replace(base, screws=(SCREW,), corridors=(CORRIDOR,), warnings=warnings)


def tables(blocks):
    return [b for b in blocks if isinstance(b, Table)]


def test_every_figure_of_a_screw_is_there(plan):
    blocks = stabilisation(plan)
    words = " ".join(cell for table in tables(blocks) for row in table.rows for cell in row)
    for figure in (
        "7.3 x 90 mm",
        "40.0, -20.0, 10.0",
        "83.2, -74.0, 67.6",
        "2.4 mm",
        "22.5 mm, 31.5 mm",
        "25.0 % weak",
    ):
        assert figure in words


def test_failing_clearances_come_first_and_far_ones_are_counted(plan):
    blocks = stabilisation(plan)
    table = next(t for t in tables(blocks) if t.columns[0] == "Result")
    assert [row[2] for row in table.rows] == ["iliac artery", "colon"]
    assert table.emphasised == (0,)
    assert any(isinstance(b, Paragraph) and "1 structure more than 50 mm" in b.text for b in blocks)


def test_a_reason_is_said_once(plan):
    blocks = stabilisation(plan)
    table = next(t for t in tables(blocks) if t.columns[-1] == "Why no screw")
    assert table.rows[0][-1] == "it would meet Screw 1"
    (notice,) = [b for b in blocks if isinstance(b, Notice) and b.title.startswith("Screws")]
    assert notice.lines == ("look twice",)


def test_stability_says_range_and_what_was_not_asked(plan):
    mirels = Mirels(1, None, 3, 2, None, 7, 9, "low to high")
    acetabulum = Acetabulum("II", "major", {"roof": 0.4}, "made")
    assessed = replace(plan, stability=replace(plan.stability, mirels=mirels, acetabulum=acetabulum))
    words = repr(tables(stabilisation(assessed)))
    assert "7 to 9 of 12" in words
    assert "pain to be asked" in words
    assert "Harrington II" in words
    assert any(isinstance(b, Paragraph) and b.text.startswith("Not assessed") for b in stabilisation(plan))


def test_a_plan_without_any_has_no_page():
    assert stabilisation(coarse_result().plan) == []
