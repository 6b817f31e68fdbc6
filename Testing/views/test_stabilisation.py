"""Pictures of cement, screws and rigidity."""

from dataclasses import replace

import numpy as np
import pytest
from make_result import LESION_RAS_MM, make_result
from PIL import Image

from BoneAblationPlannerLib.plan import Cement, CementNeedle, RigidityCurve, Screw
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.views import gl
from BoneAblationPlannerLib.views.annotate import bytes_of
from BoneAblationPlannerLib.views.finishing import TITLE_ROWS
from BoneAblationPlannerLib.views.pictures import take_pictures
from BoneAblationPlannerLib.views.stabilisation import (
    across_screws,
    density_picture,
    instruments,
    rigidity_picture,
    view_direction,
)

CENTRE = np.array(LESION_RAS_MM)


def point(values):
    return tuple(round(float(v), 2) for v in values)


def treated():
    """A screw and a cement needle that meet in the lesion."""
    result = make_result()
    needle = CementNeedle("Cement needle 1", 11, point(CENTRE + [0, 60, 0]), point(CENTRE), None, 3.05, 2.0)
    ends = (point(CENTRE - [30, 0, 0]), point(CENTRE + [30, 0, 0]))
    screw = Screw("Screw 1", "made", 7.3, 60.0, *ends, 2.0, None, head_diameter_mm=8.0)
    cement = Cement((needle,), 2.0, 0.5, (), stop_ml=2.0)
    return replace(result, plan=replace(result.plan, cement=cement, screws=(screw,)))


def test_the_screw_is_seen_from_its_side():
    plan = treated().plan
    assert view_direction(plan, np.array([1.0, 0.0, 0.0])) @ [1.0, 0.0, 0.0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(view_direction(plan, np.array([0.6, 0.8, 0.0])), [0.0, 1.0, 0.0], atol=1e-9)
    assert [i.name for i in instruments(plan)] == ["Cement needle 1", "Screw 1"]


def test_the_slice_across_the_screws_passes_the_lesion_at_a_right_angle():
    plan = treated().plan
    plane = across_screws(plan)
    np.testing.assert_allclose(np.abs(plane.normal), [1.0, 0.0, 0.0], atol=1e-9)
    # Held 20 mm before and 22 mm beyond the lesion, of 60 mm: the middle of the rest is 29 mm from the head.
    screw = replace(plan.screws[0], purchase_before_lesion_mm=20.0, purchase_beyond_lesion_mm=22.0)
    np.testing.assert_allclose(across_screws(replace(plan, screws=(screw,))).centre, CENTRE - [1.0, 0, 0], atol=0.01)
    assert across_screws(replace(plan, screws=())) is None


def test_the_curve_runs_where_its_values_are():
    """Flat at half of the highest value: a level line half way up the axes."""
    stations = (0.0, 50.0, 100.0)
    curve = RigidityCurve(stations, (5.0,) * 3, (10.0,) * 3, (0.0,) * 3)
    pixels = np.asarray(rigidity_picture(curve, (900, 800)))

    def rows(colour):
        hit = (pixels[TITLE_ROWS : TITLE_ROWS + 700, 300:800] == bytes_of(colour)).all(axis=-1)
        return np.flatnonzero(hit.mean(axis=1) > 0.9)

    reference, before, after = (
        rows(c).mean() for c in ((0.6, 0.6, 0.6), ROLE_COLOURS["lesion"], ROLE_COLOURS["zone-visible"])
    )
    assert before == pytest.approx((reference + after) / 2, abs=1.5)
    assert reference < before < after


def test_density_is_drawn_where_its_values_are():
    """One screw at a constant 400 HU above another that goes from 800 HU at the head to -200 HU at the tip."""
    level, falling = (
        replace(treated().plan.screws[0], name=name, hu_every_5_mm=hu)
        for name, hu in (("level", (400.0,) * 5), ("falling", (800.0, 550.0, 300.0, 50.0, -200.0)))
    )
    pixels = np.asarray(density_picture([level, falling], (900, 800)))[TITLE_ROWS : TITLE_ROWS + 700]
    blue = (pixels == bytes_of(ROLE_COLOURS["screw"])).all(axis=-1)
    other = (pixels == (230, 153, 0)).all(axis=-1)
    rows = np.flatnonzero(blue[:, 300:800].mean(axis=1) > 0.9)
    assert len(rows)
    columns = np.flatnonzero(other.any(axis=0))
    left, right = (np.flatnonzero(other[:, c]).mean() for c in (columns[3], columns[-4]))
    # 400 HU lies at 6/10 of the way from -200 to 800.
    assert (right - rows.mean()) / (right - left) == pytest.approx(0.6, abs=0.02)


def test_a_bar_says_where_a_screw_lies_in_the_lesion():
    """From 20 to 50 mm of 100: three tenths of the axis, which is as wide as the picture less 190 pixels."""
    hu = tuple(100.0 + n for n in range(21))
    screw = Screw("Screw 1", "made", 7.3, 100.0, point(CENTRE), point(CENTRE + [100, 0, 0]), 2.0, 50.0, 20.0)
    colour = bytes_of(ROLE_COLOURS["screw"])

    def bar(drawn):
        pixels = np.asarray(density_picture([replace(drawn, hu_every_5_mm=hu)], (900, 800)))
        return (pixels[TITLE_ROWS + 15 : TITLE_ROWS + 25] == colour).all(axis=(0, 2))

    columns = np.flatnonzero(bar(screw))
    assert columns[0] == pytest.approx(150 + 0.2 * 710, abs=2)
    assert columns[-1] == pytest.approx(150 + 0.5 * 710, abs=2)
    assert not bar(replace(screw, purchase_before_lesion_mm=None, purchase_beyond_lesion_mm=None)).any()


@pytest.mark.rendering
@pytest.mark.skipif(not gl.gl_available()[0], reason=gl.HOW_TO_MEND)
def test_every_instrument_has_a_picture_and_the_scene_stays(tmp_path):
    scene, result = new_scene(), treated()
    nodes = add_plan(scene, result)
    models = [n.GetDisplayNode() for n in nodes.stabilisation if n.IsA("vtkMRMLModelNode")]
    before = [(d.GetOpacity(), d.GetVisibility(), d.GetVisibility2D()) for d in models]
    pictures = [p for p in take_pictures(scene, nodes, result, tmp_path) if p.kind == "stabilisation"]
    assert [p.title.split(":")[0] for p in pictures] == [
        "Cement needle 1",
        "Screw 1",
        "Across Screw 1",
        "Cement and screws",
    ]
    assert [(d.GetOpacity(), d.GetVisibility(), d.GetVisibility2D()) for d in models] == before
    # The screw's own colour, in light, is in the 3D picture.
    pixels = np.asarray(Image.open(pictures[-1].file).convert("RGB")).astype(int)[TITLE_ROWS : TITLE_ROWS + 780]
    bluish = (pixels[..., 2] - pixels[..., 0] > 15) & (pixels[..., 2] > 100)
    assert bluish.sum() > 500
