"""Critical structures: names, kinds, thresholds, and what is said of anatomy that is missing."""

import json
import re

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.structure_table import (
    builtin_table,
    ignored_reason,
    kind_of,
    kind_rules,
    load_structure_table,
)
from BoneAblationPlannerLib.anatomy.structures import (
    LUNG_FROM_ML,
    collect_structures,
    joint_structure,
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


# Names of AAPM TG-263 (structure sets of radiotherapy), clinical words, and words of other languages in use.
CLINICAL = {
    "nerve": "BrachialPlex_L LumbSacPlex_R SacralPlex Nrv_Root Nrv_Peripheral N_Sciatic_L N.ischiadicus Ischiasnerv "
    "Nervus_ischiadicus CaudaEquina cauda_equina OpticNrv_L CN_VII_R NVB_L L5_root",
    "spinal canal": "SpinalCanal Spinal_Canal Canal_Spinal SpinalCord SpinalCord_PRV ThecalSac dura Cord",
    "vessel": "A_Iliac_Ext_L V_Iliac_R A_Aorta GreatVes IVC Iliac_vasculature Femoral_vessels iliac_vena",
    "bowel": "Bowel_Bag Bag_Bowel Bowel_Small Colon_Sigmoid Rectum Canal_Anal small_intestine Stomach",
    "bladder": "Bladder Bladder_Wall Urinary_Bladder UrinaryBladder",
    "lung": "Lung_L Lungs Bronchus_R Trachea",
    "joint": "Joint_Glenohum labrum Sacroiliac_joint",
    "implant": "gamma_nail femoral_nail Femoral-Nail IM_nail nail plate_and_screws THA Hip_prosthesis rod",
    "other": "GallBladder gall_bladder Gallbladder Kidney_L",
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind, names in CLINICAL.items() for name in names.split()])
def test_clinical_spellings_become_kinds(name, kind):
    for spelling in (name, name.replace("_", " ")):
        assert kind_of(spelling) == kind


@pytest.mark.parametrize("name", ["complex", "growth_plate", "end plate", "snail", "metatarsal", "vocal_cord_left"])
def test_names_that_only_sound_like_nerves_implants_or_the_canal(name):
    assert kind_of(name) in (None, "other")


def sided_first(name):
    """A name of the total task as 3D Slicer shows it: "right hip", "left rib 5", "L5 vertebra"."""
    words = name.split("_")
    side = [word for word in words if word in ("left", "right")]
    rest = [word for word in words if word not in side]
    return f"{rest[1]} vertebra" if rest[0] == "vertebrae" else " ".join([*side, *rest])


def test_word_order_changes_nothing():
    for name in TOTALSEGMENTATOR["total"]:
        for spelling in (sided_first(name), sided_first(name).capitalize(), sided_first(name).replace(" ", "_")):
            assert kind_of(spelling) == kind_of(name), spelling
            assert (ignored_reason(spelling) is None) == (ignored_reason(name) is None), spelling


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
    assert set(account.not_checked) == set(kind_rules()) - {"skin", "other", "implant", "barred bone"}
    nerve = NerveCurve("sciatic nerve", np.stack([CENTRE, CENTRE + 5.0]))
    assert "nerve" not in collect_structures(ct, body, None, (nerve,))[1].not_checked


def test_a_stretch_of_lung_is_lung_with_its_airways_and_noise_and_a_bubble_is_not():
    """Two boxes: lung of -860 HU with a tenth of bare gas in it, and bare gas with a denser rim."""
    ct, body = scene((40, 60, 90))
    lung, bubble = np.zeros(ct.grid.shape, dtype=bool), np.zeros(ct.grid.shape, dtype=bool)
    half = ct.grid.shape[2] // 2
    lung[5:35, 5:55, 5 : half - 2], bubble[5:35, 5:55, half + 2 : -5] = True, True
    assert min(lung.sum(), bubble.sum()) * ct.grid.voxel_ml >= LUNG_FROM_ML
    ct.hu[lung], ct.hu[bubble] = -860, -990
    ct.hu[5:35, 5:10, 5 : half - 2] = -985
    ct.hu[5, 5:55, half + 2 : -5] = -700
    found, _ = collect_structures(ct, Body(body.inside, lung | bubble, body.outside), None, ())
    by_kind = {s.kind: s.mask for s in found}
    assert np.array_equal(by_kind["lung"], lung)
    assert np.array_equal(by_kind["bowel"], bubble)


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


def sided(*names):
    return [f"{name}_{side}" for name in names for side in ("left", "right")]


def words(text):
    return text.split()


# Class names of TotalSegmentator v2 (totalsegmentator/map_to_binary.py), without the vertebrae and ribs added below.
TOTALSEGMENTATOR = {
    "total": words("""
        spleen gallbladder liver stomach pancreas lung_upper_lobe_left lung_lower_lobe_left
        lung_upper_lobe_right lung_middle_lobe_right lung_lower_lobe_right esophagus trachea thyroid_gland
        small_bowel duodenum colon urinary_bladder prostate sacrum heart aorta pulmonary_vein
        brachiocephalic_trunk atrial_appendage_left superior_vena_cava inferior_vena_cava
        portal_vein_and_splenic_vein spinal_cord brain skull sternum costal_cartilages""")
    + sided("kidney", "adrenal_gland", "kidney_cyst", "subclavian_artery", "common_carotid_artery", "humerus", "femur",
            "brachiocephalic_vein", "iliac_artery", "iliac_vena", "scapula", "clavicula", "hip", "gluteus_maximus",
            "gluteus_medius", "gluteus_minimus", "autochthon", "iliopsoas")
    + [f"vertebrae_{level}" for level in ("S1", *(f"L{n}" for n in range(1, 6)), *(f"T{n}" for n in range(1, 13)),
                                         *(f"C{n}" for n in range(1, 8)))]
    + [f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13)],
    "subtasks": words("""
        lung_left lung_right vertebrae intervertebral_discs lung_vessels lung_trachea_bronchia
        lung_covid_infiltrate intracerebral_hemorrhage hip_implant coronary_arteries body_trunc
        body_extremities pleural_effusion pericardial_effusion liver_vessels liver_tumor vertebrae_body
        heart_myocardium heart_atrium_left heart_ventricle_left heart_atrium_right heart_ventricle_right
        pulmonary_artery patella tibia fibula tarsal metatarsal phalanges_feet ulna radius carpal
        metacarpal phalanges_hand subcutaneous_fat torso_fat skeletal_muscle intermuscular_fat face
        brainstem subarachnoid_space venous_sinuses septum_pellucidum cerebellum caudate_nucleus
        lentiform_nucleus insular_cortex internal_capsule ventricle central_sulcus frontal_lobe
        parietal_lobe occipital_lobe temporal_lobe thalamus nasopharynx oropharynx hypopharynx soft_palate
        hard_palate larynx_air thyroid_cartilage hyoid cricoid_cartilage tongue
        superior_pharyngeal_constrictor middle_pharyngeal_constrictor inferior_pharyngeal_constrictor
        deltoid supraspinatus infraspinatus subscapularis coracobrachial trapezius pectoralis_minor
        serratus_anterior teres_major triceps_brachii lung lung_nodules breast third_ventricle
        fourth_ventricle left_ventricular_outflow_tract right_coronary_cusp left_coronary_cusp
        non_coronary_cusp""")
    + sided("eyeball", "lateral_rectus_muscle", "superior_oblique_muscle", "levator_palpebrae_superioris", "eye",
            "superior_rectus_muscle", "medial_rectus_muscle", "inferior_oblique_muscle", "inferior_rectus_muscle",
            "optic_nerve", "eye_lens", "parotid_gland", "submandibular_gland", "nasal_cavity", "auditory_canal",
            "zygomatic_arch", "styloid_process", "internal_carotid_artery", "internal_jugular_vein", "masseter",
            "temporalis", "lateral_pterygoid", "medial_pterygoid", "digastric", "sternocleidomastoid", "trapezius",
            "platysma", "levator_scapulae", "anterior_scalene", "middle_scalene", "posterior_scalene", "sterno_thyroid",
            "thyrohyoid", "prevertebral", "quadriceps_femoris", "thigh_medial_compartment", "sartorius",
            "thigh_posterior_compartment", "ventricle_frontal_horn", "ventricle_occipital_horn", "ventricle_body",
            "ventricle_temporal_horn", "ventricle_trigone")
    + [f"liver_segment_{n}" for n in range(1, 9)],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({*TOTALSEGMENTATOR["total"], *TOTALSEGMENTATOR["subtasks"]}))
def test_every_totalsegmentator_name_is_mapped_or_ignored_with_a_reason(name):
    assert (kind_of(name) is None) != (ignored_reason(name) is None)


def test_the_total_task_is_complete():
    assert len(TOTALSEGMENTATOR["total"]) == len(set(TOTALSEGMENTATOR["total"])) == 117


@pytest.mark.parametrize(
    ("name", "kind"),
    [("hip_implant", "implant"), ("optic_nerve_left", "nerve"), ("liver_vessels", "vessel"), ("lung_vessels", "vessel"),
     ("coronary_arteries", "vessel"), ("internal_jugular_vein_left", "vessel"), ("kidney_cyst_left", "other"),
     ("liver_tumor", "other"), ("lung_trachea_bronchia", "lung"), ("hip joint right", "joint")],
)  # fmt: skip
def test_names_that_a_careless_pattern_gets_wrong(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["GTV_Mass_CT", "tumor", "bone lesion"])
def test_the_lesion_among_the_labels_is_not_kept_clear_of(name):
    assert "pathology" in (ignored_reason(name) or "")


def write_table(tmp_path, document):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(document) if not isinstance(document, str) else document)
    return path


def test_a_users_table_goes_before_the_shipped_one(tmp_path):
    table = load_structure_table(write_table(tmp_path, {
        "kinds": [{"kind": "nerve", "shaft_mm": 8, "zone_mm": {"rfa": 12, "cryo": 9}},
                  {"kind": "bowel", "zone_mm": 15}],
        "names": [{"pattern": "gluteus_medius", "kind": "other"}],
        "ignored": [{"pattern": "small_bowel", "reason": "resected"}],
    }))  # fmt: skip
    nerve, bowel = table.kinds["nerve"], table.kinds["bowel"]
    assert (nerve.shaft_mm, nerve.zone_mm, nerve.zone_by_mm) == (8.0, 12.0, {"rfa": 12.0, "cryo": 9.0})
    assert (bowel.shaft_mm, bowel.zone_mm) == (kind_rules()["bowel"].shaft_mm, 15.0)
    assert nerve.source == "set by the user"
    assert table.kind_of("gluteus_medius_left") == "other"
    assert table.ignored_reason("small_bowel") == "resected"
    assert table.kind_of("colon") == "bowel"
    ct, body = scene()
    nerves = (NerveCurve("sciatic nerve", np.stack([CENTRE, CENTRE + 5.0])),)
    found, _ = collect_structures(ct, body, None, nerves, table=table)
    assert {s.required_shaft_mm for s in found if s.kind == "nerve"} == {8.0}


def test_a_users_table_may_call_a_name_bone(tmp_path):
    """A label that no word of the project knows becomes bone: ignored as a structure, taken into the bone mask."""
    table = load_structure_table(write_table(tmp_path, {"names": [{"pattern": "beckenkamm", "kind": "bone"}]}))
    assert kind_of("Beckenkamm") is None
    assert table.bone_of("Beckenkamm rechts") == "bone"
    assert table.bone_of("Hip_R") == "hip_right"
    assert table.bone_of("colon") is None
    assert "bone" in (table.ignored_reason("Beckenkamm") or "")
    ct, body = scene()
    labels = np.zeros(ct.grid.shape, dtype=np.uint8)
    labels[8:12, 10:20, 10:20] = 3
    organs = LabelMap(ct.grid, labels, {3: "Beckenkamm"})
    assert collect_structures(ct, body, organs, (), table=table)[1].ignored[0].name == "Beckenkamm"
    assert bone_mask(ct, body.inside, organs, table)[labels == 3].all()
    assert not bone_mask(ct, body.inside, organs).any()


def test_distances_of_one_modality(tmp_path):
    rows = [{"kind": "skin", "zone_mm": {"rfa": 15, "mwa": 12, "cryo": 4}}, {"kind": "nerve", "zone_mm": {"cryo": 8}}]
    table = load_structure_table(write_table(tmp_path, {"kinds": rows}))
    skin = {m: table.for_modality(m).kinds["skin"].zone_mm for m in ("rfa", "mwa", "cryo")}
    assert skin == {"rfa": 15.0, "mwa": 12.0, "cryo": 4.0}
    assert table.kinds["skin"].zone_mm == 15.0, "the most cautious one while the modality is not known"
    assert table.for_modality("rfa").kinds["nerve"].zone_mm == 8.0, "a modality left out keeps the row's largest"
    assert table.for_modality("cryo").kinds["bowel"] == table.kinds["bowel"]
    shipped = builtin_table()
    assert shipped.for_modality("cryo") is shipped


@pytest.mark.parametrize(
    ("document", "reason"),
    [("{", "not readable as JSON"), ({"kind": []}, "expected an object with kinds"), ({"kinds": {}}, "list of rows"),
     ({"kinds": [{"kind": "nerve", "shaft_mm": -1}]}, "kinds row 1: shaft_mm: -1"),
     ({"kinds": [{"kind": "nerve"}, {"kind": "gut", "shaft_mm": 3}]}, "kinds row 2: zone_mm: None"),
     ({"kinds": [{"kind": "nerve", "zone_mm": {"laser": 3}}]}, "kinds row 1: modality 'laser'"),
     ({"kinds": [{"kind": "nerve", "status": "sure"}]}, "kinds row 1: status 'sure'"),
     ({"names": [{"pattern": "colon", "kind": "gut"}]}, "names row 1: kind 'gut'"),
     ({"names": [{"pattern": "(", "kind": "bowel"}]}, "names row 1: pattern"),
     ({"ignored": [{"pattern": "colon"}]}, "ignored row 1")],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path, document, reason):
    with pytest.raises(InputError, match=re.escape(reason)):
        load_structure_table(write_table(tmp_path, document))


def test_computed_joints_limit_but_are_checked_only_where_said():
    ct, body = scene()
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[8:12, 10:20, 10:20] = True
    joint = joint_structure("hip joint right", mask, from_labels=False)
    found, account = collect_structures(ct, body, None, (), [joint])
    assert joint in found
    assert "joint" in account.not_checked
    assert "joint" not in collect_structures(ct, body, None, (), [joint], joints_checked=True)[1].not_checked
