"""plan.json: contract keys, round trip, refusal of foreign or broken documents, whole files only."""

import json

import pytest
from plans import small_plan

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan, read_plan, write_atomically, write_plan

CONTRACT = {
    "": ["schema", "software", "input", "parameters", "timings_s", "lesion", "advice", "probes", "zone", "coverage",
         "structures", "optimiser", "cement", "screws", "stability", "warnings"],
    "software": ["name", "version"],
    "input": ["ct", "grid", "sha256"],
    "input.grid": ["shape", "ijk_to_ras"],
    "lesion": ["volume_ml", "kind", "diameters_mm", "centroid_ras_mm", "cortical_breach_fraction", "bone"],
    "advice": ["modality", "ranked", "warnings"],
    "zone": ["model", "volume_ml", "provenance"],
    "coverage": ["lesion_fraction", "margin_mm", "lesion_plus_margin_fraction", "minimum_margin_mm", "robust"],
    "coverage.robust": ["worst_minimum_margin_mm", "p05_minimum_margin_mm", "p05_lesion_fraction"],
    "structures": ["checked", "not_checked"],
    "optimiser": ["objective", "bound", "gap", "evaluations"],
    "stability": ["mirels", "rigidity"],
}  # fmt: skip
PROBE = [
    "name", "device", "program", "entry_ras_mm", "tip_ras_mm", "depth_mm", "axial_angle_deg",
    "craniocaudal_angle_deg", "cortex_incidence_deg", "cortices_crossed", "bone_path_mm", "clearances",
]  # fmt: skip
CLEARANCE = ["structure", "kind", "shaft_mm", "zone_mm", "required_shaft_mm", "required_zone_mm", "ok"]


def test_every_key_of_the_contract_is_there():
    document = small_plan().to_json()
    for path, keys in CONTRACT.items():
        part = document
        for name in filter(None, path.split(".")):
            part = part[name]
        assert set(keys) <= set(part), path
    assert set(PROBE) <= set(document["probes"][0])
    assert set(CLEARANCE) <= set(document["probes"][0]["clearances"][0])
    assert document["schema"] == "bone-plan/1"


def test_round_trip_through_a_file(tmp_path):
    plan = small_plan()
    write_plan(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan


def test_unknown_keys_of_a_newer_plan_are_ignored():
    document = small_plan().to_json()
    document["novelty"] = 1
    document["probes"][0]["novelty"] = 2
    assert Plan.from_json(document) == small_plan()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("lesion"), "plan.lesion: missing"),
        (lambda d: d["lesion"].pop("volume_ml"), "plan.lesion.volume_ml: missing"),
        (lambda d: d["probes"][0].update(tip_ras_mm=[1, 2]), r"plan.probes\[0\].tip_ras_mm: 2 values; expected 3"),
        (lambda d: d["lesion"].update(kind="bubbly"), "plan.lesion.kind"),
        (lambda d: d["coverage"].update(lesion_fraction="all"), "plan.coverage.lesion_fraction"),
        (lambda d: d["optimiser"].update(evaluations=True), "plan.optimiser.evaluations"),
        (lambda d: d.update(schema="bone-plan/9"), "expected 'bone-plan/1'"),
    ],
)
def test_a_broken_plan_is_refused_by_key(change, message):
    document = json.loads(json.dumps(small_plan().to_json()))
    change(document)
    with pytest.raises(InputError, match=message):
        Plan.from_json(document)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00"])
def test_a_file_that_is_no_plan_is_refused(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_plan(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_plan(tmp_path / "plan.json")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    path.write_bytes(b"old")
    monkeypatch.setattr("pathlib.Path.replace", _disk_full)
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def _disk_full(*_):
    raise OSError(28, "disk full")
