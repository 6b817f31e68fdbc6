"""The shipped catalogue against the published numbers, and refusal of bad rows."""

import copy
import json
from importlib.resources import files

import pytest

from BoneAblationPlannerLib.devices.catalogue import builtin_devices, find_device, parse_catalogue, usable_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import MODALITIES


def document():
    return json.loads(files("BoneAblationPlannerLib.devices").joinpath("catalogue.json").read_text(encoding="utf-8"))


def test_every_modality_has_devices_with_provenance():
    devices = builtin_devices()
    assert {d.modality for d in devices} == set(MODALITIES)
    for device in devices:
        for program in device.programs:
            for row in device.provenance(program):
                assert row.source
                assert row.status in ("seen", "derived", "unverified", "default")


@pytest.mark.parametrize(
    ("device", "program", "short", "long", "beyond"),
    [("mwa-emprint-13g", "100 W 10 min", 36, 42, 9.5), ("mwa-emprint-13g", "75 W 5 min", 32, 35, 6.0),
     ("mwa-neuwave-17g", "65 W 5 min", 24, 36, 1.2)],
)  # fmt: skip
def test_profiles_that_were_read_are_stored_as_read(device, program, short, long, beyond):
    found = next(p for p in find_device(device).programs if p.id == program)
    assert (found.short_mm, found.long_mm, found.beyond_tip_mm, found.status) == (short, long, beyond, "seen")


def test_in_vivo_factor_shrinks_the_ex_vivo_zone():
    """Sphere of 28.5 ml: diameter (6 V / pi)^(1/3) = 37.9 mm ex vivo, times 0.69 in vivo."""
    program = find_device("rfa-cooltip-17g").programs[0]
    assert program.short_mm == pytest.approx((6 * 28500 / 3.14159265) ** (1 / 3) * 0.69, abs=0.05)


def test_ice_has_a_visible_edge_outside_the_lethal_zone():
    for device in builtin_devices():
        for p in device.programs:
            if device.modality == "cryo":
                assert p.visible_short_mm > p.short_mm
                assert p.visible_long_mm > p.long_mm
                assert p.lethal_isotherm_celsius <= -20
            else:
                assert p.visible_short_mm is None


def test_unknown_device_lists_what_there_is():
    with pytest.raises(InputError, match="cryo-icerod-17g"):
        find_device("laser")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["devices"][0].pop("diameter_mm"), r"device 1 \(mwa-emprint-13g\): diameter_mm is None"),
        (lambda d: d["devices"][1].update(modality="laser"), r"device 2 .*modality 'laser'"),
        (lambda d: d["devices"][0].update(shaft_lengths_mm=[]), "shaft_lengths_mm"),
        (lambda d: d["devices"][0].update(programs=[]), "programs missing"),
        (lambda d: d["devices"][0]["programs"][1].update(long_mm=-3), "program 2: long_mm is -3"),
        (lambda d: d["devices"][0]["programs"][0].update(status="sure"), "status is 'sure'"),
        (lambda d: d["devices"][0]["programs"][0].update(beyond_tip_mm=50), "expected less than long_mm"),
        (lambda d: d.pop("devices"), "expected an object with a list 'devices'"),
    ],
)
def test_a_bad_row_is_named(change, message):
    bad = copy.deepcopy(document())
    change(bad)
    with pytest.raises(InputError, match=message):
        parse_catalogue(bad, "user.json")


def test_every_ellipsoid_has_the_axes_and_the_offset_of_its_row():
    """A needle straight down: the zone ends beyond_tip below the tip and is long and short as the row says."""
    rows = [(d, p) for d in document()["devices"] for p in d["programs"]]
    assert len(rows) == sum(len(d.programs) for d in builtin_devices())
    for row, p in rows:
        device = find_device(row["id"])
        program = next(known for known in device.programs if known.id == p["id"])
        factor = row["in_vivo_factor"]
        placed = Placement("Probe", device, program, (0.0, 0.0, 100.0), (0.0, 0.0, 0.0))
        zone = placed.zone
        assert zone.across_mm == pytest.approx(p["short_mm"] * factor)
        assert zone.along_mm == pytest.approx(p["long_mm"] * factor)
        assert zone.centre_ras_mm[2] - zone.along_mm / 2 == pytest.approx(-p["beyond_tip_mm"] * factor)
        if "visible_short_mm" in p:
            assert placed.outer_zone.across_mm == pytest.approx(p["visible_short_mm"] * factor)
            assert placed.outer_zone.along_mm == pytest.approx(p["visible_long_mm"] * factor)


@pytest.mark.parametrize(
    ("device", "program", "volume_ml"),
    [("rfa-starburst-14g", "3 cm target, 9.4 min", 17.1), ("rfa-starburst-14g", "5 cm target, 19.6 min", 39.4),
     ("rfa-leveen-15g", "3 cm target, 4.6 min", 29.7), ("rfa-leveen-15g", "5 cm target, 9.2 min", 71.8),
     ("rfa-cooltip-cluster", "12 min", 48.3)],
)  # fmt: skip
def test_spheres_of_published_volumes(device, program, volume_ml):
    """PMC4463338 gives ex vivo volumes: the diameter is that of a sphere, times 0.69 in vivo."""
    found = next(p for p in find_device(device).programs if p.id == program)
    assert found.short_mm == pytest.approx(0.69 * (6000 * volume_ml / 3.14159265) ** (1 / 3), abs=0.05)


def test_roughly_known_zones_are_used_only_where_asked_for():
    devices = builtin_devices()
    assert "rfa-starburst-14g" not in {d.id for d in usable_devices(devices, None)}
    assert [d.id for d in usable_devices(devices, "rfa-starburst-14g")] == ["rfa-starburst-14g"]
    assert {d.modality for d in usable_devices(devices, None)} == set(MODALITIES)


def test_a_flag_that_is_none_is_refused():
    rows = document()
    rows["devices"][0]["automatic"] = "no"
    with pytest.raises(InputError, match="automatic is 'no'; expected true or false"):
        parse_catalogue(rows, "mine.json")
