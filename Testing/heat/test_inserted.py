"""What was put in is told by its name, takes part in the simulation, and bars no path."""

from dataclasses import replace

import numpy as np
import pytest
from grids import oblique_grid

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.structures import collect_structures
from BoneAblationPlannerLib.case import Anatomy, InsertedMaterial, Structure
from BoneAblationPlannerLib.ct import CtVolume, LabelMap, ct_sha256
from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat import medium
from BoneAblationPlannerLib.zones.heat.effects import effects_on
from BoneAblationPlannerLib.zones.heat.ice import Ice, Shaft
from BoneAblationPlannerLib.zones.heat.inserted import inserted_from_labels, inserted_material, material_of
from BoneAblationPlannerLib.zones.heat.medium import LEAST_HEAT_J_M3K
from BoneAblationPlannerLib.zones.heat.patient import PlacedProbe, simulate_in_patient
from BoneAblationPlannerLib.zones.heat.tissue import tissue_names
from BoneAblationPlannerLib.zones.heat.tissue_map import map_tissues, simulation_grid, uniform_map

GRID = oblique_grid((24, 48, 48), (1.0, 1.0, 2.5))


@pytest.mark.parametrize(
    ("name", "material"),
    [
        ("CO2", "carbon dioxide"),
        ("pneumodissection left", "carbon dioxide"),
        ("Hydrodissection", "dextrose 5 %"),
        ("5 % dextrose", "dextrose 5 %"),
        ("saline", "saline"),
        ("old cement", "cement"),
        ("urinary_bladder", None),
        ("colon", None),
        ("hip_left", None),
    ],
)
def test_materials_by_name(name, material):
    assert material_of(name) == material
    assert material is None or material in tissue_names()


def test_a_material_must_be_known_and_somewhere():
    some = np.ones((2, 2, 2), dtype=bool)
    with pytest.raises(InputError, match="not known"):
        inserted_material("jelly", some)
    with pytest.raises(InputError, match="empty"):
        inserted_material("co2", ~some)


def test_fluid_and_gas_of_a_label_map_bar_no_path_but_cement_does():
    hu = np.full(GRID.shape, 40, dtype=np.int16)
    hu[0], hu[-1] = -1000, -1000
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[4:6], labels[8:10], labels[12:14] = 1, 2, 3
    organs = LabelMap(GRID, labels, {1: "co2", 2: "colon", 3: "cement"})
    ct = CtVolume(GRID, hu, "test", ct_sha256(GRID, hu))
    found, account = collect_structures(ct, find_body(ct), organs, ())
    assert {"colon", "cement"} <= {s.name for s in found}
    assert "co2" not in {s.name for s in found}
    assert [i.name for i in account.ignored] == ["co2"]
    inserted = inserted_from_labels(organs)
    assert [(i.name, i.tissue) for i in inserted] == [("co2", "carbon dioxide")]
    assert (inserted[0].mask == (labels == 1)).all()


def patient(inserted=()):
    """Soft tissue with a small tumour and a nerve 16 mm beside it."""
    k, j, i = np.indices(GRID.shape)
    lesion = (abs(k - 12) < 2) & (abs(j - 20) < 4) & (abs(i - 24) < 4)
    nerve = (j == 34) & (abs(i - 24) < 2)
    hu = np.full(GRID.shape, 40, dtype=np.int16)
    structure = Structure("sciatic nerve", "nerve", nerve, 5.0, 10.0, "drawn curve")
    ct = CtVolume(GRID, hu, "test", ct_sha256(GRID, hu))
    body = np.ones(GRID.shape, bool)
    return Anatomy(ct, body, lesion, lesion, (structure,), inserted=tuple(inserted))


def test_a_named_structure_is_its_own_material_not_that_of_its_kind():
    """Cement is an implant to keep clear of, but no metal to the simulation."""
    anatomy = patient()
    block = np.zeros(GRID.shape, dtype=bool)
    block[10:14, 36:40, 20:28] = True
    for name, tissue in (("cement", "cement"), ("screw", "metal")):
        implant = Structure(name, "implant", block, 3.0, 0.0, "organ label")
        middle = GRID.ras_from_ijk([[24.0, 38.0, 12.0]])
        tissues = map_tissues(replace(anatomy, structures=(implant,)), simulation_grid(GRID, middle, 20.0, 1.0))
        inside = tissues.grid.nearest_voxel(middle[0])
        assert tissue_names()[tissues.first[inside]] == tissue


def test_gas_between_probe_and_nerve_keeps_the_nerve_cooler():
    """Carbon dioxide conducts 30 times less than muscle and absorbs no microwaves."""
    _, j, i = np.indices(GRID.shape)
    gas = InsertedMaterial("CO2", "carbon dioxide", (j >= 29) & (j <= 32) & (abs(i - 24) < 14))
    ends = GRID.ras_from_ijk([[24.0, 0.0, 12.0], [24.0, 24.0, 12.0]])
    device = find_device("mwa-neuwave-17g")
    probe = PlacedProbe(device, device.programs[0], tuple(ends[0]), tuple(ends[1]))
    hottest = [
        effects_on(simulate_in_patient(case, [probe], voxel_mm=2.0), case.structures, GRID)[0].extremes.hottest_celsius
        for case in (patient(), patient([gas]))
    ]
    assert hottest[1] < hottest[0] - 1


def test_what_gas_is_taken_to_store_hardly_changes_the_tissue_around_it(monkeypatch):
    """A pocket of gas beside ice, with the least heat as it is and with a sixth of it."""
    found = []
    for share in (1.0, 1 / 6):
        monkeypatch.setattr(medium, "LEAST_HEAT_J_M3K", LEAST_HEAT_J_M3K * share)
        tissues = uniform_map(Grid((25, 25, 31), np.eye(4)), "muscle")
        gas = np.zeros(tissues.grid.shape, dtype=bool)
        gas[6:19, 6:19, 18:26] = True
        tissues.paint(gas, "air")
        ice = Ice(medium.Medium.of(tissues))
        ice.advance(300.0, [Shaft(np.array([[k, 12, 8] for k in range(6, 19)]), np.full(13, 1e9))], [-140.0])
        found.append(ice.temperature_celsius)
    assert np.abs(found[0] - found[1])[~gas].max() < 0.3
    assert found[0][~gas][(found[0][~gas] < 30)].size > 1000  # the cold comes far enough to matter
    assert found[0][12, 12, 17] < 25  # also to the wall
