"""Distances that differ between modalities: the most cautious until the modality is known, then its own."""

from dataclasses import replace

from phantoms import coarse_case

from BoneAblationPlannerLib.access.region import build_region, with_zone_distances
from BoneAblationPlannerLib.anatomy.structure_table import builtin_table
from BoneAblationPlannerLib.placement.by_modality import case_for, prepared_for
from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.workflow import plan_case

BY = {"rfa": 15.0, "mwa": 12.0, "cryo": 4.0}


def told_apart(case):
    """The case with a skin distance for each modality."""
    table = builtin_table()
    skin = replace(table.kinds["skin"], zone_mm=max(BY.values()), zone_by_mm=BY)
    return replace(case, structure_table=replace(table, kinds={**table.kinds, "skin": skin}))


def skin_mm(prepared):
    (on_ct,) = {s.required_zone_mm for s in prepared.anatomy.structures if s.kind == "skin"}
    (stored,) = {s.required_zone_mm for s in prepared.structures.checked if s.kind == "skin"}
    assert on_ct == stored
    return on_ct


def test_structures_and_maps_take_the_distances_of_the_modality():
    prepared = prepare_case(told_apart(coarse_case(None)))
    assert skin_mm(prepared) == 15.0
    region = build_region(prepared.anatomy, 120.0)
    at = region.kinds.index("skin")
    for modality, wanted in BY.items():
        own = prepared_for(prepared, modality)
        assert skin_mm(own) == wanted
        changed = with_zone_distances(region, own.anatomy.structures).required_zone_mm
        assert changed[at] == wanted
        fresh = build_region(own.anatomy, 120.0).required_zone_mm
        assert (changed == fresh).all(), "as if the maps had been built for this modality"


def test_a_table_that_does_not_tell_modalities_apart_changes_nothing():
    case = coarse_case(None)
    prepared = prepare_case(case)
    assert prepared_for(prepared, "cryo") is prepared
    assert case_for(case, None) is case


def test_a_plan_is_measured_with_the_distances_of_its_modality():
    plan = plan_case(told_apart(coarse_case("cryo"))).plan
    skin = [c for probe in plan.probes for c in probe.clearances if c.kind == "skin"]
    assert skin
    assert {c.required_zone_mm for c in skin} == {4.0}
    assert {s.required_zone_mm for s in plan.structures.checked if s.kind == "skin"} == {4.0}
