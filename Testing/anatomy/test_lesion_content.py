"""What an outline holds: tumour, or what normal bone holds."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.anatomy.lesion import segment_lesion
from BoneAblationPlannerLib.anatomy.lesion.content import CONTENT, content_check
from BoneAblationPlannerLib.anatomy.lesion.neighbourhood import neighbourhood
from BoneAblationPlannerLib.ct import CtVolume

CENTRE = np.array([12.0, -34.0, 56.0])


def parts(*shares_and_hu):
    """Densities (1000,) of which each share has its own value."""
    return np.concatenate([np.full(round(1000 * share), float(hu)) for share, hu in shares_and_hu])


@pytest.mark.parametrize(
    ("hu", "kind"),
    [
        (parts((1.0, 45)), "lytic"),
        (parts((0.95, 45), (0.05, -60)), "lytic"),  # less fat than counts as a part
        (parts((0.3, 45), (0.7, 700)), "mixed"),
        (parts((1.0, 654)), "sclerotic"),  # the mean of untreated metastases in the source
    ],
)
def test_tumour_is_not_doubted(hu, kind):
    assert content_check(hu, kind) is None


@pytest.mark.parametrize(
    ("hu", "kind", "said"),
    [
        (parts((0.8, 45), (0.2, -60)), "lytic", "-60 HU, as fat in normal marrow"),
        (parts((0.2, -60), (0.8, 600)), "mixed", "as fat in normal marrow"),
        (parts((1.0, 230)), "lytic", "densities of normal bone"),
        (parts((0.6, 230), (0.4, 700)), "mixed", "densities of normal bone"),
        (parts((1.0, 1190)), "sclerotic", "1190 HU on average"),  # the mean of bone islands in the source
    ],
)
def test_what_normal_bone_holds_is_doubted(hu, kind, said):
    assert said in content_check(hu, kind)


def test_the_limits_are_those_of_the_data_file():
    limit = CONTENT["bone_island_mean_hu"]
    assert content_check(np.full(10, limit), "sclerotic") is None
    assert content_check(np.full(10, limit + 1), "sclerotic") is not None


@pytest.mark.parametrize(("hu", "doubted"), [(650.0, False), (1190.0, True)])
def test_a_ball_as_dense_as_cortex_lowers_the_confidence(hu, doubted):
    grid = oblique_grid((60, 76, 84), (1.0, 1.1, 1.4))
    bone = ball(grid, CENTRE, 28.0)
    tissue = np.where(ball(grid, CENTRE, 25.0), 230.0, np.where(bone, 1100.0, 55.0))
    tissue[ball(grid, CENTRE, 9.0)] = hu
    tissue += np.random.default_rng(4).normal(scale=12.0, size=grid.shape)
    ct = CtVolume(grid, np.round(tissue).astype(np.int16), "made", "0")
    outline = segment_lesion(ct, bone, CENTRE)
    assert any("as cortex or a bone island" in check for check in outline.checks) == doubted
    assert (outline.confidence < 0.6) == doubted


def test_noise_is_no_fat():
    """Noise of 60 HU around tumour of 45 HU: a tenth of the CT's voxels lie below 45 - 1.28 * 60 = -32 HU."""
    grid = oblique_grid((60, 76, 84), (0.9, 0.8, 0.8))
    tissue = 45.0 + np.random.default_rng(6).normal(scale=60.0, size=grid.shape)
    ct = CtVolume(grid, np.round(tissue).astype(np.int16), "made", "0")
    near = neighbourhood(ct, np.ones(grid.shape, dtype=bool), CENTRE)
    seen = near.hu[near.radius_mm < 8.0]
    assert content_check(ct.hu.ravel(), "lytic") is not None
    assert content_check(seen, "lytic") is None
