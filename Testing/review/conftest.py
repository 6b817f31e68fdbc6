"""A plan folder and a running review page, once for all tests of the browser."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scene"))

from reviewing import CHROMIUM_OPTIONS, serve, stop

pytest.importorskip("slicer", reason="needs slicer-core: pip install 'bone-ablation-planner[standalone]'")


@pytest.fixture(scope="session")
def plan_folder(tmp_path_factory):
    """The coarse phantom's plan as planning leaves it: plan.json and plan.mrb are what the review reads."""
    from phantoms import coarse_result

    from BoneAblationPlannerLib.plan import write_plan
    from BoneAblationPlannerLib.scene.build import add_plan
    from BoneAblationPlannerLib.scene.bundle import save_bundle
    from BoneAblationPlannerLib.scene.runtime import new_scene

    folder = tmp_path_factory.mktemp("plan")
    result, scene = coarse_result(), new_scene()
    add_plan(scene, result)
    save_bundle(scene, folder / "plan.mrb")
    write_plan(result.plan, folder / "plan.json")
    return folder


@pytest.fixture
def folder(plan_folder, tmp_path):
    """A copy that a test may change."""
    copy = tmp_path / "plan"
    shutil.copytree(plan_folder, copy)
    return copy


@pytest.fixture(scope="session")
def can_draw():
    """Skips where nothing can be drawn."""
    from BoneAblationPlannerLib.views.gl import gl_available

    available, why = gl_available()
    if not available:
        pytest.skip(why)


@pytest.fixture(scope="module")
def page(can_draw, plan_folder, tmp_path_factory):
    """The review of a copy of the plan, in a process of its own as a user starts it."""
    copy = tmp_path_factory.mktemp("review") / "plan"
    shutil.copytree(plan_folder, copy)
    running = serve(copy)
    yield running
    stop(running.process)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright; skips with the reason where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield started
        started.close()
