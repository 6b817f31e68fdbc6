"""Pictures of the review page on a wide and a small screen: ``python Testing/review/screenshots.py PLAN_DIR OUT``."""

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.sync_api import sync_playwright
from reviewing import CHROMIUM_OPTIONS, Reviewer, serve, stop

SCREENS = {"wide": (1920, 1080), "small": (1024, 768)}
SETTLE_S = 4
LAST_MOMENT = """() => {
    const moment = document.querySelector('#moment');
    moment.value = moment.max;
    moment.dispatchEvent(new Event('input'));
}"""


def main():
    """Each screen, each state that a reviewer passes through."""
    plan, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    review = serve(plan)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS)
            for name, (width, height) in SCREENS.items():
                take(Reviewer(browser, review, width, height).ready(), out, name)
    finally:
        stop(review.process)


def take(user, out, name):
    """Standard views, structures, along a needle with a moved tip, heat or ice if simulated, the decision."""

    def save(what):
        time.sleep(SETTLE_S)
        user.page.screenshot(path=out / f"review-{name}-{what}.png")

    user.page.keyboard.press("0")
    user.page.click('nav.tabs button:text-is("Figures")')
    save("figures")
    user.page.click('nav.tabs button:text-is("Structures")')
    save("structures")
    user.along(0)
    user.page.click('nav.tabs button:text-is("Figures")')
    if "on" not in (user.page.get_attribute("#edit", "class") or "").split():
        user.unlock()
    time.sleep(SETTLE_S)
    user.drag_tip(0)
    user.settled()
    save("moved")
    user.page.evaluate("trame.trigger('discard')")
    user.settled()
    if user.plan.simulation is not None:
        user.page.click('nav.tabs button:text-is("Heat or ice")')
        user.page.evaluate(LAST_MOMENT)
        save("heat")
        user.page.evaluate("trame.trigger('show_moment', [-1])")
    for tab in ("Needles", "Decide"):
        user.page.click(f'nav.tabs button:text-is("{tab}")')
        save(tab.lower())
    user.close()


if __name__ == "__main__":
    main()
