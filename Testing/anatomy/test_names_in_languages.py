"""Names in German, French, Spanish and Italian, and usual abbreviations: each is one thing, and never two."""

import re

import pytest

from BoneAblationPlannerLib.anatomy.bone_names import bone_name, names_in_one_map
from BoneAblationPlannerLib.anatomy.names import side_of, spellings, words_of
from BoneAblationPlannerLib.anatomy.structure_table import IS_BONE, builtin_table, ignored_reason, kind_of

STRUCTURES = {
    "nerve": "BrachialPlexs, Nerv, Ischiasnerv, nerf sciatique, nervio ciático, nervo sciatico, Radialis, Ulnaris_L, "
    "Medianus, rechts Femoralis, Peroneus, N. tibialis, queue de cheval, cola de caballo, L5 Wurzel, racine nerveuse",
    "spinal canal": "Rückenmark, Rueckenmark, Spinalkanal, Wirbelkanal, moelle épinière, canal rachidien, "
    "canal vertébral, médula espinal, midollo spinale, canale vertebrale",
    "vessel": "A_Vertebral_L, A_Femoral_L, Gefäß, Gefäße, Gefaesse, Arterie, Vene, Venen, "
    "Hohlvene, Schlagader, artère iliaque externe droite, "
    "veine cave inférieure, vaisseaux, vasos, vasi, arteria iliaca, external iliac a., external iliac artery, "
    "ext iliac v, Femoral A., A. femoralis, EIA, EIV, CIA, CIV, IIA, IIV, CFA, CFV, SFA, SFV, PFA, SMA, SMV, CCA, "
    "IJV, CIV_left, subclavian, Subclavian_L, A_Subclavian_R, V_Iliac_Ext_L, brachiocephalic, popliteal, Poplitea",
    "bowel": "Darm, Dünndarm, Duenndarm, Dickdarm, Enddarm, Mastdarm, Zwölffingerdarm, Magen, Speiseröhre, Sigma, "
    "intestin grêle, gros intestin, côlon, estomac, œsophage, intestino delgado, recto, estómago, intestino tenue, "
    "retto, stomaco, Spc_Bowel, Bowel_Large, Colon_Ascend",
    "bladder": "Harnblase, Blase, vessie, vejiga, vescica, vejiga urinaria",
    "ureter": "Harnleiter, Harnleiter links, Harnröhre, uretère gauche, urètre, uréter, ureter derecho, uretere destro",
    "lung": "Lunge rechts, poumon droit, pulmón derecho, polmone destro, Luftröhre, trachée, tráquea",
    "joint": "PubicSymphys_L, Gelenk, Hüftgelenk, Schultergelenk rechts, articulation, articulación, articolazione",
    "other": "Gallenblase, Prostata",
}  # fmt: skip
BONES = {
    "hip_right": "Hüftbein rechts, Hueftbein re, Hüfte rechts, hanche droite, os iliaque droit, hueso ilíaco derecho, "
    "cadera derecha, osso iliaco destro, anca destra, Becken rechts",
    "hip_right (ilium)": "Darmbein rechts, Hip_Right_Iliac, hip iliac R, Bone_Ilium_R",
    "hip_left (ischium)": "Sitzbein links, Hip_L_Ischial",
    "hip_left (pubis)": "Schambein links",
    "hip_left (acetabulum)": "Hüftpfanne li, acétabule gauche",
    "sacrum": "Kreuzbein, Sacrum, sacro, osso sacro",
    "coccyx": "Steißbein, Steissbein, coxis, coccige",
    "pelvis": "Becken, bassin, bacino",
    "femur_left": "Femur links, fémur gauche, fémur izquierdo, femore sinistro, Oberschenkelknochen links",
    "femur_left (head)": "Femurkopf links, Hüftkopf li, Femur_Head_L",
    "humerus_right": "Humerus rechts, humérus droit, húmero derecho, omero destro, Oberarmknochen re",
    "scapula_left": "Schulterblatt links, omoplate gauche, escápula izquierda, scapola sinistra",
    "clavicula_right": "Schlüsselbein rechts, clavicule droite, clavícula derecha, clavicola destra",
    "sternum": "Brustbein, esternón, sterno",
    "rib_right_5": "Rippe 5 rechts, 5. Rippe rechts, côte 5 droite, costilla 5 derecha, costa 5 destra",
    "ribs": "Rippen, côtes, costillas, coste",
    "vertebrae_L5": "Wirbel L5, Lendenwirbel 5, LWK5, LWK 5, vertèbre L5, vértebra L5, vertebra L5",
    "vertebrae_T12": "BWK12, Brustwirbel 12",
    "vertebrae_C3": "HWK3, Halswirbel 3",
    "vertebrae": "Wirbelsäule, colonne vertébrale, columna vertebral, colonna vertebrale",
    "femur (head)": "Femoral_Heads",
    "skull": "Bone_Frontal, Bone_Parietal_L, temporal bone right, Schädel, crâne, cráneo, cranio",
    "mandible": "Unterkiefer, mandibule, mandíbula, mandibola",
    "tibia_left": "Schienbein links",
    "fibula_left": "Wadenbein links",
    "patella_right": "Kniescheibe rechts, rotule droite, rótula derecha",
    "radius_right": "Speiche rechts",
    "ulna_right": "Elle rechts",
    "bone": "Knochen, hueso, osso",
}
PASSED = {
    "muscle": "Muskel, Gesäßmuskulatur, muscolo, músculo glúteo, psoas, tibialis anterior",
    "pathology": "Tumeur, tumore, Metastase, Metastasen, Läsion",
    "body wall": "Haut, peau, piel",
}


def cases(table):
    return [(name.strip(), expected) for expected, names in table.items() for name in names.split(",")]


@pytest.mark.parametrize(("name", "kind"), cases(STRUCTURES))
def test_a_structure_is_of_one_kind_and_no_bone(name, kind):
    assert kind_of(name) == kind
    assert bone_name(name) is None
    assert ignored_reason(name) is None


@pytest.mark.parametrize(("name", "kind"), cases(STRUCTURES))
def test_no_pattern_makes_it_less_than_its_kind(name, kind):
    """Whatever row matches besides the first one asks for no more distance: the order of rows hides nothing."""
    table = builtin_table()
    kinds = {k for pattern, k in table.names if any(re.search(pattern, form) for form in spellings(name))}
    assert kind in kinds
    assert max(table.kinds[k].zone_mm for k in kinds) == table.kinds[kind].zone_mm, kinds


@pytest.mark.parametrize(("name", "bone"), cases(BONES))
def test_a_bone_is_one_bone_and_no_structure(name, bone):
    assert bone_name(name) == bone
    assert kind_of(name) is None
    assert ignored_reason(name) == IS_BONE
    matched = [pattern for pattern, _ in builtin_table().names if any(re.search(pattern, f) for f in spellings(name))]
    assert matched == []


@pytest.mark.parametrize(("name", "reason"), cases(PASSED))
def test_what_a_needle_may_pass(name, reason):
    assert kind_of(name) is None
    assert ignored_reason(name).startswith(reason)


@pytest.mark.parametrize("name", ["recto femoral", "moelle osseuse", "midollo osseo", "flexor carpi radialis",
                                  "vescica biliare", "Oberschenkel rechts", "sacrum_A1"])  # fmt: skip
def test_what_only_sounds_like_it(name):
    assert kind_of(name) is None


def test_sides_in_every_language():
    for left, right in (("links", "rechts"), ("li", "re"), ("gauche", "droite"), ("izquierda", "derecha"),
                        ("sinistro", "destro"), ("sx", "dx"), ("linker", "rechter")):  # fmt: skip
        assert side_of(f"ureter {left}") == "left"
        assert side_of(f"ureter {right}") == "right"


def test_letters_that_are_two():
    assert words_of("Steißbein") == ("steissbein",)
    assert words_of("œsophage") == ("oesophage",)


def test_the_three_parts_of_a_hip_in_german_are_a_hip():
    parts = {1: "Darmbein rechts", 2: "Sitzbein rechts", 3: "Schambein rechts"}
    assert set(names_in_one_map({n: bone_name(name) for n, name in parts.items()}).values()) == {"hip_right"}
