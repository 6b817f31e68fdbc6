"""The digital phantom: known truth, whatever the sampling grid."""

import numpy as np
import pytest
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.phantom import Phantom, make_phantom
from BoneAblationPlannerLib.ct import ct_sha256

BONES = ("hip_left", "hip_right", "sacrum", "vertebrae_L5", "femur_left", "femur_right")
CORTEX_HU = 700


@pytest.fixture(scope="module")
def fine() -> Phantom:
    return make_phantom((1.5, 1.5, 1.5), seed=3)


@pytest.fixture(scope="module")
def oblique() -> Phantom:
    return make_phantom((2.0, 3.0, 2.5), rotation_degrees=(12.0, -8.0, 20.0), seed=3)


def values(phantom: Phantom, array: np.ndarray, points_ras_mm: np.ndarray) -> np.ndarray:
    """Array values at the voxels that hold the points."""
    k, j, i = np.rint(phantom.ct.grid.ijk_from_ras(points_ras_mm)).astype(int)[:, ::-1].T
    return array[k, j, i]


def mask_of(phantom: Phantom, *names: str) -> np.ndarray:
    wanted = [value for value, name in phantom.organs.names.items() if name in names]
    return np.isin(phantom.organs.labels, wanted)


def shell_count(mask: np.ndarray) -> int:
    """Voxels of a mask that touch its outside."""
    return int((mask & ~ndimage.binary_erosion(mask)).sum())


def test_same_arguments_give_the_same_bytes() -> None:
    first, second = (make_phantom((4.0, 4.0, 4.0)) for _ in range(2))
    assert first.ct.hu.tobytes() == second.ct.hu.tobytes()
    assert first.organs.labels.tobytes() == second.organs.labels.tobytes()
    assert first.ct.sha256 == second.ct.sha256 == ct_sha256(first.ct.grid, first.ct.hu)


def test_the_seed_changes_the_noise_and_nothing_else() -> None:
    first, second = (make_phantom((4.0, 4.0, 4.0), seed=s) for s in (1, 2))
    assert not np.array_equal(first.ct.hu, second.ct.hu)
    np.testing.assert_array_equal(first.organs.labels, second.organs.labels)
    assert first.truth.volume_ml == second.truth.volume_ml


def test_case_is_labelled_as_a_supine_phantom(fine: Phantom) -> None:
    assert (fine.ct.source, fine.ct.scanned_position) == ("phantom", "supine")
    assert fine.ct.hu.dtype == np.int16
    assert fine.organs.grid.matches(fine.ct.grid)
    assert (fine.truth.kind, fine.truth.side) == ("lytic", "right")
    assert 0.0 < fine.truth.cortical_breach_fraction < 1.0


@pytest.mark.parametrize("name", ["fine", "oblique"])
def test_counted_volume_agrees_with_the_truth(name: str, request: pytest.FixtureRequest) -> None:
    """Centre counting errs only at the surface.

    Each surface voxel is in or out with a uniformly distributed remainder (standard deviation 1/sqrt(12) voxel), so the
    count scatters by sqrt(surface / 12); four standard deviations, and one voxel in a hundred for neighbours that err
    together.
    """
    phantom = request.getfixturevalue(name)
    tolerance_voxels = 4.0 * np.sqrt(shell_count(phantom.lesion) / 12.0) + 0.01 * phantom.lesion.sum()
    counted_ml = phantom.lesion.sum() * phantom.ct.grid.voxel_ml
    assert counted_ml == pytest.approx(phantom.truth.volume_ml, abs=tolerance_voxels * phantom.ct.grid.voxel_ml)


def test_truth_is_independent_of_the_grid(fine: Phantom, oblique: Phantom) -> None:
    assert fine.truth == oblique.truth
    assert fine.seed_ras_mm == oblique.seed_ras_mm
    centroids = [p.ct.grid.ras_of_mask(p.lesion).mean(axis=0) for p in (fine, oblique)]
    assert np.linalg.norm(centroids[0] - centroids[1]) < 1.0


@pytest.mark.parametrize("name", ["fine", "oblique"])
def test_seed_lies_in_the_lesion_and_on_the_right(name: str, request: pytest.FixtureRequest) -> None:
    phantom = request.getfixturevalue(name)
    assert phantom.lesion[phantom.ct.grid.nearest_voxel(phantom.seed_ras_mm)]
    assert phantom.seed_ras_mm[0] > 0
    assert (phantom.ct.grid.ras_of_mask(mask_of(phantom, "hip_right"))[:, 0] > 0).all()


def test_lesion_belongs_to_the_right_hip_bone(fine: Phantom) -> None:
    assert fine.lesion.any()
    assert mask_of(fine, "hip_right")[fine.lesion].all()


def test_hounsfield_units_of_tissues(fine: Phantom) -> None:
    hu, spacing = fine.ct.hu, fine.ct.grid.spacing_kji_mm
    core = ndimage.distance_transform_edt(fine.lesion, spacing) > 3.0
    assert hu[core].mean() == pytest.approx(45.0, abs=5.0)
    shaft = mask_of(fine, "femur_right") & (fine.ct.grid.ras_from_ijk(_indices(fine))[:, 2] < -75.0).reshape(hu.shape)
    # Half of the shaft's section is compact bone: outer radius 14 mm, cortex 5 mm.
    assert np.percentile(hu[shaft], 75) > CORTEX_HU
    muscle = ndimage.binary_erosion(mask_of(fine, "gluteus_medius_left"), iterations=2)
    assert 40.0 < hu[muscle].mean() < 65.0
    urine = ndimage.distance_transform_edt(mask_of(fine, "urinary_bladder"), spacing) > 7.0
    assert -5.0 < hu[urine].mean() < 20.0
    fat = np.array([[-120.0, -70.0, 115.0], [120.0, -70.0, 115.0]])
    for point in fat:
        near = fine.ct.grid.region_around(point, 5.0)
        assert hu[near].mean() < -60.0
    assert hu[-1, :4].mean() < -900.0


def _indices(phantom: Phantom) -> np.ndarray:
    """Index (i, j, k) of every voxel in array order."""
    return np.indices(phantom.ct.grid.shape).reshape(3, -1)[::-1].T


def test_cortex_is_missing_in_the_breach_and_present_elsewhere() -> None:
    phantom = make_phantom((1.0, 1.0, 1.0), noise_hu=0.0)
    grid, hu = phantom.ct.grid, phantom.ct.hu
    centre = np.array(phantom.truth.breach_centre_ras_mm)
    around = grid.region_around(centre, 4.0)
    local = grid.crop(around)
    near = np.linalg.norm(local.ras_of_mask(np.ones(local.shape, bool)) - centre, axis=1) < 4.0
    assert hu[around].ravel()[near].max() < CORTEX_HU / 2
    # Away from the gap, the rim around the lesion reaches the brightness of thinned cortex.
    rim = ndimage.binary_dilation(phantom.lesion, iterations=3) & ~phantom.lesion
    points = grid.ras_of_mask(rim)
    far = np.linalg.norm(points - centre, axis=1) > 12.0
    assert (hu[rim][far] > CORTEX_HU / 2).mean() > 0.1
    assert hu[rim][far].max() > CORTEX_HU


@pytest.mark.parametrize("name", ["fine", "oblique"])
def test_nerves_run_in_the_body_and_clear_of_bone(name: str, request: pytest.FixtureRequest) -> None:
    phantom = request.getfixturevalue(name)
    grid = phantom.ct.grid
    assert {n for n, _ in phantom.nerves} >= {
        f"{n} {s}" for n in ("sciatic nerve", "sacral plexus") for s in ("left", "right")
    }
    distance_mm = ndimage.distance_transform_edt(~mask_of(phantom, *BONES), grid.spacing_kji_mm)
    for nerve, course in phantom.nerves:
        assert course.shape[1] == 3
        assert (np.sign(course[:, 0]) == (1 if nerve.endswith("right") else -1)).all()
        ijk = grid.ijk_from_ras(course)
        seen = course[((ijk >= 0) & (ijk <= np.array(grid.shape[::-1]) - 1)).all(axis=1)]
        # The map measures to voxel centres; the bone's edge may be half a voxel diagonal nearer.
        assert values(phantom, distance_mm, seen).min() > grid.half_diagonal_mm, nerve
        assert values(phantom, phantom.ct.hu, seen).min() > -300, nerve


def test_structures_have_adult_proportions(fine: Phantom) -> None:
    present = set(fine.organs.names.values())
    assert present >= {*BONES, "urinary_bladder", "colon", "small_bowel", "iliac_artery_left", "iliac_vena_right"}
    for bone in ("femur_right", "femur_left"):
        points = fine.ct.grid.ras_of_mask(mask_of(fine, bone))
        above_centre = points[points[:, 2] > -3.0]
        # The head is a ball of 23 mm whose centre lies 88 mm from the midline.
        assert np.abs(above_centre[:, 0]).min() == pytest.approx(88.0 - 23.0, abs=3.0)
        assert points[:, 2].max() == pytest.approx(23.0, abs=3.0)


def test_labels_are_disjoint_from_the_air_around_the_patient(oblique: Phantom) -> None:
    air, _ = ndimage.label(oblique.ct.hu < -600)
    outside = np.unique(np.concatenate([air[:, 0].ravel(), air[:, -1].ravel()]))
    assert not oblique.organs.labels[np.isin(air, outside[outside > 0])].any()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"spacing_mm": (0.4, 1.0, 1.0)}, "spacing_mm"),
        ({"spacing_mm": (1.0, 1.0, 5.5)}, "spacing_mm"),
        ({"spacing_mm": (1.0, 1.0)}, "spacing_mm"),
        ({"spacing_mm": (1.0, np.nan, 1.0)}, "spacing_mm"),
        ({"rotation_degrees": (0.0, np.inf, 0.0)}, "rotation_degrees"),
        ({"rotation_degrees": (0.0, 0.0)}, "rotation_degrees"),
        ({"noise_hu": -1.0}, "noise_hu"),
        ({"noise_hu": np.nan}, "noise_hu"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make_phantom(**arguments)
