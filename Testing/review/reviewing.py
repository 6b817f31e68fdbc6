"""Start a review as a user does, and use its page as a reviewer does. For the tests, the benchmark and the pictures."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from BoneAblationPlannerLib.plan import read_plan
from BoneAblationPlannerLib.views import planes

READY_S = 120
FIGURES_MS = 120_000
LEAVING_S = 20
CHROMIUM_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Page:
    """A review that serves a folder."""

    folder: Path
    address: str
    process: subprocess.Popen

    @property
    def root(self):
        """The address without its key."""
        return self.address.split("/?")[0]


def serve(folder, *options):
    """Start ``bone-ablation-planner review`` and wait for its address."""
    command = [sys.executable, "-m", "BoneAblationPlannerLib.cli", "review", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        line = process.stdout.readline()
        if line.startswith("review: open "):
            return Page(Path(folder), line.split()[-1], process)
        if not line and process.poll() is not None:
            raise RuntimeError(f"the review did not start: {process.stderr.read()}")
    process.kill()
    raise RuntimeError("the review was not ready in time")


def stop(process):
    """End a review as Ctrl C does; returns its exit code and what it said on stderr."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def read_lines(path):
    """The JSON lines of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class Reviewer:
    """A browser page on a review."""

    def __init__(self, browser, review, width=1600, height=900):
        self.review = review
        self.plan = read_plan(review.folder / "plan.json")
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.page = self.context.new_page()
        self.requests, self.problems = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        end = time.monotonic() + LEAVING_S
        while self.page.goto(review.address).status == 409 and time.monotonic() < end:
            time.sleep(0.5)  # the browser before is still leaving
        self.page.wait_for_selector(".review", timeout=60_000)

    def ready(self):
        """Wait until needles can be moved."""
        self.page.wait_for_selector(".state.ready", timeout=FIGURES_MS)
        return self

    def unlock(self):
        """Unlock the needles."""
        self.page.click("#edit")
        self.page.wait_for_selector("#edit.on")

    def along(self, number):
        """The views along a needle, counted from 0."""
        self.page.click(f'nav[aria-label="Views"] button:nth-of-type({number + 2})')
        self.page.wait_for_selector("text=Down the barrel")

    def figure(self, name, column=2):
        """A cell of the table of figures: 2 now, 3 stored, 4 change."""
        self.page.click('nav.tabs button:text-is("Figures")')
        row = self.page.locator("#figures tr", has_text=re.compile(f"^{re.escape(name)}"))
        return row.first.locator(f"td:nth-child({column})").inner_text()

    def tip_pixel(self, number):
        """Where the tip of a needle is on the screen, in the view along it."""
        probe = self.plan.probes[number]
        entry, tip = np.array(probe.entry_ras_mm), np.array(probe.tip_ras_mm)
        box = self.page.locator(".view.axial .remote-controlled-area").bounding_box()
        field = max(200.0, 1.5 * np.linalg.norm(tip - entry)) / min(box["width"], box["height"])
        right, up, _ = planes.along_needle((entry + tip) / 2, tip - entry).to_plane(tip)[0]
        return box["x"] + box["width"] / 2 + right / field, box["y"] + box["height"] / 2 - up / field

    def drag_tip(self, number, across=40, down=24, steps=8):
        """Drag a tip; the needle's views have to be shown."""
        x, y = self.tip_pixel(number)
        self.page.mouse.move(x, y)
        time.sleep(0.8)  # the handle lights up before it can be taken
        self.page.mouse.down()
        for n in range(1, steps + 1):
            self.page.mouse.move(x + across * n / steps, y + down * n / steps)
            time.sleep(0.05)
        self.page.mouse.up()

    def settled(self):
        """Wait until the figures are those of the needles on the screen."""
        self.page.wait_for_selector("#latency", timeout=FIGURES_MS)
        self.page.wait_for_selector("#computing", state="detached", timeout=FIGURES_MS)

    def close(self):
        """Leave the page, so that another browser may come."""
        self.context.close()
        time.sleep(0.5)
