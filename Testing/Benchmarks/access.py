"""Path search: ours against VTK's cell locator and OBB tree, line by line, on a 256^3 scene at 1 mm.

200 000 lines from skin points to ten targets past ten balls of critical tissue. `ours_s` is the screen, which answers
the peers' question: does a line come nearer than 5 mm to a ball (theirs: does it meet a surface 5 mm outside the
balls). Its map, like their trees, is built before the clock starts. `whole_search_s` is `find_paths`, which also
follows every line through tissue and beyond its aim. The peers run on fewer lines, scaled.
Last line: one JSON object. Run: ``python Testing/Benchmarks/access.py``.
"""

import json
import time

import numpy as np

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.access.paths import find_paths
from BoneAblationPlannerLib.access.region import build_region
from BoneAblationPlannerLib.access.screen import StructureScreen
from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid

SIZE, BODY_MM, RADIUS_MM, KEPT_MM = 256, 110.0, 11.0, 5.0
ENTRIES, BALLS, REPEATS = 20_000, 10, 5
PEER_LINES = {"vtkStaticCellLocator": 20_000, "vtkOBBTree": 2_000}
TARGETS = {"vtkStaticCellLocator": 100.0, "vtkOBBTree": 1000.0}


def scene():
    """Body, lesion and balls on a cube centred on the origin; entries (N, 3), aims (10, 3), ball centres."""
    rng = np.random.default_rng(0)
    matrix = np.eye(4)
    matrix[:3, 3] = -(SIZE - 1) / 2
    grid = Grid((SIZE,) * 3, matrix)
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    body = k * k + j * j + i * i <= BODY_MM**2
    lesion = k * k + j * j + i * i <= 10.0**2
    sides = rng.normal(size=(BALLS, 3))
    centres = sides / np.linalg.norm(sides, axis=1, keepdims=True) * rng.uniform(40, 80, size=(BALLS, 1))
    mask = np.zeros(grid.shape, dtype=bool)
    for x, y, z in centres:
        mask |= (k - z) ** 2 + (j - y) ** 2 + (i - x) ** 2 <= RADIUS_MM**2
    ct = CtVolume(grid, np.where(body, 40, -1000).astype(np.int16), "cube", "0")
    vessel = Structure("vessel", "vessel", mask, KEPT_MM, 0.0, "organ label")
    directions = rng.normal(size=(ENTRIES, 3))
    entries = directions / np.linalg.norm(directions, axis=1, keepdims=True) * (BODY_MM - 2)
    aims = rng.normal(size=(10, 3)) * 4
    return Anatomy(ct, body, np.zeros_like(body), lesion, (vessel,)), entries, aims, centres


def balls_surface(centres):
    """Triangles of balls as large as what must be kept clear of."""
    import vtk

    append = vtk.vtkAppendPolyData()
    for centre in centres:
        source = vtk.vtkSphereSource()
        source.SetCenter(*centre)
        source.SetRadius(RADIUS_MM + KEPT_MM)
        source.SetThetaResolution(110)
        source.SetPhiResolution(110)
        source.Update()
        append.AddInputData(source.GetOutput())
    append.Update()
    return append.GetOutput()


def peer_blocked(name, surface, starts, ends):
    """Which lines meet the surface, and the seconds that it took."""
    import vtk

    locator = getattr(vtk, name)()
    locator.SetDataSet(surface)
    locator.BuildLocator()
    t, x, p, sub, cell = vtk.reference(0.0), [0.0] * 3, [0.0] * 3, vtk.reference(0), vtk.reference(0)
    begin = time.perf_counter()
    if name == "vtkOBBTree":
        found = [locator.IntersectWithLine(a, b, None, None) != 0 for a, b in zip(starts, ends, strict=True)]
    else:
        found = [locator.IntersectWithLine(a, b, 0.0, t, x, p, sub, cell) != 0
                 for a, b in zip(starts, ends, strict=True)]  # fmt: skip
    return np.array(found), time.perf_counter() - begin


def timed(run):
    """Result and median seconds of several runs; the first, which compiles, does not count."""
    result, seconds = run(), []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return result, float(np.median(seconds))


def main():
    anatomy, entries, aims, centres = scene()
    region = build_region(anatomy, 150.0)
    limits = access_limits({"craniocaudal_limit_deg": 90.0, "below_horizontal_deg": 90.0})

    screen = StructureScreen.of(region, 0.0)
    blocked_by, ours_s = timed(lambda: screen.blocked_by(entries, aims))
    paths, search_s = timed(lambda: find_paths(region, entries, aims, limits, "supine", 0.0))
    lines, open_ = len(entries) * len(aims), blocked_by == 0
    vectors = (aims[None] - entries[:, None]) / np.linalg.norm(aims[None] - entries[:, None], axis=2, keepdims=True)
    nearest = np.full(open_.shape, np.inf)
    for centre in centres:
        along = np.einsum("nmk,nmk->nm", centre - entries[:, None], vectors)
        along = np.clip(along, 0, np.linalg.norm(aims[None] - entries[:, None], axis=2))
        away = np.linalg.norm(entries[:, None] + along[..., None] * vectors - centre, axis=2)
        nearest = np.minimum(nearest, away - RADIUS_MM)
    too_near = nearest < KEPT_MM - 1.0  # a voxelised ball may be a half diagonal smaller
    false_accepts = int((too_near & (open_ | (paths.first_broken == 0))).sum())
    starts = np.repeat(entries, len(aims), axis=0)
    ends = np.tile(aims, (len(entries), 1))
    surface, peers, agreement = balls_surface(centres), {}, {}
    for name, count in PEER_LINES.items():
        rows = np.random.default_rng(1).choice(lines, count, replace=False)
        blocked, taken = peer_blocked(name, surface, starts[rows].tolist(), ends[rows].tolist())
        peers[name] = taken * lines / count
        agreement[name] = float((blocked == ~open_.ravel()[rows]).mean())
    ratios = {name: taken / ours_s for name, taken in peers.items()}
    print(f"median of {REPEATS} runs; peers on {PEER_LINES} lines, scaled; agreement {agreement}")
    print(json.dumps({
        "name": "access", "input": f"{lines} lines, {SIZE}^3 at 1 mm", "ours_s": ours_s,
        "lines_per_s": lines / ours_s, "whole_search_s": search_s,
        "peers": peers, "ratios": ratios, "false_accepts": false_accepts, "agreement": agreement,
        "targets": {**TARGETS, "false_accepts": 0},
        "ok": false_accepts == 0 and all(ratios[name] >= TARGETS[name] for name in TARGETS),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
