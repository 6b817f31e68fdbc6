"""The review page as a reviewer meets it: time to the first views, from a drag to new figures, and memory.

Run: ``python Testing/Benchmarks/review.py [DIR]``. Without a folder a plan on a CT of 512 x 512 x 300 voxels is made
first. Needs Chromium and Playwright. No other tool offers the same task, so there is no peer; the full evaluation that
a moved needle would need without the live figures is timed in the same run for comparison.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT / "Testing" / "review")]

from playwright.sync_api import sync_playwright  # noqa: E402
from reviewing import CHROMIUM_OPTIONS, Reviewer, serve, stop  # noqa: E402

DRAGS, RELOADS = 50, 10
SHOWN_S = 0.8
"""The page has the figures of a drag by then."""
LOAD_TARGET_S, FIGURES_TARGET_MS, GROWTH_TARGET_MB = 5.0, 200.0, 200.0


def resident_mb(process):
    """Memory of a process, MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def processor_s(process):
    """Processor time that a process has used, s."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def large_plan(folder):
    """The phantom on a grid of 512 x 512 x 300."""
    from BoneAblationPlannerLib.anatomy.phantom import make_phantom
    from BoneAblationPlannerLib.case import Choices
    from BoneAblationPlannerLib.demo import demo_case
    from BoneAblationPlannerLib.frames import Grid
    from BoneAblationPlannerLib.plan import write_plan
    from BoneAblationPlannerLib.scene.build import add_plan
    from BoneAblationPlannerLib.scene.bundle import save_bundle
    from BoneAblationPlannerLib.scene.runtime import new_scene
    from BoneAblationPlannerLib.workflow import plan_case

    phantom = make_phantom()
    result = plan_case(demo_case(Choices(modality="mwa"), phantom))
    shape = np.array([300, 512, 512])
    before = [(n - o) // 2 for n, o in zip(shape, result.anatomy.ct.grid.shape, strict=True)]
    result = padded(result, shape, before, Grid)
    scene = new_scene()
    add_plan(scene, result)
    save_bundle(scene, folder / "plan.mrb")
    write_plan(result.plan, folder / "plan.json")


def padded(result, shape, before, grid_class):
    """The same result in a larger image; the noise of air is added, as a scanner has it."""
    from dataclasses import replace

    from BoneAblationPlannerLib.ct import CtVolume, LabelMap
    from BoneAblationPlannerLib.plan import GridRecord

    old = result.anatomy.ct.grid
    matrix = old.ijk_to_ras.copy()
    matrix[:3, 3] = old.ras_from_ijk([-before[2], -before[1], -before[0]])[0]
    grid = grid_class(tuple(int(n) for n in shape), matrix)
    pads = [(b, n - o - b) for b, n, o in zip(before, shape, old.shape, strict=True)]

    def wide(mask):
        return None if mask is None else np.pad(mask, pads)

    rng = np.random.default_rng(1)
    hu = rng.normal(-1000, 12, size=grid.shape).astype(np.int16)
    inner = tuple(slice(b, b + o) for b, o in zip(before, old.shape, strict=True))
    hu[inner] = result.anatomy.ct.hu
    ct = CtVolume(grid, hu, result.anatomy.ct.source, result.anatomy.ct.sha256)
    a = result.anatomy
    anatomy = replace(
        a, ct=ct, body=wide(a.body), bone=wide(a.bone), lesion=wide(a.lesion), defects=wide(a.defects),
        structures=tuple(replace(s, mask=wide(s.mask)) for s in a.structures),
        estimates=tuple(replace(s, mask=wide(s.mask)) for s in a.estimates),
        bones=None if a.bones is None else LabelMap(grid, wide(a.bones.labels), a.bones.names),
    )  # fmt: skip
    rows = tuple(tuple(float(v) for v in row) for row in matrix)
    plan = replace(result.plan, input=replace(result.plan.input, grid=GridRecord(grid.shape, rows)))
    return replace(result, plan=plan, anatomy=anatomy, target=wide(result.target), zone=wide(result.zone),
                   visible_zone=wide(result.visible_zone), remainder=wide(result.remainder))  # fmt: skip


def complete_evaluation_s(folder):
    """What figures after a move take without the live figures: everything measured anew."""
    from BoneAblationPlannerLib.reevaluation import evaluate_placements, placements_of_plan, prepare_stored
    from BoneAblationPlannerLib.scene.bundle import load_bundle
    from BoneAblationPlannerLib.scene.stored import read_plan_nodes

    stored = read_plan_nodes(load_bundle(folder / "plan.mrb"))
    prepared, placements = prepare_stored(stored), placements_of_plan(stored.plan)
    evaluate_placements(stored.plan, prepared, placements)  # compiles
    start = time.perf_counter()
    evaluate_placements(stored.plan, prepared, placements)
    return time.perf_counter() - start


def main():
    """Serve, look, drag, reload."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if len(sys.argv) > 1:
            for name in ("plan.json", "plan.mrb"):
                shutil.copy(Path(sys.argv[1]) / name, folder / name)
        else:
            print("planning on a large image ...", flush=True)
            large_plan(folder)
        print(json.dumps(measured(folder)))


def measured(folder):
    """The line that the collector reads."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS)
        start = time.perf_counter()  # the browser of a workstation is open
        review = serve(folder)
        served_s, served_cpu_s = time.perf_counter() - start, processor_s(review.process)
        try:
            user = Reviewer(browser, review)
            user.page.wait_for_function("document.querySelectorAll('.display-area img[src]').length >= 4")
            loaded_s = time.perf_counter() - start
            user.ready()
            ready_s = time.perf_counter() - start
            first_mb = resident_mb(review.process)
            latencies = dragged(user)
            after_drags_mb = resident_mb(review.process)
            for _ in range(RELOADS):
                user.page.reload()
                user.page.wait_for_selector(".state.ready")
                time.sleep(1)
            last_mb = resident_mb(review.process)
            shape = user.plan.input.grid.shape
            browser.close()
        finally:
            stop(review.process)
    complete_s = complete_evaluation_s(folder)
    median = float(np.median(latencies))
    return {
        "name": "review",
        "input": f"CT of {' x '.join(str(n) for n in shape[::-1])}, {len(user.plan.probes)} probes",
        "ours_s": round(median / 1000, 3),
        "peers": {"complete evaluation": round(complete_s, 3)},
        "ratios": {"complete evaluation": round(1000 * complete_s / median, 1)},
        "served_s": round(served_s, 2),
        "served_processor_s": round(served_cpu_s, 2),
        "first_views_s": round(loaded_s, 2),
        "needles_can_be_moved_s": round(ready_s, 2),
        "figures_median_ms": round(median),
        "figures_slowest_ms": round(max(latencies)),
        "memory_mb": round(first_mb),
        f"growth_after_{DRAGS}_drags_mb": round(after_drags_mb - first_mb),
        f"growth_after_{RELOADS}_reloads_mb": round(last_mb - after_drags_mb),
        "targets": f"views in {LOAD_TARGET_S:g} s, figures in {FIGURES_TARGET_MS:g} ms, growth below "
        f"{GROWTH_TARGET_MB:g} MB",
        "ok": loaded_s <= LOAD_TARGET_S and median <= FIGURES_TARGET_MS and last_mb - first_mb <= GROWTH_TARGET_MB,
    }  # fmt: skip


def dragged(user):
    """Milliseconds from the last move of each drag to its figures, as the page reports them."""
    user.along(0)
    user.unlock()
    time.sleep(1.5)
    latencies = []
    for n in range(DRAGS):
        user.drag_tip(0, across=12 if n % 2 == 0 else 4, down=6, steps=4)
        user.page.wait_for_selector("#changed")
        time.sleep(SHOWN_S)
        latencies.append(float(user.page.inner_text("#latency").split()[2]))
        user.page.evaluate("trame.trigger('discard')")
        user.page.wait_for_selector("#changed", state="detached")
        time.sleep(SHOWN_S)
    return latencies


if __name__ == "__main__":
    main()
