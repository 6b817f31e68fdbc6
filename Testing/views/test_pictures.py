"""Pictures show what they claim: needles at the right pixel, CT, lesion, models. Needs OpenGL."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from make_result import LESION_RAS_MM, make_result, oblique_grid
from PIL import Image
from scipy import ndimage

from BoneAblationPlannerLib.case import SkinMap
from BoneAblationPlannerLib.errors import Cancelled
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS
from BoneAblationPlannerLib.scene.plan_nodes import remove_plan
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.skin_access import EASY, NO_WAY
from BoneAblationPlannerLib.views import gl, planes
from BoneAblationPlannerLib.views.annotate import Frame, bytes_of
from BoneAblationPlannerLib.views.finishing import TITLE_ROWS
from BoneAblationPlannerLib.views.offscreen import SliceView, ThreeDView
from BoneAblationPlannerLib.views.pictures import take_pictures

pytestmark = [
    pytest.mark.rendering,
    pytest.mark.skipif(not gl.gl_available()[0], reason=gl.HOW_TO_MEND),
]

SIZE = (400, 300)
FIELD_OF_VIEW_MM = 200.0


@pytest.fixture(scope="module")
def plan_scene():
    scene = new_scene()
    result = make_result()
    return scene, add_plan(scene, result), result


@pytest.fixture(scope="module")
def taken(plan_scene, tmp_path_factory):
    scene, nodes, result = plan_scene
    before = node_counts(scene)
    looks = [look(n) for n in (*nodes.surfaces, *nodes.zones, *nodes.shafts, nodes.margin_map)]
    pictures = take_pictures(scene, nodes, result, tmp_path_factory.mktemp("figures"))
    assert node_counts(scene) == before
    assert [look(n) for n in (*nodes.surfaces, *nodes.zones, *nodes.shafts, nodes.margin_map)] == looks
    return pictures


def node_counts(scene) -> Counter:
    return Counter(scene.GetNthNode(n).GetClassName() for n in range(scene.GetNumberOfNodes()))


def look(node):
    display = node.GetDisplayNode()
    return display.GetOpacity(), display.GetVisibility(), display.GetVisibility2D(), display.GetBackfaceCulling()


def near_colour(pixels, colour, tolerance=30):
    return (np.abs(pixels.astype(int) - bytes_of(colour)) <= tolerance).all(axis=-1)


def test_every_picture_is_there(taken):
    kinds = Counter(p.kind for p in taken)
    per_probe = dict.fromkeys(("along", "across", "barrel", "entry"), 2)
    overview = dict.fromkeys(("context", "axial", "coronal", "sagittal", "3d", "margin-map"), 1)
    assert kinds == overview | per_probe
    for picture in taken:
        with Image.open(picture.file) as image:
            assert image.format == "PNG"
            assert min(image.size) >= 800
        assert (picture.probe is not None) == (picture.kind in per_probe)


def test_the_skin_is_coloured_by_ease_of_access_where_it_was_searched(tmp_path):
    """Every entry is as easy as can be, or has no way in: blue or grey, and the legend names four colours."""
    result = make_result()
    grid = result.anatomy.ct.grid
    points = grid.ras_of_mask(result.anatomy.body & ~ndimage.binary_erosion(result.anatomy.body))
    for reason, colour, other in ((0, EASY, NO_WAY), (1, NO_WAY, EASY)):
        skin = SkinMap(points, np.zeros(len(points)), np.full(len(points), reason), ("bowel",))
        scene, searched = new_scene(), replace(result, skin=skin)
        nodes = add_plan(scene, searched)
        (picture,) = [p for p in take_pictures(scene, nodes, searched, tmp_path) if p.kind == "access"]
        with Image.open(picture.file) as image:
            pixels = np.asarray(image.convert("RGB"))[TITLE_ROWS : TITLE_ROWS + 800].astype(int)
        share = {c: _of_hue(pixels, c).mean() for c in (colour, other)}
        assert share[colour] > 0.05 > 0.01 > share[other]
        assert not any(n.GetDisplayNode().GetVisibility() for n in nodes.owned if _is_access(n))


def _is_access(node):
    return node.GetAttribute("BonePlan.Role") == "skin-access"


def _of_hue(pixels, colour):
    """Pixels of a colour in any light: channels in its proportion, neither black nor white."""
    wanted = np.array(colour) / max(colour)
    brightest = pixels.max(axis=-1, keepdims=True)
    seen = (brightest[..., 0] > 40) & (brightest[..., 0] < 235)
    return seen & (np.abs(pixels / np.maximum(brightest, 1) - wanted) < 0.15).all(axis=-1)


def test_ct_and_lesion_are_visible_in_every_slice_picture(taken):
    for picture in taken:
        if picture.kind in ("3d", "margin-map", "entry"):
            continue
        with Image.open(picture.file) as image:
            pixels = np.asarray(image.convert("RGB"))[60:840]
        grey = (np.ptp(pixels.astype(int), axis=-1) < 8) & (pixels[..., 0] > 30) & (pixels[..., 0] < 230)
        assert grey.mean() > 0.2, picture.title
        assert near_colour(pixels, ROLE_COLOURS["lesion"], 12).sum() > 50, picture.title


def test_3d_pictures_show_translucent_models(taken):
    """Zone over bone: a blue that is neither the zone's own nor the paper's."""
    for picture in taken:
        if picture.kind in ("3d", "entry"):
            with Image.open(picture.file) as image:
                pixels = np.asarray(image.convert("RGB")).astype(int)[60:840]
            assert (pixels.min(axis=-1) < 245).mean() > 0.2, picture.title
            bluish = (pixels[..., 2] > pixels[..., 0] + 15) & (pixels[..., 2] > 90)
            assert bluish.sum() > 500, picture.title


def test_slice_view_puts_a_voxel_where_the_frame_says(plan_scene):
    """One bright voxel in an empty volume shows up around the predicted pixel, on an oblique plane."""
    _, _, result = plan_scene
    grid = oblique_grid()
    hu = np.full(grid.shape, -1000, np.int16)
    index = (24, 37, 50)
    hu[index] = 3000
    point = grid.ras_from_ijk([index[::-1]])[0]
    ct = replace(result.anatomy.ct, hu=hu)
    own = new_scene()
    nodes = add_plan(own, replace(result, anatomy=replace(result.anatomy, ct=ct)))
    nodes.segmentation.GetDisplayNode().SetVisibility(False)
    for node in nodes.shafts:
        node.GetDisplayNode().SetVisibility(False)
    plane = planes.along_needle(point + np.array([11.0, -7.0, 0.0]), (0.3, 0.9, -0.2))
    plane = replace(plane, centre=plane.centre + ((point - plane.centre) @ plane.normal) * plane.normal)
    with SliceView(own, SIZE) as view:
        view.show(nodes.ct)
        view.place(plane, FIELD_OF_VIEW_MM)
        pixels = view.pixels()
    rows, columns = np.nonzero(pixels[..., 0] > 20)
    weights = pixels[rows, columns, 0].astype(float)
    found = np.average(columns, weights=weights), np.average(rows, weights=weights)
    expected = Frame(plane, FIELD_OF_VIEW_MM, SIZE).to_pixel(point)[0]
    assert found == pytest.approx(tuple(expected), abs=1.0)


def test_needle_model_appears_on_the_projected_line(plan_scene):
    """Slicer's own cut of the needle's model lies on the line that the pictures draw."""
    scene, nodes, result = plan_scene
    probe = result.plan.probes[0]
    d = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)
    plane = planes.along_needle(probe.tip_ras_mm, d)
    nodes.segmentation.GetDisplayNode().SetVisibility(False)
    frame = Frame(plane, 100.0, SIZE)
    display = nodes.shafts[0].GetDisplayNode()
    colour = display.GetColor()
    display.SetColor(1.0, 0.0, 1.0)
    with SliceView(scene, SIZE) as view:
        view.show(nodes.ct)
        view.place(plane, 100.0)
        pixels = view.pixels()
    display.SetColor(*colour)
    nodes.segmentation.GetDisplayNode().SetVisibility(True)
    rows, columns = np.nonzero(near_colour(pixels, (1.0, 0.0, 1.0), 60))
    assert len(rows) > 50
    start, end = frame.to_pixel([probe.entry_ras_mm, probe.tip_ras_mm])
    along = (end - start) / np.linalg.norm(end - start)
    offset = np.column_stack([columns, rows]) - start
    away = np.abs(offset[:, 0] * along[1] - offset[:, 1] * along[0])
    # Half the needle (0.75 mm at 4 pixels per mm) and the outline's width.
    assert away.max() <= 0.75 * SIZE[0] / 100.0 + 2.5
    assert (offset @ along).max() <= np.linalg.norm(end - start) + 2.5


def test_solid_needle_is_drawn_from_entry_to_tip(taken, plan_scene):
    """Along the path, every pixel of the needle's line in its own plane is white."""
    _, _, result = plan_scene
    probe = result.plan.probes[0]
    picture = next(p for p in taken if p.kind == "along" and p.probe == probe.name)
    d = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)
    plane = planes.along_needle((np.array(probe.entry_ras_mm) + probe.tip_ras_mm) / 2, d)
    frame = Frame(plane, 200.0, (900, 800))
    with Image.open(picture.file) as image:
        pixels = np.asarray(image.convert("RGB"))
    for share in np.linspace(0.2, 0.95, 12):
        column, row = frame.to_pixel(np.array(probe.entry_ras_mm) + share * d)[0]
        x, y = round(column), round(row) + TITLE_ROWS
        assert pixels[y - 1 : y + 2, x - 1 : x + 2].max() > 240


def test_3d_view_projects_points_to_where_they_are_drawn(plan_scene):
    """The margin map is centred on the lesion, so looking at the lesion puts its middle into the middle."""
    scene, nodes, _ = plan_scene
    with ThreeDView(scene, SIZE) as view:
        for node in (*nodes.surfaces, *nodes.zones, *nodes.visible_zones, *nodes.shafts):
            node.GetDisplayNode().SetVisibility(False)
        view.look(LESION_RAS_MM, (0, 1, 0), (0, 0, 1), 100.0)
        pixels = view.pixels()
        at = view.to_screen(LESION_RAS_MM)
        right = view.to_screen(LESION_RAS_MM + np.array([10.0, 0, 0]))
        for node in (*nodes.surfaces, *nodes.zones, *nodes.visible_zones, *nodes.shafts):
            node.GetDisplayNode().SetVisibility(True)
    rows, columns = np.nonzero(pixels.min(axis=-1) < 235)
    middle = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
    assert at == pytest.approx((SIZE[0] / 2, SIZE[1] / 2), abs=1.5)
    assert middle == pytest.approx(at, abs=8)  # half a voxel of the lesion's mask
    # Seen from behind (looking anterior), the patient's right is on the right; 300 pixels are 100 mm.
    assert right[0] - at[0] == pytest.approx(30.0, abs=0.5)


def test_needle_against_the_standard_directions_has_pictures(tmp_path):
    result = make_result()
    tip = LESION_RAS_MM
    probes = tuple(
        replace(
            result.plan.probes[0],
            name=f"P{n}",
            entry_ras_mm=tuple(tip - 60.0 * np.array(d)),
            tip_ras_mm=tuple(tip),
            zone_centre_ras_mm=tuple(tip),
        )
        for n, d in enumerate([(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)])
    )
    result = replace(result, plan=replace(result.plan, probes=probes))
    scene = new_scene()
    nodes = add_plan(scene, result)
    pictures = take_pictures(scene, nodes, result, tmp_path)
    assert len(pictures) == 6 + 4 * 2
    remove_plan(nodes)


def test_cancel_leaves_the_scene_as_it_was(plan_scene, tmp_path):
    scene, nodes, result = plan_scene
    before = node_counts(scene)
    looks = [look(n) for n in nodes.surfaces]
    with pytest.raises(Cancelled):
        take_pictures(scene, nodes, result, tmp_path, lambda fraction, stage: fraction < 0.7)
    assert node_counts(scene) == before
    assert [look(n) for n in nodes.surfaces] == looks
