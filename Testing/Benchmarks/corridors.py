"""Screw corridors against ten annotated ones in each of six people, and against scipy's differential evolution.

Needs the I-STAR PelvisAtlas members of the shared data (BONEPLAN_DATA). Places in `corridors.json` are those of members
03, 05 and 06; 08, 09 and 14 check them. Last line: one JSON object. Run: ``python Testing/Benchmarks/corridors.py``.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import vtk
from scipy import ndimage
from scipy.optimize import differential_evolution
from vtk.util.numpy_support import vtk_to_numpy

from BoneAblationPlannerLib.compute import kernel
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.bones import Pelvis
from CementTrajectoryLib.screws.corridor import Corridor
from CementTrajectoryLib.screws.corridors import end_patches, find_corridors
from CementTrajectoryLib.screws.definitions import NUMBERS, corridor_definitions
from CementTrajectoryLib.screws.depth import depth_map, sample_depth
from CementTrajectoryLib.screws.search import Patch, line_clearance_mm, widest_line

DATA = Path(os.environ.get("BONEPLAN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data") / "corridors"
DEFINED_ON = ("03", "05", "06")
ANNOTATED = {
    "AIIS": "AIIS-PSIS (LC-II)", "Iliac_Crest": "iliac crest", "Posterior_Column": "posterior column",
    "Superior_Ramus": "superior ramus", "Iliosacral_S1": "transsacral S1", "Iliosacral_S2": "transsacral S2",
}  # fmt: skip
SAME_DEG, SAME_MM, CLEARANCE_MM, FOUND = 20.0, 15.0, -0.5, 55
"""What counts as the same corridor; how much less clearance ours may have; how many of 60 must be found."""
UNPRUNED, SCIPY = "numba, every line whole", "scipy map_coordinates, every line whole"
LINE_TARGETS, RADIUS_MM = {UNPRUNED: 100.0, SCIPY: 500.0}, 0.05
BEND_MM, ROD_MM, ROD_LENGTH_MM, ENDS_MM = 160.0, 7.0, 100.0, 0.4
UNPRUNED_SHARE, SCIPY_SHARE = 10, 2000
"""The slow peers try one in so many of the lines."""


def surface(path):
    """A surface in RAS, with its vertices (N, 3)."""
    reader = vtk.vtkPolyDataReader() if path.suffix == ".vtk" else vtk.vtkSTLReader()
    reader.SetFileName(str(path))
    turn = vtk.vtkTransform()
    turn.Scale(-1, -1, 1)
    to_ras = vtk.vtkTransformPolyDataFilter()
    to_ras.SetTransform(turn)
    to_ras.SetInputConnection(reader.GetOutputPort())
    to_ras.Update()
    points = vtk_to_numpy(to_ras.GetOutput().GetPoints().GetData()).astype(float)
    return to_ras.GetOutput(), points


def filled(poly, grid):
    """Voxels of a grid (RAS axes) inside a closed surface."""
    origin, extent = grid.ijk_to_ras[:3, 3], [v for n in grid.shape[::-1] for v in (0, n - 1)]
    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(poly)
    stencil.SetOutputOrigin(*origin)
    stencil.SetOutputSpacing(*grid.spacing_ijk_mm)
    stencil.SetOutputWholeExtent(extent)
    stencil.Update()
    image = vtk.vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(grid.shape).astype(bool)


def bones_of(folder):
    """The member's bones as a label map of 1 mm voxels."""
    names = {1: "sacrum", 2: "hip_left", 3: "hip_right"}
    surfaces = {value: surface(folder / f"{name.removeprefix('hip_')}.vtk") for value, name in names.items()}
    every = np.concatenate([points for _poly, points in surfaces.values()])
    low, high = np.floor(every.min(axis=0)) - 5, np.ceil(every.max(axis=0)) + 5
    matrix = np.eye(4)
    matrix[:3, 3] = low
    i, j, k = (high - low).astype(int)
    grid = Grid((k, j, i), matrix)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for value, (poly, _points) in surfaces.items():
        labels[filled(poly, grid)] = value
    return LabelMap(grid, labels, names)


def annotated_axis(path):
    """Ends (2, 3) of the principal axis of an annotated corridor, over its length."""
    _poly, points = surface(path)
    middle = points.mean(axis=0)
    axis = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    along = (points - middle) @ axis
    return middle + np.outer([along.min(), along.max()], axis)


def compare(corridor, theirs, depth):
    """Angle, distance of the axes and both clearances, measured alike."""
    ours = corridor.exit_ras_mm - corridor.entry_ras_mm
    axis, other = ours / np.linalg.norm(ours), theirs[1] - theirs[0]
    angle = np.degrees(np.arccos(min(1.0, abs(axis @ other) / np.linalg.norm(other))))
    away = theirs.mean(axis=0) - (corridor.entry_ras_mm + corridor.exit_ras_mm) / 2
    distance = np.linalg.norm(away - (away @ axis) * axis)
    trims = (NUMBERS["trim_mm"], NUMBERS["trim_mm"])
    return angle, distance, corridor.clearance_mm, line_clearance_mm(depth, *theirs, trims)


def evolved(depth, entry, exit_):
    """The same objective by differential evolution over both ends in their balls."""
    bounds = [(c - p.radius_mm, c + p.radius_mm) for p in (entry, exit_) for c in p.centre_ras_mm]
    shortest = np.linalg.norm(entry.centre_ras_mm - exit_.centre_ras_mm) - 10.0

    def loss(x):
        off = max(np.linalg.norm(x[:3] - entry.centre_ras_mm) - entry.radius_mm, 0)
        off += max(np.linalg.norm(x[3:] - exit_.centre_ras_mm) - exit_.radius_mm, 0)
        off += max(shortest - np.linalg.norm(x[3:] - x[:3]), 0)
        return off - line_clearance_mm(depth, x[:3], x[3:], (entry.trim_mm, exit_.trim_mm))

    return -differential_evolution(loss, bounds, seed=1, maxiter=60, popsize=10, tol=1e-4).fun


def search_times(pelvis):
    """Seconds of our search and of differential evolution over all corridors of a pelvis, and both clearances."""
    ours = theirs = 0.0
    clearances = []
    for definition in corridor_definitions():
        for side in ("both",) if definition.frame == "pelvis" else ("left", "right"):
            depth, entry, exit_ = end_patches(pelvis, definition, side)
            start = time.perf_counter()
            line = widest_line(depth, entry, exit_)
            ours += time.perf_counter() - start
            start = time.perf_counter()
            other = evolved(depth, entry, exit_)
            theirs += time.perf_counter() - start
            clearances.append((line.clearance_mm, other))
    return ours, theirs, np.array(clearances)


def member_rows(name):
    """One row per annotated corridor of a member; seconds for the whole pelvis."""
    bones = bones_of(DATA / f"member_{name}")
    start = time.perf_counter()
    found, missing = find_corridors(bones)
    seconds = time.perf_counter() - start
    pelvis = Pelvis(bones)
    by_name = {(c.name, c.side): c for c in found}
    rows = []
    for path in sorted((DATA / f"member_{name}" / "corridors").glob("*.stl")):
        stem, _, side = path.stem.rpartition("_")
        side = side.lower() if stem in ANNOTATED else "both"
        ours = by_name.get((ANNOTATED[stem if stem in ANNOTATED else path.stem], side))
        theirs = annotated_axis(path)
        if not isinstance(ours, Corridor):
            rows.append((name, path.stem, None, None, None, None, None, None))
            continue
        depth = pelvis.ring if side == "both" else pelvis.hips[side]
        rows.append((name, path.stem, *compare(ours, theirs, depth), ours.diameter_mm, ours.length_mm))
    return rows, seconds, found, missing, pelvis


def bent_rod():
    """A bent rod of 1 mm voxels, its entry and exit patches, 1450 ends each."""
    grid = Grid((40, 60, 130), np.diag([1.0, 1.0, 1.0, 1.0]))
    points = grid.ras_of_mask(np.ones(grid.shape, dtype=bool)) - [65.0, 20.0, 20.0]
    along, up = points[:, 0], points[:, 1] + BEND_MM
    bone = (np.hypot(np.hypot(along, up) - BEND_MM, points[:, 2]) <= ROD_MM) & (np.abs(along) <= ROD_LENGTH_MM / 2)
    depth = depth_map(grid, bone.reshape(grid.shape))
    patches = []
    for sign in (-1, 1):
        x = sign * (ROD_LENGTH_MM / 2 - 2)
        centre = np.array([65.0 + x, 20.0 + np.sqrt(BEND_MM**2 - x**2) - BEND_MM, 20.0])
        side = np.arange(-ROD_MM, ROD_MM + 1e-6, 0.3535)
        b, c = (g.ravel() for g in np.meshgrid(side, side))
        keep = np.hypot(b, c) <= ROD_MM
        ends = centre + np.stack([np.zeros(keep.sum()), b[keep], c[keep]], axis=1)
        patches.append(Patch(ends, centre, ROD_MM, 0.0, blind=True))
    return depth, *patches


@kernel
def _every_line(depth, per_mm, starts, stops):  # type: ignore[no-untyped-def]
    """The best of all lines, each sampled whole every half millimetre, as clearances are in the end."""
    best = -1e3
    for a in range(starts.shape[0]):
        for b in range(stops.shape[0]):
            way = stops[b] - starts[a]
            length = np.sqrt((way * way).sum())
            count = int(np.ceil(length / 0.5)) + 1
            least = 1e3
            for n in range(count):
                t = n / (count - 1)
                x, y, z = starts[a, 0] + t * way[0], starts[a, 1] + t * way[1], starts[a, 2] + t * way[2]
                least = min(least, sample_depth(depth, per_mm, x, y, z))
            best = max(best, least)
    return best


def by_scipy(depth, starts, stops):
    """The same lines by map_coordinates, all at once."""
    t = np.linspace(0, 1, 200)
    best = -np.inf
    for start in starts:
        points = start + t[None, :, None] * (stops - start)[:, None]
        places = (points / depth.grid.spacing_ijk_mm)[..., ::-1].reshape(-1, 3).T
        values = ndimage.map_coordinates(depth.depth_mm, places, order=1, cval=-1e3).reshape(len(stops), -1)
        best = max(best, float(values.min(axis=1).max()))
    return best


def dense_clearance(depth, entry, exit_, line):
    """The widest of a dense grid of lines around a line: both ends every 0.1 mm within 0.5 mm, sampled every 0.5 mm."""
    side = np.linspace(-0.5, 0.5, 11)
    offsets = np.stack([np.zeros(121), *(g.ravel() for g in np.meshgrid(side, side))], axis=1)
    starts, stops = depth.local_mm(line.entry_ras_mm + offsets), depth.local_mm(line.exit_ras_mm + offsets)
    t = np.linspace(0, 1, int(line.length_mm / 0.5) + 2)
    best = -np.inf
    for start in starts:
        points = start + t[None, :, None] * (stops - start)[:, None]
        places = (points / depth.grid.spacing_ijk_mm)[..., ::-1].reshape(-1, 3).T
        values = ndimage.map_coordinates(depth.depth_mm, places, order=1, cval=-1e3).reshape(len(stops), -1)
        best = max(best, float(values.min(axis=1).max()))
    return best


def line_speeds():
    """Search and refinement over all lines of a bent rod, against peers that try a share of them; radii."""
    depth, entry, exit_ = bent_rod()
    starts, stops = depth.local_mm(entry.points_ras_mm), depth.local_mm(exit_.points_ras_mm)
    per_mm = 1.0 / depth.grid.spacing_ijk_mm
    widest_line(depth, entry, exit_)
    _every_line(depth.depth_mm, per_mm, starts[:2], stops)  # compiles
    spent, peers = [], {}
    for _ in range(9):
        begun = time.process_time()
        line = widest_line(depth, entry, exit_)
        spent.append(time.process_time() - begun)
    for name, share, action in (
        (UNPRUNED, UNPRUNED_SHARE, lambda some: _every_line(depth.depth_mm, per_mm, some, stops)),
        (SCIPY, SCIPY_SHARE, lambda some: by_scipy(depth, some, stops)),
    ):
        some = starts[::share]
        begun = time.process_time()
        action(some)
        peers[name] = (time.process_time() - begun) * len(starts) / len(some)
    return {
        "lines": len(starts) * len(stops),
        "lines_ours_s": min(spent),
        "lines_peers_s": peers,
        "lines_ratios": {name: peer / min(spent) for name, peer in peers.items()},
        "radius_mm": line.clearance_mm,
        "dense_radius_mm": dense_clearance(depth, entry, exit_, line),
    }


def main():
    if not DATA.is_dir():
        sys.exit(f"no annotated corridors at {DATA}; set BONEPLAN_DATA to the folder that holds them")
    members = sorted(p.name.removeprefix("member_") for p in DATA.glob("member_*"))
    member_rows(members[0])  # compiles
    rows, seconds, every = [], [], []
    for name in members:
        new, spent, found, missing, pelvis = member_rows(name)
        rows += new
        every += found
        seconds.append(spent)
        for lost in missing:
            print(f"member {name}: {lost.name}, {lost.side}: {lost.reason}")
    print("member corridor                angle  dist  clearance ours/theirs   diameter length")
    good = []
    for name, corridor, angle, distance, ours, theirs, diameter, length, *_ in (r for r in rows if r[2] is not None):
        same = angle <= SAME_DEG and distance <= SAME_MM
        good.append((name, same, ours - theirs, angle, distance))
        print(f"{name:6} {corridor:22} {angle:6.1f} {distance:5.1f} {ours:10.2f} {theirs:8.2f} {diameter:14.1f} "
              f"{length:6.0f}{'' if same else '  not the same'}")  # fmt: skip
    print_ranges(every, len(members))
    ours_s, theirs_s, clearances = search_times(pelvis)
    same = [g for g in good if g[1]]
    held_out = [g for g in same if g[0] not in DEFINED_ON]
    worst = min(g[2] for g in same)
    below = float((clearances[:, 1] - clearances[:, 0]).max())
    speeds = line_speeds()
    wide = speeds["radius_mm"] >= speeds["dense_radius_mm"] - RADIUS_MM
    fast = all(speeds["lines_ratios"][name] >= target for name, target in LINE_TARGETS.items())
    print(json.dumps({
        "name": "corridors", "input": f"{len(members)} pelvises at 1 mm, {len(rows)} annotated corridors",
        "ours_s": ours_s, "peers": {"scipy differential evolution (one pelvis, once)": theirs_s},
        "ratios": {"scipy differential evolution (one pelvis, once)": theirs_s / ours_s},
        "seconds_per_pelvis": float(np.median(seconds)), "found": len(same), "of": len(rows),
        "found_where_not_defined": len(held_out), "worst_clearance_difference_mm": worst,
        "median_angle_deg": float(np.median([g[3] for g in same])), "largest_angle_deg": max(g[3] for g in same),
        "median_distance_mm": float(np.median([g[4] for g in same])), "largest_distance_mm": max(g[4] for g in same),
        "evolution_better_by_at_most_mm": below,
        **speeds,
        "targets": {"found": FOUND, "worst_clearance_difference_mm": CLEARANCE_MM, **LINE_TARGETS,
                    "radius_below_dense_mm": RADIUS_MM},
        "ok": len(same) >= FOUND and worst >= CLEARANCE_MM and fast and wide,
    }))  # fmt: skip


def print_ranges(found, members):
    """Diameters and lengths of every corridor beside what is published, and how that was measured where it differs."""
    print("corridor             found     diameter median (range)   length median (range)   published")
    for definition in corridor_definitions():
        own = [c for c in found if c.name == definition.name]
        sides = members if definition.frame == "pelvis" else 2 * members
        sizes = [
            f"{np.median(v):5.{digits}f} ({min(v):.{digits}f}-{max(v):.{digits}f})"
            for v, digits in (([c.diameter_mm for c in own], 1), ([c.length_mm for c in own], 0))
        ]
        print(f"{definition.name:20} {len(own):2} of {sides:2}  {sizes[0]:24}  {sizes[1]:22}")
        for p in definition.published:
            measured = f"; {p.measured}" if p.measured else ""
            print(f"{'':32}{p.quantity.removesuffix('_mm')} {p.low:g}-{p.high:g} mm ({p.status}: {p.source}{measured})")


if __name__ == "__main__":
    main()
