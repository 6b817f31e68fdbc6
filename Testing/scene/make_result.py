"""A small PlanningResult with known truth: oblique anisotropic CT, box bone, ellipsoid lesion, two probes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib import plan as p
from BoneAblationPlannerLib.case import Anatomy, PlanningResult, Structure
from BoneAblationPlannerLib.ct import CtVolume, ct_sha256
from BoneAblationPlannerLib.frames import Grid

SPACING_IJK_MM = (1.9, 2.3, 3.1)
SHAPE_KJI = (50, 80, 96)
CENTRE_RAS_MM = np.array([-12.0, 34.0, 71.0])
LESION_RAS_MM = CENTRE_RAS_MM + np.array([-25.0, -10.0, 5.0])
LESION_SEMI_AXES_MM = np.array([14.0, 11.0, 12.0])
ZONE_AXES_MM = (30.0, 30.0, 40.0)
VISIBLE_AXES_MM = (38.0, 38.0, 48.0)
MARGIN_MM = 5.0


@dataclass(frozen=True, eq=False)
class Needle:
    """Two points in RAS mm."""

    entry: NDArray[np.float64]
    tip: NDArray[np.float64]


def oblique_grid() -> Grid:
    """A grid turned by 10 degrees about S and 7 about R, voxel axes L, P, S as scanners write them."""
    a, b = np.radians([10.0, 7.0])
    about_s = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_r = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_s @ about_r @ np.diag([-1, -1, 1]) * SPACING_IJK_MM
    middle_ijk = (np.array(SHAPE_KJI[::-1]) - 1) / 2
    matrix[:3, 3] = CENTRE_RAS_MM - matrix[:3, :3] @ middle_ijk
    return Grid(SHAPE_KJI, matrix)


def all_points(grid: Grid) -> NDArray[np.float64]:
    """RAS (k, j, i, 3) of every voxel."""
    k, j, i = np.indices(grid.shape)
    return grid.ras_from_ijk(np.stack([i, j, k], axis=-1).reshape(-1, 3)).reshape(*grid.shape, 3)


def ellipsoid(points: NDArray[np.float64], centre: Any, semi_axes: Any) -> NDArray[np.bool_]:
    """Voxels within an ellipsoid along the patient's axes."""
    return (((points - centre) / semi_axes) ** 2).sum(axis=-1) <= 1


def oriented(
    points: NDArray[np.float64], centre: Any, direction: Any, along: float, across: float
) -> NDArray[np.bool_]:
    """Voxels within a spheroid whose axis is a direction."""
    offset = points - centre
    d = np.asarray(direction) / np.linalg.norm(direction)
    axial = offset @ d
    radial_squared = (offset**2).sum(axis=-1) - axial**2
    return axial**2 / along**2 + radial_squared / across**2 <= 1


NEEDLES = (
    Needle(LESION_RAS_MM + np.array([-10.0, -64.0, 12.0]), LESION_RAS_MM + np.array([3.0, 8.0, -2.0])),
    Needle(LESION_RAS_MM + np.array([12.0, -62.0, -20.0]), LESION_RAS_MM + np.array([-3.0, 6.0, 3.0])),
)


def make_probe(number: int, needle: Needle, ice: bool) -> p.Probe:
    """A probe whose zone is centred 5 mm behind its tip."""
    direction = (needle.tip - needle.entry) / np.linalg.norm(needle.tip - needle.entry)
    clearances = (
        p.Clearance("sciatic nerve", "nerve", 21.0, 6.5, 10.0, 10.0, False),
        p.Clearance("urinary_bladder", "bladder", 43.2, 27.1, 10.0, 10.0, True),
    )
    return p.Probe(
        name=f"Probe {number}",
        device="Example 17G",
        program="100 W 8 min" if not ice else "10 min freeze, 8 min thaw, 10 min freeze",
        entry_ras_mm=tuple(needle.entry.tolist()),
        tip_ras_mm=tuple(needle.tip.tolist()),
        depth_mm=float(np.linalg.norm(needle.tip - needle.entry)),
        axial_angle_deg=12.34,
        craniocaudal_angle_deg=-8.76,
        cortex_incidence_deg=31.5,
        cortices_crossed=1,
        bone_path_mm=22.2,
        clearances=clearances,
        shaft_length_mm=150.0,
        diameter_mm=1.5,
        zone_centre_ras_mm=tuple((needle.tip - 5.0 * direction).tolist()),
        zone_axes_mm=ZONE_AXES_MM,
        visible_axes_mm=VISIBLE_AXES_MM if ice else None,
        slice_number=24 + number,
    )


def make_plan(grid: Grid, probes: tuple[p.Probe, ...], ice: bool) -> p.Plan:
    """A plan with every block of the document filled."""
    rule = p.Reason("lytic lesion with intact cortex", "clinical.md 3.2", "seen")
    number = p.Provenance("ablation margin", MARGIN_MM, "mm", "guideline table 4", "seen")
    doubtful = p.Provenance("nerve distance", 10.0, "mm", "expert opinion", "unverified")
    return p.Plan(
        software=p.Software("BoneAblationPlanner", "0.1.0"),
        input=p.InputRecord(
            "example.nrrd", p.GridRecord(grid.shape, tuple(map(tuple, grid.ijk_to_ras.tolist()))), "ab" * 32
        ),
        parameters={"margin_mm": MARGIN_MM, "seed": 1},
        timings_s={"read": 0.5, "access": 2.25},
        position="prone",
        lesion=p.Lesion(
            volume_ml=7.741,
            kind="lytic",
            diameters_mm=(28.0, 24.0, 22.0),
            centroid_ras_mm=tuple(LESION_RAS_MM.tolist()),
            seed_ras_mm=None,
            cortical_breach_fraction=0.125,
            bone="hip_right",
            mean_hu=61.0,
            outline="segmented",
            checks=("outline touches the image's edge: no",),
        ),
        advice=p.Advice(
            modality="cryo" if ice else "mwa",
            chosen_by="rules",
            ranked=(p.RankedModality("cryo" if ice else "mwa", 0.8, (rule,)), p.RankedModality("rfa", 0.3, (rule,))),
            warnings=("near a nerve: monitor its function",),
        ),
        probes=probes,
        zone=p.Zone("ice" if ice else "chart", 35.25, (number,)),
        coverage=p.Coverage(
            lesion_fraction=0.9876,
            margin_mm=MARGIN_MM,
            lesion_plus_margin_fraction=0.9123,
            minimum_margin_mm=3.21,
            robust=p.Robust(-1.47, 0.83, 0.9541, 200, 4.0, 3.0),
            uncovered_ml=0.096,
            zone_outside_target_ml=11.11,
        ),
        structures=p.Structures(
            checked=(
                p.CheckedStructure("sciatic nerve", "nerve", "drawn curve"),
                p.CheckedStructure("urinary_bladder", "bladder", "organ label"),
            ),
            not_checked=("ureter", "bowel"),
            ignored=(p.IgnoredLabel("hip_left", "bone"),),
        ),
        optimiser=p.Optimiser(12.5, 13.0, 0.0385, 4321, "greedy, swap search, bound by HiGHS"),
        warnings=("one clearance is below the required distance",),
        provenance=(number, doubtful),
    )


def make_result(ice: bool = True) -> PlanningResult:
    """The synthetic result; with `ice` it has a visible zone too."""
    grid = oblique_grid()
    points = all_points(grid)
    local = points - CENTRE_RAS_MM
    body = ((local[..., :2] / [82.0, 72.0]) ** 2).sum(axis=-1) <= 1
    bone = (np.abs(points - LESION_RAS_MM - [0, 0, -5.0]) <= [24.0, 20.0, 40.0]).all(axis=-1)
    shell = bone & ~(np.abs(points - LESION_RAS_MM - [0, 0, -5.0]) <= [20.0, 16.0, 36.0]).all(axis=-1)
    lesion = ellipsoid(points, LESION_RAS_MM, LESION_SEMI_AXES_MM)
    target = ellipsoid(points, LESION_RAS_MM, LESION_SEMI_AXES_MM + MARGIN_MM)
    nerve = (np.linalg.norm((points - LESION_RAS_MM - [34.0, -14.0, 0])[..., :2], axis=-1) <= 4) & body
    bladder = ellipsoid(points, CENTRE_RAS_MM + np.array([30.0, 25.0, -20.0]), [22.0, 18.0, 25.0])
    rng = np.random.default_rng(3)
    hu = np.where(body, 40.0, -1000.0)
    hu[body & (((local[..., :2] / [76.0, 66.0]) ** 2).sum(axis=-1) > 1)] = -100.0
    hu[bone] = 250.0
    hu[shell] = 1100.0
    hu[bladder] = 8.0
    hu[lesion] = 61.0
    hu = np.rint(hu + rng.normal(0, 12, grid.shape)).astype(np.int16)
    probes = tuple(make_probe(n, needle, ice) for n, needle in enumerate(NEEDLES, start=1))
    zone = np.zeros(grid.shape, dtype=bool)
    visible = np.zeros(grid.shape, dtype=bool)
    for probe, needle in zip(probes, NEEDLES, strict=True):
        zone |= oriented(points, probe.zone_centre_ras_mm, needle.tip - needle.entry, 20.0, 15.0)
        visible |= oriented(points, probe.zone_centre_ras_mm, needle.tip - needle.entry, 24.0, 19.0)
    surface = _sphere_directions(400) * LESION_SEMI_AXES_MM + LESION_RAS_MM
    return PlanningResult(
        plan=make_plan(grid, probes, ice),
        anatomy=Anatomy(
            ct=CtVolume(grid, hu, "example.nrrd", ct_sha256(grid, hu), "prone"),
            body=body,
            bone=bone,
            lesion=lesion,
            structures=(
                Structure("sciatic nerve", "nerve", nerve, 10.0, 10.0, "drawn curve"),
                Structure("urinary_bladder", "bladder", bladder, 10.0, 10.0, "organ label"),
            ),
        ),
        target=target,
        zone=zone,
        visible_zone=visible if ice else None,
        surface_points_ras_mm=surface,
        surface_margins_mm=(surface - LESION_RAS_MM)[:, 0] / 2,
    )


def with_probe(result: PlanningResult, probe: p.Probe) -> PlanningResult:
    """The result with one probe only."""
    return replace(result, plan=replace(result.plan, probes=(probe,)))


def _sphere_directions(count: int) -> NDArray[np.float64]:
    """Unit vectors (N, 3) spread evenly (Fibonacci spiral)."""
    n = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * n / count), np.pi * (1 + 5**0.5) * n
    return np.column_stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)])
