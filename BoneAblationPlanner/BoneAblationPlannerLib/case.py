"""What a host hands to the workflow (`Case`) and what it gets back (`PlanningResult`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.devices.catalogue import Device, Program, builtin_devices
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Intent, Modality, Plan, Point, Position


@dataclass(frozen=True, eq=False)
class NerveCurve:
    """A nerve as a polyline (N, 3) RAS mm and the radius of its tube."""

    name: str
    points_ras_mm: NDArray[np.float64]
    radius_mm: float | None = None


@dataclass(frozen=True)
class Choices:
    """What the user decided; None leaves the decision to the rules, whose choice is recorded in the plan.

    `limits` replace numbers of ``access/limits.json`` by their name. With `parallel` ice probes lie in one direction;
    with `strict` there is no plan rather than one that gives up a wanted distance.
    `barred_bones` names separate bones that no path may cross.
    """

    modality: Modality | None = None
    device: str | None = None
    intent: Intent = "curative"
    margin_mm: float | None = None
    position: Position | None = None
    lateral_error_mm: float | None = None
    depth_error_mm: float | None = None
    cement: bool = False
    screws: bool = False
    seed: int = 1
    parallel: bool = False
    strict: bool = False
    barred_bones: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, eq=False)
class LesionMarks:
    """What guides an outline besides the seed: opposite corners (2, 3) of a box, points (N, 3) in and out, RAS mm."""

    box_ras_mm: NDArray[np.float64] | None = None
    inside_ras_mm: NDArray[np.float64] | None = None
    outside_ras_mm: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ComputedOutline:
    """What is known of an outline that was computed before and that nobody has edited since."""

    confidence: float
    checks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EditedAnatomy:
    """What the planner had found and a person drew anew; it goes before what the CT says. All on the CT's grid.

    `body` and `bone` (k, j, i) bool are None where nobody drew them; `bones` holds the separate bones that were drawn.
    """

    body: NDArray[np.bool_] | None = None
    bone: NDArray[np.bool_] | None = None
    bones: LabelMap | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What was drawn: skin, bone, and separate bones by their names."""
        whole = (("skin", self.body), ("bone", self.bone))
        return (*(n for n, mask in whole if mask is not None), *(self.bones.names.values() if self.bones else ()))


@dataclass(frozen=True)
class FixedProbe:
    """A probe that stays where it is; the others are planned around it."""

    name: str
    device: Device
    program: Program
    entry_ras_mm: Point
    tip_ras_mm: Point


@dataclass(frozen=True, eq=False)
class Case:
    """One patient to plan for.

    Parameters
    ----------
    ct : CtVolume
    seed_ras_mm : point or None
        A point inside the lesion; required unless `lesion` is given.
    lesion : (k, j, i) bool or None
        A finished outline on the CT's grid; taken as it is.
    computed : ComputedOutline or None
        Given if `lesion` was computed from the CT, not drawn.
    marks : LesionMarks
        What the user marked to guide the outline from the seed.
    organs : LabelMap or None
        Named anatomy on the CT's grid.
    nerves : tuple of NerveCurve
    choices : Choices
    notes : tuple of str
        What reading the case's parts changed or noticed; the plan repeats it.
    devices : tuple of Device
        The catalogue to choose from: the shipped one unless the user's file added or replaced rows.
    excluded_entries : (k, j, i) bool or None
        Where no needle may enter the skin.
    structure_table : StructureTable
        Which names are what, and the distances to keep; the shipped one unless the user's file changed rows.
    fixed : tuple of FixedProbe
        Probes that are placed already or that the user wants so; they are kept and count towards coverage.
    inserted : tuple of InsertedMaterial
        Fluid or gas besides what the organs' names say is inserted.
    edited : EditedAnatomy
        Body and bones of an earlier plan that the user drew anew.
    """

    ct: CtVolume
    seed_ras_mm: Point | None = None
    lesion: NDArray[np.bool_] | None = None
    organs: LabelMap | None = None
    nerves: tuple[NerveCurve, ...] = ()
    choices: Choices = field(default_factory=Choices)
    notes: tuple[str, ...] = ()
    devices: tuple[Device, ...] = field(default_factory=builtin_devices)
    excluded_entries: NDArray[np.bool_] | None = None
    marks: LesionMarks = field(default_factory=LesionMarks)
    structure_table: StructureTable = field(default_factory=builtin_table)
    fixed: tuple[FixedProbe, ...] = ()
    computed: ComputedOutline | None = None
    inserted: tuple["InsertedMaterial", ...] = ()
    edited: EditedAnatomy = field(default_factory=EditedAnatomy)


@dataclass(frozen=True, eq=False)
class Structure:
    """Critical anatomy.

    Parameters
    ----------
    name : str
        As it came, for instance ``urinary_bladder``.
    kind : str
        nerve, vessel, bowel, bladder, ureter, skin, joint, spinal canal, lung, implant or other.
    mask : (k, j, i) bool
        On the CT's grid.
    required_shaft_mm, required_zone_mm : float
        Smallest allowed distance to the needle's shaft and to the zone's edge.
    origin : str
        Where it came from: ``organ label``, ``drawn curve``, ``computed from the CT``, ``estimated``.
    zone_may_touch : bool
        Where the zone's distance cannot be kept, it may reach the structure, with a warning.
    """

    name: str
    kind: str
    mask: NDArray[np.bool_]
    required_shaft_mm: float
    required_zone_mm: float
    origin: str
    zone_may_touch: bool = False


@dataclass(frozen=True, eq=False)
class InsertedMaterial:
    """Fluid, gas, cement or metal that was put into the patient; it is simulated, and limits no path.

    `tissue` names its row of ``zones/heat/tissue.json``; `mask` (k, j, i) bool is on the CT's grid.
    """

    name: str
    tissue: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Everything the plan was made around, as masks on the CT's grid.

    `structures` limit the plan; `estimates` (expected courses of nerves, origin ``estimated``) only warn.
    `bones` are the separate bones, None where they were not separated; `defects` the lesion's surface voxels without
    cortex over them, and `bone_tissue` tells cortex, trabecular bone and marrow cavity around it, for display; both are
    None where there is no CT. `inserted` is what was put in to protect or to fill. `by_hand` names
    what of body and bones a person drew, as `EditedAnatomy.names` does.
    """

    ct: CtVolume
    body: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    structures: tuple[Structure, ...]
    estimates: tuple[Structure, ...] = ()
    bones: LabelMap | None = None
    defects: NDArray[np.bool_] | None = None
    inserted: tuple[InsertedMaterial, ...] = ()
    by_hand: tuple[str, ...] = ()
    bone_tissue: LabelMap | None = None


@dataclass(frozen=True, eq=False)
class TemperatureFields:
    """What a simulation leaves besides figures, for display: arrays (k, j, i) float32 on `grid`, along the CT's axes.

    `cem43_min` is None for ice. `small_zone` and `large_zone` (bool, None where not simulated) are where tissue dies at
    the ends of the plausible ranges. `frames_celsius` (T, k, j, i) are temperatures at `frame_times_s` (T,), on the
    coarser `frame_grid`.
    """

    grid: Grid
    hottest_celsius: NDArray[np.float32]
    coldest_celsius: NDArray[np.float32]
    cem43_min: NDArray[np.float32] | None
    small_zone: NDArray[np.bool_] | None
    large_zone: NDArray[np.bool_] | None
    frame_grid: Grid
    frame_times_s: NDArray[np.float64]
    frames_celsius: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CementBody:
    """Simulated cement, on the CT's grid cropped by `region`.

    `filled_at_ml` (k, j, i) float32 is the volume that is in when a voxel is half full; infinite where none comes.
    """

    region: tuple[slice, slice, slice]
    filled_at_ml: NDArray[np.float32]

    def mask(self, volume_ml: float, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """Voxels of the whole CT (k, j, i) that are cement once `volume_ml` are in."""
        whole = np.zeros(shape, dtype=bool)
        whole[self.region] = self.filled_at_ml <= volume_ml
        return whole


@dataclass(frozen=True, eq=False)
class SkinMap:
    """Good and bad skin: one row per skin entry that was tried.

    Parameters
    ----------
    points_ras_mm : (N, 3) float64
    score : (N,) float64
        Effort of the easiest admissible path from there, 0 or more and lower is better; NaN where there is none.
    reason : (N,) int16
        0 where there is a path, else 1 + the place in `reasons` of what excludes most of the paths from there.
    reasons : tuple of str
        Constraints in words: kinds of structures, or limits.
    """

    points_ras_mm: NDArray[np.float64]
    score: NDArray[np.float64]
    reason: NDArray[np.int16]
    reasons: tuple[str, ...]

    def words(self, row: int) -> str:
        """Why a point is good or not, for a label."""
        code = int(self.reason[row])
        return f"effort {self.score[row]:.1f}" if code == 0 else f"excluded: {self.reasons[code - 1]}"


@dataclass(frozen=True, eq=False)
class PlanningResult:
    """The plan together with the masks that its figures stand for, all on the CT's grid.

    `target` is lesion + margin, `zone` where tissue is expected to die, `visible_zone` the visible ice or None.
    `remainder` is the target that no zone covers. `surface_points_ras_mm` (N, 3) and `surface_margins_mm` (N,) are the
    signed margin on the lesion's surface. `cement` is where the plan's cement goes, None without cement; `skin` where
    needles may enter, None where the skin was not searched; `temperatures` what was simulated, None without.
    """

    plan: Plan
    anatomy: Anatomy
    target: NDArray[np.bool_]
    zone: NDArray[np.bool_]
    visible_zone: NDArray[np.bool_] | None
    surface_points_ras_mm: NDArray[np.float64]
    surface_margins_mm: NDArray[np.float64]
    remainder: NDArray[np.bool_] | None = None
    cement: CementBody | None = None
    skin: SkinMap | None = None
    temperatures: TemperatureFields | None = None
