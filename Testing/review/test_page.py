"""The page in a real browser: look, drag, compare, save, decide, reload."""

import math
import re
import socket
from urllib.parse import urlsplit

import pytest
from reviewing import Reviewer, read_lines, serve, stop

from BoneAblationPlannerLib.plan import read_plan
from BoneAblationPlannerLib.review.folder import sha256_of
from BoneAblationPlannerLib.rounding import mm_down
from BoneAblationPlannerLib.scene.skin_access import LEGEND
from BoneAblationPlannerLib.views.annotate import bytes_of


@pytest.fixture
def reviewer(browser, page):
    """A browser on the page that all tests of this file share."""
    user = Reviewer(browser, page).ready()
    yield user
    user.page.evaluate("trame.trigger('discard')")
    user.close()
    assert user.problems == []


def test_it_shows_the_stored_plan_and_loads_nothing_from_elsewhere(reviewer, page):
    coverage = reviewer.plan.coverage
    assert reviewer.figure("Smallest margin") == mm_down(coverage.minimum_margin_mm, sign=True)
    assert reviewer.figure("Smallest margin", 4) == ""
    shown = reviewer.page.inner_text("#figures .notchecked")
    assert all(kind in shown for kind in reviewer.plan.structures.not_checked)
    assert "Not a medical device" in reviewer.page.inner_text("footer")
    hosts = {urlsplit(url).hostname for url in reviewer.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_every_tab_opens(reviewer):
    for name, part in (("Structures", "structures"), ("Needles", "needles"), ("Cement, screws", "cement"),
                       ("Sources", "sources"), ("Decide", "decide"), ("Figures", "figures")):  # fmt: skip
        reviewer.page.click(f'nav.tabs button:text-is("{name}")')
        assert reviewer.page.locator(f"#{part}").is_visible()


@pytest.mark.parametrize("size", [(1600, 900), (1280, 720), (1024, 768)])
def test_no_column_of_a_tab_is_cut_off(reviewer, size):
    reviewer.page.set_viewport_size({"width": size[0], "height": size[1]})
    tabs = reviewer.page.locator("nav.tabs button")
    for n in range(tabs.count()):
        tabs.nth(n).click()
        width, shown = reviewer.page.evaluate("(b => [b.scrollWidth, b.clientWidth])(document.querySelector('.body'))")
        assert width <= shown, tabs.nth(n).inner_text()


def test_failing_structures_stand_first(reviewer):
    reviewer.page.click('nav.tabs button:text-is("Structures")')
    lights = reviewer.page.eval_on_selector_all("#structures tbody tr", "rows => rows.map(r => r.className)")
    order = [
        ("red", "amber", "green").index(next(w for w in c.split() if w in ("red", "amber", "green"))) for c in lights
    ]
    assert order == sorted(order)
    assert len(order) == sum(len(p.clearances) for p in reviewer.plan.probes)


def test_colours_of_the_skin_have_a_scale_while_they_are_shown(reviewer):
    reviewer.page.click('nav.tabs button:text-is("Figures")')
    scale = reviewer.page.locator("#access-scale")
    assert not scale.is_visible()
    reviewer.page.get_by_label("Ease of access (3D)").check()
    scale.wait_for(state="visible")
    shown = scale.locator("i").evaluate("e => getComputedStyle(e).backgroundImage")
    excluded = scale.locator("b").evaluate("e => getComputedStyle(e).backgroundColor")
    found = [tuple(map(int, c)) for c in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", shown + excluded)]
    assert found == [bytes_of(colour) for _, colour in LEGEND]
    reviewer.page.get_by_label("Ease of access (3D)").uncheck()
    scale.wait_for(state="hidden")


def test_the_views_say_whose_temperatures_they_show_once_needles_were_moved(reviewer):
    told = reviewer.page.locator(".view .outdated")
    for outdated, moment, count in ((False, 2, 0), (True, -1, 0), (True, 2, 3)):
        reviewer.page.evaluate(f"trame.state.set('heat', {{ outdated: {str(outdated).lower()} }})")
        reviewer.page.evaluate(f"trame.state.set('heat_moment', {moment})")
        reviewer.page.wait_for_function(f"document.querySelectorAll('.view .outdated').length === {count}")
    assert "temperatures as of plan.json" in told.first.inner_text()
    reviewer.page.evaluate("trame.state.set('heat', {}); trame.state.set('heat_moment', -1)")


def test_a_row_of_the_structures_shows_the_tip_of_its_instrument(reviewer):
    reviewer.page.click('nav.tabs button:text-is("Structures")')
    reviewer.page.locator("#structures tbody tr").first.click()
    name = reviewer.page.locator("#structures tbody tr td:nth-child(3)").first.inner_text()
    tip = next(probe.tip_ras_mm for probe in reviewer.plan.probes if probe.name == name)
    reviewer.page.wait_for_function(f"trame.state.get('corner').axial.where === 'S {tip[2]:+.1f} mm'")
    reviewer.page.keyboard.press("0")


def test_a_distance_is_that_between_the_clicks(reviewer):
    """In the standard views of a fresh page the shorter side of a slice shows 260 mm."""
    reviewer.page.keyboard.press("0")
    reviewer.page.wait_for_selector(".view.sagittal >> text=Sagittal")
    reviewer.page.wait_for_timeout(1500)
    reviewer.figure("Smallest margin")  # distances are listed beside the figures
    box = reviewer.page.locator(".view.axial .remote-controlled-area").bounding_box()
    first, second = (box["x"] + 60, box["y"] + 60), (box["x"] + 160, box["y"] + 100)
    reviewer.page.click('button:text-is("Distance")')
    reviewer.page.wait_for_selector('button.on:text-is("Click two points")')
    for x, y in (first, second):
        reviewer.page.mouse.move(x, y)
        reviewer.page.wait_for_timeout(300)
        reviewer.page.mouse.click(x, y)
        reviewer.page.wait_for_timeout(300)
    told = reviewer.page.locator("#figures li", has_text="Distance 1").inner_text()
    expected = math.dist(first, second) * 260 / min(box["width"], box["height"])
    assert float(told.split()[-2]) == pytest.approx(expected, rel=0.03)
    reviewer.page.click('button:text-is("Clear distances")')
    reviewer.page.wait_for_selector("#figures li:has-text('Distance 1')", state="detached")


def test_needles_are_locked_until_they_are_unlocked(reviewer):
    reviewer.along(0)
    reviewer.drag_tip(0)
    reviewer.page.wait_for_timeout(1500)
    assert not reviewer.page.locator("#changed").is_visible()


COVERED = "Lesion + 5 mm covered"
"""Unlike the smallest margin, it changes wherever a needle goes."""


def test_a_dragged_needle_changes_the_figures_and_undo_brings_them_back(reviewer):
    before = reviewer.figure(COVERED)
    reviewer.along(0)
    reviewer.unlock()
    reviewer.page.wait_for_timeout(1500)
    reviewer.drag_tip(0)
    reviewer.page.wait_for_selector("#changed", timeout=30_000)
    reviewer.settled()
    assert reviewer.figure(COVERED) != before
    assert reviewer.figure(COVERED, 3) == before
    assert reviewer.figure(COVERED, 4) != ""
    while reviewer.page.locator('button:text-is("Undo")').is_enabled():
        reviewer.page.keyboard.press("Control+z")
        reviewer.page.wait_for_timeout(300)
    reviewer.settled()
    assert reviewer.figure(COVERED) == before


def test_a_wider_margin_never_covers_more(reviewer):
    reviewer.page.fill("#margin", "10")
    reviewer.page.press("#margin", "Tab")
    reviewer.page.wait_for_selector("#changed")
    reviewer.page.wait_for_selector("text=Lesion + 10 mm covered", timeout=120_000)
    wide = float(reviewer.figure("Lesion + 10 mm covered").split()[0])
    assert wide <= 100 * reviewer.plan.coverage.lesion_plus_margin_fraction + 0.05


@pytest.mark.parametrize(
    "call",
    [
        "'set_margin', ['x']", "'set_margin', [1e9]", "'nudge', [99, 'tip', 0, 1]", "'nudge', [0, 'hub', 0, 1]",
        "'set_device', [0, '../../etc/passwd']", "'set_mode', ['a']", "'set_window', [{}]", "'set_offset', ['x', null]",
        "'decide', ['approved', null, null, 3]", "'decide', ['approved', '', '']", "'set_layer', [[], {}]",
        "'undo', [1]", "'go_to', [0]", "'go_to', [1e999, 0, 0]", "'show_moment', ['x']",
    ],
)  # fmt: skip
def test_nonsense_from_the_page_is_answered_in_one_line_and_changes_nothing(reviewer, page, call):
    before = sorted(p.name for p in page.folder.iterdir())
    reviewer.page.evaluate(f"trame.trigger({call})")
    reviewer.page.wait_for_timeout(400)
    assert "Traceback" not in reviewer.page.inner_text("body")
    assert not reviewer.page.locator("#changed").is_visible()
    assert sorted(p.name for p in page.folder.iterdir()) == before
    assert page.process.poll() is None


def test_keys_change_views_windows_and_tabs(reviewer):
    press = reviewer.page.keyboard.press
    press("1")
    reviewer.page.wait_for_selector("text=Down the barrel")
    press("0")
    reviewer.page.wait_for_selector(".view.sagittal >> text=Sagittal")
    press("s")
    reviewer.page.wait_for_selector('button.on:text-is("Soft tissue")')
    press("?")
    assert reviewer.page.locator("text=Keyboard and mouse").is_visible()
    press("Escape")
    assert not reviewer.page.locator("text=Keyboard and mouse").is_visible()


def test_a_second_browser_is_told_so(reviewer, browser, page):
    context = browser.new_context()
    other = context.new_page()
    other.goto(page.address)
    assert "One reviewer at a time" in other.inner_text("body")
    context.close()


def test_a_page_from_elsewhere_cannot_drive_the_review(reviewer, browser, page):
    """A foreign page in the same browser that even knows the key."""
    context = reviewer.context
    foreign = context.new_page()
    foreign.goto("data:text/html,<p>foreign</p>")
    state = foreign.evaluate(
        """address => new Promise(done => {
            const s = new WebSocket(address); s.onopen = () => done("open"); s.onerror = () => done("refused"); })""",
        page.root.replace("http", "ws") + "/ws",
    )
    assert state == "refused"
    foreign.close()


def test_save_decide_reload_end(browser, folder, can_draw):
    """A whole review: a change is saved as version 2, rejected, then version 2 is approved, and the process ends."""
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    review = serve(folder)
    try:
        user = Reviewer(browser, review).ready()
        user.page.click('nav.tabs button:text-is("Needles")')
        user.page.click('#needles article:first-of-type p.nudge:last-of-type button:text-is("S")')
        user.page.wait_for_selector("#changed", timeout=30_000)
        user.page.click('nav.tabs button:text-is("Decide")')
        assert user.page.locator("#approve").is_disabled()
        user.page.click("#end")
        user.page.wait_for_selector("#notice.error:has-text('unsaved')")
        user.page.click("#save")
        user.page.wait_for_selector("#notice.ok:has-text('Saved as plan-2.json')", timeout=120_000)
        assert {name: (folder / name).read_bytes() for name in before} == before
        moved = read_plan(folder / "plan-2.json").probes[0].tip_ras_mm
        assert moved[2] == pytest.approx(user.plan.probes[0].tip_ras_mm[2] + 1.0, abs=0.011)

        assert "evaluate plan-2.mrb --out" in user.page.inner_text("#noreport")
        user.page.fill("#reviewer", "Dr. Test")
        user.page.click("#reject")
        user.page.wait_for_selector("#notice.error:has-text('reason')")
        user.page.fill("#reason", "the entry crosses a scar")
        user.page.click("#reject")
        user.page.wait_for_selector(".record .rejected")
        user.page.click("#approve")
        user.page.wait_for_selector(".record .approved")

        user.page.reload()
        user.page.wait_for_selector(".review", timeout=60_000)
        user.page.click('nav.tabs button:text-is("Decide")')
        assert user.page.locator(".record li").count() == 2
        assert "plan-2.json" in user.page.inner_text(".state")
        user.page.click("#end")
        user.page.wait_for_selector("text=You can close this page")
        review.process.wait(timeout=30)
        assert user.problems == []
        user.close()
    finally:
        code, errors = stop(review.process)
    assert code == 0
    assert "Traceback" not in errors
    record = read_lines(folder / "approvals.jsonl")
    assert [line["decision"] for line in record] == ["rejected", "approved"]
    assert {line["plan_sha256"] for line in record} == {sha256_of(folder / "plan-2.json")}
    assert {p.name for p in folder.iterdir()} == {*before, "plan-2.json", "plan-2.mrb", "approvals.jsonl"}


def test_ctrl_c_ends_it_without_a_trace(folder, can_draw):
    review = serve(folder)
    code, errors = stop(review.process)
    assert code == 0
    assert "Traceback" not in errors
    assert {p.name for p in folder.iterdir()} == {"plan.json", "plan.mrb"}


def test_a_port_that_is_taken_is_refused_in_one_line(folder, capsys):
    from BoneAblationPlannerLib.cli import main

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["review", str(folder), "--port", str(taken.getsockname()[1])]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "expected a free port" in told


def test_a_folder_without_a_plan_is_refused_in_one_line(tmp_path, capsys):
    from BoneAblationPlannerLib.cli import main

    assert main(["review", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
